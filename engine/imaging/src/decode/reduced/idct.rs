//! Inverse transforms to 8x8, 4x4, 2x2 and single samples, of eight blocks at once.
//!
//! The arithmetic is libjpeg's: fixed-point constants of 13 bits, two more bits between the passes, rounding in
//! the same places. Its C and its SIMD code agree as long as nothing overflows 16 bits on the way and no
//! sample is far off; where that is not so the answer is `None`. Loops run over the eight blocks, so
//! that the compiler makes vectors of them.

use super::block::{Batch, LANES, Numbers};

const CONST_BITS: u32 = 13;
const PASS_BITS: u32 = 2;

/// Between the passes; larger ones might overflow in the second.
const LARGEST_BETWEEN: i16 = 16_000;
/// Of a sample around zero; libjpeg wraps around beyond it.
const LARGEST_SAMPLE: i16 = 500;

/// That many coefficients lie in the first four rows and columns.
const CORNER: u32 = 10;

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
        4 => &[0, 1, 2, 3, 5, 6, 7],
        _ => &[0, 1, 2, 3, 4, 5, 6, 7],
    }
}

const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7,
    14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39,
    46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Factors as the coefficients lie in a batch.
pub(super) type Quant = Numbers;

/// Factors by zigzag position, spread over the places that `slots` gives them.
pub(super) fn spread(factors: &[u8; 64], slots: &[u16; 64]) -> Quant {
    let mut quant = [0; LANES * 64];
    for (factor, slot) in factors.iter().zip(slots) {
        quant[usize::from(*slot)..][..LANES].fill(i16::from(*factor));
    }
    quant
}

/// One sample each: the mean.
pub(super) fn one(batch: &Batch, quant: &Quant) -> [[u8; LANES]; 1] {
    [std::array::from_fn(|lane| {
        sample((batch.numbers[lane].wrapping_mul(quant[lane]) + 4) >> 3)
    })]
}

/// 2x2 samples each, side by side.
pub(super) fn two(batch: &Batch, quant: &Quant) -> Option<[[u8; 2 * LANES]; 2]> {
    let (bits, columns) = (CONST_BITS + 2, 5 * LANES);
    let [a, b] = match batch.reach {
        0..=1 => return Some(flat(batch, quant)),
        2..=CORNER => {
            transform::<3, 2, 24, 16>(batch, quant, columns, bits, |[a, b, c]| halves([a, b, c, 0, 0]))
        }
        _ => transform::<5, 2, 40, 16>(batch, quant, columns, bits, halves),
    }?;
    let mut bytes = [[0; 2]; LANES * 2];
    for (at, bytes) in bytes.iter_mut().enumerate() {
        *bytes = [a[at], b[at]];
    }
    bytes.as_flattened().as_chunks().0.try_into().ok()
}

/// 4x4 samples each, side by side.
pub(super) fn four(batch: &Batch, quant: &Quant) -> Option<[[u8; 4 * LANES]; 4]> {
    let (bits, columns) = (CONST_BITS + 1, 7 * LANES);
    let [a, b, c, d] = match batch.reach {
        0..=1 => return Some(flat(batch, quant)),
        2..=CORNER => transform::<4, 4, 32, 32>(batch, quant, columns, bits, |[a, b, c, d]| {
            quarters([a, b, c, d, 0, 0, 0])
        }),
        _ => transform::<7, 4, 56, 32>(batch, quant, columns, bits, quarters),
    }?;
    let bytes = beside([&a, &b, &c, &d]).map(u32::to_le_bytes);
    bytes.as_flattened().as_chunks().0.try_into().ok()
}

/// 8x8 samples each, side by side.
pub(super) fn eight(batch: &Batch, quant: &Quant) -> Option<[[u8; 8 * LANES]; 8]> {
    let (bits, columns) = (CONST_BITS, 8 * LANES);
    let columns = match batch.reach {
        0..=1 => return Some(flat(batch, quant)),
        2..=CORNER => transform::<4, 8, 32, 64>(batch, quant, columns, bits, |[a, b, c, d]| {
            eighths([a, b, c, d, 0, 0, 0, 0])
        }),
        _ => transform::<8, 8, 64, 64>(batch, quant, columns, bits, eighths),
    }?;
    let [a, b, c, d, e, f, g, h] = &columns;
    let (left, right) = (beside([a, b, c, d]), beside([e, f, g, h]));
    let mut bytes = [[[0; 4]; 2]; LANES * 8];
    for (at, bytes) in bytes.iter_mut().enumerate() {
        *bytes = [left[at].to_le_bytes(), right[at].to_le_bytes()];
    }
    bytes.as_flattened().as_flattened().as_chunks().0.try_into().ok()
}

/// Four columns as one, made with shifts because the compiler sees vectors in these.
#[inline(always)]
fn beside<const N: usize>([a, b, c, d]: [&[u8; N]; 4]) -> [u32; N] {
    let mut lines = [0; N];
    for (at, line) in lines.iter_mut().enumerate() {
        *line = u32::from(a[at]) | u32::from(b[at]) << 8 | u32::from(c[at]) << 16 | u32::from(d[at]) << 24;
    }
    lines
}

/// Without other coefficients the mean is every sample.
#[inline(always)]
fn flat<const WIDE: usize, const N: usize>(batch: &Batch, quant: &Quant) -> [[u8; WIDE]; N] {
    let [means] = one(batch, quant);
    let mut line = [0; WIDE];
    for (samples, mean) in line.chunks_exact_mut(N).zip(means) {
        samples.fill(mean);
    }
    [line; N]
}

