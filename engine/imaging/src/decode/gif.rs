//! GIF by the `gif` crate, its frames put together to whole pictures.

use std::io::Cursor;
use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, Decoder, DisposalMethod, MemoryLimit, Repeat};
use workflow::failure::Failure;

use super::canvas::{Blend, Canvas, Dispose, Part};
use super::{Job, Raw};
use crate::colour::icc::Profile;
use crate::colour::{frame8, is_opaque, to_rgb8};
use crate::frame::Frame;

/// # Errors
/// `bad-input` where the file ends early or a frame does not fit; a missing trailer counts as an early end.
pub(super) fn decode(job: &Job<'_>) -> Result<Raw, Failure> {
    let header = job.header();
    let damaged = |error: gif::DecodingError| damage(&error, job.bytes.len());
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    options.check_frame_consistency(true);
    // Common encoders leave the end code out; a frame without all of its pixels is refused all the same.
    options.check_lzw_end_code(false);
    let pixels = u64::from(header.width) * u64::from(header.height);
    options.set_memory_limit(NonZeroU64::new(pixels * 4).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    let mut decoder = options.read_info(Cursor::new(job.bytes)).map_err(damaged)?;
    let mut canvas = Canvas::new(header.width, header.height);
    let mut raw = Raw::empty(Profile::none());
    let wanted = if job.first_only() {
        1
    } else {
        header.frames as usize
    };
    while raw.frames.len() < wanted {
        let stored = match stored(&mut decoder) {
            Ok(Some(stored)) => stored,
            Ok(None) => break,
            Err(error) if job.salvage() && !raw.frames.is_empty() => {
                raw.salvaged = Some(damaged(error).message);
                break;
            }
            Err(error) => return Err(damaged(error)),
        };
        let part = Part {
            x: stored.x,
            y: stored.y,
            pixels: &stored.pixels,
            blend: Blend::Over,
            dispose: stored.dispose,
        };
        raw.delays.push(stored.delay);
        let shown = canvas
            .show(&part)
            .ok_or_else(|| Failure::bad_input("the GIF has a frame outside its screen"))?;
        raw.frames.push(shown);
    }
    if raw.frames.is_empty() {
        return Err(Failure::bad_input("the GIF has no frames"));
    }
    // The file must end as it says it does, or frames may be missing.
    if !job.first_only() && !job.salvage() && decoder.read_next_frame().map_err(damaged)?.is_some() {
        return Err(Failure::bad_input(
            "the GIF has more frames than its structure shows",
        ));
    }
    // The extension counts repetitions after the first time.
    raw.loops = match decoder.repeat() {
        Repeat::Infinite => 0,
        Repeat::Finite(again) => u32::from(again) + 1,
    };
    if raw.frames.len() == 1 && is_opaque(&raw.frames[0]) {
        raw.frames[0] = to_rgb8(&raw.frames[0]);
    }
    Ok(raw)
}

/// A frame as it lies in the file.
struct Stored {
    x: u32,
    y: u32,
    delay: u32,
    dispose: Dispose,
    pixels: Frame,
}

fn stored(decoder: &mut Decoder<Cursor<&[u8]>>) -> Result<Option<Stored>, gif::DecodingError> {
    let Some(frame) = decoder.next_frame_info()? else {
        return Ok(None);
    };
    let (width, height) = (u32::from(frame.width), u32::from(frame.height));
    let (x, y) = (u32::from(frame.left), u32::from(frame.top));
    let delay = u32::from(frame.delay) * 10;
    let dispose = match frame.dispose {
        DisposalMethod::Any | DisposalMethod::Keep => Dispose::Keep,
        DisposalMethod::Background => Dispose::Clear,
        DisposalMethod::Previous => Dispose::Restore,
    };
    let mut pixels = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut pixels)?;
    Ok(Some(Stored {
        x,
        y,
        delay,
        dispose,
        pixels: frame8(width, height, 4, pixels),
    }))
}

fn damage(error: &gif::DecodingError, length: usize) -> Failure {
    let failure = Failure::bad_input(format!("the GIF is damaged: {error}"));
    match error {
        gif::DecodingError::Io(_) => failure.at_offset(length as u64),
        _ => failure,
    }
}
