//! What is handed in at once, and the key it may be sent with.

use super::NewJob;

/// Jobs that are accepted together or not at all.
#[derive(Debug, Clone)]
pub struct Submission {
    pub jobs: Vec<NewJob>,
    pub request: Option<RequestKey>,
}

impl Submission {
    /// Whether these are the ids of its own jobs: then it was stored, and only the answer got lost.
    pub fn is_of(&self, ids: &[String]) -> bool {
        self.jobs.iter().map(|job| &job.id).eq(ids)
    }
}

/// An `Idempotency-Key` and what was sent with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    pub owner: String,
    pub key: String,
    /// Digest of everything that the request says.
    pub fingerprint: String,
}
