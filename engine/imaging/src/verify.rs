//! The gate before a rendition is published: its bytes are read again and held against the picture.
//!
//! Checked are format, size, frames, their times, that nothing is cut off, and that no part of any frame is
//! far in shade or colour from what was encoded, such as a gray band where a picture should be. JPEG is read
//! at an eighth of its size, which costs little, and of an opaque lossy WebP the planes before their filter.

mod blocks;
mod coarse;
mod reread;

use workflow::failure::{Failure, FailureKind};
use workflow::rendition::{Encode, Format};

use self::coarse::Coarse;
use self::reread::Reread;
use crate::colour::to_rgb8;
use crate::encode::{keeps_planes, on_background};
use crate::frame::{Frame, Picture, Pixels};
use crate::ops::whole;

/// `BadOutput` unless `bytes` are `picture`, encoded as `options` say.
pub fn verify(bytes: &[u8], picture: &Picture, options: &Encode) -> Result<(), Failure> {
    let name = options.format.name();
    check(bytes, picture, options)
        .map_err(|wrong| Failure::new(FailureKind::BadOutput, format!("the encoded {name} {wrong}")))
}

/// Says what is wrong, as the end of a sentence.
fn check(bytes: &[u8], picture: &Picture, options: &Encode) -> Result<(), String> {
    let read = match options.format {
        Format::Jpeg => reread::jpeg(bytes)?,
        Format::Png => reread::png(bytes, picture.frames.len())?,
        Format::Webp => reread::webp(bytes, picture.is_animated())?,
        Format::Gif => reread::gif(bytes, picture.frames.len())?,
        Format::Avif => reread::avif(bytes)?,
    };
    if read.loops.is_some() {
        return check_animation(&read, picture, options);
    }
    // Of frames that are all alike WebP makes a still.
    let all = options.format == Format::Webp && picture.is_animated();
    let count = if all { picture.frames.len() } else { 1 };
    let mut frames = picture.frames.iter().take(count);
    frames.try_for_each(|frame| compare(&read, 0, frame, options))
}

/// Every frame must be what is shown at its time: of frames in a row that are alike WebP makes one.
fn check_animation(read: &Reread, picture: &Picture, options: &Encode) -> Result<(), String> {
    let merged = read.frames.len() != picture.frames.len();
    let (mut at, mut index, mut end) = (0, 0, u64::from(read.frames[0].1));
    for (i, frame) in picture.frames.iter().enumerate() {
        let delay = stored(picture.delays.get(i).copied().unwrap_or(100), options.format);
        if merged {
            while at >= end && index + 1 < read.frames.len() {
                index += 1;
                end += u64::from(read.frames[index].1);
            }
        } else {
            index = i;
        }
        // What shows for no time may be gone.
        if delay > 0 || !merged {
            compare(read, index, frame, options)?;
        }
        at += u64::from(delay);
    }
    let total = read
        .frames
        .iter()
        .map(|(_, delay)| u64::from(*delay))
        .sum::<u64>();
    if total != at {
        return Err(format!("plays for {total} ms, not {at}"));
    }
    let expected = picture.loops.min(u16::MAX.into());
    match read.loops {
        Some(loops) if loops.min(u16::MAX.into()) != expected => {
            Err(format!("plays {loops} times, not {expected} (0 is for ever)"))
        }
        _ => Ok(()),
    }
}

/// The delay that a format can hold, in milliseconds.
fn stored(delay: u32, format: Format) -> u32 {
    match format {
        Format::Gif => (delay / 10).min(u16::MAX.into()) * 10,
        Format::Png => delay.min(u16::MAX.into()),
        _ => delay,
    }
}

/// Holds a frame of the file against one of the picture.
fn compare(read: &Reread, index: usize, frame: &Frame, options: &Encode) -> Result<(), String> {
    let frame = whole(frame).map_err(|failure| failure.message)?;
    if read.size != (frame.width, frame.height) {
        let (w, h) = read.size;
        return Err(format!(
            "has {w} x {h} pixels, not {} x {}",
            frame.width, frame.height
        ));
    }
    let (shown, _) = &read.frames[index];
    match shown.difference(&expected(&frame, options), tolerance(options)) {
        None => Ok(()),
        Some(difference) if read.frames.len() == 1 => Err(difference),
        Some(difference) => Err(format!("{difference}, in frame {}", index + 1)),
    }
}

fn expected(frame: &Frame, options: &Encode) -> Coarse {
    // Planes may hold colours that RGB does not have.
    if matches!(frame.pixels, Pixels::Ycc(_)) && !keeps_planes(frame, options) {
        return expected(&to_rgb8(frame), options);
    }
    match options.format {
        Format::Jpeg => Coarse::of_jpeg(&on_background(frame, options)),
        Format::Gif => Coarse::of(&reread::cut_out(frame)),
        _ => Coarse::of(frame),
    }
}

/// How far the shades of a band may be off on average, of 255. Coarse quantisation shifts them.
fn tolerance(options: &Encode) -> f32 {
    match options.quality.unwrap_or(80) {
        0..10 => 40.0,
        10..40 => 20.0,
        40.. => 12.0,
    }
}

#[cfg(test)]
mod tests;
