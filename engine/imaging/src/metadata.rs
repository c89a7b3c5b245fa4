//! The TIFF-structured block in which EXIF lives, and what of it concerns pixels: the orientation.
//!
//! Reads only as much of the structure as is needed and never trusts an offset. A picture that has been
//! turned must not be turned again, so what is handed on has its orientation set to 1.

use bytes::Bytes;

const ORIENTATION: u16 = 0x0112;
/// More entries than any real directory has.
const MAX_ENTRIES: usize = 4096;

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
        let at = directory.u32(4)? as usize;
        directory.entries = usize::from(directory.u16(at)?).min(MAX_ENTRIES);
        directory.start = at.checked_add(2)?;
        Some(directory)
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

/// The block with its orientation, where it has one, set to 1.
pub(crate) fn upright(exif: &[u8]) -> Bytes {
    let mut block = exif.to_vec();
    let place = Directory::open(exif).and_then(|directory| directory.short(ORIENTATION, 1));
    if let Some((at, upright)) = place
        && let Some(value) = block.get_mut(at..at + 2)
    {
        value.copy_from_slice(&upright);
    }
    block.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(little: bool, orientation: u16) -> Vec<u8> {
        let (two, four) = if little {
            (
                u16::to_le_bytes as fn(u16) -> [u8; 2],
                u32::to_le_bytes as fn(u32) -> [u8; 4],
            )
        } else {
            (
                u16::to_be_bytes as fn(u16) -> [u8; 2],
                u32::to_be_bytes as fn(u32) -> [u8; 4],
            )
        };
        let mut out = if little {
            b"II*\0".to_vec()
        } else {
            b"MM\0*".to_vec()
        };
        out.extend(four(8));
        out.extend(two(1));
        out.extend([two(ORIENTATION), two(3)].concat());
        out.extend(four(1));
        out.extend([two(orientation), two(0)].concat());
        out.extend(four(0));
        out
    }

    #[test]
    fn orientations_are_read_and_reset_in_both_byte_orders() {
        for little in [true, false] {
            for value in 1..=8 {
                let exif = block(little, value);
                assert_eq!(orientation(&exif), value as u8);
                assert_eq!(&upright(&exif)[..], block(little, 1));
            }
            assert_eq!(orientation(&block(little, 9)), 1);
        }
    }

    #[test]
    fn damaged_blocks_are_upright_and_stay_as_they_are() {
        let exif = block(true, 6);
        for length in 0..exif.len() {
            let cut = &exif[..length];
            assert!(matches!(orientation(cut), 1 | 6));
            assert_eq!(upright(cut).len(), length);
        }
        let mut far = exif.clone();
        far[4..8].fill(0xff);
        assert_eq!(orientation(&far), 1);
    }
}
