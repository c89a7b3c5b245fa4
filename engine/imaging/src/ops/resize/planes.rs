//! Resizing the planes of a JPEG without a turn through RGB.
//!
//! JPEG centres its chroma samples, so a region of the luma plane is the same region of a chroma plane,
//! divided by the subsampling. A chroma plane may reach past the picture by a part of a sample where a side
//! is odd; the result's may reach further than the source's, which is then continued by its edge.

use std::borrow::Cow;
use std::sync::Arc;

use fast_image_resize::PixelType;
use workflow::failure::Failure;
use workflow::op::Filter;

use super::{Region, convolve};
use crate::frame::{Pixels, Planes};

/// Luma `from` pixels; the result's luma `to` pixels, its chroma subsampled as the source's.
pub(super) fn resample(
    planes: &Planes,
    from: (u32, u32),
    region: Region,
    to: (u32, u32),
    filter: Filter,
) -> Result<Pixels, Failure> {
    let (ratio_x, ratio_y) = planes.subsampling(from.0, from.1);
    let (chroma_width, chroma_height) = (to.0.div_ceil(ratio_x), to.1.div_ceil(ratio_y));
    let (x, w) = chroma_span((region.0, region.2), to.0, ratio_x);
    let (y, h) = chroma_span((region.1, region.3), to.1, ratio_y);
    let size = (planes.chroma_width, planes.chroma_height);
    let pixel = (
        one_pixel(region.2 / f64::from(ratio_x), to.0),
        one_pixel(region.3 / f64::from(ratio_y), to.1),
    );
    let chroma = |plane: &[u8]| {
        let need = ((x + w).ceil() as u32, (y + h).ceil() as u32);
        let (plane, size) = continued(plane, size, need, pixel);
        convolve(
            &plane,
            PixelType::U8,
            size,
            (x, y, w, h),
            (chroma_width, chroma_height),
            filter,
            false,
        )
    };
    Ok(Pixels::Ycc(Arc::new(Planes {
        y: convolve(&planes.y, PixelType::U8, from, region, to, filter, false)?,
        cb: chroma(&planes.cb)?,
        cr: chroma(&planes.cr)?,
        chroma_width,
        chroma_height,
    })))
}

/// Start and length of a chroma plane's region: all that `ceil(to / ratio)` samples stand for.
fn chroma_span((start, length): (f64, f64), to: u32, ratio: u32) -> (f64, f64) {
    let covered = f64::from(to.div_ceil(ratio) * ratio) / f64::from(to);
    (start / f64::from(ratio), length * covered / f64::from(ratio))
}

/// The samples of a region of the chroma plane that one pixel of the result stands for, at least one.
fn one_pixel(region: f64, to: u32) -> u32 {
    (region / f64::from(to)).round().max(1.0) as u32
}

/// The plane, made at least `need` samples large. The last chroma sample of an odd side also stands for a
/// pixel past the end, which is to have the colour of the last `pixel`, so it repeats the mean of that.
fn continued(
    plane: &[u8],
    size: (u32, u32),
    need: (u32, u32),
    pixel: (u32, u32),
) -> (Cow<'_, [u8]>, (u32, u32)) {
    let (width, height) = (size.0.max(need.0), size.1.max(need.1));
    if (width, height) == size {
        return (Cow::Borrowed(plane), size);
    }
    let grown = grown(plane, size, (width, height), pixel);
    (Cow::Owned(grown), (width, height))
}

/// A plane continued to a larger size, each way by the mean of its last `edge` columns and rows.
pub(crate) fn grown(plane: &[u8], from: (u32, u32), to: (u32, u32), edge: (u32, u32)) -> Vec<u8> {
    let (width, wide) = (from.0 as usize, to.0 as usize);
    let mut out = Vec::with_capacity(wide * to.1 as usize);
    for row in plane.chunks_exact(width) {
        out.extend_from_slice(row);
        let last = &row[width.saturating_sub(edge.0 as usize)..];
        out.resize(out.len() + wide - width, mean(last.iter().copied()));
    }
    let rows = (edge.1.min(from.1)) as usize;
    let last = out[out.len() - rows * wide..].to_vec();
    let row: Vec<u8> = (0..wide)
        .map(|column| mean(last[column..].iter().copied().step_by(wide)))
        .collect();
    for _ in from.1..to.1 {
        out.extend_from_slice(&row);
    }
    out
}

fn mean(samples: impl ExactSizeIterator<Item = u8>) -> u8 {
    let count = samples.len() as u32;
    ((samples.map(u32::from).sum::<u32>() + count / 2) / count) as u8
}

impl Planes {
    /// Luma samples a chroma sample, along each side: 1, 2 or 4.
    pub(crate) fn subsampling(&self, width: u32, height: u32) -> (u32, u32) {
        let ratio = |luma: u32, chroma: u32| {
            [1, 2, 4]
                .into_iter()
                .find(|&r| luma.div_ceil(r) == chroma)
                .unwrap_or(1)
        };
        (ratio(width, self.chroma_width), ratio(height, self.chroma_height))
    }
}
