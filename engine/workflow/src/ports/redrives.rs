//! Sending dead letters through again, as an operation that is begun, watched, and may be stopped.
//!
//! How it goes on is decided by [`crate::redrive`]; the store keeps it and does what is decided. A letter is a
//! candidate if it lay there when the operation began, and it is sent once by it at most.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{AuditEntry, Filter, Millis, Stored};
use crate::redrive::{Progress, Rules};

/// Which letters are meant, and where they go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub filter: Filter,
    /// The plan to run, by pipeline; only letters of these pipelines are meant then. If there is none, each letter
    /// goes through the plan that it died of.
    pub targets: BTreeMap<String, String>,
    /// Only letters with fewer redrives than that: a guard against endless replays.
    pub most: u32,
}

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRedrive {
    /// Sorts by time (UUID version 7).
    pub id: String,
    pub wanted: Wanted,
    pub rules: Rules,
    /// Who asks.
    pub by: String,
}

/// An operation as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedriveView {
    pub asked: NewRedrive,
    pub progress: Progress,
    /// How many it would send, counted when it began.
    pub total: u64,
    /// Why it was stopped or cancelled.
    pub reason: Option<String>,
    pub started_at: Millis,
    /// When the last letter that it sent had ended.
    pub finished_at: Option<Millis>,
}

/// What would be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    pub by_pipeline: BTreeMap<String, u64>,
    /// The jobs of those that would go first.
    pub first: Vec<String>,
}

/// What a step of an operation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advanced {
    pub redrive: RedriveView,
    /// Jobs that are queued again.
    pub sent: Vec<String>,
}

#[async_trait]
pub trait Redrives: Send + Sync {
    /// What an operation that begins now would send, if nothing limits it, with up to `first` of the jobs.
    async fn redrive_candidates(&self, wanted: &Wanted, first: u32, now: Millis) -> Stored<Candidates>;
    /// Sends nothing yet. `entry` is noted with it. Every plan of the targets must be known.
    async fn start_redrive(&self, new: &NewRedrive, entry: &AuditEntry, now: Millis) -> Stored<RedriveView>;
    /// Newest first, those older than the operation `before`.
    async fn redrives(&self, before: Option<&str>, limit: u32) -> Stored<Vec<RedriveView>>;
    async fn redrive(&self, id: &str) -> Stored<Option<RedriveView>>;
    /// Those that are not finished, oldest first.
    async fn unfinished_redrives(&self) -> Stored<Vec<String>>;
    /// Takes note of what has ended, and sends what may be sent now. `None`: there is no such operation. May be called
    /// by several at once; a finished operation stays as it is.
    async fn advance_redrive(&self, id: &str, now: Millis) -> Stored<Option<Advanced>>;
    /// Sends nothing more, unless everything is sent or it was stopped already; then nothing changes and `entry` is not
    /// noted. `None`: there is no such operation.
    async fn cancel_redrive(&self, id: &str, entry: &AuditEntry, now: Millis) -> Stored<Option<RedriveView>>;
}
