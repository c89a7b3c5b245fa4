//! What a file says about itself, read without touching its pixels.
//!
//! Everything that must be known *before* memory is taken: size, frames, depth. The readers walk the
//! file's structure and never trust a length further than the bytes reach. What the codecs find later
//! may only be smaller than what was said here.

mod avif;
mod gif;
mod jpeg;
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
use workflow::limits::InputLimits;

use crate::sniff::{InputType, sniff};

/// What the pixels of an original may take while they are decoded. An executor has 2 GiB; what is left is for
/// the steps that follow.
const MEMORY: u64 = 3 << 29;

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
    /// Whether a file of `bytes` bytes with this header may be decoded.
    ///
    /// # Errors
    /// `too-large`, naming the number, its limit and the key under `input:` that raises it.
    pub fn check(&self, bytes: u64, limits: &InputLimits) -> Result<(), Failure> {
        let (width, height) = (u64::from(self.width), u64::from(self.height));
        let pixels = width * height;
        let measures = [
            ("bytes", bytes, limits.max_bytes, "max_bytes"),
            (
                "pixels on its longer side",
                width.max(height),
                u64::from(limits.max_side),
                "max_side",
            ),
            ("pixels", pixels, limits.max_pixels, "max_pixels"),
            (
                "frames",
                u64::from(self.frames),
                u64::from(limits.max_frames),
                "max_frames",
            ),
            (
                "pixels over all frames",
                pixels.saturating_mul(u64::from(self.frames)),
                limits.max_total_pixels,
                "max_total_pixels",
            ),
        ];
        let Some((what, number, limit, key)) = measures.into_iter().find(|m| m.1 > m.2) else {
            return Ok(());
        };
        Err(Failure::new(
            FailureKind::TooLarge,
            format!(
                "the {} of {width}x{height} has {number} {what}, more than the limit of {limit}; raise `{key}` \
                 under `input:` to allow it",
                self.kind
            ),
        ))
    }

    /// Whether so many frames of the file can be decoded, at `1/denominator`, in the memory that there is.
    ///
    /// # Errors
    /// `too-large`, saying how much memory it would take and what would take less.
    pub(crate) fn check_memory(&self, frames: u32, denominator: u8) -> Result<(), Failure> {
        let needed = self.memory(frames.into(), denominator.into());
        if needed <= MEMORY {
            return Ok(());
        }
        let mut advice = vec!["make it smaller"];
        if frames > 1 {
            advice.push("decode one frame alone (`frames: first`)");
        }
        if self.depth > 8 {
            advice.push("store it with 8 bits a channel");
        }
        let (kind, width, height) = (self.kind, self.width, self.height);
        Err(Failure::new(
            FailureKind::TooLarge,
            format!(
                "the {kind} of {width}x{height} needs about {} MB of memory to be decoded ({frames} frames of {} \
                 channels of {} bits), more than the {} MB that there are for an original; {}",
                needed / 1_000_000,
                self.channels,
                self.depth,
                MEMORY / 1_000_000,
                advice.join(", or ")
            ),
        ))
    }

    /// Bytes that the pixels take at most while they are decoded: the frames that are handed on, and beside
    /// one of them what the codec and the conversions hold.
    fn memory(&self, frames: u64, denominator: u64) -> u64 {
        let pixels = u64::from(self.width) * u64::from(self.height);
        let (channels, moving) = (u64::from(self.channels), self.frames > 1);
        let frame = match self.kind {
            _ if self.depth > 8 => 8,
            _ if moving => 4,
            _ if self.cmyk => 3,
            _ => channels,
        };
        let ink = if self.cmyk { 4 } else { 0 };
        let codec = match self.kind {
            // The coefficients of all scans, whatever the scale.
            InputType::Jpeg if self.progressive => 2 * channels + ink,
            InputType::Jpeg => ink,
            // Stored frame, canvas, and the canvas as it was before.
            InputType::Png | InputType::Gif if moving => 12,
            InputType::Gif => 8,
            InputType::Png if self.depth > 8 => 6,
            InputType::Png => 2,
            // The stored frame twice, with and without alpha, too.
            InputType::Webp if moving => 16,
            InputType::Webp => 5,
            InputType::Tiff => channels * u64::from(self.depth) / 8,
            InputType::Bmp | InputType::Ico | InputType::Qoi => 8,
            // Planes of 16 bits, once in the codec.
            InputType::Avif => 12,
        };
        let narrowed = if self.depth > 8 { 4 } else { 0 };
        let turned = if self.orientation > 1 { frame } else { 0 };
        let kept = (pixels * frame * frames).div_ceil(denominator * denominator);
        kept.saturating_add(pixels * codec.max(narrowed).max(turned))
    }

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
    fn what_is_too_large_says_which_key_to_raise() {
        let limits = InputLimits::default();
        let mut header = Header::plain(InputType::Png, 65_536, 65_536);
        let failure = header.check(100, &limits).unwrap_err();
        assert_eq!(failure.kind, FailureKind::TooLarge);
        assert!(
            failure.message.contains("65536") && failure.message.contains("`max_side`"),
            "{failure}"
        );
        header.width = 12_000;
        header.height = 12_000;
        assert!(
            header
                .check(100, &limits)
                .unwrap_err()
                .message
                .contains("`max_pixels`")
        );
        header.height = 8_000;
        assert_eq!(header.check(100, &limits), Ok(()));
        header.frames = 5;
        assert!(
            header
                .check(100, &limits)
                .unwrap_err()
                .message
                .contains("`max_total_pixels`")
        );
        header.frames = 257;
        assert!(
            header
                .check(100, &limits)
                .unwrap_err()
                .message
                .contains("`max_frames`")
        );
        assert!(
            header
                .check(65 << 20, &limits)
                .unwrap_err()
                .message
                .contains("`max_bytes`")
        );
    }

    #[test]
    fn channels_depth_and_frames_count_as_memory() {
        let plain = Header::plain(InputType::Png, 12_000, 8_000);
        let check = |change: fn(&mut Header)| {
            let mut header = plain.clone();
            change(&mut header);
            header.check(100, &InputLimits::default()).unwrap();
            header.check_memory(header.frames, 1)
        };
        assert_eq!(check(|_| {}), Ok(()));
        assert_eq!(check(|h| (h.channels, h.depth) = (4, 16)), Ok(()));
        let failure = check(|h| (h.kind, h.depth) = (InputType::Avif, 16)).unwrap_err();
        assert_eq!(failure.kind, FailureKind::TooLarge);
        assert!(failure.message.contains("1920 MB") && failure.message.contains("8 bits a channel"));
        let failure = check(|h| (h.kind, h.frames) = (InputType::Gif, 4)).unwrap_err();
        assert!(failure.message.contains("`frames: first`"), "{failure}");
        let mut moving = plain.clone();
        moving.frames = 4;
        assert_eq!(moving.check_memory(1, 1), Ok(()));
        // No scale helps against the coefficients of a progressive file.
        let inks = |width| Header {
            channels: 4,
            cmyk: true,
            progressive: true,
            ..Header::plain(InputType::Jpeg, width, 16_000)
        };
        assert!(inks(8_000).check_memory(1, 8).is_ok() && inks(9_000).check_memory(1, 8).is_err());
    }

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
