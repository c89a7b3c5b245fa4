//! GIF: the logical screen, and one image descriptor a frame.

use workflow::failure::Failure;

use super::{Header, Parsed, cut_short, le16};
use crate::sniff::InputType;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Failure> {
    let cut = || cut_short(InputType::Gif, bytes.len());
    let (width, height) = le16(bytes, 6).zip(le16(bytes, 8)).ok_or_else(cut)?;
    let packed = *bytes.get(10).ok_or_else(cut)?;
    let mut walk = Walk {
        bytes,
        at: 13 + table(packed),
        frames: 0,
        alpha: false,
    };
    while walk.block().is_some() {}
    let header = Header {
        // A file that ends before its first frame is the decoder's to refuse.
        frames: walk.frames.max(1),
        alpha: walk.alpha || walk.frames > 1,
        ..Header::plain(InputType::Gif, width, height)
    };
    let channels = if header.alpha { 4 } else { 3 };
    Ok(Parsed::new(Header { channels, ..header }, None, Vec::new()))
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    frames: u32,
    alpha: bool,
}

impl Walk<'_> {
    /// Steps over one block; `None` at the end, be it the trailer or a cut.
    fn block(&mut self) -> Option<()> {
        match self.bytes.get(self.at)? {
            0x21 => {
                if self.bytes.get(self.at + 1) == Some(&0xf9) {
                    self.alpha |= self.bytes.get(self.at + 3)? & 1 == 1;
                }
                self.at += 2;
            }
            0x2c => {
                self.frames += 1;
                self.at += 11 + table(*self.bytes.get(self.at + 9)?);
            }
            _ => return None,
        }
        loop {
            let length = usize::from(*self.bytes.get(self.at)?);
            self.at += 1 + length;
            if length == 0 {
                return Some(());
            }
        }
    }
}

/// Bytes of the colour table that the packed field announces.
fn table(packed: u8) -> usize {
    if packed & 0x80 == 0 {
        0
    } else {
        3 << ((packed & 7) + 1)
    }
}
