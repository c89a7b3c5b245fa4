//! What waits, and how long that will take: the ground on which new jobs are refused, and when to come back.
//!
//! What a job costs is predicted from its size, and learnt for each pipeline from the jobs that ran. The size is the
//! original's length in bytes: its pixels would say more, but they stand in the file, and this process reads no
//! original. What waits in the store is known by numbers only, so it counts with the mean of its pipeline.
//!
//! The store's numbers know no lane. So bulk jobs may fill half of the backlog and no more: a queue of bulk jobs alone
//! keeps no interactive job out. Where nothing waits anything is taken, as it could never run otherwise.

mod model;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use workflow::ports::Lane;

use model::Model;
pub(crate) use model::Size;

/// Of a job of which nothing is known, in milliseconds.
const UNKNOWN: f64 = 200.0;
/// Of a step of which nothing is known, for each [`Size::units`].
const UNKNOWN_UNIT: f64 = 50.0;

#[derive(Debug, Default)]
pub(crate) struct Load(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By pipeline.
    models: BTreeMap<String, Model>,
    /// Jobs that wait, by pipeline, when the store was asked last.
    waiting: BTreeMap<String, u64>,
    /// What was taken in since then, in milliseconds of executor time.
    since: f64,
}

impl Load {
    /// One job ran so long.
    pub(crate) fn ran(&self, pipeline: &str, size: Size, took: Duration) {
        let mut state = self.state();
        let model = state.models.entry(pipeline.to_owned()).or_default();
        model.learn(size, took.as_secs_f64() * 1000.0);
    }

    /// The store says how many wait.
    pub(crate) fn waiting(&self, waiting: BTreeMap<String, u64>) {
        let mut state = self.state();
        state.waiting = waiting;
        state.since = 0.0;
    }

    /// Some job waits, as far as is known.
    pub(crate) fn any_waits(&self) -> bool {
        let state = self.state();
        state.since > 0.0 || state.waiting.values().any(|n| *n > 0)
    }

    /// More was taken in since the store was asked, in milliseconds.
    pub(crate) fn took_in(&self, cost: f64) {
        self.state().since += cost;
    }

    /// Executor time that a job of this size takes, in milliseconds.
    pub(crate) fn cost(&self, pipeline: &str, size: Size) -> u32 {
        self.state().predict(pipeline, size).ceil() as u32
    }

    /// How long jobs that cost so many milliseconds must wait outside until, with them, no more than `limit` waits
    /// inside; `None` if they may come in.
    pub(crate) fn keeps_out(
        &self,
        cost: f64,
        lane: Lane,
        limit: Duration,
        executors: usize,
    ) -> Option<Duration> {
        let limit = match lane {
            Lane::Interactive => limit,
            Lane::Bulk => limit / 2,
        };
        let room = limit.saturating_sub(shared(cost, executors));
        let over = self.backlog(executors).saturating_sub(room);
        (!over.is_zero()).then_some(over)
    }

    /// How long it takes until all that waits is done.
    fn backlog(&self, executors: usize) -> Duration {
        let state = self.state();
        let waiting = state.waiting.iter();
        let waiting: f64 = waiting.map(|(name, n)| *n as f64 * state.mean(name)).sum();
        shared(waiting + state.since, executors)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn predict(&self, pipeline: &str, size: Size) -> f64 {
        let predicted = match self.models.get(pipeline) {
            Some(model) => model.predict(size),
            None => size.units() * self.mean_of_all(Model::per_unit).unwrap_or(UNKNOWN_UNIT),
        };
        predicted.max(1.0)
    }

    fn mean(&self, pipeline: &str) -> f64 {
        let known = self.models.get(pipeline).map(Model::mean);
        known.or_else(|| self.mean_of_all(Model::mean)).unwrap_or(UNKNOWN)
    }

    fn mean_of_all(&self, of: fn(&Model) -> f64) -> Option<f64> {
        let n = self.models.len();
        (n > 0).then(|| self.models.values().map(of).sum::<f64>() / n as f64)
    }
}

/// Milliseconds of work as time on the clock.
fn shared(cost: f64, executors: usize) -> Duration {
    let seconds = cost / 1000.0 / executors.max(1) as f64;
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn size(bytes: u64) -> Size {
        Size { steps: 2, bytes }
    }

    /// With a pipeline `slow` of 2 s and a pipeline `fast` of 0.1 s a job.
    fn learnt() -> Load {
        let load = Load::default();
        load.ran("slow", size(0), Duration::from_secs(2));
        load.ran("fast", size(0), Duration::from_millis(100));
        load
    }

    #[test]
    fn the_backlog_is_work_and_not_a_number_of_jobs() {
        let load = learnt();
        load.waiting(BTreeMap::from([("slow".to_owned(), 9), ("fast".to_owned(), 19)]));
        load.took_in(2000.0);
        load.took_in(100.0);
        assert_eq!(load.backlog(2), Duration::from_secs(11));
        load.waiting(BTreeMap::from([("never seen".to_owned(), 2)]));
        assert!(load.any_waits());
        assert_eq!(load.backlog(1), Duration::from_millis(2100), "the mean of all");
    }

    #[test]
    fn an_unknown_pipeline_costs_by_its_steps_and_bytes() {
        let load = Load::default();
        assert_eq!(load.cost("new", size(0)), 100);
        assert_eq!(load.cost("new", size(3 << 20)), 400);
        // 1000 and 50 for each of two steps.
        let load = learnt();
        assert_eq!(load.cost("new", size(0)), 1050);
        assert_eq!(load.cost("new", Size { steps: 4, bytes: 0 }), 2100);
    }

    #[test]
    fn who_is_refused_learns_when_it_will_fit() {
        let load = learnt();
        assert!(!load.any_waits());
        load.took_in(10_000.0);
        assert!(load.any_waits());
        let limit = Duration::from_secs(8);
        let out = |cost, executors| load.keeps_out(cost, Lane::Interactive, limit, executors);
        assert_eq!(out(3000.0, 1), Some(Duration::from_secs(5)));
        assert_eq!(out(0.0, 1), Some(Duration::from_secs(2)));
        assert_eq!(out(0.0, 2), None, "two do it in five seconds");
    }

    #[test]
    fn what_is_larger_than_the_limit_runs_when_nothing_waits() {
        let load = learnt();
        assert_eq!(load.keeps_out(1e9, Lane::Bulk, HOUR, 1), None);
        load.took_in(1000.0);
        let out = load.keeps_out(1e9, Lane::Bulk, HOUR, 1);
        assert_eq!(out, Some(Duration::from_secs(1)), "until nothing waits");
    }

    #[test]
    fn bulk_leaves_half_of_the_backlog_to_others() {
        let load = learnt();
        let bulk = |cost| load.keeps_out(cost, Lane::Bulk, HOUR, 1);
        while bulk(60_000.0).is_none() {
            load.took_in(60_000.0);
        }
        assert_eq!(load.backlog(1), HOUR / 2);
        assert_eq!(load.keeps_out(60_000.0, Lane::Interactive, HOUR, 1), None);
    }
}
