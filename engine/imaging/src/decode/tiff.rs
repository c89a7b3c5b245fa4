//! TIFF by the `tiff` crate: the first page, 8 and 16 bits, gray, colour, palette and CMYK.

use std::io::Cursor;

use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};
use workflow::failure::{Failure, FailureKind};

use super::{Job, Raw, little_endian};
use crate::colour::icc::Profile;
use crate::colour::{frame8, narrow, repack};
use crate::frame::{Frame, Pixels};
use crate::header::{PHOTOMETRIC, tiff_holds_jpeg};
use crate::metadata::Directory;

type Reader<'a> = Decoder<Cursor<&'a [u8]>>;

/// # Errors
/// `unsupported` for JPEG in TIFF: no decoder of it here tells a whole file from one that is cut short.
pub(super) fn decode(job: &Job<'_>) -> Result<Raw, Failure> {
    if tiff_holds_jpeg(job.bytes) {
        return Err(Failure::new(
            FailureKind::Unsupported,
            "TIFF files that hold a JPEG are not read; store the picture with LZW or Deflate, or as a plain JPEG",
        ));
    }
    match indexed(job.bytes) {
        Some(indices) => read(job, &indices, true),
        None => read(job, job.bytes, false),
    }
}

/// A copy of a file with a palette that calls its indices gray, because the crate knows no palettes.
fn indexed(bytes: &[u8]) -> Option<Vec<u8>> {
    const PALETTE: u32 = 3;
    const GRAY: u16 = 1;
    let directory = Directory::open(bytes)?;
    let (at, gray) = directory
        .short(PHOTOMETRIC, GRAY)
        .filter(|_| directory.number(PHOTOMETRIC) == Some(PALETTE))?;
    let mut copy = bytes.to_vec();
    copy.get_mut(at..at + 2)?.copy_from_slice(&gray);
    Some(copy)
}

fn read(job: &Job<'_>, bytes: &[u8], indexed: bool) -> Result<Raw, Failure> {
    let header = job.header();
    let mut limits = Limits::default();
    let pixels = header.width as usize * header.height as usize;
    limits.decoding_buffer_size = pixels * 8;
    limits.intermediate_buffer_size = pixels * 8 + (1 << 20);
    let mut reader = Decoder::new(Cursor::new(bytes))
        .map_err(damage)?
        .with_limits(limits);
    let colour = reader.colortype().map_err(damage)?;
    if reader.dimensions().map_err(damage)? != (header.width, header.height) {
        return Err(Failure::bad_input("the TIFF contradicts itself about its size"));
    }
    let planar = reader
        .find_tag_unsigned::<u16>(Tag::PlanarConfiguration)
        .map_err(damage)?;
    if planar == Some(2) && colour.num_samples() > 1 {
        return Err(unsupported("with one plane a channel"));
    }
    let samples = reader.read_image().map_err(damage)?;
    let profile = Profile::read(job.parsed.icc.concat());
    if indexed {
        let (ColorType::Gray(8), DecodingResult::U8(indices)) = (colour, samples) else {
            return Err(unsupported("with a palette of other than 8 bits"));
        };
        let pixels = palette(&mut reader, &indices)?;
        return Ok(Raw::still(
            frame8(header.width, header.height, 3, pixels),
            profile,
        ));
    }
    picture(job, colour, samples, profile)
}

fn picture(
    job: &Job<'_>,
    colour: ColorType,
    samples: DecodingResult,
    profile: Profile,
) -> Result<Raw, Failure> {
    let (width, height) = (job.header().width, job.header().height);
    let still = |channels, pixels| frame8(width, height, channels, pixels);
    let frame = match (colour, samples) {
        (ColorType::CMYK(_), samples) => {
            let (rgb, note) = profile.cmyk_to_srgb(&bytes(samples)?)?;
            let mut raw = Raw::still(still(3, rgb), Profile::none());
            raw.notes.push(note);
            return Ok(raw);
        }
        (ColorType::Gray(1), DecodingResult::U8(bits)) => still(1, bilevel(width as usize, &bits)),
        (ColorType::Gray(8), DecodingResult::U8(pixels)) => still(1, pixels),
        (ColorType::RGB(8), DecodingResult::U8(pixels)) => still(3, pixels),
        (ColorType::GrayA(8), DecodingResult::U8(pixels)) => {
            still(4, straight(job, repack::<2, 4>(&pixels, |[y, a]| [y, y, y, a])))
        }
        (ColorType::RGBA(8), DecodingResult::U8(pixels)) => still(4, straight(job, pixels)),
        (colour, DecodingResult::U16(numbers)) => wide(job, colour, &numbers)?,
        (colour, _) => return Err(unsupported(&format!("with pixels of the kind {colour:?}"))),
    };
    Ok(Raw::still(frame, profile))
}

