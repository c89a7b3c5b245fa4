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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{frame, pixels};

    fn counted(width: u32, height: u32) -> Frame {
        frame(width, height, PixelFormat::Gray8, |x, y| {
            let value = (y * width + x) as u8;
            [value, value, value, 255]
        })
    }

    #[test]
    fn strips_cover_the_frame_once() {
        let frame = counted(3, 5);
        let sizes = |bytes| {
            let strips: Vec<_> = frame.strips(bytes).map(Result::unwrap).collect();
            let all: Vec<u8> = strips.iter().flat_map(|strip| strip.pixels.clone()).collect();
            assert_eq!(all, pixels(&frame));
            strips
                .iter()
                .map(|strip| (strip.y, strip.rows))
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(6), [(0, 2), (2, 2), (4, 1)]);
        assert_eq!(sizes(0), [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1)]);
        assert_eq!(sizes(usize::MAX), [(0, 5)]);
    }

    #[test]
    fn rows_are_mapped_with_their_number() {
        let out = counted(2, 3)
            .map_rows(|y, row| row.iter_mut().for_each(|value| *value += 10 * y as u8))
            .unwrap();
        assert_eq!(pixels(&out), [0, 1, 12, 13, 24, 25]);
    }

    #[test]
    fn more_than_one_strip_is_mapped() {
        let tall = Frame::from_pixels(
            ImageInfo::new(70_000, 9, PixelFormat::Rgba8),
            &vec![1; 70_000 * 9 * 4],
        )
        .unwrap();
        let mut rows = Vec::new();
        let out = tall.map_rows(|y, row| {
            rows.push(y);
            row.fill(y as u8);
        });
        assert_eq!(rows, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(out.unwrap().read(Rect::new(69_999, 8, 1, 1)).unwrap(), [8; 4]);
    }

    #[test]
    fn pixels_are_mapped_as_rgba_whatever_the_format() {
        for format in [PixelFormat::Gray8, PixelFormat::Rgba8, PixelFormat::Rgba16] {
            let source = frame(1, 1, format, |_, _| [9, 9, 9, 255]);
            let out = source.map_pixels(|[r, g, b, a]| [r + 1, g, b, a]).unwrap();
            assert_eq!(
                (out.format(), pixels(&out)),
                (PixelFormat::Rgba8, vec![10, 9, 9, 255])
            );
        }
    }
}
