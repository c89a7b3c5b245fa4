//! Pictures made into files, one module a format.
//!
//! An option that a format does not have is `InvalidParams`, never ignored in silence. Formats without
//! alpha put the picture on `background`, white by default; those without animation take the first frame.
//! Metadata is left out unless `keep` names it.

mod avif;
mod gif;
mod jpeg;
mod kept;
mod planes;
mod png;
mod webp;

use workflow::failure::{Failure, FailureKind};
use workflow::op::Colour;
use workflow::rendition::{Chroma, Encode, Format};

use crate::frame::{Frame, Picture, Pixels};
use crate::ops::{flatten, invalid};

/// The bytes of a file. `InvalidParams` for options that the format does not have or pictures that it
/// cannot hold.
pub fn encode(picture: &Picture, options: &Encode) -> Result<Vec<u8>, Failure> {
    check(options)?;
    match options.format {
        Format::Jpeg => jpeg::encode(picture, options),
        Format::Png => png::encode(picture, options),
        Format::Webp => webp::encode(picture, options),
        Format::Avif => avif::encode(picture, options),
        Format::Gif => gif::encode(picture, options),
    }
}

/// Whether the planes of a JPEG can be encoded as they are. Where full chroma is asked for they cannot:
/// they may hold less of it than the RGB before a resize did.
pub fn encode_accepts_planes(options: &Encode) -> bool {
    match options.format {
        Format::Jpeg => options.chroma == Chroma::Half,
        Format::Webp => !options.lossless,
        Format::Png | Format::Avif | Format::Gif => false,
    }
}

/// Whether files of the format hold all frames of an animation.
pub fn keeps_frames(format: Format) -> bool {
    match format {
        Format::Png | Format::Webp | Format::Gif => true,
        Format::Jpeg | Format::Avif => false,
    }
}

/// Whether the planes of this frame go into the file as they are, with colours that RGB may not have.
pub(crate) fn keeps_planes(frame: &Frame, options: &Encode) -> bool {
    let fit = match &frame.pixels {
        Pixels::Ycc(planes) => planes::fit(planes, frame.width, frame.height),
        _ => false,
    };
    fit && encode_accepts_planes(options)
}

/// Whether the options fit the format, by the table that pipelines are checked by; says the first that does not.
pub fn check(options: &Encode) -> Result<(), Failure> {
    match options.refusals().into_iter().next() {
        None => Ok(()),
        Some((_, why)) => Err(invalid(why)),
    }
}

/// The frame without alpha, on the background that the options name.
pub(crate) fn on_background(frame: &Frame, options: &Encode) -> Frame {
    let frame = flatten(frame, options.background.unwrap_or(Colour::WHITE));
    flatten(&frame, Colour::WHITE)
}

/// The pixels are in a profile of their own, which the format cannot carry.
fn no_profile(format: Format) -> Failure {
    invalid(format!(
        "{} cannot hold the profile that the pixels are in; let `decode` convert to sRGB (`colour: srgb`)",
        format.name()
    ))
}

/// An encoder failed on pixels that it should have taken.
fn failed(format: Format, error: impl std::fmt::Display) -> Failure {
    Failure::new(
        FailureKind::Internal,
        format!("{} encoder: {error}", format.name()),
    )
}

#[cfg(test)]
mod tests;
