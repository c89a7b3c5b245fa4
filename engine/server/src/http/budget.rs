//! How many bytes of originals may be in memory at once. Beyond it callers are told to come back later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::problem::Problem;

/// Half a gibibyte: eight originals of the largest default size.
const TOTAL: u64 = 512 << 20;

#[derive(Debug, Clone, Default)]
pub(crate) struct Budget(Arc<AtomicU64>);

/// Bytes taken from the budget; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: u64,
}

impl Budget {
    pub(crate) fn share(&self) -> Share {
        Share {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

impl Share {
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Problem> {
        let before = self.budget.0.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        if before + bytes > TOTAL {
            return Err(Problem::busy(
                "too many originals are being received at once; try again in a moment",
                1,
            ));
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_taken() {
        let budget = Budget::default();
        let mut first = budget.share();
        first.grow(TOTAL).unwrap();
        assert!(budget.share().grow(1).is_err());
        drop(first);
        budget.share().grow(TOTAL).unwrap();
    }
}
