//! GIF: a palette of its own for every frame, found by a neural network (`NeuQuant`).
//!
//! A pixel is transparent or it is not: from half alpha on it is shown. Delays are hundredths of a second.

use gif::{DisposalMethod, Encoder, Repeat};
use workflow::failure::Failure;
use workflow::rendition::{Encode, Format};

use super::{failed, no_profile};
use crate::colour;
use crate::frame::{Frame, Picture};
use crate::ops::{invalid, view, whole};

pub(super) fn encode(picture: &Picture, options: &Encode) -> Result<Vec<u8>, Failure> {
    if !options.keep.is_empty() {
        return Err(invalid("gif holds neither a profile nor EXIF; leave out `keep`"));
    }
    if picture.metadata.icc.is_some() {
        return Err(no_profile(Format::Gif));
    }
    let frames = picture.frames.iter().map(whole).collect::<Result<Vec<_>, _>>()?;
    write(picture, &frames, options).map_err(|error| failed(Format::Gif, error))
}

fn write(picture: &Picture, frames: &[Frame], options: &Encode) -> Result<Vec<u8>, gif::EncodingError> {
    // Sides are at most 16384.
    let (width, height) = (frames[0].width as u16, frames[0].height as u16);
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, width, height, &[])?;
    if frames.len() > 1 {
        match picture.loops {
            0 => encoder.set_repeat(Repeat::Infinite)?,
            // The file says how often it is played *again*.
            1 => {}
            more => encoder.set_repeat(Repeat::Finite((more - 1).min(u16::MAX.into()) as u16))?,
        }
    }
    for (index, frame) in frames.iter().enumerate() {
        let rgba = colour::to_rgba8(frame);
        let mut pixels = view(&rgba).0.to_vec();
        for pixel in pixels.as_chunks_mut::<4>().0 {
            *pixel = if pixel[3] < 128 {
                [0; 4]
            } else {
                [pixel[0], pixel[1], pixel[2], 255]
            };
        }
        let mut shown = gif::Frame::from_rgba_speed(width, height, &mut pixels, speed(options.effort));
        shown.dispose = DisposalMethod::Background;
        let delay = picture.delays.get(index).copied().unwrap_or(100);
        shown.delay = if frames.len() > 1 {
            (delay / 10).min(u16::MAX.into()) as u16
        } else {
            0
        };
        encoder.write_frame(&shown)?;
    }
    drop(encoder);
    Ok(out)
}

/// 1 looks at every pixel, 30 at every thirtieth.
fn speed(effort: Option<u8>) -> i32 {
    match effort.unwrap_or(4) {
        10.. => 1,
        effort => 30 - 3 * i32::from(effort),
    }
}
