//! Frames by way of the host's imports. The host checks every region and length.

use crate::bindings::imports::stopbath::plugin::{frames, host};
use crate::{Error, ImageInfo, Level, PixelFormat, Rect, Resample};

#[derive(Debug)]
pub(crate) struct Frame(pub(crate) frames::Frame);

impl Frame {
    pub(crate) fn info(&self) -> ImageInfo {
        self.0.info()
    }

    pub(crate) fn read(&self, region: Rect) -> Result<Vec<u8>, Error> {
        self.0.read(region)
    }

    pub(crate) fn resize(&self, width: u32, height: u32, filter: Resample) -> Result<Self, Error> {
        frames::resize(&self.0, width, height, filter).map(Self)
    }

    pub(crate) fn crop(&self, region: Rect) -> Result<Self, Error> {
        frames::crop(&self.0, region).map(Self)
    }

    pub(crate) fn convert(&self, format: PixelFormat) -> Result<Self, Error> {
        frames::convert(&self.0, format).map(Self)
    }
}

#[derive(Debug)]
pub(crate) struct Builder(frames::FrameBuilder);

impl Builder {
    pub(crate) fn new(info: ImageInfo) -> Self {
        Self(frames::FrameBuilder::new(info))
    }

    pub(crate) fn write(&mut self, region: Rect, pixels: &[u8]) -> Result<(), Error> {
        self.0.write(region, pixels)
    }

    pub(crate) fn finish(self) -> Result<Frame, Error> {
        frames::FrameBuilder::finish(self.0).map(Frame)
    }
}

pub(crate) fn log(level: Level, message: &str, fields: &[(String, String)]) {
    host::log(level, message, fields);
}

pub(crate) fn emit(key: &str, json: &str) -> Result<(), Error> {
    host::emit(key, json).map_err(|reason| Error::Internal(format!("the host refused `{key}`: {reason}")))
}
