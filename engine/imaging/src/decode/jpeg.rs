//! JPEG by libjpeg-turbo: scaled while decoding, as planes where nobody needs RGB.

use std::sync::Arc;

use bytes::Bytes;
use workflow::failure::Failure;

use super::libjpeg::{Decoder, Space};
use super::{Job, Raw, reduced};
use crate::colour::frame8;
use crate::colour::icc::Profile;
use crate::frame::{Frame, Pixels, Planes};
use crate::header::check_scans;

/// # Errors
/// `bad-input` for any damage that libjpeg notices, unless salvage is asked for.
pub(super) fn decode(job: &Job<'_>) -> Result<Raw, Failure> {
    let strict = !job.salvage();
    if job.header().progressive && strict {
        check_scans(job.bytes)?;
    }
    let damaged = |message: String| damage(&message, job.bytes.len());
    let mut decoder = Decoder::open(job.bytes, strict).map_err(damaged)?;
    let denominator = job.denominator();
    if denominator > 1 {
        decoder.scale(denominator);
    }
    let profile = Profile::read(job.icc());
    let mut raw = if job.request.planes && decoder.has_planes() && !(profile.converts() && job.to_srgb()) {
        let (ycc, flaw) = match fast(job, denominator, reduced::planes) {
            Some(ycc) => (ycc, None),
            None => decoder.planes().map_err(damaged)?,
        };
        let [y, cb, cr] = ycc.planes;
        let planes = Planes {
            y,
            cb,
            cr,
            chroma_width: ycc.chroma.0 as u32,
            chroma_height: ycc.chroma.1 as u32,
        };
        let frame = Frame::new(
            decoder.width as u32,
            decoder.height as u32,
            Pixels::Ycc(Arc::new(planes)),
        );
        Raw {
            salvaged: flaw,
            ..Raw::still(frame, profile)
        }
    } else {
        interleaved(job, &mut decoder, profile, &damaged)?
    };
    raw.denominator = denominator;
    let header = job.header();
    let exact = [header.width, header.height].map(|side| f64::from(side) / f64::from(denominator));
    if exact.iter().any(|side| side.fract() != 0.0) {
        raw.frames[0].extent = Some((exact[0], exact[1]));
    }
    Ok(raw)
}

/// In a smaller file the fast path's tables cost more than they save.
const SMALL: usize = 16 << 10;

/// What the decoder for reduced scales makes of a file; it knows no salvage.
fn fast<T>(job: &Job<'_>, denominator: u8, decode: impl Fn(&[u8], u8) -> Option<T>) -> Option<T> {
    let worth = job.bytes.len() >= SMALL && !job.salvage();
    worth.then(|| decode(job.bytes, denominator)).flatten()
}

fn interleaved(
    job: &Job<'_>,
    decoder: &mut Decoder<'_>,
    profile: Profile,
    damaged: &impl Fn(String) -> Failure,
) -> Result<Raw, Failure> {
    let known = matches!(decoder.space, Space::Gray | Space::Ycc);
    let fast = known.then(|| fast(job, job.denominator(), reduced::pixels));
    let (pixels, flaw) = match fast.flatten() {
        Some(pixels) => (pixels, None),
        None => decoder.pixels().map_err(damaged)?,
    };
    let (width, height) = (decoder.width as u32, decoder.height as u32);
    let mut raw = match decoder.space {
        Space::Cmyk => {
            let mut inks = pixels;
            if job.parsed.inverted {
                for ink in &mut inks {
                    *ink = 255 - *ink;
                }
            }
            let (rgb, note) = profile.cmyk_to_srgb(&inks)?;
            let mut raw = Raw::still(frame8(width, height, 3, rgb), Profile::none());
            raw.notes.push(note);
            raw
        }
        Space::Gray => Raw::still(frame8(width, height, 1, pixels), profile),
        Space::Ycc | Space::Rgb => Raw::still(frame8(width, height, 3, pixels), profile),
    };
    raw.salvaged = flaw;
    Ok(raw)
}

/// libjpeg's sentence, with the offset where it follows from the sentence.
fn damage(message: &str, length: usize) -> Failure {
    let failure = Failure::bad_input(format!("the JPEG is damaged: {message}"));
    if message.starts_with("Premature end") {
        failure.at_offset(length as u64)
    } else {
        failure
    }
}

impl Job<'_> {
    fn icc(&self) -> Bytes {
        self.parsed.icc.concat().into()
    }
}
