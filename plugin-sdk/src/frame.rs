//! Pixels that no longer change, and the ways to go over them.
//!
//! A frame stays in the host. Reading it copies a region into the plugin, so the loops here work in strips of
//! rows that fit the processor's cache: reading a whole image at once takes twice as long and may pass the
//! memory limit. Making frames row by row is in [`crate::builder`].

use crate::{Error, FrameBuilder, ImageInfo, PixelFormat, Rect, Resample, backend};

/// Bytes in a strip of [`Frame::map_rows`]. Measured: 16 rows of 4000 RGBA pixels cost least, as they stay in
/// the second-level cache between the host's copy and the plugin's loop.
const STRIP_BYTES: usize = 256 * 1024;

/// An image held by the host.
#[derive(Debug)]
pub struct Frame {
    info: ImageInfo,
    raw: backend::Frame,
}

/// Some full rows of a frame.
#[derive(Debug)]
pub struct Strip {
    /// The first row.
    pub y: u32,
    /// How many rows; the last strip may have fewer than the others.
    pub rows: u32,
    /// The rows, without padding.
    pub pixels: Vec<u8>,
}

impl Frame {
    pub(crate) fn from_raw(raw: backend::Frame) -> Self {
        Self {
            info: raw.info(),
            raw,
        }
    }

    #[cfg(target_family = "wasm")]
    pub(crate) fn into_raw(self) -> backend::Frame {
        self.raw
    }

    /// A new frame of these pixels, which have exactly the size that `info` says.
    pub fn from_pixels(info: ImageInfo, pixels: &[u8]) -> Result<Self, Error> {
        let mut builder = FrameBuilder::new(info);
        builder.write(info.bounds(), pixels)?;
        builder.finish()
    }

    pub fn info(&self) -> ImageInfo {
        self.info
    }

    pub fn width(&self) -> u32 {
        self.info.width
    }

    pub fn height(&self) -> u32 {
        self.info.height
    }

    pub fn format(&self) -> PixelFormat {
        self.info.format
    }

    /// The pixels of a region, row by row. An error when the region leaves the image.
    pub fn read(&self, region: Rect) -> Result<Vec<u8>, Error> {
        self.raw.read(region)
    }

    /// The frame from top to bottom in strips of about `approx_bytes`, at least one row each.
    pub fn strips(&self, approx_bytes: usize) -> impl Iterator<Item = Result<Strip, Error>> + '_ {
        let ImageInfo { width, height, .. } = self.info;
        let step = (approx_bytes / self.info.row_bytes().max(1)).clamp(1, height.max(1) as usize);
        (0..height).step_by(step).map(move |y| {
            let rows = (step as u32).min(height - y);
            let pixels = self.read(Rect::rows(width, y, rows))?;
            Ok(Strip { y, rows, pixels })
        })
    }

    /// A frame of the same shape whose rows are changed in place by `change(y, row)`.
    pub fn map_rows(&self, mut change: impl FnMut(u32, &mut [u8])) -> Result<Self, Error> {
        let mut builder = FrameBuilder::new(self.info);
        let row_bytes = self.info.row_bytes().max(1);
        for strip in self.strips(STRIP_BYTES) {
            let mut strip = strip?;
            for (row, y) in strip.pixels.chunks_exact_mut(row_bytes).zip(strip.y..) {
                change(y, row);
            }
            builder.write(Rect::rows(self.info.width, strip.y, strip.rows), &strip.pixels)?;
        }
        builder.finish()
    }

    /// An `rgba8` frame whose pixels are each changed by `change([r, g, b, a])`. Other formats are converted
    /// first.
    pub fn map_pixels(&self, change: impl Fn([u8; 4]) -> [u8; 4]) -> Result<Self, Error> {
        if self.format() != PixelFormat::Rgba8 {
            return self.to_rgba()?.map_pixels(change);
        }
        self.map_rows(|_, row| {
            for pixel in row.as_chunks_mut::<4>().0 {
                *pixel = change(*pixel);
            }
        })
    }

    /// The same picture as `rgba8`.
    pub fn to_rgba(&self) -> Result<Self, Error> {
        self.convert(PixelFormat::Rgba8)
    }

    /// The same picture in another format. The host does the work.
    pub fn convert(&self, format: PixelFormat) -> Result<Self, Error> {
        self.raw.convert(format).map(Self::from_raw)
    }

    /// The picture in another size, resampled by the host.
    pub fn resize(&self, width: u32, height: u32, filter: Resample) -> Result<Self, Error> {
        self.raw.resize(width, height, filter).map(Self::from_raw)
    }

    /// A part of the picture, cut out by the host.
    pub fn crop(&self, region: Rect) -> Result<Self, Error> {
        self.raw.crop(region).map(Self::from_raw)
    }
}
