//! What the engine asks of the store: use cases, not tables.
//!
//! Every write is durable when its call returns. Time is an argument everywhere, so tests own the clock. A lease is
//! checked by every write that concerns a running job; a write under an old lease changes nothing and says so.

mod audit;
mod redrives;
mod webhooks;

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::breaker::{self, Breaker};
use crate::failure::Failure;
use crate::job::State;
use crate::plan::Plan;
pub use audit::{Audit, AuditEntry};
pub use redrives::{Advanced, Candidates, NewRedrive, RedriveView, Redrives, Wanted};
pub use webhooks::{
    Delivery, DeliveryEnd, DeliveryFilter, DeliveryLease, DeliveryState, Due, EndedJob, Endpoint,
    NewEndpoint, Replayed, Webhooks,
};

/// Milliseconds since 1970, UTC.
pub type Millis = i64;

/// Why the store could not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Busy, unreachable, restarting: another try may work, and nothing was changed unless `maybe_done`.
    #[error("the store does not answer: {message}")]
    Unavailable { message: String, maybe_done: bool },
    /// No room is left.
    #[error("the store has no room left: {0}")]
    Full(String),
    /// Broken data or a bug; trying again does not help.
    #[error("the store is broken: {0}")]
    Broken(String),
}

pub type Stored<T> = Result<T, StoreError>;

/// Content-addressed bytes in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Blob {
    /// BLAKE3, in hex.
    pub digest: String,
    /// In bytes.
    pub length: u64,
}

/// Who waits for a job; interactive ones go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    #[default]
    Interactive,
    Bulk,
}

/// One original to go through one plan.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Sorts by time (UUID version 7).
    pub id: String,
    pub pipeline: String,
    /// The digest of a plan that was `remember`ed.
    pub plan: String,
    pub original: Blob,
    pub lane: Lane,
    /// Whose job it is; fairness is between owners.
    pub owner: String,
    /// The file's name at the caller, for people to recognise it.
    pub filename: Option<String>,
    /// Expected work, in milliseconds of one executor; fairness counts it.
    pub cost: u32,
}

/// Jobs that are accepted together or not at all.
#[derive(Debug, Clone)]
pub struct Submission {
    pub jobs: Vec<NewJob>,
    pub request: Option<RequestKey>,
}

/// An `Idempotency-Key` and what was sent with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    pub owner: String,
    pub key: String,
    /// Digest of everything that the request says.
    pub fingerprint: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    New,
    /// The same request came before, or the same jobs by their ids; these are its jobs. So whoever does not know
    /// whether a submission got through may send it again.
    Before(Vec<String>),
    /// The key came before with something else.
    Conflict,
    /// An original is being deleted at this moment: write it anew and submit again.
    Doomed(String),
}

/// The right to work on a job: every claim has a higher number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lease {
    pub job: String,
    pub number: i64,
}

/// A job in a worker's hands.
#[derive(Debug, Clone)]
pub struct Claimed {
    pub lease: Lease,
    pub pipeline: String,
    /// Digest of the plan.
    pub plan: String,
    pub original: Blob,
    pub lane: Lane,
    /// Failed attempts so far.
    pub errors: u32,
    /// Lost workers and executors so far.
    pub rescues: u32,
    pub submitted_at: Millis,
    /// A breaker let this one through, as a probe or as one of a cohort: it runs although the breaker is not closed.
    pub pass: bool,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct Settlement {
    pub lease: Lease,
    pub end: End,
    /// What the attempt says about the plugins that it used, one entry a plugin.
    pub observations: Vec<Observation>,
    /// A failure that the same step on the same bytes would repeat, by step key.
    pub known: Option<(String, Failure)>,
}

#[derive(Debug, Clone)]
pub enum End {
    Succeeded {
        renditions: Vec<StoredRendition>,
        /// The report of every step, as JSON.
        report: Value,
    },
    /// Another attempt at `at`. `rescue`: it counts as a lost executor, not as an error.
    Retry {
        at: Millis,
        failure: Failure,
        rescue: bool,
    },
    /// Waits for this plugin's breaker, by plugin digest. Costs nothing.
    Parked {
        plugin: String,
    },
    Dead {
        failure: Failure,
        report: Value,
    },
    /// Not begun or not finished, for a reason that is not the job's. Costs nothing; not before `at`, until when it
    /// waits like a retry.
    GivenBack {
        at: Millis,
    },
}

/// A rendition in the blob store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredRendition {
    pub name: String,
    pub blob: Blob,
    pub media_type: String,
    pub width: u32,
    pub height: u32,
    /// Equal keys, equal bytes.
    pub key: String,
}

