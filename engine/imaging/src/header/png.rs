//! PNG and APNG: the chunk list. Checksums are the decoder's business.

use workflow::failure::Failure;

use super::{Header, Parsed, array, be32, cut_short};
use crate::sniff::InputType;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Failure> {
    let cut = || cut_short(InputType::Png, bytes.len());
    let [b'I', b'H', b'D', b'R'] = array(bytes, 12).ok_or_else(cut)? else {
        return Err(Failure::bad_input("the PNG does not start with its header").at_offset(8));
    };
    let (width, height) = be32(bytes, 16).zip(be32(bytes, 20)).ok_or_else(cut)?;
    let [depth, colour, _, _, interlace] = array(bytes, 24).ok_or_else(cut)?;
    let mut header = Header {
        depth: if depth == 16 { 16 } else { 8 },
        alpha: matches!(colour, 4 | 6),
        progressive: interlace == 1,
        ..Header::plain(InputType::Png, width, height)
    };
    let mut exif = None;
    for (name, data) in (Chunks { bytes, at: 8 }) {
        match &name {
            b"tRNS" => header.alpha = true,
            b"iCCP" => header.icc = true,
            b"acTL" => header.frames = be32(data, 0).ok_or_else(cut)?,
            b"eXIf" => exif = Some(data),
            _ => {}
        }
    }
    header.channels = match (colour, header.alpha) {
        (_, true) => 4,
        (0, false) => 1,
        _ => 3,
    };
    Ok(Parsed {
        gray: matches!(colour, 0 | 4),
        ..Parsed::new(header, exif, Vec::new())
    })
}

/// Names and data of the chunks, as far as the file reaches.
struct Chunks<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = be32(self.bytes, self.at)? as usize;
        let name = array(self.bytes, self.at + 4)?;
        let start = self.at + 8;
        let data = self.bytes.get(start..start.checked_add(length)?)?;
        self.at = start + length + 4;
        Some((name, data))
    }
}
