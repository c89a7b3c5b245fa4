//! What waits, and how long that will take: the ground on which new jobs are refused, and when to come back.
//!
//! What a job costs is predicted from its original's length, and learnt for each pipeline from the jobs that ran; see
//! `model`. What waits in the store is known by numbers only, so it counts with the mean of its pipeline. Parked jobs
//! wait for a breaker and not for an executor, and retries for their time: they do not count until they are queued.
//!
//! How quickly it is done is measured, as several servers may share a store and none knows the others' executors: see
//! `speed`. Until there is something to measure, it is as many as this server's executors.
//!
//! The store's numbers know no lane. So bulk jobs may fill half of the backlog and no more: a queue of bulk jobs alone
//! keeps no interactive job out. Where nothing waits anything is taken, as it could never run otherwise.

mod model;
mod speed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use workflow::ports::Lane;

use model::Model;
pub(crate) use model::Size;
use speed::Speed;

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
    /// Some wait for their next attempt to be due.
    retrying: bool,
    /// What was taken in since then, in milliseconds of executor time.
    since: f64,
    /// What is being taken in: counted, but not committed yet.
    promised: f64,
    speed: Speed,
}

/// What the store says of the jobs of all servers, by pipeline.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// Jobs that wait for an executor.
    pub(crate) waiting: BTreeMap<String, u64>,
    /// Some job runs.
    pub(crate) running: bool,
    /// Some job waits for its next attempt to be due.
    pub(crate) retrying: bool,
    /// Jobs that came to an end by themselves and were not forgotten yet.
    pub(crate) ended: BTreeMap<String, u64>,
}

/// Work that counts as taken in. Unless it is kept, it counts no longer when this is dropped.
#[derive(Debug)]
pub(crate) struct Promise<'a> {
    load: &'a Load,
    cost: f64,
}

impl Promise<'_> {
    /// It was committed.
    pub(crate) fn keep(self) {
        self.load.state().since += self.cost;
    }
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        self.load.state().promised -= self.cost;
    }
}

impl Load {
    /// One job ran so long.
    pub(crate) fn ran(&self, pipeline: &str, size: Size, took: Duration) {
        let mut state = self.state();
        let model = state.models.entry(pipeline.to_owned()).or_default();
        model.learn(size, took.as_secs_f64() * 1000.0);
    }

    /// The store was asked. `executors` are this server's.
    pub(crate) fn waiting(&self, numbers: Numbers, at: Instant, executors: usize) {
        let mut state = self.state();
        let mut speed = std::mem::take(&mut state.speed);
        // Jobs that wait and none that runs: nobody can work, as a disk is full or the server has just begun.
        let at_work = numbers.running && numbers.waiting.values().any(|n| *n > 0);
        speed.saw(&numbers.ended, at_work, at, executors, |name| state.mean(name));
        state.speed = speed;
        state.waiting = numbers.waiting;
        state.retrying = numbers.retrying;
        state.since = 0.0;
    }

    /// Some job waits for an executor, or for its next attempt to be due, as far as is known.
    pub(crate) fn any_waits(&self) -> bool {
        let state = self.state();
        state.since > 0.0 || state.retrying || state.waiting.values().any(|n| *n > 0)
    }

    /// Executor time that a job of this size takes, in milliseconds.
    pub(crate) fn cost(&self, pipeline: &str, size: Size) -> u32 {
        self.state().predict(pipeline, size).ceil() as u32
    }

    /// Takes in jobs that cost so many milliseconds. They count at once, so that of many that come together no more
    /// are taken in than of as many that come one after the other.
    pub(crate) fn take_in(
        &self,
        cost: f64,
        lane: Lane,
        limit: Duration,
        executors: usize,
    ) -> Result<Promise<'_>, Duration> {
        let mut state = self.state();
        if let Some(wait) = state.keeps_out(cost, lane, limit, executors) {
            return Err(wait);
        }
        state.promised += cost;
        Ok(Promise { load: self, cost })
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
        self.state().keeps_out(cost, lane, limit, executors)
    }

    /// How long it takes until all that waits is done.
    pub(crate) fn backlog(&self, executors: usize) -> Duration {
        self.state().backlog(executors)
    }

    /// How long this server's executors take for so many jobs of the usual kind.
    pub(crate) fn turns(&self, jobs: usize, executors: usize) -> Duration {
        let mean = self.state().mean_of_all(Model::mean).unwrap_or(UNKNOWN);
        shared(mean * jobs as f64, executors.max(1) as f64)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keeps_out(&self, cost: f64, lane: Lane, limit: Duration, executors: usize) -> Option<Duration> {
        let limit = match lane {
            Lane::Interactive => limit,
            Lane::Bulk => limit / 2,
        };
        let room = limit.saturating_sub(shared(cost, self.speed.get(executors)));
        let over = self.backlog(executors).saturating_sub(room);
        (!over.is_zero()).then_some(over)
    }

    fn backlog(&self, executors: usize) -> Duration {
        let waiting = self.waiting.iter();
        let waiting: f64 = waiting.map(|(name, n)| *n as f64 * self.mean(name)).sum();
        shared(waiting + self.since + self.promised, self.speed.get(executors))
    }

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

/// Milliseconds of work as time on the clock, where so many executors share it.
fn shared(cost: f64, executors: f64) -> Duration {
    Duration::try_from_secs_f64(cost / 1000.0 / executors).unwrap_or(Duration::MAX)
}
