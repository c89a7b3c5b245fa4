//! What waits, and how long that will take: the ground on which new jobs are refused, and when to come back.
//!
//! The mean time of a job is learnt for each pipeline from those that ended; an unknown pipeline counts as the mean of
//! all.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The weight of the newest job in the mean.
const NEWEST: f64 = 0.05;
/// Of a job of which nothing is known, in milliseconds.
const UNKNOWN: f64 = 200.0;

#[derive(Debug, Default)]
pub(crate) struct Load(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Milliseconds of executor time, by pipeline.
    mean: BTreeMap<String, f64>,
    /// Jobs that wait, by pipeline, when the store was asked last.
    waiting: BTreeMap<String, u64>,
}

impl Load {
    /// One job ran so long.
    pub(crate) fn ran(&self, pipeline: &str, took: Duration) {
        let took = took.as_secs_f64() * 1000.0;
        let mut state = self.state();
        let mean = state.mean.entry(pipeline.to_owned()).or_insert(took);
        *mean += (took - *mean) * NEWEST;
    }

    /// The store says how many wait.
    pub(crate) fn waiting(&self, waiting: BTreeMap<String, u64>) {
        self.state().waiting = waiting;
    }

    /// One more was taken in since the store was asked.
    pub(crate) fn took_in(&self, pipeline: &str) {
        *self.state().waiting.entry(pipeline.to_owned()).or_default() += 1;
    }

    /// Executor time that one job of the pipeline takes, in milliseconds.
    pub(crate) fn cost(&self, pipeline: &str) -> u32 {
        self.state().cost(pipeline).ceil() as u32
    }

    /// How long it takes until all that waits is done.
    pub(crate) fn backlog(&self, executors: usize) -> Duration {
        let state = self.state();
        let total: f64 = state
            .waiting
            .iter()
            .map(|(name, n)| *n as f64 * state.cost(name))
            .sum();
        Duration::from_secs_f64(total / 1000.0 / executors.max(1) as f64)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn cost(&self, pipeline: &str) -> f64 {
        let known = self.mean.get(pipeline).copied();
        known.unwrap_or_else(|| match self.mean.len() {
            0 => UNKNOWN,
            n => self.mean.values().sum::<f64>() / n as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backlog_is_work_and_not_a_number_of_jobs() {
        let load = Load::default();
        load.ran("slow", Duration::from_secs(2));
        load.ran("fast", Duration::from_millis(100));
        load.waiting(BTreeMap::from([("slow".to_owned(), 9), ("fast".to_owned(), 19)]));
        load.took_in("slow");
        load.took_in("fast");
        assert_eq!(load.backlog(2), Duration::from_secs(11));
        assert_eq!(load.cost("never seen"), 1050);
    }

    #[test]
    fn the_mean_follows_what_happens() {
        let load = Load::default();
        for _ in 0..200 {
            load.ran("p", Duration::from_millis(100));
        }
        for _ in 0..200 {
            load.ran("p", Duration::from_millis(300));
        }
        assert!(load.cost("p") > 290, "{}", load.cost("p"));
    }
}
