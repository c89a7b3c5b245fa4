//! Native pixels: what the original is, decoding, operations on frames, encoding, checking.
//!
//! Knows no plugin, no HTTP and no runtime. Everything here is called in executors, never in the
//! server's own process, because most of it stands on native codecs that read untrusted bytes.

pub mod colour;
mod frame;

pub use frame::{Frame, Metadata, Picture, Pixels, Planes};
