//! The Gaussian behind `blur` and `sharpen`.
//!
//! A small one is a separable convolution, row by row and without an intermediate picture. A large one is
//! that of a smaller copy: the variance that the two resizes add is known and taken off beforehand.

use workflow::failure::Failure;
use workflow::op::Filter;

use super::raster;
use super::resize::resample;
use crate::colour;
use crate::frame::{Frame, Pixels};

/// From twice this sigma on, the work is done on a smaller copy.
const LEAST_SIGMA: f32 = 3.0;

/// An interleaved frame blurred with this standard deviation; transparent pixels lend no colour.
pub(super) fn gaussian(frame: &Frame, sigma: f32) -> Result<Frame, Failure> {
    let factor = (sigma / LEAST_SIGMA).floor();
    if factor < 2.0 {
        return Ok(convolved(frame, sigma));
    }
    let (w, h) = (frame.width, frame.height);
    let small = |side: u32| ((side as f32 / factor).ceil() as u32).max(1);
    let copy = resample(
        frame,
        (0.0, 0.0, w.into(), h.into()),
        (small(w), small(h)),
        Filter::Bilinear,
    )?;
    // A triangle filter as wide as `factor` has the variance factor² / 6, on the way down and up again.
    let left = (sigma / factor).powi(2) - 2.0 / 6.0;
    let copy = convolved(&copy, left.sqrt());
    let region = (0.0, 0.0, copy.width.into(), copy.height.into());
    resample(&copy, region, (w, h), Filter::Bilinear)
}

fn convolved(frame: &Frame, sigma: f32) -> Frame {
    let kernel = kernel(sigma);
    let (width, height) = (frame.width, frame.height);
    let (bytes, size) = raster::view(frame);
    let see_through = !colour::is_opaque(frame);
    let out = if matches!(frame.pixels, Pixels::Rgba16(_)) {
        let load = |at: usize| f32::from(u16::from_le_bytes([bytes[2 * at], bytes[2 * at + 1]]));
        let mut out = vec![0; bytes.len()];
        Job {
            width,
            height,
            channels: 4,
            kernel: &kernel,
            see_through,
            full: 65_535.0,
        }
        .run(load, |at, part| {
            out[2 * at..2 * at + 2].copy_from_slice(&(part as u16).to_le_bytes());
        });
        out
    } else {
        let mut out = vec![0; bytes.len()];
        Job {
            width,
            height,
            channels: size,
            kernel: &kernel,
            see_through,
            full: 255.0,
        }
        .run(|at| f32::from(bytes[at]), |at, part| out[at] = part as u8);
        out
    };
    raster::frame_of(width, height, size, out)
}

/// Half a kernel would do, but a whole one keeps the loops plain. Its parts sum to 1.
fn kernel(sigma: f32) -> Vec<f32> {
    let radius = (sigma * 3.0).ceil().max(1.0) as i32;
    let part = |at: i32| (-(at * at) as f32 / (2.0 * sigma * sigma)).exp();
    let sum: f32 = (-radius..=radius).map(part).sum();
    (-radius..=radius).map(|at| part(at) / sum).collect()
}

struct Job<'a> {
    width: u32,
    height: u32,
    channels: usize,
    kernel: &'a [f32],
    see_through: bool,
    full: f32,
}

impl Job<'_> {
    /// Reads samples by number through `load`, writes them through `store`.
    fn run(&self, load: impl Fn(usize) -> f32, mut store: impl FnMut(usize, f32)) {
        let (stride, height) = (self.width as usize * self.channels, self.height as usize);
        let radius = self.kernel.len() / 2;
        let rows = self.kernel.len().min(height);
        // A ring of the rows in reach, as numbers and premultiplied.
        let mut ring = vec![vec![0.0; stride]; rows];
        let fill = |row: &mut [f32], y: usize| {
            for (at, part) in row.iter_mut().enumerate() {
                *part = load(y * stride + at);
            }
            self.premultiply(row);
        };
        let mut next = 0;
        let mut down = vec![0.0; stride];
        let mut across = vec![0.0; stride];
        let mut wide = vec![0.0; stride + 2 * radius * self.channels];
        for y in 0..height {
            while next < height && next <= y + radius {
                fill(&mut ring[next % rows], next);
                next += 1;
            }
            down.fill(0.0);
            for (at, &weight) in self.kernel.iter().enumerate() {
                let row = (y + at).saturating_sub(radius).min(height - 1);
                add(&mut down, &ring[row % rows], weight);
            }
            self.widen(&down, &mut wide, radius);
            across.fill(0.0);
            for (at, &weight) in self.kernel.iter().enumerate() {
                add(&mut across, &wide[at * self.channels..], weight);
            }
            self.divide(&mut across);
            for (at, &part) in across.iter().enumerate() {
                store(y * stride + at, part.clamp(0.0, self.full) + 0.5);
            }
        }
    }

    fn premultiply(&self, row: &mut [f32]) {
        if self.see_through {
            for pixel in row.as_chunks_mut::<4>().0 {
                let share = pixel[3] / self.full;
                pixel[..3].iter_mut().for_each(|part| *part *= share);
            }
        }
    }

    fn divide(&self, row: &mut [f32]) {
        if self.see_through {
            for pixel in row.as_chunks_mut::<4>().0 {
                let share = if pixel[3] < 0.5 { 0.0 } else { self.full / pixel[3] };
                pixel[..3].iter_mut().for_each(|part| *part *= share);
            }
        }
    }

    /// The row with its first and last pixel repeated on both sides.
    fn widen(&self, row: &[f32], wide: &mut [f32], radius: usize) {
        let margin = radius * self.channels;
        wide[margin..margin + row.len()].copy_from_slice(row);
        for at in 0..margin {
            wide[at] = row[at % self.channels];
            wide[margin + row.len() + at] = row[row.len() - self.channels + at % self.channels];
        }
    }
}

