//! Telling the caller: who wants to hear of the ends of jobs, and what was sent to them.
//!
//! A delivery is written in the transaction that ends its job, so that none is missing and none is too many. It is
//! sent at least once: whoever sends it holds a lease for a while, and if nothing is heard of it, it is due again.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{JobView, Millis, Stored, StoredRendition};
use crate::webhook::{Disabled, Topic, Verdict};

/// Somebody who wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEndpoint {
    pub id: String,
    pub url: String,
    /// Only of this pipeline.
    pub pipeline: Option<String>,
    /// Only of these; of all if there are none.
    pub topics: Vec<Topic>,
    /// `whsec_…`.
    pub secret: String,
}

/// An endpoint as people see it: without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub id: String,
    pub url: String,
    pub pipeline: Option<String>,
    pub topics: Vec<Topic>,
    pub created_at: Millis,
    /// When it last took something.
    pub delivered_at: Option<Millis>,
    pub failing_since: Option<Millis>,
    pub disabled_at: Option<Millis>,
    pub disabled: Option<Disabled>,
}

/// The right to send a delivery; each time it is given away the number is higher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryLease {
    pub delivery: String,
    pub endpoint: String,
    pub number: i64,
}

/// A job as it was when it ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EndedJob {
    pub job: JobView,
    pub renditions: Vec<StoredRendition>,
}

/// A delivery in a sender's hands.
#[derive(Debug, Clone)]
pub struct Due {
    pub lease: DeliveryLease,
    pub url: String,
    /// Those that are valid now, the newest first.
    pub secrets: Vec<String>,
    pub topic: Topic,
    /// When the job ended.
    pub at: Millis,
    pub ended: EndedJob,
    /// Failed attempts so far.
    pub failures: u32,
}

/// How an attempt to deliver ended.
#[derive(Debug, Clone)]
pub struct DeliveryEnd {
    pub lease: DeliveryLease,
    pub verdict: Verdict,
    /// HTTP's, if there was an answer.
    pub status: Option<u16>,
    /// What went wrong, for people.
    pub error: Option<String>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeliveryState {
    Waiting,
    Delivered,
    /// Given up; a person may replay it.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The `webhook-id`; sorts by time.
    pub id: String,
    pub endpoint: String,
    pub job: String,
    pub topic: Topic,
    pub at: Millis,
    pub state: DeliveryState,
    /// When the next attempt is due.
    pub due_at: Option<Millis>,
    /// Since it was written or replayed.
    pub failures: u32,
    pub tried_at: Option<Millis>,
    /// Of the last attempt.
    pub status: Option<u16>,
    pub error: Option<String>,
}

/// Empty fields do not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    pub endpoint: Option<String>,
    pub job: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    Due,
    /// Its endpoint is sent nothing; enable it first.
    Disabled,
    Unknown,
}

#[async_trait]
pub trait Webhooks: Send + Sync {
    async fn add_endpoint(&self, endpoint: NewEndpoint, now: Millis) -> Stored<()>;
    /// Oldest first.
    async fn endpoints(&self) -> Stored<Vec<Endpoint>>;
    /// With its deliveries; `false` if there is none.
    async fn remove_endpoint(&self, id: &str) -> Stored<bool>;
    /// Forgives it its failures; `false` if there is none.
    async fn enable_endpoint(&self, id: &str) -> Stored<bool>;
    /// From now on `secret` signs, and until `old_until` the one before it as well; `false` if there is none.
    async fn rotate_secret(&self, id: &str, secret: &str, old_until: Millis) -> Stored<bool>;
    /// Endpoints for which something is due.
    async fn endpoints_due(&self, now: Millis) -> Stored<Vec<String>>;
    /// Up to `limit` deliveries of this endpoint, those due first. Nobody else is given them before `until`.
    async fn due(&self, endpoint: &str, now: Millis, until: Millis, limit: u32) -> Stored<Vec<Due>>;
    /// `false` if somebody else has the delivery by now, or it is gone; then nothing was changed. An endpoint that is
    /// disabled by this takes its waiting deliveries with it: they have failed.
    async fn settle_delivery(&self, end: &DeliveryEnd, now: Millis) -> Stored<bool>;
    /// Newest first, those older than the delivery `before`.
    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Stored<Vec<Delivery>>;
    /// Makes a delivery due now, whatever became of it, with the whole schedule before it.
    async fn replay(&self, delivery: &str, now: Millis) -> Stored<Replayed>;
}
