//! Frames in memory, with the checks that the host makes: regions inside the image, exact lengths, no row
//! forgotten. Log lines and metadata are kept for the test to look at.

use std::cell::RefCell;

use super::native_ops;
use crate::{Error, ImageInfo, Level, PixelFormat, Rect, Resample};

#[derive(Debug)]
pub(crate) struct Frame {
    info: ImageInfo,
    pixels: Vec<u8>,
}

impl Frame {
    pub(crate) fn info(&self) -> ImageInfo {
        self.info
    }

    pub(crate) fn read(&self, region: Rect) -> Result<Vec<u8>, Error> {
        check(self.info, region)?;
        let mut pixels = Vec::with_capacity(bytes_of(self.info, region));
        for y in region.y..region.y + region.height {
            pixels.extend_from_slice(&self.pixels[row_range(self.info, region, y)]);
        }
        Ok(pixels)
    }

    pub(crate) fn resize(&self, width: u32, height: u32, filter: Resample) -> Result<Self, Error> {
        let info = ImageInfo {
            width,
            height,
            ..self.info
        };
        check(info, info.bounds())?;
        Ok(Self {
            info,
            pixels: native_ops::resize(self.info, &self.pixels, info, filter),
        })
    }

    pub(crate) fn crop(&self, region: Rect) -> Result<Self, Error> {
        let info = ImageInfo {
            width: region.width,
            height: region.height,
            ..self.info
        };
        Ok(Self {
            info,
            pixels: self.read(region)?,
        })
    }

    pub(crate) fn convert(&self, format: PixelFormat) -> Result<Self, Error> {
        let info = ImageInfo { format, ..self.info };
        check(info, info.bounds())?;
        let pixels = native_ops::convert(&self.pixels, self.info.format, format);
        Ok(Self { info, pixels })
    }
}

#[derive(Debug)]
pub(crate) struct Builder {
    info: ImageInfo,
    pixels: Vec<u8>,
    /// One flag a pixel, so that a gap of any shape is seen.
    written: Vec<bool>,
}

impl Builder {
    pub(crate) fn new(info: ImageInfo) -> Self {
        let count = info.width as usize * info.height as usize;
        Self {
            info,
            pixels: vec![0; count * info.format.bytes_per_pixel()],
            written: vec![false; count],
        }
    }

    pub(crate) fn write(&mut self, region: Rect, pixels: &[u8]) -> Result<(), Error> {
        check(self.info, region)?;
        let expected = bytes_of(self.info, region);
        if pixels.len() != expected {
            let Rect { width, height, .. } = region;
            let given = pixels.len();
            return Err(Error::Internal(format!(
                "{width}x{height} pixels take {expected} bytes, got {given}"
            )));
        }
        let rows = pixels.chunks_exact(expected / region.height as usize);
        for (row, y) in rows.zip(region.y..) {
            self.pixels[row_range(self.info, region, y)].copy_from_slice(row);
            let start = y as usize * self.info.width as usize + region.x as usize;
            self.written[start..start + region.width as usize].fill(true);
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Frame, Error> {
        check(self.info, self.info.bounds())?;
        match self.written.iter().position(|written| !written) {
            None => Ok(Frame {
                info: self.info,
                pixels: self.pixels,
            }),
            Some(at) => {
                let row = at / self.info.width as usize;
                Err(Error::Internal(format!("row {row} was not written")))
            }
        }
    }
}

fn check(info: ImageInfo, region: Rect) -> Result<(), Error> {
    let Rect { x, y, width, height } = region;
    let fits = |start: u32, length: u32, limit: u32| {
        length > 0 && start.checked_add(length).is_some_and(|end| end <= limit)
    };
    if fits(x, width, info.width) && fits(y, height, info.height) {
        return Ok(());
    }
    Err(Error::Internal(format!(
        "the region {width}x{height} at {x},{y} is not inside the image of {}x{}",
        info.width, info.height
    )))
}

fn bytes_of(info: ImageInfo, region: Rect) -> usize {
    region.width as usize * region.height as usize * info.format.bytes_per_pixel()
}

fn row_range(info: ImageInfo, region: Rect, y: u32) -> std::ops::Range<usize> {
    let size = info.format.bytes_per_pixel();
    let start = y as usize * info.row_bytes() + region.x as usize * size;
    start..start + region.width as usize * size
}

/// What a plugin told the host on this thread.
#[derive(Debug, Default)]
pub struct Collected {
    /// Log lines with their fields, as `message key=value`.
    pub lines: Vec<(Level, String)>,
    /// Metadata given to `emit`.
    pub emitted: Vec<(String, serde_json::Value)>,
}

thread_local! {
    static COLLECTED: RefCell<Collected> = RefCell::default();
}

/// Takes what was collected, leaving nothing.
pub(crate) fn collected() -> Collected {
    COLLECTED.with(RefCell::take)
}

pub(crate) fn log(level: Level, message: &str, fields: &[(String, String)]) {
    let fields: Vec<_> = fields
        .iter()
        .map(|(key, value)| format!(" {key}={value}"))
        .collect();
    COLLECTED.with_borrow_mut(|all| all.lines.push((level, format!("{message}{}", fields.concat()))));
}

pub(crate) fn emit(key: &str, json: &str) -> Result<(), Error> {
    let value = serde_json::from_str(json).map_err(|error| Error::Internal(error.to_string()))?;
    COLLECTED.with_borrow_mut(|all| all.emitted.push((key.to_owned(), value)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: ImageInfo = ImageInfo::new(2, 2, PixelFormat::Gray8);

    fn message(result: Result<impl std::fmt::Debug, Error>) -> String {
        result.unwrap_err().message().to_owned()
    }

    #[test]
    fn a_region_outside_and_a_wrong_length_are_refused() {
        let mut builder = Builder::new(INFO);
        let outside = "the region 1x2 at 0,1 is not inside the image of 2x2";
        assert_eq!(message(builder.write(Rect::new(0, 1, 1, 2), &[0; 2])), outside);
        assert!(builder.write(Rect::new(u32::MAX, 0, 2, 1), &[0; 2]).is_err());
        let short = "2x1 pixels take 2 bytes, got 3";
        assert_eq!(message(builder.write(Rect::rows(2, 0, 1), &[0; 3])), short);
    }

    #[test]
    fn a_forgotten_pixel_is_an_error() {
        let mut builder = Builder::new(INFO);
        builder.write(Rect::rows(2, 0, 1), &[1, 2]).unwrap();
        builder.write(Rect::new(0, 1, 1, 1), &[3]).unwrap();
        assert_eq!(message(builder.finish()), "row 1 was not written");
    }

    #[test]
    fn what_is_written_is_read() {
        let mut builder = Builder::new(INFO);
        builder.write(Rect::new(1, 0, 1, 2), &[2, 4]).unwrap();
        builder.write(Rect::new(0, 0, 1, 2), &[1, 3]).unwrap();
        let frame = builder.finish().unwrap();
        assert_eq!(frame.read(INFO.bounds()).unwrap(), [1, 2, 3, 4]);
        assert_eq!(frame.crop(Rect::new(1, 0, 1, 2)).unwrap().pixels, [2, 4]);
        assert!(frame.crop(Rect::new(0, 0, 0, 1)).is_err());
    }
}
