//! PNG and APNG by the `png` crate, all checksums on.

use std::io::Cursor;

use png::{BitDepth, BlendOp, ColorType, DecodeOptions, Decoder, DisposeOp, Limits, Reader, Transformations};
use workflow::failure::{Failure, FailureKind};

use super::canvas::{Blend, Canvas, Dispose, Part};
use super::{Job, Raw};
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
    let mut raw = Raw::empty(profile(&reader)?);
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
    let size = reader.output_buffer_size().ok_or_else(too_large)?;
    raw.loops = reader
        .info()
        .animation_control()
        .map_or(0, |control| control.num_plays);
    while raw.frames.len() < job.header().frames as usize {
        let mut buffer = vec![0; size];
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
        buffer.truncate(info.buffer_size());
        let pixels = frame((info.color_type, info.bit_depth), info.width, info.height, buffer);
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
        return Frame::new(width, height, Pixels::Rgba16(widen(colour, pixels).into()));
    }
    match colour {
        ColorType::Grayscale => frame8(width, height, 1, pixels),
        ColorType::Rgb => frame8(width, height, 3, pixels),
        ColorType::GrayscaleAlpha => frame8(width, height, 4, repack::<2, 4>(&pixels, |[y, a]| [y, y, y, a])),
        ColorType::Rgba | ColorType::Indexed => frame8(width, height, 4, pixels),
    }
}

/// Little-endian RGBA of numbers whose most significant byte comes first.
fn widen(colour: ColorType, mut pixels: Vec<u8>) -> Vec<u8> {
    match colour {
        ColorType::Grayscale => repack::<2, 8>(&pixels, |[h, l]| [l, h, l, h, l, h, 255, 255]),
        ColorType::GrayscaleAlpha => repack::<4, 8>(&pixels, |[h, l, a, b]| [l, h, l, h, l, h, b, a]),
        ColorType::Rgb => repack::<6, 8>(&pixels, |[r, s, g, h, b, c]| [s, r, h, g, c, b, 255, 255]),
        ColorType::Rgba | ColorType::Indexed => {
            for number in pixels.as_chunks_mut::<2>().0 {
                number.reverse();
            }
            pixels
        }
    }
}

/// By `cICP`, else `iCCP`, else `sRGB`, else `gAMA` and `cHRM`: the order of the specification.
fn profile(reader: &Source<'_>) -> Result<Profile, Failure> {
    let info = reader.info();
    if let Some(code) = info.coding_independent_code_points {
        if !code.is_video_full_range_image {
            return Err(Failure::new(
                FailureKind::Unsupported,
                "PNG files with colours of a narrow range (`cICP`) are not read",
            ));
        }
        return Profile::cicp(code.color_primaries, code.transfer_function);
    }
    if let Some(icc) = &info.icc_profile {
        return Ok(Profile::read(icc.to_vec()));
    }
    if info.srgb.is_some() {
        return Ok(Profile::none());
    }
    let gamma = info.gama_chunk.map(png::ScaledFloat::into_value);
    let point = |(x, y): (png::ScaledFloat, png::ScaledFloat)| (x.into_value(), y.into_value());
    let points = info
        .chrm_chunk
        .map(|chrm| [chrm.white, chrm.red, chrm.green, chrm.blue].map(point));
    Ok(Profile::measured(gamma, points))
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
