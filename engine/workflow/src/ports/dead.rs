//! Dead letters: jobs that gave up, looked at or let go. They are sent through again by `redrives`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{AuditEntry, Blob, Filter, Millis, Stored};
use crate::failure::Failure;

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

/// Letters that were let go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// Their jobs, which are cancelled now.
    pub jobs: Vec<String>,
    /// There may be more that fit.
    pub more: bool,
}

#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// The one that died last first; those behind the group `before`.
    async fn groups(&self, before: Option<&str>, limit: u32) -> Stored<Vec<DeadGroup>>;
    async fn letter(&self, job: &str) -> Stored<Option<DeadLetter>>;
    /// Newest first, those older than the letter of the job `before`.
    async fn letters(&self, filter: &Filter, before: Option<&str>, limit: u32) -> Stored<Vec<DeadLetter>>;
    /// Lets go of up to `limit` letters for good, the oldest. Their jobs are cancelled then and keep no original; no
    /// webhook is told, as the end of these jobs was told when they died. If there are any, `entry` is
    /// noted with it; its detail, which is an object, is told how many as `letters`.
    async fn purge(&self, filter: &Filter, limit: u32, entry: &AuditEntry, now: Millis) -> Stored<Purged>;
}