/// What one attempt says about one plugin version.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Digest of the component.
    pub plugin: String,
    /// `name@version`, for people.
    pub title: String,
    /// Digest of the original: many failures of one original count once.
    pub original: String,
    pub ok: bool,
    /// The job ran because a breaker let it through; see [`Claimed::pass`].
    pub pass: bool,
    pub settings: breaker::Settings,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    Done,
    /// Somebody else has the job by now; nothing was changed.
    Stale,
    /// A rendition is being deleted at this moment; nothing was changed. Write it anew and settle again.
    Doomed(String),
}

/// A job whose worker was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescued {
    pub job: String,
    /// `Queued` again, or `Dead` as a crash.
    pub state: State,
}

/// Accepting, working, ending.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Keeps a plan for as long as a job refers to it; again and again is fine.
    async fn remember(&self, plan: &Plan, now: Millis) -> Stored<()>;
    async fn plan(&self, digest: &str) -> Stored<Option<Plan>>;
    async fn enqueue(&self, submission: Submission, now: Millis) -> Stored<Accepted>;
    /// Up to `want` jobs, fairest first. Interactive before bulk, but of every eighth claim bulk has the first choice.
    async fn claim(&self, worker: &str, want: u32, now: Millis) -> Stored<Vec<Claimed>>;
    /// Returns when something may have become ready, here or through another process, and at the latest when it is
    /// time to look in case nobody told. Tells one waiter at a time; what happened before the call is told, too.
    async fn arrived(&self);
    /// Keeps leases alive. Gives back those that are no longer held: work on them must stop.
    async fn heartbeat(&self, leases: &[Lease], now: Millis) -> Stored<Vec<Lease>>;
    async fn settle(&self, settlement: Settlement, now: Millis) -> Stored<Settled>;
    /// Takes jobs from workers that were not heard of since `stale_before`, and makes due retries ready.
    async fn sweep(&self, stale_before: Millis, now: Millis) -> Stored<Vec<Rescued>>;
    /// The state after it, which is an end; `None` if there is no such job.
    async fn cancel(&self, job: &str, now: Millis) -> Stored<Option<State>>;
    /// A failure of the same step on the same bytes that was seen before: `keys` are step keys.
    async fn known_failure(&self, keys: &[String]) -> Stored<Option<Failure>>;
}

/// A job as people see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobView {
    pub id: String,
    pub state: State,
    pub pipeline: String,
    pub plan: String,
    pub original: Blob,
    pub lane: Lane,
    pub owner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    pub errors: u32,
    pub rescues: u32,
    pub submitted_at: Millis,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Millis>,
    /// When a waiting retry is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// Title of the plugin whose breaker it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked_for: Option<String>,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// What a finished job left, besides its row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct JobResult {
    pub renditions: Vec<StoredRendition>,
    pub report: Value,
}

/// One failed attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptError {
    pub at: Millis,
    pub worker: String,
    pub failure: Failure,
}

/// What is asked for when jobs or dead letters are listed. Empty fields do not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    pub pipeline: Option<String>,
    pub state: Option<State>,
    /// Of dead letters: the group.
    pub fingerprint: Option<String>,
    /// These and no others.
    pub ids: Vec<String>,
}