/// Gray, colour and either with alpha, as 16-bit RGBA.
fn wide(job: &Job<'_>, colour: ColorType, numbers: &[u16]) -> Result<Frame, Failure> {
    const FULL: u16 = u16::MAX;
    let channels = match colour {
        ColorType::Gray(16) => 1,
        ColorType::GrayA(16) => 2,
        ColorType::RGB(16) => 3,
        ColorType::RGBA(16) => 4,
        colour => return Err(unsupported(&format!("with pixels of the kind {colour:?}"))),
    };
    let multiplied = premultiplied(job);
    let pixels = numbers.chunks_exact(channels).flat_map(|p| {
        let [r, g, b, a] = match *p {
            [y] => [y, y, y, FULL],
            [y, a] => [y, y, y, a],
            [r, g, b] => [r, g, b, FULL],
            [r, g, b, a, ..] => [r, g, b, a],
            [] => [0; 4],
        };
        let divide = |v: u16| match a {
            1.. if multiplied && a != FULL => {
                (u32::from(v) * u32::from(FULL) / u32::from(a)).min(FULL.into()) as u16
            }
            _ => v,
        };
        [divide(r), divide(g), divide(b), a]
    });
    Ok(Frame::new(
        job.header().width,
        job.header().height,
        Pixels::Rgba16(little_endian(pixels)),
    ))
}

/// Colours divided by alpha, where the file says that they are multiplied by it.
fn straight(job: &Job<'_>, pixels: Vec<u8>) -> Vec<u8> {
    if !premultiplied(job) {
        return pixels;
    }
    let divide = |v: u8, a: u8| {
        if a == 0 {
            0
        } else {
            ((u32::from(v) * 255 + u32::from(a) / 2) / u32::from(a)).min(255) as u8
        }
    };
    repack::<4, 4>(&pixels, |[r, g, b, a]| {
        [divide(r, a), divide(g, a), divide(b, a), a]
    })
}

fn premultiplied(job: &Job<'_>) -> bool {
    crate::header::tiff_extra_sample(job.bytes) == Some(1)
}

/// The colour map holds all reds, then all greens, then all blues, in 16 bits: eight bits times 257 or, by
/// some writers, times 256, so that the high byte is right for both.
fn palette(reader: &mut Reader<'_>, indices: &[u8]) -> Result<Vec<u8>, Failure> {
    let map = reader.get_tag_u16_vec(Tag::ColorMap).map_err(damage)?;
    let count = map.len() / 3;
    let mut colours = [[0; 3]; 256];
    for (i, colour) in colours.iter_mut().take(count).enumerate() {
        *colour = [map[i], map[count + i], map[2 * count + i]].map(|wide| (wide >> 8) as u8);
    }
    Ok(repack::<1, 3>(indices, |[i]| colours[usize::from(i)]))
}

fn bilevel(width: usize, bits: &[u8]) -> Vec<u8> {
    let level = |row: &[u8], x: usize| {
        if row[x / 8] >> (7 - x % 8) & 1 == 1 {
            255
        } else {
            0
        }
    };
    bits.chunks_exact(width.div_ceil(8))
        .flat_map(|row| (0..width).map(|x| level(row, x)).collect::<Vec<_>>())
        .collect()
}

fn bytes(samples: DecodingResult) -> Result<Vec<u8>, Failure> {
    match samples {
        DecodingResult::U8(bytes) => Ok(bytes),
        DecodingResult::U16(numbers) => Ok(numbers.into_iter().map(narrow).collect()),
        _ => Err(unsupported("with such numbers")),
    }
}

fn unsupported(what: &str) -> Failure {
    Failure::new(
        FailureKind::Unsupported,
        format!("TIFF files {what} are not read"),
    )
}

fn damage(error: TiffError) -> Failure {
    match error {
        TiffError::UnsupportedError(what) => Failure::new(
            FailureKind::Unsupported,
            format!("such TIFF files are not read: {what}"),
        ),
        TiffError::LimitsExceeded => {
            Failure::bad_input("the TIFF needs more memory than its size in pixels explains")
        }
        error => Failure::bad_input(format!("the TIFF is damaged or cut short: {error}")),
    }
}
