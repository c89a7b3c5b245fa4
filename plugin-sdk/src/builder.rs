//! Pixels being made.

use crate::{Error, Frame, ImageInfo, Rect, backend};

/// A frame under construction. Every row must be written before [`finish`](Self::finish).
#[derive(Debug)]
pub struct FrameBuilder {
    info: ImageInfo,
    raw: backend::Builder,
}

impl FrameBuilder {
    pub fn new(info: ImageInfo) -> Self {
        Self {
            info,
            raw: backend::Builder::new(info),
        }
    }

    pub fn info(&self) -> ImageInfo {
        self.info
    }

    /// Writes a region, row by row without padding; `pixels` has exactly the region's size.
    pub fn write(&mut self, region: Rect, pixels: &[u8]) -> Result<(), Error> {
        self.raw.write(region, pixels)
    }

    /// Writes as many full rows as `pixels` holds, from row `y` on.
    pub fn write_rows(&mut self, y: u32, pixels: &[u8]) -> Result<(), Error> {
        let rows = pixels.len() / self.info.row_bytes().max(1);
        self.write(Rect::rows(self.info.width, y, rows as u32), pixels)
    }

    /// An error when a row was not written.
    pub fn finish(self) -> Result<Frame, Error> {
        self.raw.finish().map(Frame::from_raw)
    }
}
