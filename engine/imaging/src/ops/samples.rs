//! Small pictures for tests, and how far two pictures differ.

use std::sync::Arc;

use super::raster;
use crate::colour;
use crate::frame::{Frame, Pixels, Planes};

/// RGB without any order: every pixel differs from its neighbours.
pub(crate) fn rgb(width: u32, height: u32) -> Frame {
    let mut state = 1_u32;
    let noise = (0..width * height * 3).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    raster::frame_of(width, height, 3, noise.collect::<Vec<_>>())
}

/// RGB with waves of several lengths, as a photograph has.
pub(crate) fn smooth(width: u32, height: u32) -> Frame {
    painted(width, height, |x, y| {
        let wave = |a: f32, b: f32, c: f32| {
            128.0 + 90.0 * (x * a + c).sin() * (y * b).cos() + 20.0 * (x * 0.7).sin()
        };
        [
            wave(0.11, 0.07, 0.0) as u8,
            wave(0.05, 0.13, 1.0) as u8,
            wave(0.02, 0.03, 2.0) as u8,
        ]
    })
}

/// RGB by a colour for each place.
pub(crate) fn painted(width: u32, height: u32, colour: impl Fn(f32, f32) -> [u8; 3]) -> Frame {
    let at = |i: u32| colour((i % width) as f32, (i / width) as f32);
    raster::frame_of(
        width,
        height,
        3,
        (0..width * height).flat_map(at).collect::<Vec<_>>(),
    )
}

/// The smooth picture as planes, chroma subsampled by averaging, as JPEG encoders do.
pub(crate) fn planes(width: u32, height: u32, ratio_x: u32, ratio_y: u32) -> Frame {
    as_planes(&smooth(width, height), ratio_x, ratio_y)
}

/// An RGB picture as planes, chroma subsampled by averaging.
pub(crate) fn as_planes(frame: &Frame, ratio_x: u32, ratio_y: u32) -> Frame {
    let (width, height) = (frame.width, frame.height);
    let ycc = |x: u32, y: u32| {
        let (x, y) = (x.min(width - 1), y.min(height - 1));
        let at = ((y * width + x) * 3) as usize;
        let [r, g, b] = [0, 1, 2].map(|c| f32::from(raster::view(frame).0[at + c]));
        let luma = 0.299 * r + 0.587 * g + 0.114 * b;
        [
            luma,
            (b - luma) * 0.564_334 + 128.0,
            (r - luma) * 0.713_267 + 128.0,
        ]
    };
    let plane = |channel: usize, rx: u32, ry: u32| {
        let (w, h) = (width.div_ceil(rx), height.div_ceil(ry));
        let mean = |x: u32, y: u32| {
            let parts = (0..ry).flat_map(|dy| (0..rx).map(move |dx| (x * rx + dx, y * ry + dy)));
            parts.map(|(x, y)| ycc(x, y)[channel]).sum::<f32>() / (rx * ry) as f32
        };
        (0..h)
            .flat_map(|y| (0..w).map(move |x| (x, y)))
            .map(|(x, y)| mean(x, y).round() as u8)
            .collect()
    };
    let planes = Planes {
        y: plane(0, 1, 1),
        cb: plane(1, ratio_x, ratio_y),
        cr: plane(2, ratio_x, ratio_y),
        chroma_width: width.div_ceil(ratio_x),
        chroma_height: height.div_ceil(ratio_y),
    };
    Frame::new(width, height, Pixels::Ycc(Arc::new(planes)))
}

/// Peak signal to noise ratio in dB over all channels, alpha too; infinite for equal pictures.
pub(crate) fn psnr(a: &Frame, b: &Frame) -> f64 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let (a, b) = (colour::to_rgba8(a), colour::to_rgba8(b));
    psnr_of(raster::view(&a).0, raster::view(&b).0) - 10.0 * (4.0_f64 / 3.0).log10()
}

pub(crate) fn psnr_of(a: &[u8], b: &[u8]) -> f64 {
    let square = |(a, b): (&u8, &u8)| f64::from(a.abs_diff(*b)).powi(2);
    let error: f64 = a.iter().zip(b).map(square).sum::<f64>() / a.len() as f64;
    10.0 * (255.0 * 255.0 / error).log10()
}