fn add(to: &mut [f32], from: &[f32], weight: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from * weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{crop_frame, samples};

    /// The plain definition, in two dimensions and f64.
    fn reference(frame: &Frame, sigma: f64) -> Frame {
        let (bytes, size) = raster::view(frame);
        let radius = (sigma * 4.0).ceil() as i64;
        let (w, h) = (i64::from(frame.width), i64::from(frame.height));
        let weight = |d: i64| (-(d * d) as f64 / (2.0 * sigma * sigma)).exp();
        let total: f64 = (-radius..=radius).map(weight).sum();
        let pass = |from: &[f64], dx: i64, dy: i64| -> Vec<f64> {
            let at = |x: i64, y: i64, c: usize| {
                let (x, y) = (x.clamp(0, w - 1), y.clamp(0, h - 1));
                from[(y * w + x) as usize * size + c]
            };
            let mut out = Vec::with_capacity(from.len());
            for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
                for c in 0..size {
                    let sum = (-radius..=radius).map(|d| weight(d) * at(x + d * dx, y + d * dy, c));
                    out.push(sum.sum::<f64>() / total);
                }
            }
            out
        };
        let start: Vec<f64> = bytes.iter().map(|&b| f64::from(b)).collect();
        let out = pass(&pass(&start, 1, 0), 0, 1);
        let out: Vec<u8> = out.iter().map(|v| v.round() as u8).collect();
        raster::frame_of(frame.width, frame.height, size, out)
    }

    #[test]
    fn it_is_a_gaussian_at_every_sigma() {
        // Noise holds every frequency, so this is the strictest input.
        let frame = samples::rgb(96, 80);
        for (sigma, least) in [(0.5, 50.0), (1.0, 50.0), (3.0, 50.0), (5.9, 50.0)] {
            let ours = gaussian(&frame, sigma).unwrap();
            let got = samples::psnr(&ours, &reference(&frame, f64::from(sigma)));
            assert!(got > least, "sigma {sigma}: {got:.1} dB");
        }
    }

    #[test]
    fn large_ones_are_gaussians_too() {
        // Away from the edges, where the smaller copy weighs the last pixel of noise differently.
        let inner = |f: &Frame| crop_frame(f, 40, 40, 120, 80).unwrap();
        for frame in [samples::rgb(200, 160), samples::smooth(200, 160)] {
            for sigma in [6.1, 9.5, 14.0, 20.0] {
                let (ours, true_one) = (gaussian(&frame, sigma).unwrap(), reference(&frame, sigma.into()));
                let got = samples::psnr(&inner(&ours), &inner(&true_one));
                assert!(got > 46.0, "sigma {sigma}: {got:.1} dB");
            }
        }
    }

    #[test]
    fn transparent_pixels_lend_no_colour() {
        let pixels = [[200, 10, 10, 255], [0, 255, 0, 0]].concat().repeat(50);
        let frame = raster::frame_of(10, 10, 4, pixels);
        for frame in [frame.clone(), colour::to_rgba16(&frame)] {
            let blurred = colour::to_rgba8(&gaussian(&frame, 1.5).unwrap());
            for p in raster::view(&blurred).0.as_chunks::<4>().0 {
                assert!(
                    p[0].abs_diff(200) <= 1 && p[1].abs_diff(10) <= 1 && p[3] > 50,
                    "{p:?}"
                );
            }
        }
    }

    #[test]
    fn a_single_pixel_and_a_thin_row_stay_what_they_are() {
        for (w, h) in [(1, 1), (30, 1), (1, 30)] {
            let flat = raster::frame_of(w, h, 1, vec![77; (w * h) as usize]);
            for sigma in [0.3, 2.0, 40.0] {
                assert!(
                    raster::view(&gaussian(&flat, sigma).unwrap())
                        .0
                        .iter()
                        .all(|&v| v == 77)
                );
            }
        }
    }
}
