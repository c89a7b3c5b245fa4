//! JPEG by libjpeg-turbo: optimised Huffman tables always, planes straight through.
//!
//! Gray stays gray. An effort of 10 is progressive, too, which is what makes libjpeg-turbo's files smallest.

use turbojpeg::{Compressor, Image, OutputBuf, PixelFormat, Subsamp, YuvPlanesImage};
use workflow::failure::Failure;
use workflow::rendition::{Chroma, Encode, Format};

use super::kept::{Kept, kept};
use super::planes::{Quarter, quarter};
use super::{failed, on_background};
use crate::colour;
use crate::frame::{Frame, Picture, Pixels};
use crate::ops::{grown, view, whole};

pub(super) fn encode(picture: &Picture, options: &Encode) -> Result<Vec<u8>, Failure> {
    let frame = whole(picture.first())?;
    let bytes = compress(&frame, options).map_err(|error| failed(Format::Jpeg, error))?;
    let gray = matches!(frame.pixels, Pixels::Gray8(_));
    Ok(with_metadata(bytes, &kept(&picture.metadata, options, gray)))
}

fn compress(frame: &Frame, options: &Encode) -> turbojpeg::Result<Vec<u8>> {
    let mut compressor = Compressor::new()?;
    compressor.set_quality(options.quality.unwrap_or(80).into())?;
    compressor.set_optimize(true)?;
    compressor.set_progressive(options.progressive || options.effort == Some(10))?;
    let mut out = OutputBuf::new_owned();
    match &frame.pixels {
        Pixels::Ycc(planes) if options.chroma == Chroma::Half => {
            if let Some(planes) = quarter(planes, frame.width, frame.height) {
                compress_planes(&mut compressor, frame, &planes, &mut out)?;
                return Ok(out.to_vec());
            }
        }
        _ => {}
    }
    let frame = on_background(frame, options);
    let (frame, format, subsampling) = match &frame.pixels {
        Pixels::Gray8(_) => (frame, PixelFormat::GRAY, Subsamp::Gray),
        _ => (
            colour::to_rgb8(&frame),
            PixelFormat::RGB,
            subsampling(options.chroma),
        ),
    };
    compressor.set_subsamp(subsampling)?;
    let (pixels, size) = view(&frame);
    let (width, height) = (frame.width as usize, frame.height as usize);
    compressor.compress(
        Image {
            pixels,
            width,
            pitch: width * size,
            height,
            format,
        },
        &mut out,
    )?;
    Ok(out.to_vec())
}

fn subsampling(chroma: Chroma) -> Subsamp {
    match chroma {
        Chroma::Half => Subsamp::Sub2x2,
        Chroma::HalfWide => Subsamp::Sub2x1,
        Chroma::Full => Subsamp::None,
    }
}

/// The library wants luma of an even size, so that is continued by its edge where a side is odd.
fn compress_planes(
    compressor: &mut Compressor,
    frame: &Frame,
    planes: &Quarter<'_>,
    out: &mut OutputBuf<'_>,
) -> turbojpeg::Result<()> {
    let size = (frame.width, frame.height);
    let even = (size.0.next_multiple_of(2), size.1.next_multiple_of(2));
    let continued = (size != even).then(|| grown(planes.y, size, even, (1, 1)));
    let image = YuvPlanesImage {
        y_plane: continued.as_deref().unwrap_or(planes.y),
        u_plane: &planes.cb[..],
        v_plane: &planes.cr[..],
        width: size.0 as usize,
        height: size.1 as usize,
        y_stride: even.0 as usize,
        u_stride: even.0 as usize / 2,
        v_stride: even.0 as usize / 2,
        subsamp: Subsamp::Sub2x2,
    };
    compressor.compress_yuv_planes(&image, out)
}

/// A marker's payload, besides its two bytes of length.
const LARGEST_PAYLOAD: usize = 65_533;

/// EXIF and ICC put behind the start of the image and its JFIF marker. An EXIF block too large for one
/// marker is left out, as no reader would find it elsewhere.
fn with_metadata(bytes: Vec<u8>, kept: &Kept) -> Vec<u8> {
    let mut markers = Vec::new();
    if let Some(exif) = &kept.exif {
        let payload = [&b"Exif\0\0"[..], &exif[..]].concat();
        if payload.len() <= LARGEST_PAYLOAD {
            push_marker(&mut markers, 0xe1, &payload);
        }
    }
    if let Some(icc) = &kept.icc {
        let parts = icc.chunks(LARGEST_PAYLOAD - 14);
        // The count is one byte: 16 MB, beyond any profile that an original may carry.
        let count = parts.len() as u8;
        for (number, part) in (1_u8..=count).zip(parts) {
            push_marker(
                &mut markers,
                0xe2,
                &[&b"ICC_PROFILE\0"[..], &[number, count], part].concat(),
            );
        }
    }
    if markers.is_empty() {
        return bytes;
    }
    let at = match bytes[..] {
        [_, _, 0xff, 0xe0, high, low, ..] => 4 + usize::from(u16::from_be_bytes([high, low])),
        _ => 2,
    };
    [&bytes[..at], &markers, &bytes[at..]].concat()
}

fn push_marker(out: &mut Vec<u8>, code: u8, payload: &[u8]) {
    out.extend([0xff, code]);
    out.extend((payload.len() as u16 + 2).to_be_bytes());
    out.extend(payload);
}
