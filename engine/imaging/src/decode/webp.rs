//! WebP: stills by libwebp, animations by `image-webp`, which puts the frames together itself.

use std::io::Cursor;

use image_webp::{LoopCount, WebPDecoder};
use workflow::failure::Failure;

use super::libwebp::{self, Still};
use super::{Job, Raw};
use crate::colour::frame8;
use crate::colour::icc::Profile;
use crate::header::webp_missing;

pub(super) fn decode(job: &Job<'_>) -> Result<Raw, Failure> {
    let cut = webp_missing(job.bytes);
    if let (Some(failure), false) = (&cut, job.salvage()) {
        return Err(failure.clone());
    }
    let profile = Profile::read(job.parsed.icc.concat());
    if job.header().frames > 1 || is_animated(job) {
        return animation(job, profile);
    }
    if let Some(still) = libwebp::decode(job.bytes) {
        return Ok(Raw::still(frame(job, still)?, profile));
    }
    let damaged = || {
        cut.clone()
            .unwrap_or_else(|| Failure::bad_input("the WebP is damaged or cut short"))
    };
    if !job.salvage() {
        return Err(damaged());
    }
    let (still, rows) = libwebp::salvage(job.bytes).ok_or_else(damaged)?;
    let flaw = format!("{rows} of {} rows could be read", still.height);
    Ok(Raw {
        salvaged: Some(flaw),
        ..Raw::still(frame(job, still)?, profile)
    })
}

/// A file with a single animation frame is not for the still decoder either.
fn is_animated(job: &Job<'_>) -> bool {
    job.bytes
        .get(12..21)
        .is_some_and(|head| head.starts_with(b"VP8X") && head[8] & 2 != 0)
}

fn frame(job: &Job<'_>, still: Still) -> Result<crate::frame::Frame, Failure> {
    let header = job.header();
    if (still.width, still.height) != (header.width, header.height) {
        return Err(Failure::bad_input("the WebP contradicts itself about its size"));
    }
    Ok(frame8(still.width, still.height, still.channels, still.pixels))
}

fn animation(job: &Job<'_>, profile: Profile) -> Result<Raw, Failure> {
    let damaged = |error| Failure::bad_input(format!("the WebP is damaged: {error}"));
    let mut decoder = WebPDecoder::new(Cursor::new(job.bytes)).map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if (width, height) != (job.header().width, job.header().height) {
        return Err(Failure::bad_input("the WebP contradicts itself about its size"));
    }
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut buffer = vec![0; width as usize * height as usize * channels];
    let mut raw = Raw::empty(profile);
    raw.loops = match decoder.loop_count() {
        LoopCount::Forever => 0,
        LoopCount::Times(times) => times.get().into(),
    };
    let wanted = if job.first_only() {
        1
    } else {
        decoder.num_frames().min(job.header().frames)
    };
    for _ in 0..wanted {
        match decoder.read_frame(&mut buffer) {
            Ok(delay) => {
                raw.frames.push(frame8(width, height, channels, buffer.clone()));
                raw.delays.push(delay);
            }
            Err(error) if job.salvage() && !raw.frames.is_empty() => {
                raw.salvaged = Some(damaged(error).message);
                break;
            }
            Err(error) => return Err(damaged(error)),
        }
    }
    if raw.frames.is_empty() {
        return Err(Failure::bad_input("the WebP animation has no frames"));
    }
    Ok(raw)
}
