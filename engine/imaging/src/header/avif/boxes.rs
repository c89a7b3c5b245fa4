//! Boxes of an ISO media file, and the numbers of varying width inside of them.

use crate::header::{array, be32};

/// The content of the first box of a name.
pub(super) fn find(boxes: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    Boxes(boxes).find(|found| found.0 == name).map(|found| found.1)
}

/// Names and contents of the boxes in a row; the last may be cut short.
pub(super) struct Boxes<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (size, name) = (be32(self.0, 0)? as usize, array(self.0, 4)?);
        let (head, size) = match size {
            0 => (8, self.0.len()),
            1 => (16, usize::try_from(u64::from_be_bytes(array(self.0, 8)?)).ok()?),
            size => (8, size),
        };
        if size < head {
            return None;
        }
        let (whole, rest) = self.0.split_at(size.min(self.0.len()));
        self.0 = rest;
        Some((name, whole.get(head..)?))
    }
}

/// Numbers one after the other.
pub(super) struct Fields<'a> {
    pub(super) data: &'a [u8],
    pub(super) at: usize,
}

impl Fields<'_> {
    /// The next number of so many bytes, at most eight; of none it is 0.
    pub(super) fn number(&mut self, size: usize) -> Option<u64> {
        let bytes = self.data.get(self.at..self.at + size.min(8))?;
        self.at += size;
        Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    /// The next number of so many bytes, at most four.
    pub(super) fn small(&mut self, size: usize) -> Option<u32> {
        self.number(size).map(|number| number as u32)
    }
}
