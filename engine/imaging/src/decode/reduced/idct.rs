//! Inverse transforms to 4x4, 2x2 and single samples, of eight blocks at once.
//!
//! The arithmetic is libjpeg's: fixed-point constants of 13 bits, two more bits between the passes, rounding in
//! the same places. Its C and its SIMD code agree as long as nothing overflows 16 bits on the way and no
//! sample is far off; where that is not so the answer is `None`. Loops run over the eight blocks, so
//! that the compiler makes vectors of them.

use super::block::{Batch, LANES};

/// Samples by row, then column, then block.
pub(super) type Samples<const N: usize> = [[[u8; LANES]; N]; N];
type Lanes = [i16; LANES];

const CONST_BITS: u32 = 13;
const PASS_BITS: u32 = 2;

/// Between the passes; larger ones might overflow in the second.
const LARGEST_BETWEEN: i16 = 24_000;
/// Of a sample around zero; libjpeg wraps around beyond it.
const LARGEST_SAMPLE: i16 = 500;

/// What 13 bits make of a factor.
const fn fix(factor: f64) -> i32 {
    (factor * (1 << CONST_BITS) as f64 + 0.5) as i32
}

/// Positions within a batch that the transform of a size reads, by zigzag position. Those that it does not read
/// share one place.
pub(super) fn slots(size: usize) -> [u16; 64] {
    let kept = kept(size);
    let mut slots = [0; 64];
    for (slot, natural) in slots.iter_mut().zip(ZIGZAG) {
        let [row, column] = [natural / 8, natural % 8];
        let of = |n| kept.iter().position(|kept| *kept == n);
        let place = match (of(row), of(column)) {
            (Some(row), Some(column)) => row * kept.len() + column,
            _ => kept.len() * kept.len(),
        };
        *slot = (place * LANES) as u16;
    }
    slots
}

/// The rows, and the columns, of coefficients that matter.
fn kept(size: usize) -> &'static [usize] {
    match size {
        1 => &[0],
        2 => &[0, 1, 3, 5, 7],
        _ => &[0, 1, 2, 3, 5, 6, 7],
    }
}

const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61,
    54, 47, 55, 62, 63,
];

/// Factors in the order of the slots.
pub(super) type Quant = [i16; 64];

/// One sample each: the mean.
pub(super) fn one(batch: &Batch, quant: &Quant) -> Samples<1> {
    let means: Lanes = at(batch, quant, 0);
    [[means.map(|mean| sample((mean + 4) >> 3))]]
}

pub(super) fn two(batch: &Batch, quant: &Quant) -> Option<Samples<2>> {
    let mut between = [[[0; LANES]; 5]; 2];
    for column in 0..5 {
        let input: [Lanes; 5] = std::array::from_fn(|row| at(batch, quant, row * 5 + column));
        for lane in 0..LANES {
            let sums = halves(input.map(|row| row[lane]));
            for (row, sum) in between.iter_mut().zip(sums) {
                row[column][lane] = narrow(descale::<{ CONST_BITS - PASS_BITS + 2 }>(sum));
            }
        }
    }
    within(between.as_flattened(), LARGEST_BETWEEN)?;
    let mut out = [[[0; LANES]; 2]; 2];
    for (out, input) in out.iter_mut().zip(&between) {
        for lane in 0..LANES {
            let sums = halves(input.map(|row| row[lane]));
            for (column, sum) in out.iter_mut().zip(sums) {
                column[lane] = narrow(descale::<{ CONST_BITS + PASS_BITS + 3 + 2 }>(sum));
            }
        }
    }
    within(out.as_flattened(), LARGEST_SAMPLE)?;
    Some(out.map(|row| row.map(|lanes| lanes.map(sample))))
}

/// Two outputs of the inputs 0, 1, 3, 5 and 7.
#[inline(always)]
fn halves(input: [i16; 5]) -> [i32; 2] {
    let [even, z1, z3, z5, z7] = input.map(i32::from);
    let even = even << (CONST_BITS + 2);
    let odd = z1 * fix(3.624_509_785) - z3 * fix(1.272_758_580) + z5 * fix(0.850_430_095) - z7 * fix(0.720_959_822);
    [even + odd, even - odd]
}

pub(super) fn four(batch: &Batch, quant: &Quant) -> Option<Samples<4>> {
    let mut between = [[[0; LANES]; 7]; 4];
    for column in 0..7 {
        let input: [Lanes; 7] = std::array::from_fn(|row| at(batch, quant, row * 7 + column));
        for lane in 0..LANES {
            let sums = quarters(input.map(|row| row[lane]));
            for (row, sum) in between.iter_mut().zip(sums) {
                row[column][lane] = narrow(descale::<{ CONST_BITS - PASS_BITS + 1 }>(sum));
            }
        }
    }
    within(between.as_flattened(), LARGEST_BETWEEN)?;
    let mut out = [[[0; LANES]; 4]; 4];
    for (out, input) in out.iter_mut().zip(&between) {
        for lane in 0..LANES {
            let sums = quarters(input.map(|row| row[lane]));
            for (column, sum) in out.iter_mut().zip(sums) {
                column[lane] = narrow(descale::<{ CONST_BITS + PASS_BITS + 3 + 1 }>(sum));
            }
        }
    }
    within(out.as_flattened(), LARGEST_SAMPLE)?;
    Some(out.map(|row| row.map(|lanes| lanes.map(sample))))
}

/// Four outputs of the inputs 0, 1, 2, 3, 5, 6 and 7.
#[inline(always)]
fn quarters(input: [i16; 7]) -> [i32; 4] {
    let [z0, z1, z2, z3, z5, z6, z7] = input.map(i32::from);
    let even = z0 << (CONST_BITS + 1);
    let turn = z2 * fix(1.847_759_065) - z6 * fix(0.765_366_865);
    let inner = z1 * fix(1.061_594_337) - z3 * fix(2.172_734_803) + z5 * fix(1.451_774_981) - z7 * fix(0.211_164_243);
    let outer = z1 * fix(2.562_915_447) + z3 * fix(0.899_976_223) - z5 * fix(0.601_344_887) - z7 * fix(0.509_795_579);
    [
        even + turn + outer,
        even - turn + inner,
        even - turn - inner,
        even + turn - outer,
    ]
}

/// The coefficients of one place, multiplied; they have been checked to stay within 16 bits.
#[inline(always)]
fn at(batch: &Batch, quant: &Quant, slot: usize) -> Lanes {
    let mut lanes = [0; LANES];
    lanes.copy_from_slice(&batch[slot * LANES..][..LANES]);
    lanes.map(|coefficient: i16| coefficient.wrapping_mul(quant[slot]))
}

#[inline(always)]
fn descale<const BITS: u32>(sum: i32) -> i32 {
    (sum + (1 << (BITS - 1))) >> BITS
}

#[inline(always)]
fn narrow(sum: i32) -> i16 {
    sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

#[inline(always)]
fn sample(value: i16) -> u8 {
    (value + 128).clamp(0, 255) as u8
}

/// Whether no number is further from zero than `largest`.
#[inline(always)]
fn within(numbers: &[Lanes], largest: i16) -> Option<()> {
    let (mut low, mut high) = ([0_i16; LANES], [0_i16; LANES]);
    for lanes in numbers {
        for lane in 0..LANES {
            low[lane] = low[lane].min(lanes[lane]);
            high[lane] = high[lane].max(lanes[lane]);
        }
    }
    let outside = (0..LANES).fold(false, |found, lane| found | (low[lane] < -largest) | (high[lane] > largest));
    (!outside).then_some(())
}
