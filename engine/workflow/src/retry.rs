//! What follows from a failure: another attempt, and when, or the dead letters.
//!
//! The class of the failure decides, not a counter alone. Lost workers and executors are
//! *rescues* and are counted apart from errors. Chance is an argument, and so is everything that was counted before.

mod grouping;

use crate::{
    failure::{Failure, FailureClass, FailureKind},
    pipeline::Retry,
};
pub use grouping::fingerprint;

/// This many lost workers and executors end a job, so that one which kills workers cannot kill them all.
pub const MOST_RESCUES: u32 = 3;

/// A step that ran out of wall clock most likely does so again.
const MOST_TIMED_OUT: u32 = 3;

/// The longest wait after a lost executor.
const RESCUE_WAIT_MS: f64 = 2_000.0;

/// No wait is shorter than this share of what it might be: full jitter alone may give nothing at all.
const LEAST_WAIT: f64 = 0.1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Another attempt in `after_ms`. `rescue`: it counts as a lost executor, not as an error.
    Retry { after_ms: i64, rescue: bool },
    /// No other attempt is worth it.
    Dead,
}

/// `errors` and `rescues` are the numbers before this failure; `dice` is a random number from 0 to 1.
pub fn verdict(failure: &Failure, errors: u32, rescues: u32, retry: &Retry, dice: f64) -> Verdict {
    let attempts = match failure.kind.class() {
        FailureClass::BadInput | FailureClass::Deterministic => return Verdict::Dead,
        FailureClass::Transient if failure.kind == FailureKind::Crash => return crashed(rescues, dice),
        FailureClass::Transient => retry.attempts.min(MOST_TIMED_OUT),
        FailureClass::Infrastructure => retry.attempts,
    };
    if errors.saturating_add(1) >= attempts {
        return Verdict::Dead;
    }
    Verdict::Retry {
        after_ms: jittered(backoff(errors, retry), dice),
        rescue: false,
    }
}

/// For a job whose worker was lost, `rescues` times before this: what it dies of, or `None` if it may run again.
pub fn rescue(rescues: u32) -> Option<Failure> {
    (rescues.saturating_add(1) >= MOST_RESCUES).then(lost_worker_failure)
}

/// What a job dies of that lost too many workers.
pub fn lost_worker_failure() -> Failure {
    let message = format!(
        "{MOST_RESCUES} workers or executors were lost while they ran this job, so it is not tried again; look in their \
         logs for crashes or a lack of memory, then redrive it"
    );
    Failure::new(FailureKind::Crash, message)
}

fn crashed(rescues: u32, dice: f64) -> Verdict {
    if rescue(rescues).is_some() {
        return Verdict::Dead;
    }
    Verdict::Retry {
        after_ms: jittered(RESCUE_WAIT_MS, dice),
        rescue: true,
    }
}

/// The longest wait, in milliseconds, after the first failure and `errors` others.
fn backoff(errors: u32, retry: &Retry) -> f64 {
    let growth = retry.factor.powf(f64::from(errors));
    (retry.backoff.0 as f64 * growth).min(retry.max.0 as f64)
}

fn jittered(wait: f64, dice: f64) -> i64 {
    let share = LEAST_WAIT + (1.0 - LEAST_WAIT) * dice.clamp(0.0, 1.0);
    (wait * share).max(1.0).ceil() as i64
}

#[cfg(test)]
mod tests;
