//! WebP by libwebp: lossy, lossless, animated, with alpha.
//!
//! `effort` 0 to 6 is libwebp's method, and from 0 to 9 its level of lossless compression. The planes of a
//! JPEG are handed over as they are: both formats use BT.601 and centred chroma, only WebP's range is
//! narrower, and that is a look-up a sample.

mod container;
mod libwebp;

use workflow::failure::Failure;
use workflow::rendition::{Encode, Format};

use self::libwebp::{Image, Settings, Source};
use super::failed;
use super::kept::kept;
use super::planes::{Quarter, quarter};
use crate::colour;
use crate::frame::{Frame, Picture, Pixels};
use crate::ops::{invalid, view, whole};

/// The format's limit, in pixels a side.
const LARGEST_SIDE: u32 = 16_383;

pub(super) fn encode(picture: &Picture, options: &Encode) -> Result<Vec<u8>, Failure> {
    let first = picture.first();
    if first.width.max(first.height) > LARGEST_SIDE {
        return Err(invalid(format!(
            "webp holds at most {LARGEST_SIDE} pixels a side, not {} x {}",
            first.width, first.height
        )));
    }
    let settings = settings(options);
    let bytes = if picture.is_animated() {
        animation(picture, settings)?
    } else {
        still(&whole(first)?, settings).map_err(|error| failed(Format::Webp, error))?
    };
    Ok(container::with_metadata(
        bytes,
        &kept(&picture.metadata, options, false),
    ))
}

fn settings(options: &Encode) -> Settings {
    let effort = options.effort.unwrap_or(4);
    if options.lossless {
        Settings::Lossless { level: effort.min(9) }
    } else {
        Settings::Lossy {
            quality: options.quality.unwrap_or(80),
            method: effort.min(6),
        }
    }
}

fn still(frame: &Frame, settings: Settings) -> Result<Vec<u8>, String> {
    let (width, height) = (frame.width, frame.height);
    if let (Pixels::Ycc(planes), Settings::Lossy { .. }) = (&frame.pixels, settings)
        && let Some(Quarter { y, cb, cr }) = quarter(planes, width, height)
    {
        let (y, u, v) = (narrowed(y, 219), narrowed(&cb, 224), narrowed(&cr, 224));
        return libwebp::still(
            &Image {
                width,
                height,
                source: Source::Yuv { y: &y, u: &u, v: &v },
            },
            settings,
        );
    }
    let frame = interleaved(frame);
    libwebp::still(&image(&frame), settings)
}

/// RGBA if anything is transparent, else RGB.
fn interleaved(frame: &Frame) -> Frame {
    if colour::is_opaque(frame) {
        colour::to_rgb8(frame)
    } else {
        colour::to_rgba8(frame)
    }
}

fn image(frame: &Frame) -> Image<'_> {
    let (bytes, size) = view(frame);
    let source = if size == 4 {
        Source::Rgba(bytes)
    } else {
        Source::Rgb(bytes)
    };
    Image {
        width: frame.width,
        height: frame.height,
        source,
    }
}

fn animation(picture: &Picture, settings: Settings) -> Result<Vec<u8>, Failure> {
    let mut frames = Vec::with_capacity(picture.frames.len());
    for frame in &picture.frames {
        frames.push(interleaved(&whole(frame)?));
    }
    let delay = |index: usize| picture.delays.get(index).copied().unwrap_or(100);
    let shown: Vec<_> = frames
        .iter()
        .enumerate()
        .map(|(index, frame)| (image(frame), delay(index)))
        .collect();
    libwebp::animation(&shown, picture.loops, settings).map_err(|error| failed(Format::Webp, error))
}

/// Full-range samples with their 255 steps narrowed to `span`: luma from 16, chroma around 128.
fn narrowed(plane: &[u8], span: u16) -> Vec<u8> {
    let mut table = [0; 256];
    for (value, entry) in (0..).zip(table.iter_mut()) {
        // Both start at 16; chroma's middle, 128, falls on 128 again.
        let scaled = if span == 224 {
            (f64::from(value) - 128.0) * 224.0 / 255.0 + 128.0
        } else {
            f64::from(value) * f64::from(span) / 255.0 + 16.0
        };
        *entry = scaled.round() as u8;
    }
    plane.iter().map(|&sample| table[usize::from(sample)]).collect()
}
