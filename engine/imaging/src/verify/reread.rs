//! Encoded stills read again: their size, and how they look coarsely.

mod moving;

use std::io::Cursor;

use image_webp::WebPDecoder;
use turbojpeg::{Decompressor, ScalingFactor, Subsamp, YuvImage};

use super::blocks::plane;
use super::coarse::{Coarse, Colours};
use crate::colour;
use crate::decode::decode_own;
use crate::decode::libwebp::{self, Yuv};
use crate::frame::Frame;
use crate::ops::{frame_of, view};
use crate::sniff::InputType;

pub(super) use moving::{gif, png};

pub(super) struct Reread {
    pub(super) size: (u32, u32),
    /// At least one, each with the milliseconds that it shows.
    pub(super) frames: Vec<(Coarse, u32)>,
    /// How often an animation plays, 0 for ever; `None` for a still.
    pub(super) loops: Option<u32>,
}

impl Reread {
    fn still(size: (u32, u32), frame: Coarse) -> Self {
        Self {
            size,
            frames: vec![(frame, 0)],
            loops: None,
        }
    }
}

/// What does not decode, with the decoder's words.
fn unreadable(error: impl std::fmt::Display) -> String {
    format!("does not decode: {error}")
}

const CUT_SHORT: &str = "is cut short";

/// An eighth of the size, as planes. The decoder reports every warning as an error.
pub(super) fn jpeg(bytes: &[u8]) -> Result<Reread, String> {
    if !bytes.ends_with(&[0xff, 0xd9]) {
        return Err(CUT_SHORT.into());
    }
    let mut decoder = Decompressor::new().map_err(unreadable)?;
    let header = decoder.read_header(bytes).map_err(unreadable)?;
    let size = (header.width as u32, header.height as u32);
    decoder
        .set_scaling_factor(ScalingFactor::ONE_EIGHTH)
        .map_err(unreadable)?;
    let (width, height) = (header.width.div_ceil(8), header.height.div_ceil(8));
    let (across, down) = match header.subsamp {
        Subsamp::None | Subsamp::Gray => (1, 1),
        Subsamp::Sub2x1 => (2, 1),
        Subsamp::Sub2x2 => (2, 2),
        other => return Err(format!("has chroma as nobody asked for: {other:?}")),
    };
    // The luma plane is padded to whole chroma samples.
    let (half_wide, half_high) = (width.div_ceil(across), height.div_ceil(down));
    let (wide, luma) = (half_wide * across, half_wide * across * half_high * down);
    let chroma = if header.subsamp == Subsamp::Gray {
        0
    } else {
        half_wide * half_high
    };
    let mut image = YuvImage {
        pixels: vec![0; luma + 2 * chroma],
        width,
        align: 1,
        height,
        subsamp: header.subsamp,
    };
    decoder
        .decompress_to_yuv(bytes, image.as_deref_mut())
        .map_err(unreadable)?;
    let (y, rest) = image.pixels.split_at(luma);
    let (cb, cr) = rest.split_at(chroma);
    let rows = y.chunks_exact(wide).take(height);
    let grid = Colours::grid(size.0, size.1);
    let colours = if chroma == 0 {
        Colours {
            width: grid.0,
            pairs: vec![[0.0; 2]; grid.0 * grid.1],
        }
    } else {
        let of = |samples| plane(samples, half_wide, (2 / across, 2 / down), grid);
        Colours::of_means(grid.0, &of(cb), &of(cr), 1.0)
    };
    let coarse = Coarse {
        width,
        shades: rows
            .flat_map(|row| row[..width].iter().map(|&shade| f32::from(shade)))
            .collect(),
        colours,
    };
    Ok(Reread::still(size, coarse))
}

pub(super) fn webp(bytes: &[u8], animated: bool) -> Result<Reread, String> {
    let told = bytes
        .get(4..8)
        .and_then(|part| part.first_chunk())
        .map(|part| u32::from_le_bytes(*part));
    if told.is_none_or(|told| told as usize + 8 != bytes.len()) {
        return Err(CUT_SHORT.into());
    }
    if animated {
        let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(unreadable)?;
        // The encoder makes a still of frames that are all alike.
        if decoder.is_animated() {
            return moving::webp(decoder);
        }
    }
    still_webp(bytes).ok_or_else(|| "does not decode".into())
}

fn still_webp(bytes: &[u8]) -> Option<Reread> {
    if let Some(yuv) = libwebp::rough_planes(bytes) {
        return Some(Reread::still((yuv.width, yuv.height), coarse_planes(&yuv)));
    }
    let size = libwebp::size(bytes)?;
    let still = libwebp::decode(bytes, size)?;
    let frame = frame_of(size.0, size.1, still.channels, still.pixels);
    Some(Reread::still(size, Coarse::of(&frame)))
}

/// Means are taken before the narrow range is widened to the full one.
fn coarse_planes(yuv: &Yuv) -> Coarse {
    let [y, u, v] = &yuv.planes;
    let grid = Colours::grid(yuv.width, yuv.height);
    let of = |samples: &[u8]| plane(samples, (yuv.width as usize).div_ceil(2), (8, 8), grid);
    let blocks = (
        (yuv.width as usize).div_ceil(8),
        (yuv.height as usize).div_ceil(8),
    );
    let shades = plane(y, yuv.width as usize, (8, 8), blocks);
    Coarse {
        width: blocks.0,
        shades: shades
            .iter()
            .map(|shade| (shade - 16.0) * 255.0 / 219.0)
            .collect(),
        colours: Colours::of_means(grid.0, &of(u), &of(v), 255.0 / 224.0),
    }
}

/// By the whole way that an original takes, which finds a box that is cut short, too.
pub(super) fn avif(bytes: &[u8]) -> Result<Reread, String> {
    let decoded = decode_own(bytes).map_err(unreadable)?;
    if decoded.header.kind != InputType::Avif {
        return Err("does not start as one".into());
    }
    let first = decoded.picture.first();
    Ok(Reread::still((first.width, first.height), Coarse::of(first)))
}

/// The frame as GIF shows it: each pixel wholly there or not at all.
pub(super) fn cut_out(frame: &Frame) -> Frame {
    let rgba = colour::to_rgba8(frame);
    let pixels = colour::repack::<4, 4>(view(&rgba).0, |[r, g, b, a]| {
        [r, g, b, if a < 128 { 0 } else { 255 }]
    });
    frame_of(frame.width, frame.height, 4, pixels)
}
