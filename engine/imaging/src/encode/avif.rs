//! AVIF by rav1e, by way of `ravif`: 10 bits, full chroma, alpha; the first frame of an animation.
//!
//! One thread and so one tile, or the bytes would depend on the number of cores. The encoder always keeps
//! full chroma: at equal size that looks no worse. It cannot embed a profile.

use ravif::{Encoder, Img, RGB8, RGBA8};
use workflow::failure::Failure;
use workflow::rendition::{Encode, Format};

use super::kept::kept;
use super::{failed, no_profile};
use crate::colour;
use crate::frame::{Frame, Picture};
use crate::ops::{view, whole};

pub(super) fn encode(picture: &Picture, options: &Encode) -> Result<Vec<u8>, Failure> {
    let frame = whole(picture.first())?;
    let kept = kept(&picture.metadata, options, false);
    if kept.icc.is_some() {
        return Err(no_profile(Format::Avif));
    }
    let quality = f32::from(options.quality.unwrap_or(60));
    let mut encoder = Encoder::new()
        .with_quality(quality)
        .with_alpha_quality(quality.max(80.0))
        .with_speed(speed(options.effort))
        .with_num_threads(Some(1));
    if let Some(exif) = &kept.exif {
        encoder = encoder.with_exif(exif.to_vec());
    }
    compress(&encoder, &frame).map_err(|error| failed(Format::Avif, error))
}

fn compress(encoder: &Encoder<'_>, frame: &Frame) -> Result<Vec<u8>, ravif::Error> {
    let (width, height) = (frame.width as usize, frame.height as usize);
    let encoded = if colour::is_opaque(frame) {
        let rgb = colour::to_rgb8(frame);
        let pixels: Vec<RGB8> = view(&rgb)
            .0
            .as_chunks()
            .0
            .iter()
            .map(|&[r, g, b]| RGB8 { r, g, b })
            .collect();
        encoder.encode_rgb(Img::new(&pixels, width, height))?
    } else {
        let rgba = colour::to_rgba8(frame);
        let pixels: Vec<RGBA8> = view(&rgba)
            .0
            .as_chunks()
            .0
            .iter()
            .map(|&[r, g, b, a]| RGBA8 { r, g, b, a })
            .collect();
        encoder.encode_rgba(Img::new(&pixels, width, height))?
    };
    Ok(encoded.avif_file)
}

/// `effort` 0 is speed 10, the default 4 is speed 8, 10 is speed 1.
fn speed(effort: Option<u8>) -> u8 {
    match effort.unwrap_or(4) {
        0 | 1 => 10,
        2 | 3 => 9,
        4 => 8,
        effort => (12 - effort.min(10)).min(7) - 1,
    }
}
