//! Encoded files read again: their size, and their first frame as coarse shades.
//!
//! Every byte is visited, so that a file cut short does not pass, but only one frame is looked at.

use std::io::Cursor;

use image_webp::WebPDecoder;
use turbojpeg::{Decompressor, Image, PixelFormat, ScalingFactor};
use workflow::limits::InputLimits;
use workflow::op::Decode;

use super::coarse::Coarse;
use crate::colour;
use crate::decode::{DecodeRequest, decode, libwebp};
use crate::frame::Frame;
use crate::ops::{frame_of, view};
use crate::sniff::InputType;

pub(super) struct Reread {
    pub(super) size: (u32, u32),
    pub(super) first: Coarse,
}

/// What does not decode, with the decoder's words.
fn unreadable(error: impl std::fmt::Display) -> String {
    format!("does not decode: {error}")
}

const CUT_SHORT: &str = "is cut short";

/// An eighth of the size, luma alone. The decoder reports every warning as an error.
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
    let mut pixels = vec![0; width * height];
    let image = Image {
        pixels: &mut pixels[..],
        width,
        pitch: width,
        height,
        format: PixelFormat::GRAY,
    };
    decoder.decompress(bytes, image).map_err(unreadable)?;
    let shades = pixels.iter().map(|&shade| f32::from(shade)).collect();
    Ok(Reread {
        size,
        first: Coarse { width, shades },
    })
}

pub(super) fn png(bytes: &[u8], frames: usize) -> Result<Reread, String> {
    const END: [u8; 12] = [0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82];
    if !bytes.ends_with(&END) {
        return Err(CUT_SHORT.into());
    }
    let mut reader = png::Decoder::new(Cursor::new(bytes))
        .read_info()
        .map_err(unreadable)?;
    let size = reader.info().size();
    let pixel = reader.info().bytes_per_pixel();
    let mut pixels = vec![0; reader.output_buffer_size().ok_or("is too large")?];
    reader.next_frame(&mut pixels).map_err(unreadable)?;
    if pixel == 8 {
        pixels = colour::repack::<2, 2>(&pixels, |[high, low]| [low, high]);
    }
    let first = Coarse::of(&frame_of(size.0, size.1, pixel, pixels));
    let mut rest = vec![
        0;
        if frames > 1 {
            reader.output_buffer_size().unwrap_or(0)
        } else {
            0
        }
    ];
    for _ in 1..frames {
        reader.next_frame(&mut rest).map_err(unreadable)?;
    }
    reader.finish().map_err(unreadable)?;
    Ok(Reread { size, first })
}

pub(super) fn webp(bytes: &[u8], animated: bool) -> Result<Reread, String> {
    let told = bytes
        .get(4..8)
        .and_then(|part| part.first_chunk())
        .map(|part| u32::from_le_bytes(*part));
    if told.is_none_or(|told| told as usize + 8 != bytes.len()) {
        return Err(CUT_SHORT.into());
    }
    if !animated {
        return still_webp(bytes).ok_or_else(|| "does not decode".into());
    }
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(unreadable)?;
    let size = decoder.dimensions();
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut pixels = vec![0; decoder.output_buffer_size().ok_or("is too large")?];
    decoder.read_frame(&mut pixels).map_err(unreadable)?;
    let first = Coarse::of(&frame_of(size.0, size.1, channels, pixels.clone()));
    for _ in 1..decoder.num_frames() {
        decoder.read_frame(&mut pixels).map_err(unreadable)?;
    }
    Ok(Reread { size, first })
}

/// Luma alone where the file is lossy and opaque; it is widened back to the full range after averaging.
fn still_webp(bytes: &[u8]) -> Option<Reread> {
    let rough = libwebp::rough_luma(bytes);
    let narrow = rough.is_some();
    let still = rough.or_else(|| libwebp::decode(bytes))?;
    let size = (still.width, still.height);
    let mut first = Coarse::of(&frame_of(size.0, size.1, still.channels, still.pixels));
    if narrow {
        for shade in &mut first.shades {
            *shade = (*shade - 16.0) * 255.0 / 219.0;
        }
    }
    Some(Reread { size, first })
}

/// By the whole way that an original takes, which finds a box that is cut short, too.
pub(super) fn avif(bytes: &[u8]) -> Result<Reread, String> {
    let request = DecodeRequest {
        params: &Decode::default(),
        limits: &InputLimits {
            max_bytes: u64::MAX,
            ..InputLimits::default()
        },
        consumers: &[],
        planes: false,
    };
    let decoded = decode(bytes, &request).map_err(unreadable)?;
    if decoded.header.kind != InputType::Avif {
        return Err("does not start as one".into());
    }
    let first = decoded.picture.first();
    Ok(Reread {
        size: (first.width, first.height),
        first: Coarse::of(first),
    })
}

pub(super) fn gif(bytes: &[u8], frames: usize) -> Result<Reread, String> {
    if bytes.last() != Some(&b';') {
        return Err(CUT_SHORT.into());
    }
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    options.check_frame_consistency(true);
    let mut decoder = options.read_info(bytes).map_err(unreadable)?;
    let size = (u32::from(decoder.width()), u32::from(decoder.height()));
    let mut first = None;
    let mut count = 0;
    while let Some(frame) = decoder.read_next_frame().map_err(unreadable)? {
        count += 1;
        if first.is_none() {
            let (width, height) = (frame.width.into(), frame.height.into());
            first = Some(Coarse::of(&frame_of(width, height, 4, frame.buffer.to_vec())));
        }
    }
    match first {
        Some(first) if count == frames => Ok(Reread { size, first }),
        _ => Err(format!("has {count} frames, not {frames}")),
    }
}

/// The frame as GIF shows it: each pixel wholly there or not at all.
pub(super) fn cut_out(frame: &Frame) -> Frame {
    let rgba = colour::to_rgba8(frame);
    let pixels = colour::repack::<4, 4>(view(&rgba).0, |[r, g, b, a]| {
        [r, g, b, if a < 128 { 0 } else { 255 }]
    });
    frame_of(frame.width, frame.height, 4, pixels)
}
