//! PNG and APNG by the `png` crate.
//!
//! `effort` up to 4 is the crate's fast mode, 5 to 7 its middle one, above that its slow one. Opaque
//! pictures are stored without alpha, 16 bits stay 16 bits.

use png::{BitDepth, BlendOp, ColorType, Compression, DisposeOp, Info};
use workflow::failure::Failure;
use workflow::rendition::{Encode, Format};

use super::failed;
use super::kept::kept;
use crate::colour;
use crate::frame::{Frame, Picture, Pixels};
use crate::ops::{interleaved, view};

pub(super) fn encode(picture: &Picture, options: &Encode) -> Result<Vec<u8>, Failure> {
    let frames = picture
        .frames
        .iter()
        .map(interleaved)
        .collect::<Result<Vec<_>, _>>()?;
    let opaque = frames.iter().all(colour::is_opaque);
    let frames: Vec<Frame> = frames.iter().map(|frame| lean(frame, opaque)).collect();
    write(picture, &frames, options).map_err(|error| failed(Format::Png, error))
}

/// All frames of one file share a layout.
fn lean(frame: &Frame, opaque: bool) -> Frame {
    match &frame.pixels {
        Pixels::Rgba8(_) if opaque => colour::to_rgb8(frame),
        _ => frame.clone(),
    }
}

fn write(picture: &Picture, frames: &[Frame], options: &Encode) -> Result<Vec<u8>, png::EncodingError> {
    let first = &frames[0];
    let gray = matches!(first.pixels, Pixels::Gray8(_));
    let kept = kept(&picture.metadata, options, gray);
    let mut info = Info::with_size(first.width, first.height);
    info.icc_profile = kept.icc.map(|icc| icc.to_vec().into());
    info.exif_metadata = kept.exif.map(|exif| exif.to_vec().into());
    (info.color_type, info.bit_depth) = layout(first);
    let mut out = Vec::with_capacity(first.bytes() / 2);
    let mut encoder = png::Encoder::with_info(&mut out, info)?;
    encoder.set_compression(compression(options.effort));
    if frames.len() > 1 {
        encoder.set_animated(frames.len() as u32, picture.loops)?;
        encoder.set_blend_op(BlendOp::Source)?;
        encoder.set_dispose_op(DisposeOp::None)?;
    }
    let mut writer = encoder.write_header()?;
    for (index, frame) in frames.iter().enumerate() {
        if frames.len() > 1 {
            let delay = picture.delays.get(index).copied().unwrap_or(100);
            writer.set_frame_delay(delay.min(u16::MAX.into()) as u16, 1000)?;
        }
        writer.write_image_data(&samples(frame))?;
    }
    writer.finish()?;
    Ok(out)
}

fn layout(frame: &Frame) -> (ColorType, BitDepth) {
    match frame.pixels {
        Pixels::Gray8(_) => (ColorType::Grayscale, BitDepth::Eight),
        Pixels::Rgba8(_) => (ColorType::Rgba, BitDepth::Eight),
        Pixels::Rgba16(_) => (ColorType::Rgba, BitDepth::Sixteen),
        Pixels::Rgb8(_) | Pixels::Ycc(_) => (ColorType::Rgb, BitDepth::Eight),
    }
}

/// PNG stores 16-bit numbers with the high byte first.
fn samples(frame: &Frame) -> std::borrow::Cow<'_, [u8]> {
    let (bytes, size) = view(frame);
    if size < 8 {
        return bytes.into();
    }
    colour::repack::<2, 2>(bytes, |[low, high]| [high, low]).into()
}

fn compression(effort: Option<u8>) -> Compression {
    match effort.unwrap_or(4) {
        0..=4 => Compression::Fast,
        5..=7 => Compression::Balanced,
        _ => Compression::High,
    }
}
