//! An operation as the API shows it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use workflow::ports::RedriveView;

use crate::clock;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedrivePage {
    pub(super) redrives: Vec<RedriveBody>,
    /// `before` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// A redrive of dead letters.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedriveBody {
    id: String,
    /// `canary` and `running` while letters are sent, `draining` until the last has ended; then `done`. Or `stopped`,
    /// because too many of the canary died again, or `cancelled`.
    state: &'static str,
    /// Why it was stopped or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Letters that fitted when it began, within the limit.
    total: u64,
    sent: u64,
    succeeded: u64,
    dead_again: u64,
    cancelled: u64,
    /// Sent, and not ended.
    waiting: u64,
    started_at: String,
    /// When the last of what was sent had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    by: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    jobs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// The plans that letters are sent to, by pipeline; without it, each goes through its own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    plans: BTreeMap<String, String>,
    most_redrives: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    canary: u32,
    canary_failures: u32,
    /// Letters a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<u32>,
    href: String,
}

impl From<RedriveView> for RedriveBody {
    fn from(view: RedriveView) -> Self {
        let (progress, wanted, rules) = (view.progress, view.asked.wanted, view.asked.rules);
        Self {
            href: format!("/v1/redrives/{}", view.asked.id),
            id: view.asked.id,
            state: progress.state.name(),
            reason: view.reason,
            total: view.total,
            sent: progress.sent,
            succeeded: progress.succeeded,
            dead_again: progress.dead_again,
            cancelled: progress.cancelled,
            waiting: progress.waiting(),
            started_at: clock::text(view.started_at),
            finished_at: view.finished_at.map(clock::text),
            by: view.asked.by,
            jobs: wanted.filter.ids,
            pipeline: wanted.filter.pipeline,
            group: wanted.filter.fingerprint,
            plans: wanted.targets,
            most_redrives: wanted.most,
            limit: rules.limit,
            canary: rules.canary,
            canary_failures: rules.canary_failures,
            rate: rules.rate,
        }
    }
}
