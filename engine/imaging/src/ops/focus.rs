//! Where to cut: the part of a picture that draws the eye, or the part with the most detail.
//!
//! `attention` scores as libvips and smartcrop.js do: edges, the colour of skin, saturation. Both look at a
//! copy of at most 96 pixels a side, so they cost little and find the same place at every size of the
//! picture. Among equal windows the one nearest the centre wins.

use workflow::failure::Failure;
use workflow::op::{Filter, Focus};

use super::raster;
use super::resize::{extent, resample};
use crate::colour;
use crate::frame::Frame;

const COPY_SIDE: f64 = 96.0;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    Attention,
    Entropy,
}

/// The centre of the best window. `window` is its width and height as shares of the picture's.
pub fn find(frame: &Frame, window: (f64, f64), interest: Interest) -> Result<Focus, Failure> {
    let copy = small_copy(frame)?;
    let (w, h) = (copy.width as usize, copy.height as usize);
    let side = |whole: usize, share: f64| ((whole as f64 * share).round() as usize).clamp(1, whole);
    let size = (side(w, window.0), side(h, window.1));
    let (bytes, _) = raster::view(&copy);
    let pixels = bytes.as_chunks::<3>().0;
    let (x, y) = match interest {
        Interest::Attention => {
            let sums = Sums::of(&attention(pixels, w), w);
            best((w, h), size, 1, |x, y| sums.window(x, y, size.0, size.1))
        }
        Interest::Entropy => {
            let gray: Vec<u8> = pixels.iter().map(|p| (luma(*p) / 4.0) as u8).collect();
            // A coarse grid where both sides are free, or there would be too many windows to count.
            let stride = if size.0 < w && size.1 < h { 4 } else { 1 };
            best((w, h), size, stride, |x, y| entropy(&gray, w, (x, y), size))
        }
    };
    let centre = |at: usize, part: usize, whole: usize| ((at as f32) + part as f32 / 2.0) / whole as f32;
    Ok(Focus {
        x: centre(x, size.0, w),
        y: centre(y, size.1, h),
    })
}

fn small_copy(frame: &Frame) -> Result<Frame, Failure> {
    let (w, h) = extent(frame);
    let scale = (COPY_SIDE / w.max(h)).min(1.0);
    let size = (
        (w * scale).round().max(1.0) as u32,
        (h * scale).round().max(1.0) as u32,
    );
    let copy = resample(frame, (0.0, 0.0, w, h), size, Filter::Bilinear)?;
    Ok(colour::to_rgb8(&copy))
}

/// The corner of the window with the highest score, corners on a grid of `stride`.
fn best(
    whole: (usize, usize),
    size: (usize, usize),
    stride: usize,
    score: impl Fn(usize, usize) -> f64,
) -> (usize, usize) {
    let (free_x, free_y) = (whole.0 - size.0, whole.1 - size.1);
    let off_centre = |x: usize, y: usize| (2 * x).abs_diff(free_x) + (2 * y).abs_diff(free_y);
    let mut winner = (free_x / 2, free_y / 2);
    let mut most = score(winner.0, winner.1);
    for y in (0..=free_y).step_by(stride) {
        for x in (0..=free_x).step_by(stride) {
            let got = score(x, y);
            let nearer = off_centre(x, y) < off_centre(winner.0, winner.1);
            // Sums of floats differ in their last digits without meaning it.
            if got > most * (1.0 + 1e-9) || (got >= most && nearer) {
                (winner, most) = ((x, y), got);
            }
        }
    }
    winner
}

fn luma([r, g, b]: [u8; 3]) -> f64 {
    0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)
}

/// How much each pixel draws the eye; what all of the picture has counts for nothing.
fn attention(pixels: &[[u8; 3]], w: usize) -> Vec<f64> {
    let h = pixels.len() / w;
    let lumas: Vec<f64> = pixels.iter().map(|p| luma(*p)).collect();
    let scores: Vec<f64> = (0..pixels.len())
        .map(|at| {
            let (x, y) = (at % w, at / w);
            let around = [
                lumas[y * w + x.saturating_sub(1)],
                lumas[y * w + (x + 1).min(w - 1)],
                lumas[y.saturating_sub(1) * w + x],
                lumas[(y + 1).min(h - 1) * w + x],
            ];
            let edge = (4.0 * lumas[at] - around.iter().sum::<f64>()).abs();
            edge + colourfulness(pixels[at], lumas[at])
        })
        .collect();
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    scores.iter().map(|score| (score - mean).max(0.0)).collect()
}

