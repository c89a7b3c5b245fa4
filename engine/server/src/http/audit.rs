//! `/v1/audit`: what was done, newest first; and how the other routes write it down.
//!
//! Redrives, purges and cancelled jobs are written down in the transaction that does them. Breakers that were switched
//! and webhooks that were changed are written down right after it, so that a server that dies in between leaves no
//! entry of something that was done; both can be seen as they are by `/v1/breakers` and `/v1/webhooks`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use workflow::ports::AuditEntry;

use super::identity::Identity;
use super::paging;
use super::problem::Problem;
use crate::app::App;
use crate::clock;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    /// Only older than this entry: the `next` of the page before.
    before: Option<String>,
    /// How many, 50 by default and 500 at most.
    limit: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPage {
    entries: Vec<EntryBody>,
    /// `before` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Something that somebody did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryBody {
    id: String,
    at: String,
    /// `local`, as long as callers have no keys of their own.
    who: String,
    /// Like `dead.redrive`.
    action: String,
    /// What it was done to.
    subject: String,
    #[schema(value_type = Object)]
    detail: Value,
}

/// What was done: redrives, purges, breakers that were switched, webhooks that were changed, jobs that were cancelled.
#[utoipa::path(get, path = "/v1/audit", params(Search), responses((status = 200, description = "A page, newest first", body = AuditPage)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    _: Identity,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<Json<AuditPage>, Problem> {
    let Query(search) = search?;
    let limit = paging::size(search.limit);
    let entries = app.jobs.store.entries(search.before.as_deref(), limit).await?;
    let next = paging::next(&entries, limit, |entry| &entry.id);
    let entries = entries.into_iter().map(EntryBody::from).collect();
    Ok(Json(AuditPage { entries, next }))
}

pub(super) fn entry(app: &App, caller: &Identity, action: &str, subject: &str, detail: Value) -> AuditEntry {
    AuditEntry {
        id: uuid::Uuid::now_v7().to_string(),
        at: app.jobs.clock.now(),
        who: caller.name.clone(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail,
    }
}

/// After it was done: what is done stays done, also if it cannot be written down.
pub(super) async fn note(app: &App, caller: &Identity, action: &str, subject: &str, detail: Value) {
    let entry = entry(app, caller, action, subject, detail);
    if let Err(error) = app.jobs.store.note(&entry).await {
        tracing::error!(who = entry.who, action, subject, "not in the audit log: {error}");
    }
}

impl From<AuditEntry> for EntryBody {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: clock::text(entry.at),
            who: entry.who,
            action: entry.action,
            subject: entry.subject,
            detail: entry.detail,
        }
    }
}
