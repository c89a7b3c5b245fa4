//! WebP: the RIFF chunks and the first bytes of the bitstream.

use workflow::failure::Failure;

use super::{Header, Parsed, array, cut_short, le16, le24, le32};
use crate::sniff::InputType;

const ALPHA: u8 = 0x10;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Failure> {
    let cut = || cut_short(InputType::Webp, bytes.len());
    let mut header = Header::plain(InputType::Webp, 0, 0);
    let (mut exif, mut icc, mut frames) = (None, Vec::new(), 0);
    for (name, data) in Chunks::of_file(bytes) {
        match &name {
            b"VP8X" => {
                let (width, height) = le24(data, 4).zip(le24(data, 7)).ok_or_else(cut)?;
                header.alpha |= data[0] & ALPHA != 0;
                widen(&mut header, width + 1, height + 1);
            }
            b"VP8 " => {
                let (width, height) = le16(data, 6).zip(le16(data, 8)).ok_or_else(cut)?;
                widen(&mut header, width & 0x3fff, height & 0x3fff);
            }
            b"VP8L" => {
                let bits = u32::from_le_bytes(array(data, 1).ok_or_else(cut)?);
                header.alpha |= bits >> 28 & 1 == 1;
                widen(&mut header, (bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1);
            }
            b"ANMF" => {
                frames += 1;
                check_inside(&header, data)?;
            }
            b"EXIF" => exif = Some(data.strip_prefix(b"Exif\0\0").unwrap_or(data)),
            b"ICCP" => icc = vec![data],
            _ => {}
        }
    }
    if header.width == 0 {
        return Err(cut());
    }
    header.frames = frames.max(1);
    header.channels = if header.alpha { 4 } else { 3 };
    Ok(Parsed::new(header, exif, icc))
}

/// Whether a frame of an animation, where its own header is there, lies on the canvas.
fn check_inside(canvas: &Header, frame: &[u8]) -> Result<(), Failure> {
    let [x, y, width, height] = [0, 3, 6, 9].map(|at| le24(frame, at));
    let inside = |start: Option<u32>, length: Option<u32>, side| {
        start
            .zip(length)
            .is_none_or(|(start, length)| 2 * start + length < side)
    };
    if inside(x, width, canvas.width) && inside(y, height, canvas.height) {
        Ok(())
    } else {
        Err(Failure::bad_input(
            "the WebP has a frame that reaches outside the picture",
        ))
    }
}

/// Why the file is not whole, if it announces more bytes than there are.
pub(crate) fn missing(bytes: &[u8]) -> Option<Failure> {
    let end = le32(bytes, 4)? as usize + 8;
    let message = format!(
        "the WebP is cut short: {end} bytes are announced, {} are there",
        bytes.len()
    );
    (end > bytes.len()).then(|| Failure::bad_input(message).at_offset(bytes.len() as u64))
}

/// Canvas and bitstream should agree; where they do not, the larger is the one to be judged.
fn widen(header: &mut Header, width: u32, height: u32) {
    header.width = header.width.max(width);
    header.height = header.height.max(height);
}

/// Names and data of the chunks up to the announced end; the last may be cut short.
pub(crate) struct Chunks<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Chunks<'a> {
    /// Those of a whole file.
    pub(crate) fn of_file(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 12,
            end: le32(bytes, 4).map_or(0, |size| size as usize + 8),
        }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let name = array(self.bytes, self.at)?;
        let length = le32(self.bytes, self.at + 4)? as usize;
        let rest = &self.bytes[self.at + 8..];
        self.at += 8 + length + length % 2;
        Some((name, &rest[..length.min(rest.len())]))
    }
}
