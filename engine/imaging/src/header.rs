//! What a file says about itself, read without touching its pixels.
//!
//! Everything that must be known *before* memory is taken: size, frames, depth. The readers walk the
//! file's structure and never trust a length further than the bytes reach. What the codecs find later
//! may only be smaller than what was said here.

mod avif;
mod gif;
mod jpeg;
mod limits;
mod png;
mod simple;
mod tiff;
mod webp;

pub(crate) use avif::{Item as AvifItem, Nclx, items as avif_items};
pub(crate) use jpeg::check_scans;
pub(crate) use simple::largest_icon;
pub(crate) use tiff::{PHOTOMETRIC, extra_sample as tiff_extra_sample, holds_jpeg as tiff_holds_jpeg};
pub(crate) use webp::{Chunks as WebpChunks, missing as webp_missing};

use serde::{Deserialize, Serialize};
use workflow::failure::{Failure, FailureKind};

use crate::sniff::{InputType, sniff};

/// What an original is. Width and height are as stored, before any turn by orientation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a file")]
pub struct Header {
    pub kind: InputType,
    pub width: u32,
    pub height: u32,
    /// 1 for a still.
    pub frames: u32,
    /// Bits a channel after decoding: 8 or 16.
    pub depth: u8,
    pub alpha: bool,
    /// Of a decoded pixel, alpha included: 1 gray, 3 colour, 4 colour with alpha or CMYK.
    pub channels: u8,
    /// EXIF numbering: 1 is upright, 5 to 8 swap width and height.
    pub orientation: u8,
    /// Carries an ICC profile.
    pub icc: bool,
    pub cmyk: bool,
    /// A JPEG in several scans or an interlaced PNG.
    pub progressive: bool,
}

/// A header with the places of what lies beside the pixels.
#[derive(Debug)]
pub(crate) struct Parsed<'a> {
    pub(crate) header: Header,
    /// A TIFF-structured block.
    pub(crate) exif: Option<&'a [u8]>,
    /// The ICC profile in as many pieces as the file cuts it into; none where it is compressed.
    pub(crate) icc: Vec<&'a [u8]>,
    /// The inks of a CMYK JPEG are stored inverted, as Adobe does.
    pub(crate) inverted: bool,
    /// The file stores shades of gray, be it with alpha.
    pub(crate) gray: bool,
    /// Pictures of which only the first is read: frames of an AVIF sequence, pages of a TIFF.
    pub(crate) pages: u32,
}

/// Reads the header of a whole file.
///
/// # Errors
/// `unsupported` for what is no image or a kind that is not read, `bad-input` for a damaged header.
pub fn header(bytes: &[u8]) -> Result<Header, Failure> {
    parse(bytes).map(|parsed| parsed.header)
}

pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Failure> {
    let kind = sniff(bytes).ok_or_else(|| unknown(bytes))?;
    let parsed = match kind {
        InputType::Jpeg => jpeg::parse(bytes),
        InputType::Png => png::parse(bytes),
        InputType::Webp => webp::parse(bytes),
        InputType::Gif => gif::parse(bytes),
        InputType::Tiff => tiff::parse(bytes),
        InputType::Bmp => simple::bmp(bytes),
        InputType::Ico => simple::ico(bytes),
        InputType::Qoi => simple::qoi(bytes),
        InputType::Avif => avif::parse(bytes),
    }?;
    if parsed.header.width == 0 || parsed.header.height == 0 || parsed.header.frames == 0 {
        return Err(Failure::bad_input(format!(
            "the {kind} file says that it has no pixels"
        )));
    }
    Ok(parsed)
}

impl Header {
    /// Width and height once the orientation is applied.
    pub fn upright(&self) -> (u32, u32) {
        if self.orientation >= 5 {
            (self.height, self.width)
        } else {
            (self.width, self.height)
        }
    }

    /// An upright 8-bit RGB still; each format sets what differs.
    pub(crate) fn plain(kind: InputType, width: u32, height: u32) -> Self {
        Self {
            kind,
            width,
            height,
            frames: 1,
            depth: 8,
            alpha: false,
            channels: 3,
            orientation: 1,
            icc: false,
            cmyk: false,
            progressive: false,
        }
    }
}

impl<'a> Parsed<'a> {
    fn new(mut header: Header, exif: Option<&'a [u8]>, icc: Vec<&'a [u8]>) -> Self {
        if let Some(exif) = exif {
            header.orientation = crate::metadata::orientation(exif);
        }
        header.icc |= !icc.is_empty();
        Self {
            gray: header.channels == 1,
            header,
            exif,
            icc,
            inverted: false,
            pages: 1,
        }
    }
}

fn unknown(bytes: &[u8]) -> Failure {
    if bytes.is_empty() {
        return Failure::bad_input("the original is empty");
    }
    let known = InputType::ALL.map(InputType::name).join(", ");
    Failure::new(
        FailureKind::Unsupported,
        format!("the original is none of {known}; other kinds need a decoder plugin"),
    )
}

fn cut_short(kind: InputType, len: usize) -> Failure {
    Failure::bad_input(format!("the {kind} file is cut short: it ends inside its header"))
        .at_offset(len as u64)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn be16(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(|b| u32::from(u16::from_be_bytes(b)))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

fn le16(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(|b| u32::from(u16::from_le_bytes(b)))
}

fn le24(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(|[a, b, c]: [u8; 3]| u32::from_le_bytes([a, b, c, 0]))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_prefix_of_any_magic_makes_a_header() {
        for kind in [
            &b"\xff\xd8\xff"[..],
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
            b"II*\0",
            b"qoif",
            b"RIFF\x10\0\0\0WEBP",
        ] {
            assert_eq!(header(kind).unwrap_err().kind, FailureKind::BadInput, "{kind:?}");
        }
        assert_eq!(header(b"").unwrap_err().kind, FailureKind::BadInput);
        assert_eq!(header(b"hello").unwrap_err().kind, FailureKind::Unsupported);
    }
}
