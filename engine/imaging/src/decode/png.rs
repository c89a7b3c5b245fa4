//! PNG and APNG by the `png` crate, all checksums on.

use std::io::Cursor;

use png::{BitDepth, BlendOp, ColorType, DecodeOptions, Decoder, DisposeOp, Limits, Reader, Transformations};
use workflow::failure::{Failure, FailureKind};

use super::canvas::{Blend, Canvas, Dispose, Part};
use super::{Job, Raw, little_endian};
use crate::colour::icc::Profile;
use crate::colour::{frame8, repack};
use crate::frame::{Frame, Pixels};

/// What the decoder may take beside pixels: profiles, texts and the like.
const MEMORY: usize = 16 << 20;

type Source<'a> = Reader<Cursor<&'a [u8]>>;

pub(super) fn decode(job: &Job<'_>) -> Result<Raw, Failure> {
    let mut options = DecodeOptions::default();
    options.set_ignore_text_chunk(true);
    options.set_ignore_checksums(job.salvage());
    options.set_skip_ancillary_crc_failures(job.salvage());
    let mut decoder = Decoder::new_with_options(Cursor::new(job.bytes), options);
    decoder.set_limits(Limits {
        bytes: MEMORY + row_memory(job),
    });
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(damage)?;
    let mut raw = Raw::still(
        Frame::new(0, 0, Pixels::Gray8(Vec::new().into())),
        profile(&reader),
    );
    raw.frames.clear();
    if job.header().frames > 1 && !job.first_only() {
        animation(job, &mut reader, &mut raw)?;
    } else {
        let (frame, flaw) = still(job, &mut reader)?;
        raw.frames.push(frame);
        raw.salvaged = flaw;
    }
    if !job.salvage() {
        reader.finish().map_err(damage)?;
    }
    Ok(raw)
}

/// Rows are decoded one or a few at a time.
fn row_memory(job: &Job<'_>) -> usize {
    job.header().width as usize * 8 * 4
}

fn still(job: &Job<'_>, reader: &mut Source<'_>) -> Result<(Frame, Option<String>), Failure> {
    let size = reader.output_buffer_size().ok_or_else(too_large)?;
    let mut buffer = vec![0; size];
    let flaw = match reader.next_frame(&mut buffer) {
        Ok(_) => None,
        Err(error) if job.salvage() && buffer.iter().any(|b| *b != 0) => Some(damage(error).message),
        Err(error) => return Err(damage(error)),
    };
    let (width, height) = reader.info().size();
    Ok((frame(reader.output_color_type(), width, height, buffer), flaw))
}

fn animation(job: &Job<'_>, reader: &mut Source<'_>, raw: &mut Raw) -> Result<(), Failure> {
    let (width, height) = reader.info().size();
    let mut canvas = Canvas::new(width, height);
    let mut buffer = vec![0; reader.output_buffer_size().ok_or_else(too_large)?];
    raw.loops = reader
        .info()
        .animation_control()
        .map_or(0, |control| control.num_plays);
    while raw.frames.len() < job.header().frames as usize {
        let info = match reader.next_frame(&mut buffer) {
            Ok(info) => info,
            Err(error) if job.salvage() && !raw.frames.is_empty() => {
                raw.salvaged = Some(damage(error).message);
                break;
            }
            Err(error) => return Err(damage(error)),
        };
        // The default image need not be part of the animation.
        let Some(control) = reader.info().frame_control else {
            continue;
        };
        let pixels = buffer[..info.buffer_size()].to_vec();
        let pixels = frame((info.color_type, info.bit_depth), info.width, info.height, pixels);
        let part = Part {
            x: control.x_offset,
            y: control.y_offset,
            pixels: &crate::colour::to_rgba8(&pixels),
            blend: if control.blend_op == BlendOp::Over {
                Blend::Over
            } else {
                Blend::Replace
            },
            dispose: match control.dispose_op {
                DisposeOp::None => Dispose::Keep,
                DisposeOp::Background => Dispose::Clear,
                DisposeOp::Previous => Dispose::Restore,
            },
        };
        raw.frames.push(canvas.show(&part).ok_or_else(outside)?);
        raw.delays.push(delay(control.delay_num, control.delay_den));
    }
    Ok(())
}

/// Milliseconds; a denominator of 0 stands for 100.
fn delay(number: u16, denominator: u16) -> u32 {
    let denominator = if denominator == 0 {
        100
    } else {
        u32::from(denominator)
    };
    u32::from(number) * 1000 / denominator
}

/// A frame of the pixels as the decoder gives them: 16-bit numbers come most significant byte first.
fn frame((colour, depth): (ColorType, BitDepth), width: u32, height: u32, pixels: Vec<u8>) -> Frame {
    if depth == BitDepth::Sixteen {
        return Frame::new(width, height, Pixels::Rgba16(widen(colour, &pixels)));
    }
    match colour {
        ColorType::Grayscale => frame8(width, height, 1, pixels),
        ColorType::Rgb => frame8(width, height, 3, pixels),
        ColorType::GrayscaleAlpha => frame8(width, height, 4, repack::<2, 4>(&pixels, |[y, a]| [y, y, y, a])),
        ColorType::Rgba | ColorType::Indexed => frame8(width, height, 4, pixels),
    }
}

fn widen(colour: ColorType, pixels: &[u8]) -> bytes::Bytes {
    let numbers: Vec<u16> = pixels
        .as_chunks::<2>()
        .0
        .iter()
        .map(|b| u16::from_be_bytes(*b))
        .collect();
    let channels = colour.samples();
    little_endian(numbers.chunks_exact(channels).flat_map(|p| match *p {
        [y] => [y, y, y, u16::MAX],
        [y, a] => [y, y, y, a],
        [r, g, b] => [r, g, b, u16::MAX],
        [r, g, b, a, ..] => [r, g, b, a],
        [] => [0; 4],
    }))
}

/// By `iCCP`, else `sRGB`, else a plain `gAMA` that is not about sRGB's.
fn profile(reader: &Source<'_>) -> Profile {
    let info = reader.info();
    if let Some(icc) = &info.icc_profile {
        return Profile::read(icc.to_vec());
    }
    match info.gama_chunk.map(png::ScaledFloat::into_value) {
        Some(gamma) if info.srgb.is_none() && gamma > 0.0 && (gamma - 0.454_55).abs() > 0.02 => {
            Profile::gamma((1.0 / gamma).clamp(0.1, 10.0))
        }
        _ => Profile::none(),
    }
}

fn damage(error: png::DecodingError) -> Failure {
    match error {
        png::DecodingError::LimitsExceeded => too_large(),
        png::DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Failure::bad_input("the PNG is cut short")
        }
        error => Failure::bad_input(format!("the PNG is damaged: {error}")),
    }
}

fn too_large() -> Failure {
    Failure::new(
        FailureKind::TooLarge,
        "the PNG needs more memory beside its pixels than is allowed",
    )
}

fn outside() -> Failure {
    Failure::bad_input("the PNG has a frame that reaches outside the picture")
}
