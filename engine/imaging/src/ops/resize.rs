//! `resize`: the fractional region that `geometry` names, resampled by SIMD convolution.
//!
//! Alpha is premultiplied for it. The planes of a JPEG are resized as they are and keep their chroma
//! subsampling; `planes` keeps the chroma in its place. One thread only: executors are one per core.

pub mod geometry;
mod lanczos;
mod planes;

use std::cell::RefCell;

use bytes::Bytes;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use workflow::failure::{Failure, FailureKind};
use workflow::op::{Anchor, Filter, Fit, Position, Resize};

use crate::colour;
use crate::frame::{Frame, Picture, Pixels};
use crate::ops::{focus, pad, raster};

pub use geometry::{Canvas, Geometry, LARGEST_SIDE, geometry};
pub(crate) use planes::grown;

/// Left, top, width and height in pixels of the source.
pub type Region = (f64, f64, f64, f64);

/// The longest side that a result may have.
pub const fn largest_side() -> u32 {
    LARGEST_SIDE
}

/// The whole picture made `width` x `height` pixels, by its extent. `InvalidParams` for sides outside 1
/// to 16384.
pub fn resize_frame(frame: &Frame, width: u32, height: u32, filter: Filter) -> Result<Frame, Failure> {
    let fill = Resize {
        width: Some(width),
        height: Some(height),
        fit: Fit::Fill,
        enlarge: true,
        ..Resize::default()
    };
    let (w, h) = extent(frame);
    let geometry = geometry(w, h, &fill)?;
    resample(frame, geometry.source, (geometry.width, geometry.height), filter)
}

pub(super) fn apply(op: &Resize, picture: &Picture) -> Result<Picture, Failure> {
    let (w, h) = extent(picture.first());
    let mut op = op.clone();
    if op.fit == Fit::Cover {
        op.position = settled(&op, picture.first())?;
    }
    let geometry = geometry(w, h, &op)?;
    picture.try_map(|frame| {
        let frame = resample(
            frame,
            geometry.source,
            (geometry.width, geometry.height),
            op.filter,
        )?;
        Ok(match geometry.canvas {
            Some(canvas) => pad::on_canvas(&frame, canvas, op.background),
            None => frame,
        })
    })
}

/// The position with `attention` and `entropy` made a point; decided once for all frames.
fn settled(op: &Resize, frame: &Frame) -> Result<Position, Failure> {
    let interest = match op.position {
        Position::Anchor(Anchor::Attention) => focus::Interest::Attention,
        Position::Anchor(Anchor::Entropy) => focus::Interest::Entropy,
        position => return Ok(position),
    };
    let (w, h) = extent(frame);
    let centred = geometry(w, h, op)?;
    let window = (centred.source.2 / w, centred.source.3 / h);
    Ok(Position::Focus(focus::find(frame, window, interest)?))
}

/// The size of the picture in pixels of its frame.
pub(crate) fn extent(frame: &Frame) -> (f64, f64) {
    frame
        .extent
        .unwrap_or((f64::from(frame.width), f64::from(frame.height)))
}

/// A region of the frame, made `size` pixels.
pub(crate) fn resample(
    frame: &Frame,
    region: Region,
    size: (u32, u32),
    filter: Filter,
) -> Result<Frame, Failure> {
    let (width, height) = size;
    if region == (0.0, 0.0, f64::from(width), f64::from(height)) && size == (frame.width, frame.height) {
        return Ok(Frame {
            extent: None,
            ..frame.clone()
        });
    }
    let from = (frame.width, frame.height);
    let job =
        |bytes: &[u8], kind, alpha| convolve(bytes, kind, from, region, size, filter, alpha).map(Bytes::from);
    let pixels = match &frame.pixels {
        Pixels::Gray8(bytes) => Pixels::Gray8(job(bytes, PixelType::U8, false)?),
        Pixels::Rgb8(bytes) => Pixels::Rgb8(job(bytes, PixelType::U8x3, false)?),
        Pixels::Rgba8(bytes) => Pixels::Rgba8(job(bytes, PixelType::U8x4, !colour::is_opaque(frame))?),
        Pixels::Rgba16(bytes) => {
            let aligned = raster::aligned(bytes);
            Pixels::Rgba16(job(&aligned, PixelType::U16x4, !colour::is_opaque(frame))?)
        }
        Pixels::Ycc(planes) => planes::resample(planes, from, region, size, filter)?,
    };
    Ok(Frame::new(width, height, pixels))
}

/// Buffers above this are given back after a resize.
const KEPT_BUFFERS: usize = 64 << 20;

thread_local! {
    /// Kept for its buffers: fresh ones cost a page fault for each 4 KiB.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// One buffer of pixels resampled; `from` is its size, `region` what to take of it.
fn convolve(
    bytes: &[u8],
    kind: PixelType,
    from: (u32, u32),
    region: Region,
    to: (u32, u32),
    filter: Filter,
    alpha: bool,
) -> Result<Vec<u8>, Failure> {
    let (left, top, w, h) = region;
    let (w, h) = (w.min(f64::from(from.0) - left), h.min(f64::from(from.1) - top));
    let options = ResizeOptions::new()
        .resize_alg(algorithm(filter))
        .crop(left, top, w, h)
        .use_alpha(alpha);
    let source = ImageRef::new(from.0, from.1, bytes, kind).map_err(|e| internal(&e))?;
    let mut target = Image::new(to.0, to.1, kind);
    RESIZER.with_borrow_mut(|resizer| {
        let done = resizer
            .resize(&source, &mut target, &options)
            .map_err(|e| internal(&e));
        if resizer.size_of_internal_buffers() > KEPT_BUFFERS {
            resizer.reset_internal_buffers();
        }
        done
    })?;
    Ok(target.into_vec())
}

fn algorithm(filter: Filter) -> ResizeAlg {
    match filter {
        Filter::Nearest => ResizeAlg::Nearest,
        Filter::Bilinear => ResizeAlg::Convolution(FilterType::Bilinear),
        Filter::CatmullRom => ResizeAlg::Convolution(FilterType::CatmullRom),
        Filter::Mitchell => ResizeAlg::Convolution(FilterType::Mitchell),
        Filter::Lanczos3 => ResizeAlg::Convolution(lanczos::filter()),
    }
}

fn internal(error: &dyn std::error::Error) -> Failure {
    Failure::new(FailureKind::Internal, format!("resize: {error}"))
}

#[cfg(test)]
mod tests;
