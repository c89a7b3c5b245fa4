//! The bytes of an original in flight, until an executor takes them.
//!
//! Nobody in this process parses them. Their memory is used again for later originals, as new pages cost
//! more than the copy into them.

use std::collections::TryReserveError;
use std::sync::{Mutex, PoisonError};

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
}

/// Why a chunk was not taken.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// More than this many bytes.
    TooLarge(u64),
    Memory(TryReserveError),
}

impl Original {
    pub(crate) fn new(limit: u64) -> Self {
        let mut bytes = spare().pop().unwrap_or_default();
        bytes.clear();
        Self { bytes, limit }
    }

    pub(crate) fn append(&mut self, chunk: &[u8]) -> Result<(), AppendError> {
        if (self.bytes.len() + chunk.len()) as u64 > self.limit {
            return Err(AppendError::TooLarge(self.limit));
        }
        self.bytes.try_reserve(chunk.len()).map_err(AppendError::Memory)?;
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
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
}
