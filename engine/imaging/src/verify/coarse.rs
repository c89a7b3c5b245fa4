//! A picture at an eighth of its size in shades of gray, its colours at a sixteenth, and two such compared.
//!
//! A shade is the mean of a block of 8 x 8 pixels, which is what libjpeg gives at that scale. Transparent
//! pixels count as black, because encoders may change the colour under them.

use super::blocks::{BLOCK, Edge, means, plane};
use crate::colour;
use crate::frame::{Frame, Pixels, Planes};
use crate::ops::view;

const BANDS: usize = 16;
/// Encoders average colours in ways of their own, and palettes hold few.
const COLOURS_APART: f32 = 8.0;

#[derive(Debug)]
pub(super) struct Coarse {
    pub(super) width: usize,
    /// Row by row, 0 to 255.
    pub(super) shades: Vec<f32>,
    pub(super) colours: Colours,
}

/// Cb and Cr of the squares of 16 x 16 pixels that lie wholly inside, around 0. A side of less than 16
/// pixels makes one square.
#[derive(Debug, Default)]
pub(super) struct Colours {
    pub(super) width: usize,
    pub(super) pairs: Vec<[f32; 2]>,
}

impl Colours {
    /// Columns and rows for a picture of this size.
    pub(super) fn grid(width: u32, height: u32) -> (usize, usize) {
        let squares = |side: u32| (side as usize / (2 * BLOCK)).max(1);
        (squares(width), squares(height))
    }

    /// From means of the two planes, 128 in their middle; `range` widens them.
    pub(super) fn of_means(width: usize, cb: &[f32], cr: &[f32], range: f32) -> Self {
        let pairs = cb.iter().zip(cr);
        Self {
            width,
            pairs: pairs
                .map(|(cb, cr)| [cb, cr].map(|mean| (mean - 128.0) * range))
                .collect(),
        }
    }
}

impl Coarse {
    pub(super) fn of(frame: &Frame) -> Self {
        Self::with_edge(frame, Edge::Open)
    }

    /// As libjpeg's blocks are at the edges. Squares of colour are left out where none is whole, because
    /// their edges depend on how the encoder subsamples.
    pub(super) fn of_jpeg(frame: &Frame) -> Self {
        let mut coarse = Self::with_edge(frame, Edge::Repeated);
        if frame.width.min(frame.height) < 2 * BLOCK as u32 {
            coarse.colours = Colours::default();
        }
        coarse
    }

    fn with_edge(frame: &Frame, edge: Edge) -> Self {
        let width = frame.width as usize;
        let planes = match &frame.pixels {
            Pixels::Ycc(planes) => Some(colours_of_planes(frame, planes)),
            _ => None,
        };
        if let Some(None) = planes {
            return Self::with_edge(&colour::to_rgb8(frame), edge);
        }
        let (bytes, size) = view(frame);
        let shown = |[r, g, b]: [u8; 3], a: u8| {
            [r, g, b].map(|part| {
                if a == u8::MAX {
                    u32::from(part)
                } else {
                    u32::from(part) * u32::from(a) / 255
                }
            })
        };
        let means = match size {
            8 => means::<8>(bytes, width, edge, |p| shown([p[1], p[3], p[5]], p[7])),
            4 => means::<4>(bytes, width, edge, |[r, g, b, a]| shown([r, g, b], a)),
            3 => means::<3>(bytes, width, edge, |rgb| rgb.map(u32::from)),
            // One sum instead of three.
            _ => means::<1>(bytes, width, edge, |[shade]| [shade.into(), 0, 0])
                .into_iter()
                .map(|[shade, ..]| [shade; 3])
                .collect(),
        };
        let columns = width.div_ceil(BLOCK);
        let shades = means.iter().map(|&mean| luma(mean)).collect();
        let colours = planes.flatten().unwrap_or_else(|| colours(&means, frame));
        Self {
            width: columns,
            shades,
            colours,
        }
    }

    /// What is far from `expected`, as the end of a sentence: the first band of the height that is further
    /// than `tolerance` on average, or that is flat where `expected` is not.
    pub(super) fn difference(&self, expected: &Self, tolerance: f32) -> Option<String> {
        if self.width != expected.width || self.shades.len() != expected.shades.len() {
            return Some("differs from the picture in its size".into());
        }
        let shades = bands(expected.width, expected.shades.len()).find(|(part, _)| {
            let (ours, theirs) = (&self.shades[part.clone()], &expected.shades[part.clone()]);
            let off = mean(ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()));
            let vanished = spread(ours) < 0.5 && spread(theirs) > tolerance / 2.0;
            off > tolerance || vanished
        });
        if let Some((_, (from, to))) = shades {
            return Some(format!(
                "differs from the picture between {from} % and {to} % of its height"
            ));
        }
        let (ours, theirs) = (&self.colours, &expected.colours);
        if ours.pairs.len() != theirs.pairs.len() {
            return None;
        }
        let colours = bands(theirs.width, theirs.pairs.len()).find(|(part, _)| {
            let (ours, theirs) = (&ours.pairs[part.clone()], &theirs.pairs[part.clone()]);
            let off = mean(
                ours.iter()
                    .zip(theirs)
                    .map(|(a, b)| strength([a[0] - b[0], a[1] - b[1]])),
            );
            let strong = |pairs: &[[f32; 2]]| mean(pairs.iter().map(|&pair| strength(pair)));
            let vanished = strong(ours) < 1.0 && strong(theirs) > tolerance / 2.0;
            off > tolerance + COLOURS_APART || vanished
        });
        let (_, (from, to)) = colours?;
        Some(format!(
            "has other colours than the picture between {from} % and {to} % of its height"
        ))
    }
}

