//! How quickly work is done by all servers together, in executors: milliseconds of executor time for each millisecond
//! on the clock.
//!
//! It is seen from the numbers that servers share: as jobs come to their end, their mean cost is done. Only time in which
//! jobs are queued while others run counts, as otherwise it would be seen how much there is to do and not how much can
//! be done. A number that sinks, because old jobs are forgotten or dead letters sent again, says nothing, and that
//! pipeline is passed over. After a server has come or gone it takes a few minutes until that is known.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What was seen so long ago counts for a third.
const MEMORY: f64 = 60.0;
/// Whatever was seen: nobody is told to come back in a year.
const LEAST: f64 = 0.1;
/// Numbers that are further apart were taken at rest.
const GAP: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct Speed {
    measured: Option<f64>,
    last: Option<Seen>,
}

#[derive(Debug)]
struct Seen {
    at: Instant,
    ended: BTreeMap<String, u64>,
    /// Some job was queued, and another ran.
    at_work: bool,
}

impl Speed {
    /// `executors` is what is taken for it until something was seen.
    pub(super) fn get(&self, executors: usize) -> f64 {
        self.measured.unwrap_or(executors.max(1) as f64).max(LEAST)
    }

    /// `mean` is what a job of a pipeline costs, in milliseconds.
    pub(super) fn saw(
        &mut self,
        ended: &BTreeMap<String, u64>,
        at_work: bool,
        at: Instant,
        executors: usize,
        mean: impl Fn(&str) -> f64,
    ) {
        let now = Seen {
            at,
            ended: ended.clone(),
            at_work,
        };
        let Some(last) = self.last.replace(now) else {
            return;
        };
        let passed = at.saturating_duration_since(last.at);
        if !(last.at_work && at_work) || passed.is_zero() || passed > GAP {
            return;
        }
        let done = ended.iter().map(|(name, n)| {
            let before = last.ended.get(name).copied().unwrap_or_default();
            n.saturating_sub(before) as f64 * mean(name)
        });
        let seconds = passed.as_secs_f64();
        let seen = done.sum::<f64>() / 1000.0 / seconds;
        let old = (-seconds / MEMORY).exp();
        self.measured = Some(self.get(executors) * old + seen * (1.0 - old));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second each in which so many more jobs of half a second end.
    fn watched(each: u64, seconds: u64, at_work: bool) -> Speed {
        let (mut speed, begin) = (Speed::default(), Instant::now());
        for n in 0..=seconds {
            let ended = BTreeMap::from([("photos".to_owned(), n * each)]);
            speed.saw(&ended, at_work, begin + Duration::from_secs(n), 2, |_| 500.0);
        }
        speed
    }

    #[test]
    fn it_is_this_servers_executors_until_something_is_seen() {
        assert!((Speed::default().get(4) - 4.0).abs() < 1e-9);
        assert!((Speed::default().get(0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn several_servers_are_quicker_than_one() {
        let speed = watched(16, 600, true).get(2);
        assert!((speed - 8.0).abs() < 0.1, "{speed}");
    }

    #[test]
    fn work_that_never_ends_is_slow_and_not_for_ever() {
        let speed = watched(0, 3600, true).get(2);
        assert!((speed - LEAST).abs() < 1e-9, "{speed}");
    }

    #[test]
    fn where_not_all_work_nothing_is_measured() {
        assert!((watched(1, 600, false).get(2) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn a_number_that_sinks_says_nothing_of_the_others() {
        let (mut speed, begin) = (Speed::default(), Instant::now());
        for n in 0..600 {
            let ended = BTreeMap::from([("a".to_owned(), n * 8), ("b".to_owned(), 9000 - n)]);
            speed.saw(&ended, true, begin + Duration::from_secs(n), 2, |_| 500.0);
        }
        let speed = speed.get(2);
        assert!((speed - 4.0).abs() < 0.1, "{speed}");
    }
}
