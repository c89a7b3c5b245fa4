//! Native pixels: what the original is, decoding, operations on frames, encoding, checking.
//!
//! Knows no plugin, no HTTP and no runtime. Everything here is called in executors, never in the
//! server's own process, because most of it stands on native codecs that read untrusted bytes.

pub mod colour;
mod decode;
pub mod encode;
mod frame;
mod header;
mod metadata;
pub mod ops;
pub mod orient;
mod sniff;
pub mod verify;

#[doc(hidden)]
pub use decode::compare;
pub use decode::{Consumer, DecodeRequest, Decoded, decode};
pub use encode::{encode, encode_accepts_planes, keeps_frames};
pub use frame::{Frame, Metadata, Picture, Pixels, Planes};
pub use header::{Header, header};
pub use ops::{accepts_planes, apply, crop_frame, resize_frame};
pub use sniff::{InputType, sniff};
pub use verify::verify;