/// Ranges of a grid that make a band, with where it lies in percent.
fn bands(width: usize, length: usize) -> impl Iterator<Item = (std::ops::Range<usize>, (usize, usize))> {
    let rows = length / width.max(1);
    let band = rows.div_ceil(BANDS).max(1);
    (0..rows).step_by(band).map(move |from| {
        let to = (from + band).min(rows);
        (from * width..to * width, (from * 100 / rows, to * 100 / rows))
    })
}

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len() as f32;
    values.sum::<f32>() / count
}

/// How far shades lie from their mean, on average.
fn spread(shades: &[f32]) -> f32 {
    let middle = mean(shades.iter().copied());
    mean(shades.iter().map(|shade| (shade - middle).abs()))
}

/// The larger of two differences from gray.
fn strength([cb, cr]: [f32; 2]) -> f32 {
    cb.abs().max(cr.abs())
}

fn luma([r, g, b]: [f32; 3]) -> f32 {
    0.299 * r + 0.587 * g + 0.114 * b
}

/// Squares of two by two blocks, each block counted by its pixels.
fn colours(means: &[[f32; 3]], frame: &Frame) -> Colours {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let grid = Colours::grid(frame.width, frame.height);
    let columns = width.div_ceil(BLOCK);
    let places = |square: usize, side: usize| {
        (2 * square..2 * square + 2).filter_map(move |block| {
            let pixels = side.checked_sub(block * BLOCK)?.min(BLOCK);
            (pixels > 0).then_some((block, pixels))
        })
    };
    let square = |column: usize, row: usize| {
        let (mut sum, mut count) = ([0.0; 2], 0.0);
        for (y, high) in places(row, height) {
            for (x, wide) in places(column, width) {
                let block = means[y * columns + x];
                let (luma, pixels) = (luma(block), (wide * high) as f32);
                sum[0] += (block[2] - luma) * 0.564_334 * pixels;
                sum[1] += (block[0] - luma) * 0.713_267 * pixels;
                count += pixels;
            }
        }
        sum.map(|sum| sum / count)
    };
    Colours {
        width: grid.0,
        pairs: (0..grid.1)
            .flat_map(|row| (0..grid.0).map(move |column| (column, row)))
            .map(|(column, row)| square(column, row))
            .collect(),
    }
}

/// None for a subsampling that does not divide a square.
fn colours_of_planes(frame: &Frame, planes: &Planes) -> Option<Colours> {
    let (across, down) = planes.subsampling(frame.width, frame.height);
    let samples = |ratio: u32| matches!(ratio, 1 | 2 | 4).then(|| 2 * BLOCK / ratio as usize);
    let block = (samples(across)?, samples(down)?);
    let grid = Colours::grid(frame.width, frame.height);
    let of = |samples: &[u8]| plane(samples, planes.chroma_width as usize, block, grid);
    Some(Colours::of_means(grid.0, &of(&planes.cb), &of(&planes.cr), 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colour;
    use crate::ops::samples;

    #[test]
    fn every_layout_gives_the_same_shades_and_colours() {
        let frame = samples::smooth(50, 34);
        let expected = Coarse::of(&frame);
        for other in [
            colour::to_rgba8(&frame),
            colour::to_rgba16(&frame),
            samples::planes(50, 34, 1, 1),
            samples::planes(50, 34, 2, 2),
        ] {
            let other = Coarse::of(&other);
            assert_eq!(other.difference(&expected, 1.0), None);
            assert_eq!(other.colours.pairs.len(), 6);
        }
        let gray = colour::to_gray8(&frame);
        let difference = Coarse::of(&gray).difference(&expected, 1.0).unwrap();
        assert!(difference.contains("other colours"), "{difference}");
        assert_eq!(
            Coarse::of(&gray).difference(&Coarse::of(&colour::to_rgb8(&gray)), 0.1),
            None
        );
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
        let difference = Coarse::of(&flat).difference(&Coarse::of(&waves), 12.0).unwrap();
        assert!(difference.contains("between 50 % and 56 %"), "{difference}");
    }
}
