//! The TIFF-structured block in which EXIF lives, and what of it concerns pixels: the orientation.
//!
//! Reads only as much of the structure as is needed and never trusts an offset. A picture that has been
//! turned must not be turned again, so what is handed on has its orientation set to 1; and it has no
//! thumbnail, which would show what a step may have cut away.

use std::collections::BTreeSet;
use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Context, In, Reader, Tag, Value};

const ORIENTATION: u16 = 0x0112;
/// More entries than any real directory has.
const MAX_ENTRIES: usize = 4096;
/// More pages than anybody needs to be told of.
const MAX_PAGES: usize = 10_000;
const SUBFILE_TYPE: u16 = 254;
const WIDTH: u16 = 256;

/// The first directory of a TIFF-structured block.
pub(crate) struct Directory<'a> {
    block: &'a [u8],
    little: bool,
    start: usize,
    entries: usize,
}

impl<'a> Directory<'a> {
    pub(crate) fn open(block: &'a [u8]) -> Option<Self> {
        let little = match block.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let mut directory = Self {
            block,
            little,
            start: 0,
            entries: 0,
        };
        directory.go_to(directory.u32(4)? as usize)?;
        Some(directory)
    }

    fn go_to(&mut self, at: usize) -> Option<()> {
        self.entries = usize::from(self.u16(at)?).min(MAX_ENTRIES);
        self.start = at.checked_add(2)?;
        Some(())
    }

    /// How many pictures the file has; smaller copies and masks of others do not count.
    pub(crate) fn pages(mut self) -> u32 {
        const COPY_OR_MASK: u32 = 0b101;
        let (mut pages, mut seen) = (1, BTreeSet::from([self.start]));
        while seen.len() < MAX_PAGES && self.go_on().is_some() && seen.insert(self.start) {
            let kind = self.number(SUBFILE_TYPE).unwrap_or(0);
            pages += u32::from(self.number(WIDTH).is_some() && kind & COPY_OR_MASK == 0);
        }
        pages
    }

    /// To the next directory.
    fn go_on(&mut self) -> Option<()> {
        let next = self.u32(self.next()).filter(|at| *at > 0)?;
        self.go_to(next as usize)
    }

    /// The first number of a tag of type BYTE, SHORT or LONG.
    pub(crate) fn number(&self, tag: u16) -> Option<u32> {
        let (kind, _, at) = self.find(tag)?;
        match kind {
            1 => self.block.get(at).map(|b| u32::from(*b)),
            3 => self.u16(at).map(u32::from),
            4 => self.u32(at),
            _ => None,
        }
    }

