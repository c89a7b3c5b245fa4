//! One block out of the bits.

use super::bits::{Bytes, Cursor};
use super::huffman::{Code, END, Keep, Skip, index, value};

/// Coefficients of eight blocks side by side: what stands together is of the same place in eight blocks.
pub(super) type Batch = [i16; LANES * 64];
pub(super) const LANES: usize = 8;

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
    (mean.checked_mul(quant.into())?.abs() <= LARGEST_MEAN).then_some(mean as i16)
}

/// Whether a sum of coefficients of 64 or more ends the block as it should.
#[inline(always)]
fn ends(sum: u32) -> bool {
    sum == 64 || (END..END + 64).contains(&sum)
}

/// Steps over the AC coefficients.
#[inline(never)]
pub(super) fn skip(table: &Skip, code: &Code, cursor: &mut Cursor, bytes: &Bytes) -> Option<()> {
    let (mut local, shared) = (*cursor, cursor);
    let cursor = &mut local;
    let mut at = 1;
    loop {
        let entry = u32::from(table.0[index(cursor.buffer)]);
        let next = at + (entry >> 8);
        if next < 64 {
            cursor.drop(entry);
            cursor.refill(bytes);
            at = next;
        } else if ends(next) {
            cursor.drop(entry);
            cursor.refill(bytes);
            break;
        } else {
            let single = Single::read(code, cursor, bytes)?;
            at = single.after(at)?;
            if at == 64 {
                break;
            }
        }
    }
    *shared = local;
    Some(())
}

/// Where the coefficients go: by zigzag position, in units of coefficients.
pub(super) struct Places<'a> {
    pub(super) slots: &'a [u16; 64],
    /// What a coefficient is multiplied by, by zigzag position.
    pub(super) quant: &'a [u8; 64],
}

/// Reads the AC coefficients of the block `lane` into a batch that is zero there.
#[inline(never)]
pub(super) fn keep(
    (table, code): (&Keep, &Code),
    places: &Places<'_>,
    (batch, lane): (&mut Batch, usize),
    cursor: &mut Cursor,
    bytes: &Bytes,
) -> Option<()> {
    let (mut local, shared) = (*cursor, cursor);
    let cursor = &mut local;
    let mut at = 1;
    let mut put = |place: u32, value: i32| {
        let slot = usize::from(places.slots[place as usize & 63]);
        batch[(slot + lane) % (LANES * 64)] |= value as i16;
    };
    loop {
        let entry = table.0[index(cursor.buffer)];
        let next = at + (entry >> 8 & 255);
        if next < 64 || ends(next) {
            // An entry of fewer than two coefficients puts zeros, which change nothing.
            put(at + (entry >> 24 & 15), entry.cast_signed() << 8 >> 24);
            put(at - 1 + (entry >> 8 & 127), entry.cast_signed() >> 28);
            cursor.drop(entry);
            cursor.refill(bytes);
            if next >= 64 {
                break;
            }
            at = next;
        } else {
            let single = Single::read(code, cursor, bytes)?;
            let next = single.after(at)?;
            if single.value != 0 {
                let quant = places.quant[(next as usize - 1) & 63];
                if single.value.abs() * i32::from(quant) > LARGEST {
                    return None;
                }
                put(next - 1, single.value);
            }
            if next == 64 {
                break;
            }
            at = next;
        }
    }
    *shared = local;
    Some(())
}

/// A symbol by itself: with a long code, a large value, or near the end of a full block.
struct Single {
    zeros: u32,
    value: i32,
}

impl Single {
    #[inline(always)]
    fn read(code: &Code, cursor: &mut Cursor, bytes: &Bytes) -> Option<Self> {
        let (symbol, length) = code.first(cursor.buffer)?;
        let size = u32::from(symbol & 15);
        let value = value(cursor.buffer.wrapping_shl(length), size);
        cursor.drop(length + size);
        cursor.refill(bytes);
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
