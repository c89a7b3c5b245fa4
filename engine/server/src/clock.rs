//! The time, as the store sees it: read once at the start, and counted from there.
//!
//! So somebody who sets the machine's clock, or a leap of an hour, ends no lease and delays no retry. Servers that share
//! a database agree on its clock: each `follow`s it, however the clocks of their machines stand.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use workflow::ports::{Browse, Millis, Stored};

/// Clocks that differ by less are equal.
const EQUAL: Millis = 500;
/// Set by more than this, a clock says nothing of how old is what others wrote before.
const JUMP: Millis = 5_000;
/// Set back by more than this, it would have retries wait for longer than anybody meant.
const SETBACK: Millis = 60_000;
/// Set by more than this, it is not believed where something would be lost by it, until so much time has passed.
const LEAP: Millis = 3_600_000;

#[derive(Debug)]
pub(crate) struct Clock {
    began_at: Millis,
    began: Instant,
    /// How far the database's clock is ahead of what is counted here.
    ahead: AtomicI64,
    /// It was set back, and nobody has seen to the retries yet.
    set_back: AtomicBool,
    jumps: Mutex<Jumps>,
}

/// When it was set last.
#[derive(Debug, Default)]
struct Jumps {
    jumped: Option<Instant>,
    leapt: Option<Instant>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            began_at: wall(),
            began: Instant::now(),
            ahead: AtomicI64::new(0),
            set_back: AtomicBool::new(false),
            jumps: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Millis {
        self.began_at + self.counted() + self.ahead.load(Ordering::Relaxed)
    }

    fn counted(&self) -> Millis {
        self.began.elapsed().as_millis() as Millis
    }

    /// Asks the store for the time, if it has one, before anything is done by this clock. Unless this process is alone,
    /// others may have seen a jump just now, and not all their hearts have beaten since.
    pub(crate) async fn begin(&self, store: &(impl Browse + ?Sized), alone: bool) -> Stored<()> {
        self.follow(store).await?;
        self.retries_were_seen_to();
        *self.jumps() = Jumps {
            jumped: (!alone).then(Instant::now),
            leapt: None,
        };
        Ok(())
    }

    /// The same while others look at what was written by it.
    pub(crate) async fn follow(&self, store: &(impl Browse + ?Sized)) -> Stored<()> {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let asked = self.counted();
        if let Some(told) = store.now().await? {
            self.set(ahead, told, (asked, self.counted()));
        }
        Ok(())
    }

    /// The other clock showed `told` at some moment between two that were counted here, when it was so far `ahead`.
    fn set(&self, ahead: Millis, told: Millis, (asked, answered): (Millis, Millis)) {
        let doubt = (answered - asked) / 2;
        let off = told - (self.began_at + asked + doubt + ahead);
        if off.abs() <= EQUAL + doubt {
            return;
        }
        let (old, new) = (ahead, ahead + off);
        let set = self
            .ahead
            .compare_exchange(old, new, Ordering::Relaxed, Ordering::Relaxed);
        // Where somebody else has set it meanwhile, this was measured by what no longer holds.
        if set.is_ok() && off.abs() > JUMP {
            self.note(off);
        }
    }

    fn note(&self, off: Millis) {
        tracing::warn!("the database's clock is {off} ms off from what was counted here; it is followed");
        if off < -SETBACK {
            self.set_back.store(true, Ordering::Relaxed);
        }
        let now = Some(Instant::now());
        let mut jumps = self.jumps();
        jumps.jumped = now;
        if off.abs() > LEAP {
            jumps.leapt = now;
        }
    }

    /// Whether it has gone on without a jump for so long.
    pub(crate) fn is_steady(&self, since: Duration) -> bool {
        self.jumps().jumped.is_none_or(|at| at.elapsed() >= since)
    }

    /// Whether what is old by it may be deleted. Where the clock leapt, people have an hour to put it right.
    pub(crate) fn tells_age(&self) -> bool {
        let patience = Duration::from_millis(LEAP.unsigned_abs());
        self.jumps().leapt.is_none_or(|at| at.elapsed() >= patience)
    }

    /// Whether it was set back and the retries were not seen to.
    pub(crate) fn was_set_back(&self) -> bool {
        self.set_back.load(Ordering::Relaxed)
    }

    pub(crate) fn retries_were_seen_to(&self) {
        self.set_back.store(false, Ordering::Relaxed);
    }

    fn jumps(&self) -> MutexGuard<'_, Jumps> {
        self.jumps.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// The other clock is so far off from this one now.
    fn told(clock: &Clock, off: Millis) {
        told_in(clock, off, 0);
    }

    /// The same, told at the end of the time that it took to ask.
    fn told_in(clock: &Clock, off: Millis, took: Millis) {
        let (ahead, counted) = (clock.ahead.load(Ordering::Relaxed), clock.counted());
        let now = clock.began_at + counted + ahead;
        clock.set(ahead, now + off, (counted - took, counted));
    }

    #[test]
    fn another_clock_is_followed_either_way() {
        let clock = Clock::start();
        for off in [HOUR, -2 * HOUR, 2_000] {
            let now = clock.now();
            told(&clock, off);
            assert!((clock.now() - (now + off)).abs() < 1_000, "{off}");
        }
    }

    #[test]
    fn a_slow_answer_says_no_more_than_it_knows() {
        let clock = Clock::start();
        let now = clock.now();
        told(&clock, 500);
        // It may have been read at any moment of the ten seconds.
        told_in(&clock, 0, 10_000);
        told_in(&clock, -10_000, 10_000);
        assert!((clock.now() - now).abs() < 500);
        assert!(clock.is_steady(Duration::from_secs(1)));
    }

    #[test]
    fn two_who_measure_at_once_set_it_once() {
        let clock = Clock::start();
        let (ahead, counted) = (clock.ahead.load(Ordering::Relaxed), clock.counted());
        let now = clock.now();
        for off in [HOUR, HOUR, 2 * HOUR] {
            clock.set(ahead, now + off, (counted, counted));
            assert!((clock.now() - (now + HOUR)).abs() < 1_000, "{off}");
        }
    }

    #[test]
    fn a_jump_is_remembered_and_a_step_is_none() {
        let clock = Clock::start();
        told(&clock, 4_000);
        assert!(clock.is_steady(Duration::from_secs(45)));
        told(&clock, -6_000);
        assert!(!clock.is_steady(Duration::from_secs(45)));
        assert!(clock.is_steady(Duration::ZERO));
    }

    #[test]
    fn only_a_leap_keeps_what_is_old() {
        for (off, tells) in [(HOUR / 2, true), (2 * HOUR, false), (-2 * HOUR, false)] {
            let clock = Clock::start();
            told(&clock, off);
            assert_eq!(clock.tells_age(), tells, "{off}");
        }
    }

    #[test]
    fn retries_are_seen_to_once_after_a_setback() {
        let clock = Clock::start();
        for off in [HOUR, -30_000] {
            told(&clock, off);
            assert!(!clock.was_set_back(), "{off}");
        }
        told(&clock, -HOUR);
        assert!(clock.was_set_back());
        clock.retries_were_seen_to();
        assert!(!clock.was_set_back());
    }
}
