//! A picture at an eighth of its size in shades of gray, and bands of two such pictures compared.
//!
//! Each shade is the mean of a block of 8 x 8 pixels, which is what libjpeg gives at that scale. Transparent
//! pixels count as black, because encoders may change the colour under them.

use crate::frame::{Frame, Pixels};
use crate::ops::view;

const BLOCK: usize = 8;
const BANDS: usize = 16;

#[derive(Debug)]
pub(super) struct Coarse {
    pub(super) width: usize,
    /// Row by row.
    pub(super) shades: Vec<f32>,
}

impl Coarse {
    pub(super) fn of(frame: &Frame) -> Self {
        let width = frame.width as usize;
        let (bytes, size) = view(frame);
        match (&frame.pixels, size) {
            (Pixels::Rgba16(_), _) => {
                blocks::<8>(bytes, width, |p| luma([p[1], p[3], p[5]]) * u32::from(p[7]) / 255)
            }
            (_, 4) => blocks::<4>(bytes, width, |p| luma([p[0], p[1], p[2]]) * u32::from(p[3]) / 255),
            (_, 3) => blocks::<3>(bytes, width, luma),
            _ => blocks::<1>(bytes, width, |[shade]| u32::from(shade) << 8),
        }
    }

    /// The first band, in percent of the height, that is further from `expected` than `tolerance` on
    /// average, or that is flat where `expected` is not.
    pub(super) fn strange_band(&self, expected: &Self, tolerance: f32) -> Option<(usize, usize)> {
        let rows = expected.shades.len() / expected.width;
        if self.width != expected.width || self.shades.len() != expected.shades.len() {
            return Some((0, 100));
        }
        let band = rows.div_ceil(BANDS);
        (0..rows).step_by(band).find_map(|from| {
            let to = (from + band).min(rows);
            let part = from * self.width..to * self.width;
            let (ours, theirs) = (&self.shades[part.clone()], &expected.shades[part]);
            let off = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).sum::<f32>() / ours.len() as f32;
            let vanished = spread(ours) < 0.5 && spread(theirs) > tolerance / 2.0;
            (off > tolerance || vanished).then_some((from * 100 / rows, to * 100 / rows))
        })
    }
}

/// How far shades lie from their mean, on average.
fn spread(shades: &[f32]) -> f32 {
    let mean = shades.iter().sum::<f32>() / shades.len() as f32;
    shades.iter().map(|shade| (shade - mean).abs()).sum::<f32>() / shades.len() as f32
}

/// 256 times a luma that needs no division.
fn luma([r, g, b]: [u8; 3]) -> u32 {
    u32::from(r) * 77 + u32::from(g) * 150 + u32::from(b) * 29
}

fn blocks<const N: usize>(bytes: &[u8], width: usize, shade: impl Fn([u8; N]) -> u32) -> Coarse {
    let columns = width.div_ceil(BLOCK);
    let mut shades = Vec::new();
    let mut sums = vec![0_u32; columns];
    for rows in bytes.chunks(width * N * BLOCK) {
        sums.fill(0);
        for row in rows.chunks_exact(width * N) {
            for (sum, part) in sums.iter_mut().zip(row.as_chunks::<N>().0.chunks(BLOCK)) {
                *sum += part.iter().map(|&pixel| shade(pixel)).sum::<u32>();
            }
        }
        let high = rows.len() / (width * N);
        shades.extend(sums.iter().enumerate().map(|(column, &sum)| {
            let wide = BLOCK.min(width - column * BLOCK);
            sum as f32 / (256 * wide * high) as f32
        }));
    }
    Coarse {
        width: columns,
        shades,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colour;
    use crate::ops::samples;

    #[test]
    fn blocks_are_means_also_at_the_edges() {
        let shades = (0..9_u8)
            .flat_map(|y| (0..9_u8).map(move |x| x + y))
            .collect::<Vec<_>>();
        let coarse = Coarse::of(&crate::ops::frame_of(9, 9, 1, shades));
        assert_eq!(coarse.width, 2);
        assert_eq!(coarse.shades, [7.0, 11.5, 11.5, 16.0]);
    }

    #[test]
    fn every_layout_gives_the_same_shades() {
        let frame = samples::smooth(50, 30);
        let expected = Coarse::of(&frame);
        let others = [
            colour::to_gray8(&frame),
            colour::to_rgba8(&frame),
            colour::to_rgba16(&frame),
        ];
        for other in others {
            assert_eq!(Coarse::of(&other).strange_band(&expected, 1.0), None);
        }
    }

    #[test]
    fn a_flat_band_is_found_even_if_it_has_the_right_mean() {
        let waves = samples::painted(80, 256, |x, _| [(128.0 + 11.0 * (x * 0.1).sin()) as u8; 3]);
        let flat = samples::painted(80, 256, |x, y| {
            [if y < 128.0 {
                128.0 + 11.0 * (x * 0.1).sin()
            } else {
                128.0
            } as u8; 3]
        });
        assert_eq!(
            Coarse::of(&flat).strange_band(&Coarse::of(&waves), 12.0),
            Some((50, 56))
        );
    }
}