/// Looking, without a lock and without counting rows.
#[async_trait]
pub trait Browse: Send + Sync {
    async fn job(&self, id: &str) -> Stored<Option<JobView>>;
    async fn result(&self, id: &str) -> Stored<Option<JobResult>>;
    async fn errors(&self, id: &str) -> Stored<Vec<AttemptError>>;
    /// Newest first, those older than the job `before`.
    async fn jobs(&self, filter: &Filter, before: Option<&str>, limit: u32) -> Stored<Vec<JobView>>;
    /// How many jobs there are in each state, by pipeline; maintained, never counted.
    async fn counts(&self) -> Stored<BTreeMap<String, BTreeMap<State, u64>>>;
    /// The time when the oldest job that waits was submitted.
    async fn oldest_waiting(&self) -> Stored<Option<Millis>>;
}

/// A job that gave up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadLetter {
    pub job: String,
    pub pipeline: String,
    pub plan: String,
    pub original: Blob,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    pub failure: Failure,
    /// Dead letters with equal ones died of the same thing; see [`fingerprint`](crate::retry::fingerprint).
    pub fingerprint: String,
    pub died_at: Millis,
    /// How often it was sent through again.
    pub redrives: u32,
}

/// Dead letters that died of the same thing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeadGroup {
    pub fingerprint: String,
    pub pipeline: String,
    pub count: u64,
    pub first_at: Millis,
    pub last_at: Millis,
    /// The newest one's.
    pub failure: Failure,
}

#[async_trait]
pub trait DeadLetters: Send + Sync {
    async fn groups(&self) -> Stored<Vec<DeadGroup>>;
    async fn letter(&self, job: &str) -> Stored<Option<DeadLetter>>;
    /// Newest first, those older than the letter of the job `before`.
    async fn letters(&self, filter: &Filter, before: Option<&str>, limit: u32) -> Stored<Vec<DeadLetter>>;
    /// Lets go of up to `limit` letters for good; their jobs are cancelled then. Gives back which.
    async fn purge(&self, filter: &Filter, limit: u32, now: Millis) -> Stored<Vec<String>>;
}

/// A breaker with its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BreakerView {
    /// Digest of the component.
    pub plugin: String,
    pub title: String,
    pub breaker: Breaker,
    /// How many jobs wait for it.
    pub parked: u64,
}

#[async_trait]
pub trait Breakers: Send + Sync {
    /// Those that were ever used.
    async fn breakers(&self) -> Stored<Vec<BreakerView>>;
    /// Lets one breaker hear of something, and parks or releases jobs as it then wants. `None`: there is none.
    async fn tell(&self, plugin: &str, event: &breaker::Event, now: Millis) -> Stored<Option<Breaker>>;
    /// Up to `limit` jobs that are parked for this plugin go on with other plans, oldest first: `plans` has a plan that
    /// was `remember`ed for each pipeline whose jobs may go. They start afresh. Gives back which, oldest first.
    async fn replan(
        &self,
        plugin: &str,
        plans: &BTreeMap<String, String>,
        limit: u32,
        now: Millis,
    ) -> Stored<Vec<String>>;
    /// Every breaker hears that time has passed: cooldowns end, probes and cohorts go.
    async fn tick(&self, now: Millis) -> Stored<()>;
}

/// Blobs that nothing refers to, and what is old enough to forget.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Forgets jobs that ended well or were cancelled before `ended_before`, with what webhooks were told of them. Dead
    /// letters stay. Gives back how many.
    async fn forget(&self, ended_before: Millis, limit: u32) -> Stored<u64>;
    /// Marks up to `limit` blobs that nothing refers to, and gives back all that are marked. From then on a
    /// submission that refers to one is told so. Their bytes may be deleted, then `buried`.
    async fn doom(&self, limit: u32, now: Millis) -> Stored<Vec<String>>;
    /// Marks bytes that no row knows, if that is so.
    async fn doom_stray(&self, digest: &str, now: Millis) -> Stored<bool>;
    async fn buried(&self, digests: &[String]) -> Stored<()>;
}

/// Everything at once, as the engine holds it.
pub trait Store: Queue + Browse + DeadLetters + Redrives + Breakers + Retention + Webhooks + Audit {}

impl<T: Queue + Browse + DeadLetters + Redrives + Breakers + Retention + Webhooks + Audit> Store for T {}