    /// The bytes of a tag of type BYTE or UNDEFINED.
    pub(crate) fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        let (kind, count, at) = self.find(tag)?;
        if !matches!(kind, 1 | 7) {
            return None;
        }
        self.block.get(at..at.checked_add(count)?)
    }

    /// Where in the block the first number of a tag of type SHORT lies, and its bytes for a new value.
    pub(crate) fn short(&self, tag: u16, value: u16) -> Option<(usize, [u8; 2])> {
        let (3, _, at) = self.find(tag)? else { return None };
        Some((
            at,
            if self.little {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            },
        ))
    }

    /// Where the first number of a tag of type BYTE, SHORT or LONG lies, and the bytes of a new value there.
    fn replacement(&self, tag: u16, value: u8) -> Option<(usize, Vec<u8>)> {
        let (kind, _, at) = self.find(tag)?;
        let width = match kind {
            1 => 1,
            3 => 2,
            4 => 4,
            _ => return None,
        };
        let mut bytes = vec![0; width];
        bytes[if self.little { 0 } else { width - 1 }] = value;
        Some((at, bytes))
    }

    /// Up to so many numbers of a tag of type SHORT or LONG.
    fn numbers(&self, tag: u16, most: usize) -> Vec<u32> {
        let Some((kind, count, at)) = self.find(tag) else {
            return Vec::new();
        };
        let number = |i: usize| match kind {
            3 => self.u16(at.checked_add(2 * i)?).map(u32::from),
            4 => self.u32(at.checked_add(4 * i)?),
            _ => None,
        };
        (0..count.min(most)).map_while(number).collect()
    }

    /// Where the offset of the next directory stands.
    fn next(&self) -> usize {
        self.start + 12 * self.entries
    }

    /// 1 to 8; what is missing or no such number is upright.
    pub(crate) fn orientation(&self) -> u8 {
        self.number(ORIENTATION)
            .filter(|v| (1..=8).contains(v))
            .map_or(1, |v| v as u8)
    }

    /// Type, count and the place of the values.
    fn find(&self, tag: u16) -> Option<(u16, usize, usize)> {
        let entry = (0..self.entries)
            .map(|i| self.start + 12 * i)
            .find(|at| self.u16(*at) == Some(tag))?;
        let (kind, count) = (self.u16(entry + 2)?, self.u32(entry + 4)? as usize);
        let size = match kind {
            3 => 2,
            4 => 4,
            5 => 8,
            _ => 1,
        };
        let inline = count.checked_mul(size)? <= 4;
        let at = if inline {
            entry + 8
        } else {
            self.u32(entry + 8)? as usize
        };
        Some((kind, count, at))
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.block.get(at..)?.first_chunk()?;
        Some(if self.little {
            u16::from_le_bytes(bytes)
        } else {
            u16::from_be_bytes(bytes)
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.block.get(at..)?.first_chunk()?;
        Some(if self.little {
            u32::from_le_bytes(bytes)
        } else {
            u32::from_be_bytes(bytes)
        })
    }
}

/// The orientation in an EXIF block, 1 to 8; a block that cannot be read is upright.
pub(crate) fn orientation(exif: &[u8]) -> u8 {
    Directory::open(exif).map_or(1, |directory| directory.orientation())
}

/// Sets the orientation, where there is one, to 1.
pub(crate) fn set_upright(block: &mut [u8]) {
    let place = Directory::open(block).and_then(|directory| directory.replacement(ORIENTATION, 1));
    if let Some((at, upright)) = place
        && let Some(value) = at
            .checked_add(upright.len())
            .and_then(|end| block.get_mut(at..end))
    {
        value.copy_from_slice(&upright);
    }
}

/// Cuts the second directory off and blots out the picture that it points to.
pub(crate) fn drop_thumbnail(block: &mut Vec<u8>) {
    let Some((next, parts)) = thumbnail(block) else {
        return;
    };
    for (start, length) in parts {
        let end = start.saturating_add(length).min(block.len());
        if let Some(part) = block.get_mut(start..end) {
            part.fill(0);
        }
        // It mostly is what the block ends with.
        if end == block.len() && start > next {
            block.truncate(start);
        }
    }
    if let Some(offset) = block.get_mut(next..next + 4) {
        offset.fill(0);
    }
}

/// Where the offset of the second directory stands, and starts and lengths of the data of its picture.
fn thumbnail(block: &[u8]) -> Option<(usize, Vec<(usize, usize)>)> {
    const MOST_STRIPS: usize = 64;
    let mut directory = Directory::open(block)?;
    let next = directory.next();
    let at = directory.u32(next)? as usize;
    if at == 0 || directory.go_to(at).is_none() {
        return Some((next, Vec::new()));
    }
    let mut parts = Vec::new();
    // A JPEG, or strips.
    for (starts, lengths) in [(0x0201, 0x0202), (0x0111, 0x0117)] {
        let starts = directory.numbers(starts, MOST_STRIPS);
        let lengths = directory.numbers(lengths, MOST_STRIPS);
        parts.extend(
            starts
                .iter()
                .zip(&lengths)
                .map(|(a, b)| (*a as usize, *b as usize)),
        );
    }
    Some((next, parts))
}

/// What a TIFF says of its picture, as a block of its own: all but what describes the pixels' layout.
pub(crate) fn of_tiff(tiff: &[u8]) -> Option<Vec<u8>> {
    const ABOUT: [Tag; 8] = [
        Tag::ImageDescription,
        Tag::Make,
        Tag::Model,
        Tag::Orientation,
        Tag::Software,
        Tag::DateTime,
        Tag::Artist,
        Tag::Copyright,
    ];
    let read = Reader::new().read_raw(tiff.to_vec()).ok()?;
    let mut writer = Writer::new();
    let fields = read.fields().filter(|field| {
        field.ifd_num == In::PRIMARY
            && (ABOUT.contains(&field.tag) || matches!(field.tag.context(), Context::Exif | Context::Gps))
            && !matches!(field.value, Value::Unknown(..))
    });
    let mut found = false;
    for field in fields {
        writer.push_field(field);
        found = true;
    }
    let mut out = Cursor::new(Vec::new());
    (found && writer.write(&mut out, read.little_endian()).is_ok()).then(|| out.into_inner())
}

#[cfg(test)]
mod tests;
