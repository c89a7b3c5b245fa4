//! What several steps need of a frame's buffer: its bytes, new frames of the same layout.

use std::borrow::Cow;

use bytes::Bytes;
use workflow::failure::Failure;
use workflow::op::Filter;

use super::resize::{extent, resample};
use crate::colour;
use crate::frame::{Frame, Pixels};

/// The frame with its extent filling all of it, for steps that count whole pixels.
pub(crate) fn whole(frame: &Frame) -> Result<Frame, Failure> {
    let (w, h) = extent(frame);
    let size = (w.round().max(1.0) as u32, h.round().max(1.0) as u32);
    resample(frame, (0.0, 0.0, w, h), size, Filter::Lanczos3)
}

/// The same, interleaved: planes become RGB.
pub(crate) fn interleaved(frame: &Frame) -> Result<Frame, Failure> {
    let frame = whole(frame)?;
    Ok(if matches!(frame.pixels, Pixels::Ycc(_)) {
        colour::to_rgb8(&frame)
    } else {
        frame
    })
}

/// The bytes of an interleaved frame and how many a pixel takes; planes show their luma.
pub(crate) fn view(frame: &Frame) -> (&[u8], usize) {
    match &frame.pixels {
        Pixels::Gray8(bytes) => (bytes, 1),
        Pixels::Rgb8(bytes) => (bytes, 3),
        Pixels::Rgba8(bytes) => (bytes, 4),
        Pixels::Rgba16(bytes) => (bytes, 8),
        Pixels::Ycc(planes) => (&planes.y, 1),
    }
}

/// An interleaved frame with a pixel of `size` bytes.
pub(crate) fn frame_of(width: u32, height: u32, size: usize, bytes: impl Into<Bytes>) -> Frame {
    let bytes = bytes.into();
    let pixels = match size {
        1 => Pixels::Gray8(bytes),
        3 => Pixels::Rgb8(bytes),
        4 => Pixels::Rgba8(bytes),
        _ => Pixels::Rgba16(bytes),
    };
    Frame::new(width, height, pixels)
}

/// 16-bit samples at an even address, as typed views need them.
pub(crate) fn aligned(bytes: &Bytes) -> Cow<'_, [u8]> {
    match bytemuck::try_cast_slice::<u8, u16>(bytes) {
        Ok(_) => Cow::Borrowed(bytes),
        Err(_) => Cow::Owned(bytes.to_vec()),
    }
}

/// A rectangle cut out of rows of `width` pixels of `size` bytes.
pub(super) fn cut(bytes: &[u8], width: u32, size: usize, at: (u32, u32), to: (u32, u32)) -> Vec<u8> {
    let row = width as usize * size;
    let (start, length) = (at.0 as usize * size, to.0 as usize * size);
    let mut out = Vec::with_capacity(length * to.1 as usize);
    for line in bytes.chunks_exact(row).skip(at.1 as usize).take(to.1 as usize) {
        out.extend_from_slice(&line[start..start + length]);
    }
    out
}