/// Skin and saturation, each 0 to about 100; dark pixels have neither.
fn colourfulness(pixel: [u8; 3], luma: f64) -> f64 {
    if luma < 13.0 {
        return 0.0;
    }
    let [r, g, b] = pixel.map(f64::from);
    let length = (r * r + g * g + b * b).sqrt();
    let away = (r / length - 0.78)
        .hypot(g / length - 0.57)
        .hypot(b / length - 0.44);
    let skin = (1.0 - away * 2.0).max(0.0) * 100.0;
    let (low, high) = (r.min(g).min(b), r.max(g).max(b));
    skin + (high - low) / 255.0 * 100.0
}

/// Bits a pixel that the window's 64 shades of gray carry.
fn entropy(gray: &[u8], w: usize, (x, y): (usize, usize), size: (usize, usize)) -> f64 {
    let mut counts = [0_u32; 64];
    for row in gray.chunks_exact(w).skip(y).take(size.1) {
        for &shade in &row[x..x + size.0] {
            counts[usize::from(shade & 63)] += 1;
        }
    }
    let all = (size.0 * size.1) as f64;
    let bits = |&count: &u32| {
        let share = f64::from(count) / all;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(bits).sum()
}

/// Sums of all that lies above and left, so that any window takes four look-ups.
struct Sums {
    sums: Vec<f64>,
    stride: usize,
}

impl Sums {
    fn of(values: &[f64], w: usize) -> Self {
        let stride = w + 1;
        let mut sums = vec![0.0; stride * (values.len() / w + 1)];
        for (y, row) in values.chunks_exact(w).enumerate() {
            let mut line = 0.0;
            for (x, value) in row.iter().enumerate() {
                line += value;
                sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + line;
            }
        }
        Self { sums, stride }
    }

    fn window(&self, x: usize, y: usize, w: usize, h: usize) -> f64 {
        let at = |x: usize, y: usize| self.sums[y * self.stride + x];
        at(x + w, y + h) - at(x, y + h) - at(x + w, y) + at(x, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::samples;

    /// Gray, with a patch around (x, y).
    fn with_patch(cx: f32, cy: f32, colour: impl Fn(f32, f32) -> [u8; 3]) -> Frame {
        samples::painted(400, 200, |x, y| {
            if (x - cx).abs() < 30.0 && (y - cy).abs() < 30.0 {
                colour(x, y)
            } else {
                [120; 3]
            }
        })
    }

    #[test]
    fn attention_finds_skin_colour_and_edges() {
        let skin = |_, _| [224, 172, 140];
        let red = |_, _| [230, 20, 20];
        let stripes = |x: f32, _: f32| {
            if ((x / 8.0) as u32).is_multiple_of(2) {
                [10; 3]
            } else {
                [240; 3]
            }
        };
        for (name, frame) in [
            ("skin", with_patch(330.0, 60.0, skin)),
            ("colour", with_patch(330.0, 60.0, red)),
            ("edges", with_patch(330.0, 60.0, stripes)),
        ] {
            let focus = find(&frame, (0.2, 0.4), Interest::Attention).unwrap();
            assert!(
                (focus.x - 0.825).abs() < 0.05 && (focus.y - 0.3).abs() < 0.08,
                "{name}: {focus:?}"
            );
        }
    }

    #[test]
    fn entropy_finds_detail() {
        let noise = |x: f32, y: f32| [((x * 37.0 + y * 91.0) as u32 % 251) as u8; 3];
        let focus = find(&with_patch(70.0, 100.0, noise), (0.25, 1.0), Interest::Entropy).unwrap();
        assert!((focus.x - 0.175).abs() < 0.1, "{focus:?}");
        let focus = find(&with_patch(70.0, 140.0, noise), (0.2, 0.4), Interest::Entropy).unwrap();
        assert!(
            (focus.x - 0.175).abs() < 0.1 && (focus.y - 0.7).abs() < 0.15,
            "{focus:?}"
        );
    }

    #[test]
    fn where_nothing_stands_out_the_centre_wins() {
        let flat = samples::painted(300, 100, |_, _| [90; 3]);
        for interest in [Interest::Attention, Interest::Entropy] {
            let focus = find(&flat, (0.5, 1.0), interest).unwrap();
            assert!(
                (focus.x - 0.5).abs() < 0.02 && (focus.y - 0.5).abs() < 0.02,
                "{focus:?}"
            );
        }
    }

    #[test]
    fn planes_give_the_same_place_as_their_rgb() {
        let frame = samples::planes(300, 200, 2, 2);
        let of = |frame: &Frame| find(frame, (0.3, 0.5), Interest::Attention).unwrap();
        let (planes, rgb) = (of(&frame), of(&colour::to_rgb8(&frame)));
        assert!((planes.x - rgb.x).abs() < 0.03 && (planes.y - rgb.y).abs() < 0.03);
    }
}
