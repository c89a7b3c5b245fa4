//! The two hashes on grey pixels that already have the right size. First bit: top left; reading order.

use std::f64::consts::PI;

const SIDE: usize = 32;
const KEPT: usize = 8;

/// From 32 x 32 pixels: which of the 8 x 8 lowest frequencies are above their median.
pub(crate) fn phash(pixels: &[u8]) -> u64 {
    let cosines: Vec<[f64; SIDE]> = (0..KEPT).map(cosines).collect();
    let mut low = Vec::with_capacity(KEPT * KEPT);
    for down in &cosines {
        for across in &cosines {
            let rows = pixels.chunks_exact(SIDE).zip(down);
            low.push(rows.map(|(row, fy)| fy * dot(row, across)).sum::<f64>());
        }
    }
    // A flat image has no waves: what is left is rounding, and must not turn into bits.
    low.iter_mut()
        .filter(|value| value.abs() < 1e-6)
        .for_each(|value| *value = 0.0);
    let mut sorted = low.clone();
    sorted.sort_by(f64::total_cmp);
    let median = f64::midpoint(sorted[31], sorted[32]);
    to_bits(low.iter().map(|&value| value > median))
}

/// From 9 x 8 pixels: which are brighter than the one to the left.
pub(crate) fn dhash(pixels: &[u8]) -> u64 {
    to_bits(
        pixels
            .chunks_exact(KEPT + 1)
            .flat_map(|row| row.windows(2).map(|pair| pair[1] > pair[0])),
    )
}

fn cosines(frequency: usize) -> [f64; SIDE] {
    std::array::from_fn(|at| (PI * frequency as f64 * (2 * at + 1) as f64 / (2 * SIDE) as f64).cos())
}

fn dot(row: &[u8], wave: &[f64; SIDE]) -> f64 {
    row.iter()
        .zip(wave)
        .map(|(&value, cosine)| f64::from(value) * cosine)
        .sum()
}

fn to_bits(bits: impl Iterator<Item = bool>) -> u64 {
    bits.fold(0, |hash, bit| (hash << 1) | u64::from(bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paint(width: usize, height: usize, value: impl Fn(usize, usize) -> usize) -> Vec<u8> {
        (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .map(|(x, y)| value(x, y) as u8)
            .collect()
    }

    /// From the Python package `ImageHash` 4.3.2 on the same pixels.
    #[test]
    fn equals_the_reference() {
        let busy = |x: usize, y: usize| (x * x * 3 + y * y * 5 + x * y * 2) % 251;
        assert_eq!(phash(&paint(32, 32, busy)), 0xbb81_3326_4747_9e1b);
        assert_eq!(dhash(&paint(9, 8, busy)), 0xffff_fffe_fdfb_ef7e);
        let blob =
            |x: usize, y: usize| 250_usize.saturating_sub(x.abs_diff(20).pow(2) + y.abs_diff(9).pow(2));
        assert_eq!(phash(&paint(32, 32, blob)), 0x9597_6a7c_9c63_506c);
        assert_eq!(dhash(&paint(9, 8, |x, _| x * 255 / 8)), u64::MAX);
    }

    #[test]
    fn a_flat_image_has_only_its_mean() {
        assert_eq!(phash(&[128; 1024]), 1 << 63);
        assert_eq!(phash(&[0; 1024]), 0);
    }
}
