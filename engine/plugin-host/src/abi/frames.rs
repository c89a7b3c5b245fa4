//! Frames as guests see them: a layout of the contract, read in regions.

use bytes::{Bytes, BytesMut};
use imaging::{Frame, Pixels, colour};

use super::v1::{Error, ImageInfo, PixelFormat, Rect};

/// A host's frame in one of the contract's layouts.
pub(crate) struct GuestFrame(pub(crate) Frame);

impl GuestFrame {
    /// Layouts that the contract does not know become rgba8, once.
    pub(crate) fn new(frame: Frame) -> Self {
        match &frame.pixels {
            Pixels::Gray8(_) | Pixels::Rgba8(_) | Pixels::Rgba16(_) => Self(frame),
            Pixels::Rgb8(_) | Pixels::Ycc(_) => Self(colour::to_rgba8(&frame)),
        }
    }

    pub(crate) fn info(&self) -> ImageInfo {
        let format = match &self.0.pixels {
            Pixels::Gray8(_) => PixelFormat::Gray8,
            Pixels::Rgba16(_) => PixelFormat::Rgba16,
            _ => PixelFormat::Rgba8,
        };
        ImageInfo {
            width: self.0.width,
            height: self.0.height,
            format,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.0.pixels {
            Pixels::Gray8(b) | Pixels::Rgb8(b) | Pixels::Rgba8(b) | Pixels::Rgba16(b) => b,
            // `new` has turned planes into rgba8.
            Pixels::Ycc(_) => &[],
        }
    }

    /// Bytes `range` of the pixels, shared.
    pub(crate) fn share(&self, range: std::ops::Range<usize>) -> Bytes {
        match &self.0.pixels {
            Pixels::Gray8(b) | Pixels::Rgb8(b) | Pixels::Rgba8(b) | Pixels::Rgba16(b) => b.slice(range),
            Pixels::Ycc(_) => Bytes::new(),
        }
    }

    /// Full rows are shared, others gathered; either way the guest gets one copy.
    pub(crate) fn read(&self, region: Rect) -> Result<Bytes, Error> {
        let info = self.info();
        region.check(info)?;
        let pixel = info.format.bytes();
        let row = info.width as usize * pixel;
        let first = region.y as usize * row;
        if region.width == info.width {
            return Ok(self.share(first..first + region.height as usize * row));
        }
        let width = region.width as usize * pixel;
        let mut gathered = BytesMut::with_capacity(width * region.height as usize);
        for y in 0..region.height as usize {
            let start = first + y * row + region.x as usize * pixel;
            gathered.extend_from_slice(&self.bytes()[start..start + width]);
        }
        Ok(gathered.freeze())
    }
}

/// Pixels of a layout of the contract, as a frame of the host.
pub(crate) fn frame(info: ImageInfo, pixels: Bytes) -> Frame {
    let pixels = match info.format {
        PixelFormat::Gray8 => Pixels::Gray8(pixels),
        PixelFormat::Rgba8 => Pixels::Rgba8(pixels),
        PixelFormat::Rgba16 => Pixels::Rgba16(pixels),
    };
    Frame::new(info.width, info.height, pixels)
}

impl PixelFormat {
    /// Bytes of one pixel.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Gray8 => 1,
            Self::Rgba8 => 4,
            Self::Rgba16 => 8,
        }
    }
}

impl ImageInfo {
    pub(crate) fn byte_len(self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * self.format.bytes() as u64
    }
}

impl Rect {
    /// Whether the region lies inside the picture.
    pub(crate) fn check(self, info: ImageInfo) -> Result<(), Error> {
        let fits =
            |start: u32, length: u32, whole: u32| start.checked_add(length).is_some_and(|end| end <= whole);
        if fits(self.x, self.width, info.width) && fits(self.y, self.height, info.height) {
            return Ok(());
        }
        Err(Error::Internal(format!(
            "the region {}x{} at ({}, {}) does not lie inside the frame of {}x{}",
            self.width, self.height, self.x, self.y, info.width, info.height
        )))
    }
}
