//! The built-in steps done to pixels.
//!
//! Each step takes a picture and gives a new one: every frame of an animation, metadata carried along.
//! What a step may say is in `workflow::op`; decoding is not here. All results depend on pixels and params
//! only, never on the number of cores.

mod blur;
mod crop;
mod flip;
pub mod focus;
mod pad;
mod raster;
pub mod resize;
mod rotate;
#[cfg(test)]
pub(crate) mod samples;
mod sharpen;
mod smooth;

use workflow::failure::{Failure, FailureKind};
use workflow::op::{Fit, Op};

use crate::frame::Picture;

pub use crop::crop_frame;
pub(crate) use pad::flatten;
pub(crate) use raster::{frame_of, interleaved, view, whole};
pub(crate) use resize::grown;
pub use resize::{largest_side, resize_frame};

/// Does one step. Params that do not fit the picture are `InvalidParams`; so is `Op::Decode`, which has
/// no picture to start from.
pub fn apply(op: &Op, picture: &Picture) -> Result<Picture, Failure> {
    match op {
        Op::Decode(_) => Err(invalid(
            "`decode` reads an original and cannot follow another step",
        )),
        Op::Resize(op) => resize::apply(op, picture),
        Op::Crop(op) => crop::apply(op, picture),
        Op::Rotate(op) => rotate::apply(op, picture),
        Op::Flip(op) => picture.try_map(|frame| flip::flip(frame, op.axis)),
        Op::Pad(op) => picture.try_map(|frame| pad::apply(op, frame)),
        Op::Sharpen(op) => sharpen::apply(op, picture),
        Op::Blur(op) => blur::apply(op, picture),
    }
}

/// Whether the step works on the planes of a JPEG as they are, so that they need not become RGB first.
/// The others accept planes, too, but turn them into RGB.
pub fn accepts_planes(op: &Op) -> bool {
    match op {
        Op::Resize(op) => op.fit != Fit::Contain,
        Op::Flip(_) => true,
        Op::Rotate(op) => op.angle.rem_euclid(90.0) == 0.0,
        Op::Crop(_) | Op::Decode(_) | Op::Pad(_) | Op::Sharpen(_) | Op::Blur(_) => false,
    }
}

pub(crate) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::InvalidParams, message)
}
