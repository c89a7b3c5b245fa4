//! How many bytes of originals and answers may be in memory at once. Beyond it callers are told to come back
//! later.
//!
//! Whoever holds the bytes holds their share: an original on its way in and in the queue, and a rendition
//! until the last of it has been written to its client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Account>);

#[derive(Debug)]
struct Account {
    total: u64,
    taken: AtomicU64,
}

/// Bytes taken from the budget; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: u64,
}

/// There is not so much left now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent;

impl Budget {
    pub(crate) fn new(total: u64) -> Self {
        let taken = AtomicU64::new(0);
        Self(Arc::new(Account { total, taken }))
    }

    /// Never more than this, however long one waits.
    pub(crate) fn total(&self) -> u64 {
        self.0.total
    }

    pub(crate) fn share(&self) -> Share {
        Share {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

impl Share {
    /// Takes that much more, or nothing.
    pub(crate) fn grow(&mut self, bytes: u64) -> Result<(), Spent> {
        let Account { total, taken } = &*self.budget.0;
        let fits = |taken: u64| taken.checked_add(bytes).filter(|sum| sum <= total);
        match taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits) {
            Ok(_) => {
                self.bytes += bytes;
                Ok(())
            }
            Err(_) => Err(Spent),
        }
    }

    /// Hands over that much of what was taken, or all of it if it is less.
    pub(crate) fn split(&mut self, bytes: u64) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        let budget = self.budget.clone();
        Self { budget, bytes }
    }

    /// The same bytes, which keep the share until the last handle to any of them is gone.
    pub(crate) fn hold(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        let share = Arc::clone(self);
        Bytes::from_owner(Held { bytes, _share: share })
    }
}

struct Held {
    bytes: Bytes,
    _share: Arc<Share>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_taken() {
        let budget = Budget::new(100);
        let mut first = budget.share();
        first.grow(100).unwrap();
        assert_eq!(budget.share().grow(1), Err(Spent));
        drop(first);
        budget.share().grow(100).unwrap();
    }

    #[test]
    fn who_is_refused_takes_nothing() {
        let budget = Budget::new(100);
        let mut greedy = budget.share();
        assert_eq!(greedy.grow(101), Err(Spent));
        assert_eq!(greedy.grow(u64::MAX), Err(Spent));
        budget.share().grow(100).unwrap();
    }

    #[test]
    fn what_is_split_off_is_given_back_by_itself() {
        let budget = Budget::new(100);
        let mut whole = budget.share();
        whole.grow(100).unwrap();
        drop(whole.split(60));
        budget.share().grow(60).unwrap();
        assert_eq!(budget.share().grow(61), Err(Spent));
        drop(whole.split(u64::MAX));
        budget.share().grow(100).unwrap();
    }

    #[test]
    fn bytes_keep_their_share_to_the_last_slice() {
        let budget = Budget::new(3);
        let mut share = budget.share();
        share.grow(3).unwrap();
        let share = Arc::new(share);
        let bytes = share.hold(Bytes::from_static(b"abc"));
        drop(share);
        let slice = bytes.slice(1..2);
        drop(bytes);
        assert_eq!(budget.share().grow(1), Err(Spent));
        drop(slice);
        budget.share().grow(3).unwrap();
    }
}
