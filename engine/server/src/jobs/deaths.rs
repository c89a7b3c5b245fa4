//! The log's lines about jobs that died: of many in a short time the first few, and later how many more there were.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use workflow::failure::Failure;
use workflow::words::clip;

const SHORT_TIME: Duration = Duration::from_secs(10);
const MOST: u32 = 10;

#[derive(Debug, Default)]
pub(crate) struct DeathLog(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl DeathLog {
    pub(crate) fn write(&self, job: &str, pipeline: &str, failure: &Failure) {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left_out) = lately.turn(Instant::now()) else {
            return;
        };
        drop(lately);
        if left_out > 0 {
            tracing::info!("{left_out} more jobs died before the next one");
        }
        let (kind, why) = (failure.kind.name(), clip(&failure.message));
        tracing::info!(job, pipeline, kind, "a job died: {why}");
    }
}

impl Lately {
    /// Whether it is written, and how many before it were not.
    fn turn(&mut self, now: Instant) -> Option<u64> {
        let is_over = |since| now.saturating_duration_since(since) >= SHORT_TIME;
        if self.since.is_none_or(is_over) {
            self.since = Some(now);
            self.written = 0;
        }
        if self.written == MOST {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_at_once_are_counted() {
        let (mut lately, begun) = (Lately::default(), Instant::now());
        for _ in 0..MOST {
            assert_eq!(lately.turn(begun), Some(0));
        }
        for _ in 0..3 {
            assert_eq!(lately.turn(begun + SHORT_TIME / 2), None);
        }
        assert_eq!(lately.turn(begun + SHORT_TIME), Some(3));
        assert_eq!(lately.turn(begun + SHORT_TIME), Some(0));
    }
}
