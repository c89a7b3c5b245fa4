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

/// Of several icons the largest is the picture.
pub(super) fn ico(bytes: &[u8]) -> Result<Parsed<'_>, Failure> {
    let icon = largest_icon(bytes)?;
    Ok(parsed(Header {
        alpha: true,
        ..Header::plain(InputType::Ico, icon.width, icon.height)
    }))
}

/// One icon of a file. Its own header says how large it is, not the directory, which may lie.
pub(crate) struct Icon<'a> {
    pub(crate) data: &'a [u8],
    width: u32,
    height: u32,
    entry: [u8; 16],
}

/// The one with the most pixels.
///
/// # Errors
/// `bad-input` where any of them lies outside the file.
pub(crate) fn largest_icon(bytes: &[u8]) -> Result<Icon<'_>, Failure> {
    let cut = || cut_short(InputType::Ico, bytes.len());
    let count = le16(bytes, 4).ok_or_else(cut)? as usize;
    let icons = (0..count)
        .map(|i| icon(bytes, 6 + 16 * i))
        .collect::<Option<Vec<_>>>();
    let icons = icons.ok_or_else(cut)?.into_iter();
    icons
        .max_by_key(|icon| u64::from(icon.width) * u64::from(icon.height))
        .ok_or_else(cut)
}

fn icon(bytes: &[u8], at: usize) -> Option<Icon<'_>> {
    let (length, start) = (le32(bytes, at + 8)? as usize, le32(bytes, at + 12)? as usize);
    let data = bytes.get(start..start.checked_add(length)?)?;
    let (width, height) = if data.starts_with(b"\x89PNG") {
        be32(data, 16).zip(be32(data, 20))?
    } else {
        // The height counts the mask, too.
        dib(data, 0).map(|(width, height, _)| (width, height / 2))?
    };
    Some(Icon {
        data,
        width,
        height,
        entry: array(bytes, at)?,
    })
}

impl Icon<'_> {
    /// A file with this icon alone.
    pub(crate) fn alone(&self) -> Vec<u8> {
        let start = 22u32.to_le_bytes();
        [&[0, 0, 1, 0, 1, 0][..], &self.entry[..12], &start, self.data].concat()
    }
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
