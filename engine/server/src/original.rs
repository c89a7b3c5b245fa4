//! The bytes of an original in flight: a file in memory that can be handed to an executor as it is.
//!
//! Nobody in this process reads them back. The file and its share of the budget go together, wherever the
//! original waits.

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::fs::{MemfdFlags, memfd_create};

use crate::budget::Share;

/// An original that grows chunk by chunk up to a limit.
pub(crate) struct Original {
    file: File,
    length: u64,
    limit: u64,
    /// Given back with the file.
    share: Option<Share>,
}

/// Why a chunk was not taken.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// More than this many bytes.
    TooLarge(u64),
    Io(io::Error),
}

impl Original {
    pub(crate) fn new(limit: u64) -> io::Result<Self> {
        let fd = memfd_create("original", MemfdFlags::CLOEXEC)?;
        Ok(Self {
            file: File::from(fd),
            length: 0,
            limit,
            share: None,
        })
    }

    pub(crate) fn append(&mut self, chunk: &[u8]) -> Result<(), AppendError> {
        self.length += chunk.len() as u64;
        if self.length > self.limit {
            return Err(AppendError::TooLarge(self.limit));
        }
        self.file.write_all(chunk).map_err(AppendError::Io)
    }

    /// Takes all that comes, and stops where it is too much.
    pub(crate) fn fill(&mut self, from: impl Read) -> Result<(), AppendError> {
        let most = self.limit - self.length;
        let read = io::copy(&mut from.take(most.saturating_add(1)), &mut self.file);
        self.length += read.map_err(AppendError::Io)?;
        if self.length > self.limit {
            return Err(AppendError::TooLarge(self.limit));
        }
        Ok(())
    }

    /// From now on the share lives as long as the bytes.
    pub(crate) fn keep(&mut self, share: Share) {
        self.share = Some(share);
    }

    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    #[test]
    fn stops_at_its_limit() {
        let mut original = Original::new(4).unwrap();
        original.append(b"abc").unwrap();
        assert!(matches!(original.append(b"de"), Err(AppendError::TooLarge(4))));
    }

    #[test]
    fn takes_no_more_from_an_endless_reader_than_it_needs_to_know() {
        let mut original = Original::new(1000).unwrap();
        assert!(matches!(
            original.fill(io::repeat(7)),
            Err(AppendError::TooLarge(1000))
        ));
        assert_eq!(original.len(), 1001);
        let mut exact = Original::new(1000).unwrap();
        exact.fill(io::repeat(7).take(1000)).unwrap();
        assert_eq!(exact.len(), 1000);
    }

    #[test]
    fn keeps_its_share_as_long_as_it_lives() {
        let budget = Budget::new(3);
        let mut share = budget.share();
        share.grow(3).unwrap();
        let mut original = Original::new(3).unwrap();
        original.keep(share);
        assert!(budget.share().grow(1).is_err());
        drop(original);
        budget.share().grow(3).unwrap();
    }
}
