//! Plugins under test: natively on frames in memory, and in the sandbox of the real binary.
//!
//! Not part of a component. `frame` makes input, `run_…` go through the params exactly as the component does,
//! [`assert_golden`] compares with a PNG in `tests/golden/`, [`sandbox`] runs the built component.

mod golden;
pub mod sandbox;

use serde_json::Value;

pub use crate::backend::Collected;
pub use golden::{Tolerance, assert_golden, read_png, write_png};

use crate::{Analyzer, Decoder, Encoder, Error, Filter, Frame, ImageInfo, PixelFormat, backend, params};

/// A frame painted by `paint(x, y) -> [r, g, b, a]` and then converted to `format`.
pub fn frame(width: u32, height: u32, format: PixelFormat, paint: impl Fn(u32, u32) -> [u8; 4]) -> Frame {
    let at = |y| (0..width).map(move |x| (x, y));
    let pixels: Vec<u8> = (0..height).flat_map(at).flat_map(|(x, y)| paint(x, y)).collect();
    Frame::from_pixels(ImageInfo::new(width, height, PixelFormat::Rgba8), &pixels)
        .and_then(|frame| frame.convert(format))
        .expect("the frame has the size it says")
}

/// All the bytes of a frame.
pub fn pixels(frame: &Frame) -> Vec<u8> {
    frame.read(frame.info().bounds()).expect("the bounds are inside")
}

/// Runs a filter as the component would, params from JSON.
pub fn run_filter<P: Filter>(frame: Frame, json: &str) -> Result<Frame, Error> {
    P::apply(frame, params::parse(json)?)
}

/// Runs an analyzer; the output as the job's metadata would hold it.
pub fn run_analyzer<P: Analyzer>(frame: Frame, json: &str) -> Result<Value, Error> {
    let output = P::analyze(frame, params::parse(json)?)?;
    serde_json::to_value(output).map_err(|error| Error::Internal(error.to_string()))
}

/// Runs a decoder, but only when its `probe` accepts the input.
pub fn run_decoder<P: Decoder>(input: &[u8], json: &str) -> Result<Frame, Error> {
    if !P::probe(&input[..input.len().min(64)]) {
        return Err(Error::Unsupported("probe() does not accept this file".to_owned()));
    }
    P::decode(input, params::parse(json)?)
}

/// Runs an encoder.
pub fn run_encoder<P: Encoder>(frame: Frame, json: &str) -> Result<Vec<u8>, Error> {
    P::encode(frame, params::parse(json)?)
}

/// The JSON Schema that the manifest will show for these params.
pub fn schema<P: serde::de::DeserializeOwned + schemars::JsonSchema>() -> Value {
    params::schema::<P>()
}

/// What the plugin told the host on this thread since the last call.
pub fn collected() -> Collected {
    backend::collected()
}
