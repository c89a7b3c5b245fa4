//! The shapes that cross the boundary, and the arithmetic on them.
//!
//! The types themselves are generated from the WIT, so that nothing is converted on the way; here they get
//! sizes and readable messages. Pixels are in [`crate::frame`].

pub use crate::bindings::imports::stopbath::plugin::frames::Resample;
pub use crate::bindings::imports::stopbath::plugin::types::{Error, ImageInfo, PixelFormat, Rect};

impl PixelFormat {
    /// Bytes that one pixel takes: 1, 4 or 8.
    pub const fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Gray8 => 1,
            Self::Rgba8 => 4,
            Self::Rgba16 => 8,
        }
    }
}

impl ImageInfo {
    pub const fn new(width: u32, height: u32, format: PixelFormat) -> Self {
        Self {
            width,
            height,
            format,
        }
    }

    /// Bytes that one row takes.
    pub const fn row_bytes(&self) -> usize {
        self.width as usize * self.format.bytes_per_pixel()
    }

    /// The whole image as a region.
    pub const fn bounds(&self) -> Rect {
        Rect {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        }
    }
}

impl Rect {
    pub const fn new(x: u32, y: u32, width: u32, height: u32) -> Self {
        Self { x, y, width, height }
    }

    /// Full rows `y .. y + rows` of an image `width` pixels wide.
    pub const fn rows(width: u32, y: u32, rows: u32) -> Self {
        Self {
            x: 0,
            y,
            width,
            height: rows,
        }
    }
}

impl Error {
    /// The sentence for people, without the kind.
    pub fn message(&self) -> &str {
        match self {
            Self::InvalidParams(text)
            | Self::Unsupported(text)
            | Self::BadInput(text)
            | Self::Internal(text) => text,
        }
    }

    /// The kind as the host reports it: `invalid-params`, `unsupported`, `bad-input` or `internal`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::InvalidParams(_) => "invalid-params",
            Self::Unsupported(_) => "unsupported",
            Self::BadInput(_) => "bad-input",
            Self::Internal(_) => "internal",
        }
    }
}
