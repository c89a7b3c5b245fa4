//! One block out of the bits.

use super::bits::{Bytes, Cursor};
use super::huffman::{Code, END, Keep, Skip, index, value};

/// Numbers for eight blocks side by side: what stands together is of the same place in eight blocks.
pub(super) type Numbers = [i16; LANES * 64];
pub(super) const LANES: usize = 8;

/// Coefficients of eight blocks.
pub(super) struct Batch {
    pub(super) numbers: Numbers,
    /// How many of the 64, in zigzag order, reach to the last that is not zero in any of the blocks.
    pub(super) reach: u32,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            numbers: [0; LANES * 64],
            reach: 1,
        }
    }

    pub(super) fn clear(&mut self) {
        if self.reach > 1 {
            self.numbers.fill(0);
            self.reach = 1;
        }
    }
}

/// A coefficient may reach this after multiplication; more than 8 bits can make, and small enough that no
/// sum in an inverse transform overflows.
pub(super) const LARGEST: i32 = 8191;
/// The same for the mean: what libjpeg takes from a table of samples wraps around beyond it.
const LARGEST_MEAN: i32 = 4000;

/// The difference of the mean to the block before.
#[inline(always)]
pub(super) fn mean(code: &Code, cursor: &mut Cursor, bytes: &Bytes) -> Option<i32> {
    let (size, length) = code.first(cursor.buffer)?;
    let size = u32::from(size);
    let difference = value(cursor.buffer.wrapping_shl(length), size);
    cursor.drop(length + size);
    cursor.refill(bytes);
    Some(difference)
}

/// `mean` as a coefficient, if it is one that 8 bits can give.
#[inline(always)]
pub(super) fn checked_mean(mean: i32, quant: i16) -> Option<i16> {
    let small = mean.abs() <= i16::MAX.into() && (mean * i32::from(quant)).abs() <= LARGEST_MEAN;
    small.then_some(mean as i16)
}

/// Whether a sum of coefficients of 64 or more ends the block as it should.
#[inline(always)]
fn ends(sum: u32) -> bool {
    sum == 64 || (END..END + 64).contains(&sum)
}

/// Steps over the AC coefficients.
#[inline(never)]
pub(super) fn skip(table: &Skip, code: &Code, cursor: &mut Cursor, bytes: &Bytes) -> Option<()> {
    let (mut bits, mut at) = (*cursor, 1);
    loop {
        while skip_some(table, &mut bits, &mut at) && skip_some(table, &mut bits, &mut at) {
            bits.refill(bytes);
        }
        bits.refill(bytes);
        let entry = u32::from(table.0[index(bits.buffer)]);
        if ends(at + (entry >> 8)) {
            bits.drop(entry);
            break;
        }
        at = Single::read(code, &mut bits)?.after(at)?;
        bits.refill(bytes);
        if at == 64 {
            break;
        }
    }
    bits.refill(bytes);
    *cursor = bits;
    Some(())
}

/// Steps over what one entry covers, unless that may end the block.
#[inline(always)]
fn skip_some(table: &Skip, bits: &mut Cursor, at: &mut u32) -> bool {
    let entry = u32::from(table.0[index(bits.buffer)]);
    let next = *at + (entry >> 8);
    if next >= 64 {
        return false;
    }
    bits.drop(entry);
    *at = next;
    true
}

/// Where the coefficients of a block go: a batch that is zero in its lane.
pub(super) struct Target<'a> {
    pub(super) batch: &'a mut Batch,
    pub(super) lane: usize,
    /// By zigzag position, in units of coefficients.
    pub(super) slots: &'a [u16; 64],
    /// What a coefficient is multiplied by, by zigzag position.
    pub(super) quant: &'a [u8; 64],
}

/// Reads the AC coefficients.
#[inline(never)]
pub(super) fn keep(
    table: &Keep,
    code: &Code,
    mut target: Target<'_>,
    cursor: &mut Cursor,
    bytes: &Bytes,
) -> Option<()> {
    let (mut bits, mut at) = (*cursor, 1);
    let reach = loop {
        while target.keep_some(table, &mut bits, &mut at)
            && target.keep_some(table, &mut bits, &mut at)
            && target.keep_some(table, &mut bits, &mut at)
            && target.keep_some(table, &mut bits, &mut at)
        {
            bits.refill(bytes);
        }
        bits.refill(bytes);
        let entry = table.0[index(bits.buffer)];
        if ends(at + (entry >> 8 & 255)) {
            target.put_entry(entry, at);
            bits.drop(entry);
            // An end alone covers a place that stays empty.
            break at + (entry >> 8 & 127) - u32::from(entry >> 16 == 0);
        }
        let single = Single::read(code, &mut bits)?;
        bits.refill(bytes);
        at = single.after(at)?;
        if single.value != 0 {
            target.put_checked(at - 1, single.value)?;
        }
        if at == 64 {
            break 64;
        }
    };
    target.batch.reach = target.batch.reach.max(reach);
    bits.refill(bytes);
    *cursor = bits;
    Some(())
}

impl Target<'_> {
    /// Reads what one entry covers, unless that may end the block.
    #[inline(always)]
    fn keep_some(&mut self, table: &Keep, bits: &mut Cursor, at: &mut u32) -> bool {
        let entry = table.0[index(bits.buffer)];
        let next = *at + (entry >> 8 & 255);
        if next >= 64 {
            return false;
        }
        self.put_entry(entry, *at);
        bits.drop(entry);
        *at = next;
        true
    }

    /// Puts two coefficients. Where an entry has only one the first overwrites the second.
    #[inline(always)]
    fn put_entry(&mut self, entry: u32, at: u32) {
        self.put(at - 1 + (entry >> 8 & 127), entry.cast_signed() >> 28);
        self.put(at + (entry >> 24 & 15), entry.cast_signed() << 8 >> 24);
    }

    #[inline(always)]
    fn put(&mut self, place: u32, value: i32) {
        let slot = usize::from(self.slots[place as usize & 63]);
        self.batch.numbers[(slot + self.lane) % (LANES * 64)] = value as i16;
    }

    fn put_checked(&mut self, place: u32, value: i32) -> Option<()> {
        let quant = i32::from(self.quant[place as usize & 63]);
        (value.abs() * quant <= LARGEST).then(|| self.put(place, value))
    }
}

/// A symbol by itself: with a long code, a large value, or near the end of a full block.
struct Single {
    zeros: u32,
    value: i32,
}

impl Single {
    #[inline(always)]
    fn read(code: &Code, bits: &mut Cursor) -> Option<Self> {
        let (symbol, length) = code.first(bits.buffer)?;
        let size = u32::from(symbol & 15);
        let value = value(bits.buffer.wrapping_shl(length), size);
        bits.drop(length + size);
        Some(Self {
            zeros: (symbol >> 4).into(),
            value,
        })
    }

    /// The position after it; 64 if it ends the block.
    #[inline(always)]
    fn after(&self, at: u32) -> Option<u32> {
        match (self.value, self.zeros) {
            (0, 0) => Some(64),
            (0, zeros) if zeros != 15 => None,
            (_, zeros) => Some(at + zeros + 1).filter(|next| *next <= 64),
        }
    }
}