/// Columns first, then rows; `one_way` does `IN` numbers into `OUT` with `bits` of fraction. What comes out are
/// columns: of each row in turn, its sample of every block. `BEFORE` and `AFTER` are `IN` and `OUT` times `LANES`.
#[inline(always)]
fn transform<const IN: usize, const OUT: usize, const BEFORE: usize, const AFTER: usize>(
    batch: &Batch,
    quant: &Quant,
    stride: usize,
    bits: u32,
    one_way: impl Fn([i16; IN]) -> [i32; OUT],
) -> Option<[[u8; AFTER]; OUT]> {
    let rows: [(&[i16], &[i16]); IN] = std::array::from_fn(|row| {
        (
            &batch.numbers[row * stride..][..BEFORE],
            &quant[row * stride..][..BEFORE],
        )
    });
    let mut between = [[0; BEFORE]; OUT];
    // Over columns and blocks at once: loops of this length become vectors.
    for at in 0..BEFORE {
        let mut input = [0; IN];
        for (input, (row, quant)) in input.iter_mut().zip(&rows) {
            *input = row[at].wrapping_mul(quant[at]);
        }
        for (row, sum) in between.iter_mut().zip(one_way(input)) {
            row[at] = narrow(descale(sum, bits - PASS_BITS));
        }
    }
    within(between.as_flattened(), LARGEST_BETWEEN)?;
    let mut turned = [[0; AFTER]; IN];
    for (row, between) in between.iter().enumerate() {
        for (column, lanes) in turned.iter_mut().zip(between.as_chunks::<LANES>().0) {
            column[row * LANES..][..LANES].copy_from_slice(lanes);
        }
    }
    let mut out = [[0; AFTER]; OUT];
    for at in 0..AFTER {
        let mut input = [0; IN];
        for (input, column) in input.iter_mut().zip(&turned) {
            *input = column[at];
        }
        for (column, sum) in out.iter_mut().zip(one_way(input)) {
            column[at] = narrow(descale(sum, bits + PASS_BITS + 3));
        }
    }
    within(out.as_flattened(), LARGEST_SAMPLE)?;
    let mut samples = [[0; AFTER]; OUT];
    for (sample_, value) in samples.as_flattened_mut().iter_mut().zip(out.as_flattened()) {
        *sample_ = sample(*value);
    }
    Some(samples)
}

/// Two outputs of the inputs 0, 1, 3, 5 and 7.
#[inline(always)]
fn halves(input: [i16; 5]) -> [i32; 2] {
    let [even, z1, z3, z5, z7] = input.map(i32::from);
    let even = even << (CONST_BITS + 2);
    let odd =
        z1 * fix(3.624_509_785) - z3 * fix(1.272_758_580) + z5 * fix(0.850_430_095) - z7 * fix(0.720_959_822);
    [even + odd, even - odd]
}

/// Four outputs of the inputs 0, 1, 2, 3, 5, 6 and 7.
#[inline(always)]
fn quarters(input: [i16; 7]) -> [i32; 4] {
    let [z0, z1, z2, z3, z5, z6, z7] = input.map(i32::from);
    let even = z0 << (CONST_BITS + 1);
    let turn = z2 * fix(1.847_759_065) - z6 * fix(0.765_366_865);
    let inner =
        z1 * fix(1.061_594_337) - z3 * fix(2.172_734_803) + z5 * fix(1.451_774_981) - z7 * fix(0.211_164_243);
    let outer =
        z1 * fix(2.562_915_447) + z3 * fix(0.899_976_223) - z5 * fix(0.601_344_887) - z7 * fix(0.509_795_579);
    [
        even + turn + outer,
        even - turn + inner,
        even - turn - inner,
        even + turn - outer,
    ]
}

/// Eight outputs of eight inputs. The factors of the odd ones are sums of libjpeg's, which adds before it
/// multiplies.
#[inline(always)]
fn eighths(input: [i16; 8]) -> [i32; 8] {
    let [z0, z1, z2, z3, z4, z5, z6, z7] = input.map(i32::from);
    let (sum, difference) = ((z0 + z4) << CONST_BITS, (z0 - z4) << CONST_BITS);
    let outer = z2 * 10_703 + z6 * 4_433;
    let inner = z2 * 4_433 - z6 * 10_704;
    let even = [sum + outer, difference + inner, difference - inner, sum - outer];
    let odd = [
        z1 * 11_363 + z3 * 9_633 + z5 * 6_437 + z7 * 2_260,
        z1 * 9_633 - z3 * 2_259 - z5 * 11_362 - z7 * 6_436,
        z1 * 6_437 - z3 * 11_362 + z5 * 2_261 + z7 * 9_633,
        z1 * 2_260 - z3 * 6_436 + z5 * 9_633 - z7 * 11_363,
    ];
    [
        even[0] + odd[0],
        even[1] + odd[1],
        even[2] + odd[2],
        even[3] + odd[3],
        even[3] - odd[3],
        even[2] - odd[2],
        even[1] - odd[1],
        even[0] - odd[0],
    ]
}

#[inline(always)]
fn descale(sum: i32, bits: u32) -> i32 {
    (sum + (1 << (bits - 1))) >> bits
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
fn within(numbers: &[i16], largest: i16) -> Option<()> {
    let (low, high) = numbers.iter().fold((0, 0), |(low, high), number| {
        (low.min(*number), high.max(*number))
    });
    (low >= -largest && high <= largest).then_some(())
}
