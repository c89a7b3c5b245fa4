//! BMP, ICO and QOI by the `image` crate; a PNG inside an ICO by the PNG reader.

use std::io::Cursor;

use image::codecs::{bmp::BmpDecoder, ico::IcoDecoder, qoi::QoiDecoder};
use image::{ColorType, ImageDecoder, ImageError};
use workflow::failure::{Failure, FailureKind};

use super::{Job, Raw, png};
use crate::colour::icc::Profile;
use crate::colour::{frame8, is_opaque, to_rgb8};
use crate::frame::Frame;
use crate::header::{self, largest_icon};
use crate::sniff::InputType;

pub(super) fn bmp(job: &Job<'_>) -> Result<Raw, Failure> {
    read(job, BmpDecoder::new(Cursor::new(job.bytes)))
}

pub(super) fn qoi(job: &Job<'_>) -> Result<Raw, Failure> {
    read(job, QoiDecoder::new(Cursor::new(job.bytes)))
}

/// The largest icon, if several are inside.
pub(super) fn ico(job: &Job<'_>) -> Result<Raw, Failure> {
    let icon = largest_icon(job.bytes)?;
    if !icon.data.starts_with(b"\x89PNG") {
        return read(job, IcoDecoder::new(Cursor::new(&icon.alone()[..])));
    }
    let parsed = header::parse(icon.data)?;
    parsed.header.check(icon.data.len() as u64, job.request.limits)?;
    let job = Job {
        bytes: icon.data,
        parsed: &parsed,
        request: job.request,
        lenient: job.lenient,
    };
    job.check_memory()?;
    png::decode(&job)
}

fn read(job: &Job<'_>, decoder: Result<impl ImageDecoder, ImageError>) -> Result<Raw, Failure> {
    let kind = job.header().kind;
    let decoder = decoder.map_err(|e| damage(kind, e))?;
    let (width, height) = decoder.dimensions();
    if (width, height) != (job.header().width, job.header().height) {
        return Err(Failure::bad_input(format!(
            "the {kind} contradicts itself about its size"
        )));
    }
    let channels = match decoder.color_type() {
        ColorType::L8 => 1,
        ColorType::Rgb8 => 3,
        ColorType::Rgba8 => 4,
        other => {
            return Err(Failure::new(
                FailureKind::Unsupported,
                format!("{kind} files with {other:?} pixels are not read"),
            ));
        }
    };
    let mut pixels = vec![0; width as usize * height as usize * channels];
    decoder.read_image(&mut pixels).map_err(|e| damage(kind, e))?;
    Ok(Raw::still(
        slim(frame8(width, height, channels, pixels)),
        Profile::none(),
    ))
}

/// These formats often have an alpha channel without using it.
fn slim(frame: Frame) -> Frame {
    if is_opaque(&frame) && crate::colour::has_alpha(&frame) {
        to_rgb8(&frame)
    } else {
        frame
    }
}

fn damage(kind: InputType, error: ImageError) -> Failure {
    match error {
        ImageError::Unsupported(what) => Failure::new(
            FailureKind::Unsupported,
            format!("such {kind} files are not read: {what}"),
        ),
        error => Failure::bad_input(format!("the {kind} is damaged or cut short: {error}")),
    }
}
