//! WebP by libwebp, animations too: each stored frame is decoded as a still and put on the canvas.

use workflow::failure::Failure;

use super::canvas::{Blend, Canvas, Dispose, Part};
use super::libwebp::{self, Still};
use super::{Job, Raw};
use crate::colour::icc::Profile;
use crate::colour::{frame8, to_rgba8};
use crate::frame::Frame;
use crate::header::{WebpChunks, webp_missing};

pub(super) fn decode(job: &Job<'_>) -> Result<Raw, Failure> {
    let cut = webp_missing(job.bytes);
    if let (Some(failure), false) = (&cut, job.salvage()) {
        return Err(failure.clone());
    }
    let profile = Profile::read(job.parsed.icc.concat());
    if job.header().frames > 1 || is_animated(job) {
        return animation(job, profile);
    }
    let size = (job.header().width, job.header().height);
    if libwebp::size(job.bytes).is_some_and(|told| told != size) {
        return Err(Failure::bad_input("the WebP contradicts itself about its size"));
    }
    if let Some(still) = libwebp::decode(job.bytes, size) {
        return Ok(Raw::still(frame(still), profile));
    }
    let damaged = || {
        cut.clone()
            .unwrap_or_else(|| Failure::bad_input("the WebP is damaged or cut short"))
    };
    if !job.salvage() {
        return Err(damaged());
    }
    let (still, rows) = libwebp::salvage(job.bytes, size).ok_or_else(damaged)?;
    let flaw = format!("{rows} of {} rows could be read", still.height);
    Ok(Raw {
        salvaged: Some(flaw),
        ..Raw::still(frame(still), profile)
    })
}

/// A file with a single animation frame is not for the still decoder either.
fn is_animated(job: &Job<'_>) -> bool {
    job.bytes
        .get(12..21)
        .is_some_and(|head| head.starts_with(b"VP8X") && head[8] & 2 != 0)
}

fn frame(still: Still) -> Frame {
    frame8(still.width, still.height, still.channels, still.pixels)
}

fn animation(job: &Job<'_>, profile: Profile) -> Result<Raw, Failure> {
    let header = job.header();
    let mut raw = Raw::empty(profile);
    let mut canvas = Canvas::new(header.width, header.height);
    let wanted = if job.first_only() {
        1
    } else {
        header.frames as usize
    };
    for (name, data) in WebpChunks::of_file(job.bytes) {
        if &name == b"ANIM" {
            raw.loops = data
                .get(4..6)
                .map_or(0, |n| u32::from(u16::from_le_bytes([n[0], n[1]])));
        }
        if &name != b"ANMF" || raw.frames.len() == wanted {
            continue;
        }
        if let Some((frame, delay)) = stored(data).and_then(|stored| stored.show(&mut canvas)) {
            raw.frames.push(frame);
            raw.delays.push(delay);
            continue;
        }
        let flaw = format!(
            "frame {} of the WebP is damaged or cut short",
            raw.frames.len() + 1
        );
        if !job.salvage() || raw.frames.is_empty() {
            return Err(Failure::bad_input(flaw));
        }
        raw.salvaged = Some(flaw);
        break;
    }
    if raw.frames.is_empty() {
        return Err(Failure::bad_input("the WebP animation has no frames"));
    }
    Ok(raw)
}

/// A frame as it lies in the file.
struct Stored {
    x: u32,
    y: u32,
    delay: u32,
    flags: u8,
    pixels: Frame,
}

/// Reads an `ANMF` chunk: sixteen bytes about the frame, then the chunks of a still.
fn stored(chunk: &[u8]) -> Option<Stored> {
    let (head, still) = chunk.split_first_chunk::<16>()?;
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], 0]);
    let size = u32::try_from(still.len() + 22).ok()?.to_le_bytes();
    // As a file of its own: the extended header names alpha and repeats the size.
    let about = [
        b"VP8X".as_slice(),
        &10u32.to_le_bytes(),
        &[0x10, 0, 0, 0],
        &head[6..12],
    ]
    .concat();
    let file = [b"RIFF".as_slice(), &size, b"WEBP", &about, still].concat();
    // The header of the file was judged with this size.
    let decoded = libwebp::decode(&file, (number(6) + 1, number(9) + 1))?;
    Some(Stored {
        x: number(0) * 2,
        y: number(3) * 2,
        delay: number(12),
        flags: head[15],
        pixels: to_rgba8(&frame(decoded)),
    })
}

impl Stored {
    fn show(&self, canvas: &mut Canvas) -> Option<(Frame, u32)> {
        let part = Part {
            x: self.x,
            y: self.y,
            pixels: &self.pixels,
            blend: if self.flags & 2 == 0 {
                Blend::Over
            } else {
                Blend::Replace
            },
            dispose: if self.flags & 1 == 0 {
                Dispose::Keep
            } else {
                Dispose::Clear
            },
        };
        Some((canvas.show(&part)?, self.delay))
    }
}
