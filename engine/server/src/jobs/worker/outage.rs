//! How long a worker claims nothing while what it stands on does not answer.
//!
//! Each job that it began meanwhile would lose an attempt, and within minutes its last.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Outage(Mutex<Option<Pause>>);

#[derive(Debug, Clone, Copy)]
struct Pause {
    length: Duration,
    until: Instant,
}

impl Outage {
    /// An attempt failed by it. Those that were begun before the pause do not lengthen it.
    pub(super) fn met(&self, now: Instant) {
        let mut pause = self.pause();
        let length = match *pause {
            Some(pause) if now < pause.until => return,
            Some(pause) => (pause.length * 2).min(LONGEST),
            None => FIRST,
        };
        tracing::warn!("the store or the blobs do not answer; no jobs are begun for {length:?}");
        *pause = Some(Pause {
            length,
            until: now + length,
        });
    }

    /// A job succeeded.
    pub(super) fn over(&self) {
        *self.pause() = None;
    }

    pub(super) fn lasts(&self, now: Instant) -> bool {
        self.pause().is_some_and(|pause| now < pause.until)
    }

    fn pause(&self) -> MutexGuard<'_, Option<Pause>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_something_succeeds() {
        let outage = Outage::default();
        let mut now = Instant::now();
        assert!(!outage.lasts(now));
        for seconds in [2, 4, 8, 16, 30, 30] {
            let length = Duration::from_secs(seconds);
            outage.met(now);
            // The others that were in hand.
            outage.met(now + length / 2);
            assert!(outage.lasts(now + length / 2));
            now += length;
            assert!(!outage.lasts(now), "{seconds}");
        }
        outage.over();
        outage.met(now);
        assert!(!outage.lasts(now + FIRST));
    }
}
