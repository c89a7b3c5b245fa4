//! What people did that cannot be seen in a job: who, when, what, and to what.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Millis, Stored};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Sorts by time (UUID version 7).
    pub id: String,
    pub at: Millis,
    /// The caller's name.
    pub who: String,
    /// Like `dead.redrive`.
    pub action: String,
    /// What it was done to: the id of a job, a plugin, an operation.
    pub subject: String,
    /// The rest, as JSON.
    pub detail: Value,
}

#[async_trait]
pub trait Audit: Send + Sync {
    async fn note(&self, entry: &AuditEntry) -> Stored<()>;
    /// Newest first, those older than the entry `before`.
    async fn entries(&self, before: Option<&str>, limit: u32) -> Stored<Vec<AuditEntry>>;
}
