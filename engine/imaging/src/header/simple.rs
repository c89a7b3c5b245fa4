//! BMP, ICO and QOI: everything stands in fixed places.

use workflow::failure::Failure;

use super::{Header, Parsed, array, be32, cut_short, le16, le32};
use crate::sniff::InputType;

pub(super) fn bmp(bytes: &[u8]) -> Result<Parsed<'_>, Failure> {
    dib(bytes, 14)
        .map(|(width, height, bits)| {
            let alpha = bits == 32;
            parsed(Header {
                alpha,
                ..Header::plain(InputType::Bmp, width, height)
            })
        })
        .ok_or_else(|| cut_short(InputType::Bmp, bytes.len()))
}

/// Width, height and bits a pixel of the bitmap header at `at`.
fn dib(bytes: &[u8], at: usize) -> Option<(u32, u32, u32)> {
    if le32(bytes, at)? == 12 {
        return Some((le16(bytes, at + 4)?, le16(bytes, at + 6)?, le16(bytes, at + 10)?));
    }
    // A negative height says that the rows run from the top.
    let [width, height] =
        [le32(bytes, at + 4)?, le32(bytes, at + 8)?].map(|v| v.cast_signed().unsigned_abs());
    Some((width, height, le16(bytes, at + 14)?))
}

/// Of several icons the largest is the picture. Its own header counts, not what the directory says.
pub(super) fn ico(bytes: &[u8]) -> Result<Parsed<'_>, Failure> {
    let cut = || cut_short(InputType::Ico, bytes.len());
    let count = le16(bytes, 4).ok_or_else(cut)? as usize;
    let mut size = (0, 0);
    for entry in 0..count {
        let (length, start) = le32(bytes, 14 + 16 * entry)
            .zip(le32(bytes, 18 + 16 * entry))
            .ok_or_else(cut)?;
        let (start, length) = (start as usize, length as usize);
        let data = bytes.get(start..start.saturating_add(length)).ok_or_else(cut)?;
        let inside = if data.starts_with(b"\x89PNG") {
            be32(data, 16).zip(be32(data, 20))
        } else {
            // The height counts the mask, too.
            dib(data, 0).map(|(width, height, _)| (width, height / 2))
        };
        let (width, height) = inside.ok_or_else(cut)?;
        size = (size.0.max(width), size.1.max(height));
    }
    Ok(parsed(Header {
        alpha: true,
        ..Header::plain(InputType::Ico, size.0, size.1)
    }))
}

pub(super) fn qoi(bytes: &[u8]) -> Result<Parsed<'_>, Failure> {
    let cut = || cut_short(InputType::Qoi, bytes.len());
    let (width, height) = be32(bytes, 4).zip(be32(bytes, 8)).ok_or_else(cut)?;
    let [channels] = array(bytes, 12).ok_or_else(cut)?;
    Ok(parsed(Header {
        alpha: channels == 4,
        ..Header::plain(InputType::Qoi, width, height)
    }))
}

fn parsed<'a>(mut header: Header) -> Parsed<'a> {
    header.channels = if header.alpha { 4 } else { 3 };
    Parsed::new(header, None, Vec::new())
}
