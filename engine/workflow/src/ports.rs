//! What the engine asks of the store: use cases, not tables.
//!
//! Every write is durable when its call returns. Time is an argument everywhere, so tests own the clock. A lease is
//! checked by every write that concerns a running job; a write under an old lease changes nothing and says so.

mod audit;
mod breakers;
mod dead;
mod redrives;
mod submission;
mod webhooks;

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::breaker;
use crate::failure::Failure;
use crate::job::State;
use crate::plan::Plan;
pub use audit::{Audit, AuditEntry};
pub use breakers::{BreakerView, Breakers};
pub use dead::{DeadGroup, DeadLetter, DeadLetters, Purged};
pub use redrives::{Advanced, Candidates, NewRedrive, RedriveView, Redrives, Wanted};
pub use submission::{RequestKey, Submission};
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

/// A request that came before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// As in its [`RequestKey`].
    pub fingerprint: String,
    /// In the request's order.
    pub jobs: Vec<String>,
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
    /// A failure that the same step on the same bytes would repeat, by its [failure key](crate::key::failure_keys).
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
    /// Makes due retries ready, and those that would be later than `latest`: a clock that was set back would have them
    /// wait until it is there again. Unless `latest` is the end of time, deliveries of webhooks that it would put off
    /// are due then, too.
    async fn make_due(&self, latest: Millis, now: Millis) -> Stored<()>;
    /// The state after it, which is an end; `None` if there is no such job. What has ended stays as it is, dead letters,
    /// too: those are purged. If it had not ended before, `entry` is noted with it.
    async fn cancel(&self, job: &str, entry: Option<&AuditEntry>, now: Millis) -> Stored<Option<State>>;
    /// What came before with this `Idempotency-Key`. The caller is told of it, so it is not withdrawn any more.
    async fn request(&self, owner: &str, key: &str) -> Stored<Option<Earlier>>;
    /// Takes back jobs that were accepted a moment ago, with their idempotency key: those that wait are gone as if they
    /// had never been, and tell no webhook; those that a worker has begun are cancelled. Nothing happens if the key came
    /// again meanwhile: somebody was told of these jobs. Nor does the key of jobs go that have all succeeded.
    async fn withdraw(&self, jobs: &[String], now: Millis) -> Stored<()>;
    /// A failure that was seen before, and which of these [failure keys](crate::key::failure_keys) it has.
    async fn known_failure(&self, keys: &[String]) -> Stored<Option<(String, Failure)>>;
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
    /// The job refers to its original; one whose letter was purged does not any more.
    async fn keeps_original(&self, id: &str) -> Stored<bool>;
    /// Newest first, those older than the job `before`.
    async fn jobs(&self, filter: &Filter, before: Option<&str>, limit: u32) -> Stored<Vec<JobView>>;
    /// How many jobs there are in each state, by pipeline; maintained, never counted.
    async fn counts(&self) -> Stored<BTreeMap<String, BTreeMap<State, u64>>>;
    /// The time when the oldest job that waits was submitted.
    async fn oldest_waiting(&self) -> Stored<Option<Millis>>;
    /// The time by the clock of a database that several servers may share, for them to agree on; `None` if there is
    /// none such.
    async fn now(&self) -> Stored<Option<Millis>>;
}

/// Blobs that nothing refers to, and what is old enough to forget.
#[async_trait]
pub trait Retention: Send + Sync {
    /// Forgets jobs that ended well or were cancelled before `ended_before`, with what webhooks were told of them. Dead
    /// letters stay. Gives back how many.
    async fn forget(&self, ended_before: Millis, limit: u32) -> Stored<u64>;
    /// Marks up to `limit` blobs that nothing refers to, and gives them to this burier, and to nobody else for
    /// [`BURIAL`]. From then on a submission that refers to one is told so. Within half of that time their bytes may be
    /// deleted, then `buried`. Those that another burier has not `buried` in time are among them.
    async fn doom(&self, burier: &str, limit: u32, now: Millis) -> Stored<Vec<String>>;
    /// Marks bytes that no row knows, if that is so, and gives them to this burier.
    async fn doom_stray(&self, burier: &str, digest: &str, now: Millis) -> Stored<bool>;
    /// The bytes are gone. What is no longer this burier's stays as it is.
    async fn buried(&self, burier: &str, digests: &[String]) -> Stored<()>;
    /// Takes the mark off a blob that is still this burier's; a later `doom` looks at it again.
    async fn spare(&self, burier: &str, digest: &str) -> Stored<()>;
    /// Frees the marks of this burier, or of everybody, for the next `doom`: nobody deletes bytes under them any more.
    async fn release(&self, burier: Option<&str>) -> Stored<u64>;
    /// Until when a marked blob is its burier's; `None` if it is not marked.
    async fn doomed_until(&self, digest: &str) -> Stored<Option<Millis>>;
    /// `None` if no server was ever started on this database.
    async fn identity(&self) -> Stored<Option<Identity>>;
    /// Counts a start, or a round of deletions, and gives the database its id if it has none.
    async fn begin(&self, start: &Start) -> Stored<Identity>;
}

/// For so long a blob that is to be deleted is one burier's.
pub const BURIAL: Millis = 600_000;

/// Which database it is. What it is compared with lies with the blobs, as a database must only clear away its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub store: String,
    /// How often a server was started on it or began to delete bytes: an older copy of the database counts less.
    pub starts: u64,
    /// Blobs that were written before it and that nobody knows may be another database's.
    pub strays_since: Millis,
}

/// A server starts, or is about to delete bytes.
#[derive(Debug, Clone)]
pub struct Start {
    /// The id of a database that has none.
    pub id: String,
    /// There were so many starts at least.
    pub at_least: u64,
    /// See [`Identity::strays_since`]; an earlier one does not count any more.
    pub strays_since: Option<Millis>,
}

/// Everything at once, as the engine holds it.
pub trait Store: Queue + Browse + DeadLetters + Redrives + Breakers + Retention + Webhooks + Audit {}

impl<T: Queue + Browse + DeadLetters + Redrives + Breakers + Retention + Webhooks + Audit> Store for T {}
