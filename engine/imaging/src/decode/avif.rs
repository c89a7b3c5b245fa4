//! AVIF stills: AV1 planes made into RGB, with alpha from a second picture.

use workflow::failure::{Failure, FailureKind};

use super::av1::{self, Av1};
use super::{Job, Raw};
use crate::colour::icc::Profile;
use crate::colour::{frame8, narrow, neighbours};
use crate::frame::{Frame, Pixels};
use crate::header::{AvifItem, avif_items};

pub(super) fn decode(job: &Job<'_>) -> Result<Raw, Failure> {
    let items = avif_items(job.bytes)?;
    let colour = planes(job, &items.colour)?;
    let alpha = items.alpha.as_ref().map(|item| planes(job, item)).transpose()?;
    let told = items.colour.colours.unwrap_or(colour.colours);
    // A profile says more than codes can.
    let profile = if job.parsed.icc.is_empty() {
        Profile::cicp(told.primaries, told.transfer)?
    } else {
        Profile::read(job.parsed.icc.concat())
    };
    let shown = Shown {
        matrix: Matrix::new(told.matrix, told.full_range, colour.bits)?,
        colour,
        alpha,
        multiplied: items.multiplied,
    };
    Ok(Raw::still(frame(job, &shown), profile))
}

/// Everything that makes a pixel.
struct Shown {
    colour: Av1,
    alpha: Option<Av1>,
    matrix: Matrix,
    multiplied: bool,
}

impl Shown {
    /// Red, green, blue and alpha of 16 bits, straight.
    fn pixel(&self, column: usize, row: usize) -> [u16; 4] {
        let [r, g, b] = self.matrix.apply(sample(&self.colour, column, row));
        let Some(alpha) = &self.alpha else {
            return [r, g, b, u16::MAX];
        };
        let a = level(alpha, row * alpha.width + column);
        if !self.multiplied {
            return [r, g, b, a];
        }
        let divide = |v: u16| {
            let whole = u32::from(v) * u32::from(u16::MAX) + u32::from(a) / 2;
            whole.checked_div(a.into()).unwrap_or(0).min(u16::MAX.into()) as u16
        };
        [divide(r), divide(g), divide(b), a]
    }
}

/// Decodes one item, which must have the size of the picture.
fn planes(job: &Job<'_>, item: &AvifItem<'_>) -> Result<Av1, Failure> {
    let header = job.header();
    let pixels = u32::try_from(u64::from(header.width) * u64::from(header.height)).unwrap_or(u32::MAX);
    av1::decode(&item.pieces.concat(), pixels)
        .filter(|av1| (av1.width, av1.height) == (header.width as usize, header.height as usize))
        .ok_or_else(|| Failure::bad_input("the AVIF is damaged or cut short: its pixels cannot be decoded"))
}

/// In the layout that the header promises.
fn frame(job: &Job<'_>, shown: &Shown) -> Frame {
    let header = job.header();
    let (width, height) = (header.width as usize, header.height as usize);
    let size = if header.depth == 16 {
        8
    } else {
        usize::from(header.channels)
    };
    let mut bytes = Vec::with_capacity(width * height * size);
    for row in 0..height {
        for pixel in (0..width).map(|column| shown.pixel(column, row)) {
            if header.depth == 16 {
                bytes.extend(pixel.map(u16::to_le_bytes).as_flattened());
            } else {
                bytes.extend_from_slice(&pixel.map(narrow)[..size]);
            }
        }
    }
    if header.depth == 16 {
        Frame::new(header.width, header.height, Pixels::Rgba16(bytes.into()))
    } else {
        frame8(header.width, header.height, size, bytes)
    }
}

/// Y, Cb and Cr at a pixel; chroma is interpolated between its samples.
fn sample(av1: &Av1, column: usize, row: usize) -> [f32; 3] {
    let y = f32::from(av1.planes[0][row * av1.width + column]);
    let [_, cb, cr] = &av1.planes[..] else {
        return [y, f32::NAN, f32::NAN];
    };
    let (width, height) = av1.chroma;
    let (across, down) = (av1.width.div_ceil(width), av1.height.div_ceil(height));
    let at = row / down * width + column / across;
    if across == 1 && down == 1 {
        return [y, f32::from(cb[at]), f32::from(cr[at])];
    }
    let (left, right, x) = neighbours(column, across, width);
    let (upper, lower, y_weight) = neighbours(row, down, height);
    let (x, v) = (
        f32::from(x) / (2 * across) as f32,
        f32::from(y_weight) / (2 * down) as f32,
    );
    let mix = |plane: &[u16]| {
        let line = |row: usize| {
            let (a, b) = (
                f32::from(plane[row * width + left]),
                f32::from(plane[row * width + right]),
            );
            a + (b - a) * x
        };
        line(upper) + (line(lower) - line(upper)) * v
    };
    [y, mix(cb), mix(cr)]
}

/// The alpha of a pixel: the luma of the second picture.
fn level(alpha: &Av1, i: usize) -> u16 {
    let range = Range::new(alpha.colours.full_range, alpha.bits);
    whole((f32::from(alpha.planes[0][i]) - range.black) / range.luma)
}

/// From stored numbers to 0 to 1.
struct Range {
    black: f32,
    luma: f32,
    chroma: f32,
    middle: f32,
}

impl Range {
    fn new(full: bool, bits: u32) -> Self {
        let step = (1u32 << (bits - 8)) as f32;
        let top = ((1u32 << bits) - 1) as f32;
        let middle = 128.0 * step;
        if full {
            Self {
                black: 0.0,
                luma: top,
                chroma: top,
                middle,
            }
        } else {
            Self {
                black: 16.0 * step,
                luma: 219.0 * step,
                chroma: 224.0 * step,
                middle,
            }
        }
    }
}

/// From YCbCr to RGB.
struct Matrix {
    range: Range,
    /// The weights of red and blue in luma; none where the planes are green, blue and red.
    weights: Option<(f32, f32)>,
}

impl Matrix {
    fn new(code: u8, full: bool, bits: u32) -> Result<Self, Failure> {
        let weights = match code {
            0 => None,
            1 => Some((0.2126, 0.0722)),
            // Nothing said is taken as BT.601, like libavif does.
            2 | 5 | 6 => Some((0.299, 0.114)),
            4 => Some((0.30, 0.11)),
            7 => Some((0.212, 0.087)),
            9 => Some((0.2627, 0.0593)),
            _ => {
                let message = format!("AVIF files with matrix coefficients {code} are not read");
                return Err(Failure::new(FailureKind::Unsupported, message));
            }
        };
        Ok(Self {
            range: Range::new(full, bits),
            weights,
        })
    }

    fn apply(&self, [first, second, third]: [f32; 3]) -> [u16; 3] {
        let Range {
            black,
            luma,
            chroma,
            middle,
        } = self.range;
        let y = (first - black) / luma;
        if second.is_nan() {
            return [whole(y); 3];
        }
        let Some((red, blue)) = self.weights else {
            return [
                whole((third - black) / luma),
                whole(y),
                whole((second - black) / luma),
            ];
        };
        let (cb, cr) = ((second - middle) / chroma, (third - middle) / chroma);
        let (r, b) = (y + 2.0 * (1.0 - red) * cr, y + 2.0 * (1.0 - blue) * cb);
        let g = (y - red * r - blue * b) / (1.0 - red - blue);
        [r, g, b].map(whole)
    }
}

fn whole(part: f32) -> u16 {
    (part.clamp(0.0, 1.0) * 65_535.0 + 0.5) as u16
}
