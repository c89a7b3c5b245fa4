//! One component: its tables, eight MCUs of its coefficients, and the plane that they become.

use super::bits::{Bytes, Cursor};
use super::block::{self, Batch, LANES, LARGEST, Target};
use super::huffman::{Code, Keep, Skip};
use super::idct::{self, Quant};
use super::markers::Component;

/// Samples in rows without padding.
pub(super) struct Plane {
    pub(super) bytes: Vec<u8>,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Plane {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self {
            bytes: vec![0; width * height],
            width,
            height,
        }
    }

    /// Writes lines side by side, as far as they lie within the plane.
    #[inline(always)]
    fn put<const WIDE: usize>(&mut self, x: usize, y: usize, lines: &[[u8; WIDE]]) {
        let Some(wide) = self.width.checked_sub(x).map(|left| left.min(WIDE)) else {
            return;
        };
        let rest = self.bytes.get_mut(y * self.width..).unwrap_or_default();
        for (line, row) in lines.iter().zip(rest.chunks_exact_mut(self.width)) {
            row[x..x + wide].copy_from_slice(&line[..wide]);
        }
    }
}

/// The AC coefficients of a component: all thrown away, or read.
pub(super) enum Table {
    Skip(Skip),
    Keep(Keep),
}

/// Tables that components may share.
pub(super) struct Tables {
    pub(super) mean: Code,
    pub(super) rest: Code,
    pub(super) table: Table,
}

pub(super) struct Channel {
    pub(super) horizontal: usize,
    pub(super) vertical: usize,
    /// Samples on a side of what a block becomes.
    size: usize,
    quant: [u8; 64],
    slots: [u16; 64],
    by_slot: Quant,
    mean: i32,
    /// Eight MCUs, block row by block row.
    batches: Vec<Batch>,
    pub(super) plane: Plane,
}

impl Channel {
    pub(super) fn new(component: &Component, size: usize, plane: Plane) -> Self {
        let slots = idct::slots(size);
        Self {
            horizontal: component.horizontal,
            vertical: component.vertical,
            size,
            quant: component.quant,
            by_slot: idct::spread(&component.quant, &slots),
            slots,
            mean: 0,
            batches: (0..component.horizontal * component.vertical)
                .map(|_| Batch::new())
                .collect(),
            plane,
        }
    }

    /// The largest coefficient that needs no check.
    pub(super) fn harmless(quant: &[u8; 64]) -> i32 {
        quant
            .iter()
            .map(|q| LARGEST / i32::from(*q).max(1))
            .min()
            .unwrap_or(0)
    }

    pub(super) fn restart(&mut self) {
        self.mean = 0;
    }

    /// Reads the blocks of the MCU `at` of eight.
    #[inline(always)]
    pub(super) fn read(
        &mut self,
        tables: &Tables,
        at: usize,
        cursor: &mut Cursor,
        bytes: &Bytes,
    ) -> Option<()> {
        for down in 0..self.vertical {
            for right in 0..self.horizontal {
                let column = at * self.horizontal + right;
                let lane = column % LANES;
                let batch = self.batches.get_mut(down * self.horizontal + column / LANES)?;
                self.mean += block::mean(&tables.mean, cursor, bytes)?;
                batch.numbers[lane] = block::checked_mean(self.mean, self.by_slot[0])?;
                match &tables.table {
                    Table::Skip(table) => block::skip(table, &tables.rest, cursor, bytes)?,
                    Table::Keep(table) => {
                        let target = Target {
                            batch,
                            lane,
                            slots: &self.slots,
                            quant: &self.quant,
                        };
                        block::keep(table, &tables.rest, target, cursor, bytes)?;
                    }
                }
            }
        }
        Some(())
    }

    /// Transforms what was read and empties it; `column` and `row` are where the first MCU goes.
    pub(super) fn write(&mut self, column: usize, row: usize) -> Option<()> {
        let (size, quant) = (self.size, &self.by_slot);
        for (at, batch) in self.batches.iter_mut().enumerate() {
            let (down, right) = (at / self.horizontal, at % self.horizontal);
            let x = (column * self.horizontal + right * LANES) * size;
            let y = (row * self.vertical + down) * size;
            match size {
                1 => self.plane.put(x, y, &idct::one(batch, quant)),
                2 => self.plane.put(x, y, &idct::two(batch, quant)?),
                4 => self.plane.put(x, y, &idct::four(batch, quant)?),
                _ => self.plane.put(x, y, &idct::eight(batch, quant)?),
            }
            batch.clear();
        }
        Some(())
    }
}
