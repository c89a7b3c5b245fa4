//! Huffman codes as tables.
//!
//! [`Code`] answers for one symbol. [`Skip`] and [`Keep`] cover as many symbols of a block's AC
//! coefficients as the bits looked at hold: the first where only their number counts, the second with
//! the values of up to two of them.

use super::markers;

/// Bits looked at for one symbol; longer codes are rare.
const SHORT: u32 = 9;
/// Bits looked at for several.
const LONG: u32 = 12;

/// An entry that covers nothing: one symbol has to be read by itself.
const NONE: u32 = 64 << 8;
/// The end of the block, where a sum of coefficients stands.
pub(super) const END: u32 = 128;

pub(super) struct Code {
    /// Length and symbol; 0 for longer codes.
    short: [u16; 1 << SHORT],
    /// By length: the code after the last one, and where symbols start minus the first code.
    longer: [(i32, i32); 17],
    symbols: [u8; 256],
}

impl Code {
    /// `None` if the lengths are no code.
    pub(super) fn new(stored: &markers::Code<'_>) -> Option<Self> {
        let mut code = Self {
            short: [0; 1 << SHORT],
            longer: [(0, 0); 17],
            symbols: [0; 256],
        };
        code.symbols[..stored.symbols.len()].copy_from_slice(stored.symbols);
        let (mut next, mut index) = (0, 0);
        for (length, count) in (1..).zip(stored.counts) {
            let count = i32::from(*count);
            code.longer[length as usize] = (next + count, index - next);
            // As libjpeg has it, no code is all ones.
            if next + count >= 1 << length {
                return None;
            }
            if length <= SHORT {
                let symbols = &stored.symbols[index as usize..][..count as usize];
                let width = 1 << (SHORT - length);
                let places = code.short[next as usize * width..].chunks_exact_mut(width);
                for (places, symbol) in places.zip(symbols) {
                    places.fill((length as u16) << 8 | u16::from(*symbol));
                }
            }
            index += count;
            next = (next + count) << 1;
        }
        Some(code)
    }

    pub(super) fn has_only(&self, allowed: impl Fn(u8) -> bool) -> bool {
        self.symbols.iter().all(|symbol| allowed(*symbol))
    }

    /// The first symbol in a buffer, and the length of its code.
    #[inline(always)]
    pub(super) fn first(&self, buffer: u64) -> Option<(u8, u32)> {
        match self.short[(buffer >> (64 - SHORT)) as usize] {
            0 => self.first_long(buffer),
            entry => Some((entry as u8, u32::from(entry >> 8))),
        }
    }

    #[cold]
    fn first_long(&self, buffer: u64) -> Option<(u8, u32)> {
        let code = |length: u32| (buffer >> (64 - length)) as i32;
        let length = (SHORT + 1..=16).find(|length| code(*length) < self.longer[*length as usize].0)?;
        let index = code(length) + self.longer[length as usize].1;
        Some((*self.symbols.get(index as usize)?, length))
    }

    /// The symbol behind the `used` first of `LONG` bits, if these hold all of its code.
    fn within(&self, bits: u32, used: u32) -> Option<(u8, u32)> {
        let (symbol, length) = self.first(top(bits, used))?;
        (used + length <= LONG).then_some((symbol, length))
    }
}

/// `LONG` bits without the `used` first, as a buffer.
fn top(bits: u32, used: u32) -> u64 {
    u64::from(bits).checked_shl(64 - LONG + used).unwrap_or(0)
}

/// For coefficients that are thrown away: bits in the low byte, coefficients in the high one.
pub(super) struct Skip(pub(super) Box<[u16; 1 << LONG]>);

/// For coefficients that count. From the low end: 8 bits for the number of bits, 8 for that of
/// coefficients, the first value in 8, the zeros before it in 4, the last value in 4.
pub(super) struct Keep(pub(super) Box<[u32; 1 << LONG]>);

#[inline(always)]
pub(super) fn index(buffer: u64) -> usize {
    (buffer >> (64 - LONG)) as usize
}

impl Skip {
    pub(super) fn new(code: &Code) -> Option<Self> {
        let entries: Vec<_> = (0..1 << LONG).map(|bits| skip(code, bits) as u16).collect();
        Some(Self(entries.into_boxed_slice().try_into().ok()?))
    }
}

fn skip(code: &Code, bits: u32) -> u32 {
    let (mut used, mut count) = (0, 0);
    while used < LONG
        && let Some((symbol, length)) = code.within(bits, used)
    {
        let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        if symbol == 0 {
            return (used + length) | ((count | END) << 8);
        }
        let odd = size == 0 && zeros != 15;
        // Two entries must fit into what a refill gives.
        if odd || used + length + size > 28 || count + zeros + 1 > 63 {
            break;
        }
        used += length + size;
        count += zeros + 1;
    }
    if used == 0 { NONE } else { used | (count << 8) }
}

impl Keep {
    /// `largest` is how large a value may be without being checked.
    pub(super) fn new(code: &Code, largest: i32) -> Option<Self> {
        let entries: Vec<_> = (0..1 << LONG).map(|bits| keep(code, bits, largest)).collect();
        Some(Self(entries.into_boxed_slice().try_into().ok()?))
    }
}

fn keep(code: &Code, bits: u32, largest: i32) -> u32 {
    let (mut used, mut count, mut entry) = (0, 0, 0);
    for turn in 0..3 {
        let Some((symbol, length)) = code.within(bits, used) else {
            break;
        };
        let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        if symbol == 0 {
            // An end alone counts one more, so that there is a place to put zeros.
            return entry | (used + length) | ((count.max(1) | END) << 8);
        }
        let odd = size == 0 && zeros != 15;
        let after = used + length + size;
        if odd || after > LONG || turn == 2 {
            break;
        }
        let value = value(top(bits, used + length), size);
        let fits = if turn == 0 {
            largest.min(127)
        } else {
            largest.min(7)
        };
        if value.abs() > fits {
            break;
        }
        entry |= if turn == 0 {
            u32::from(value as u8) << 16 | zeros << 24
        } else {
            (value as u32) << 28
        };
        used = after;
        count += zeros + 1;
    }
    if used == 0 {
        NONE
    } else {
        entry | used | count << 8
    }
}

/// The value that `size` bits at the top of `buffer` stand for.
#[inline(always)]
pub(super) fn value(buffer: u64, size: u32) -> i32 {
    // A first bit of 0 means a negative number, stored as its complement.
    let negative = !(buffer.cast_signed() >> 63);
    let bits = ((buffer ^ negative.cast_unsigned()) >> 1) >> (63 - size);
    ((bits.cast_signed() ^ negative) - negative) as i32
}
