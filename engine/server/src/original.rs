//! The bytes of an original in flight, until an executor takes them.
//!
//! Nobody in this process parses them. They and their share of the budget go together, wherever the original
//! waits. Their memory is used again for later originals, as new pages cost more than the copy into them.

use std::io::{self, ErrorKind, Read};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::budget::Share;

/// Memory of former originals, its pages still there.
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
const SPARES: usize = 4;
/// Larger ones are not kept.
const KEPT: usize = 8 << 20;

/// An original that grows chunk by chunk up to a limit.
#[derive(Debug)]
pub(crate) struct Original {
    bytes: Vec<u8>,
    limit: u64,
    /// Given back with the bytes.
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
    pub(crate) fn new(limit: u64) -> Self {
        let mut bytes = spare().pop().unwrap_or_default();
        bytes.clear();
        Self {
            bytes,
            limit,
            share: None,
        }
    }

    /// One that is whole already; its memory is taken over where nobody else holds it.
    pub(crate) fn whole(bytes: Bytes, share: Share) -> Self {
        let bytes = Vec::from(bytes);
        Self {
            limit: bytes.len() as u64,
            bytes,
            share: Some(share),
        }
    }

    pub(crate) fn append(&mut self, chunk: &[u8]) -> Result<(), AppendError> {
        if (self.bytes.len() + chunk.len()) as u64 > self.limit {
            return Err(AppendError::TooLarge(self.limit));
        }
        let reserved = self.bytes.try_reserve(chunk.len());
        reserved.map_err(|error| AppendError::Io(io::Error::new(ErrorKind::OutOfMemory, error)))?;
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// Takes all that comes, and stops where it is too much.
    pub(crate) fn fill(&mut self, from: impl Read) -> Result<(), AppendError> {
        let most = self.limit - self.bytes.len() as u64;
        let read = from.take(most.saturating_add(1)).read_to_end(&mut self.bytes);
        read.map_err(AppendError::Io)?;
        if self.bytes.len() as u64 > self.limit {
            return Err(AppendError::TooLarge(self.limit));
        }
        Ok(())
    }

    /// From now on the share lives as long as the bytes.
    pub(crate) fn keep(&mut self, share: Share) {
        self.share = Some(share);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Original {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut spare = spare();
        if bytes.capacity() <= KEPT && spare.len() < SPARES {
            spare.push(bytes);
        }
    }
}

fn spare() -> std::sync::MutexGuard<'static, Vec<Vec<u8>>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    #[test]
    fn stops_at_its_limit() {
        let mut original = Original::new(4);
        original.append(b"abc").unwrap();
        assert!(matches!(original.append(b"de"), Err(AppendError::TooLarge(4))));
    }

    #[test]
    fn shows_nothing_of_a_former_one() {
        let mut first = Original::new(9);
        first.append(b"something").unwrap();
        drop(first);
        assert!((0..9).all(|_| Original::new(9).bytes().is_empty()));
    }

    #[test]
    fn takes_no_more_from_an_endless_reader_than_it_needs_to_know() {
        let mut original = Original::new(1000);
        assert!(matches!(
            original.fill(io::repeat(7)),
            Err(AppendError::TooLarge(1000))
        ));
        assert_eq!(original.bytes().len(), 1001);
        let mut exact = Original::new(1000);
        exact.fill(io::repeat(7).take(1000)).unwrap();
        assert_eq!(exact.bytes().len(), 1000);
    }

    #[test]
    fn bytes_that_are_whole_are_not_copied() {
        let budget = Budget::new(3);
        let mut share = budget.share();
        share.grow(3).unwrap();
        let bytes = Bytes::from(vec![1, 2, 3]);
        let at = bytes.as_ptr();
        let original = Original::whole(bytes, share);
        assert_eq!(
            (original.bytes(), original.bytes().as_ptr()),
            (&[1, 2, 3][..], at)
        );
        assert!(budget.share().grow(1).is_err());
        drop(original);
        budget.share().grow(3).unwrap();
    }

    #[test]
    fn keeps_its_share_as_long_as_it_lives() {
        let budget = Budget::new(3);
        let mut share = budget.share();
        share.grow(3).unwrap();
        let mut original = Original::new(3);
        original.keep(share);
        assert!(budget.share().grow(1).is_err());
        drop(original);
        budget.share().grow(3).unwrap();
    }
}
