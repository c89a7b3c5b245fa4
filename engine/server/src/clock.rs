//! The time, as the store sees it: read once at the start, and counted from there.
//!
//! So somebody who sets the machine's clock, or a leap of an hour, ends no lease and delays no retry. Servers that share
//! a database agree on its clock: each `follow`s it, however the clocks of their machines stand.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use workflow::ports::{Browse, Millis, Stored};

/// Clocks that differ by less are equal.
const EQUAL: Millis = 500;
/// Set by more than this, a clock says nothing of how old is what others wrote before.
const JUMP: Millis = 5_000;

#[derive(Debug)]
pub(crate) struct Clock {
    began_at: Millis,
    began: Instant,
    /// How far the database's clock is ahead of what is counted here.
    ahead: AtomicI64,
    jumped: Mutex<Option<Instant>>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            began_at: wall(),
            began: Instant::now(),
            ahead: AtomicI64::new(0),
            jumped: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Millis {
        self.began_at + self.began.elapsed().as_millis() as Millis + self.ahead.load(Ordering::Relaxed)
    }

    /// Asks the store for the time, if it has one, before anything is done by this clock.
    pub(crate) async fn begin(&self, store: &(impl Browse + ?Sized)) -> Stored<()> {
        self.follow(store).await?;
        *self.jumped() = None;
        Ok(())
    }

    /// The same while others look at what was written by it.
    pub(crate) async fn follow(&self, store: &(impl Browse + ?Sized)) -> Stored<()> {
        let asked = self.now();
        if let Some(told) = store.now().await? {
            self.set(asked, told, self.now());
        }
        Ok(())
    }

    /// The other clock showed `told` at some moment between two of this one.
    fn set(&self, asked: Millis, told: Millis, answered: Millis) {
        let doubt = (answered - asked) / 2;
        let off = told - (asked + doubt);
        if off.abs() <= EQUAL + doubt {
            return;
        }
        self.ahead.fetch_add(off, Ordering::Relaxed);
        if off.abs() > JUMP {
            tracing::warn!("the database's clock is {off} ms off from what was counted here; it is followed");
            *self.jumped() = Some(Instant::now());
        }
    }

    /// Whether it has gone on without a jump for so long.
    pub(crate) fn is_steady(&self, since: Duration) -> bool {
        self.jumped().is_none_or(|at| at.elapsed() >= since)
    }

    fn jumped(&self) -> MutexGuard<'_, Option<Instant>> {
        self.jumped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this machine's clock shows now, for those who compare it with theirs.
pub(crate) fn wall() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as Millis
}

/// As people and programs read it: RFC 3339, UTC.
pub(crate) fn text(at: Millis) -> String {
    let time = chrono::DateTime::from_timestamp_millis(at).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Millis = 3_600_000;

    #[test]
    fn another_clock_is_followed_either_way() {
        let clock = Clock::start();
        for off in [HOUR, -2 * HOUR, 2_000] {
            let now = clock.now();
            clock.set(now, now + off, now);
            assert!((clock.now() - (now + off)).abs() < 1_000, "{off}");
        }
    }

    #[test]
    fn a_slow_answer_says_no_more_than_it_knows() {
        let clock = Clock::start();
        let now = clock.now();
        clock.set(now, now + 500, now);
        // It may have been read at any moment of the ten seconds.
        clock.set(now, now, now + 10_000);
        clock.set(now, now + 10_000, now + 10_000);
        assert!((clock.now() - now).abs() < 500);
        assert!(clock.is_steady(Duration::from_secs(1)));
    }

    #[test]
    fn a_jump_is_remembered_and_a_step_is_none() {
        let clock = Clock::start();
        let now = clock.now();
        clock.set(now, now + 4_000, now);
        assert!(clock.is_steady(Duration::from_secs(45)));
        let now = clock.now();
        clock.set(now, now - 6_000, now);
        assert!(!clock.is_steady(Duration::from_secs(45)));
        assert!(clock.is_steady(Duration::ZERO));
    }
}
