//! `/v1/pipelines/{name}/jobs` and `/v1/jobs`: originals in, and what became of them.

mod events;
mod files;
mod originals;
mod plan;
mod submit;
mod view;
mod wait;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use workflow::job;
use workflow::ports::{Filter, JobView, StoreError};
use workflow::words::clip;

use super::audit;
use super::identity::Identity;
use super::paging;
use super::problem::Problem;
use crate::app::App;
pub(crate) use events::{__path_events, events};
pub(crate) use files::{__path_original, __path_rendition, fetch, original, rendition};
pub(crate) use plan::{__path_plan, plan};
pub(crate) use submit::{__path_submit, named, submit};
pub(crate) use view::JobBody;
pub(crate) use wait::{Waiting, may_wait};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    /// Only jobs of this pipeline.
    pipeline: Option<String>,
    /// Only jobs in this state: `queued`, `running`, `retry-waiting`, `parked`, `succeeded`, `dead` or `cancelled`.
    state: Option<String>,
    /// Only jobs older than this one: the `next` of the page before.
    before: Option<String>,
    /// How many, 50 by default and 500 at most.
    limit: Option<u32>,
}

/// A page of jobs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page {
    jobs: Vec<JobBody>,
    /// `before` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Jobs, newest first.
#[utoipa::path(get, path = "/v1/jobs", params(Search),
    responses((status = 200, description = "A page", body = Page), (status = 400, description = "No such state", body = Problem)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    _: Identity,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(search) = search?;
    let state = search.state.map(|state| state.parse::<job::State>()).transpose();
    let filter = Filter {
        pipeline: search.pipeline,
        state: state.map_err(|error| Problem::bad_request(clip(&error.to_string())))?,
        ..Filter::default()
    };
    let limit = paging::size(search.limit);
    let found = app
        .jobs
        .store
        .jobs(&filter, search.before.as_deref(), limit)
        .await?;
    let next = paging::next(&found, limit, |job| &job.id);
    let jobs = found.into_iter().map(JobBody::brief).collect();
    Ok(Json(Page { jobs, next }))
}

/// How many jobs there are in each state, by pipeline.
#[utoipa::path(get, path = "/v1/counts", responses((status = 200, description = "By pipeline and state")))]
pub(crate) async fn counts(
    State(app): State<Arc<App>>,
    _: Identity,
) -> Result<Json<BTreeMap<String, BTreeMap<job::State, u64>>>, Problem> {
    Ok(Json(app.jobs.store.counts().await?))
}

/// One job: where it stands, its renditions, the report of every step, the errors on the way.
#[utoipa::path(get, path = "/v1/jobs/{id}", params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The job", body = JobBody), (status = 404, description = "No such job", body = Problem)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    _: Identity,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<JobBody>, Problem> {
    let Path(id) = id?;
    Ok(Json(whole(&app, find(&app, &id).await?).await?))
}

/// End a job that has not ended yet. One that has ended well or was cancelled stays as it is, which is no error: the
/// answer shows its state. A dead letter is not cancelled but purged.
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The job after it", body = JobBody), (status = 404, description = "No such job", body = Problem),
        (status = 409, description = "It is a dead letter", body = Problem)))]
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    caller: Identity,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<JobBody>, Problem> {
    let Path(id) = id?;
    let entry = audit::entry(&app, &caller, "job.cancel", &id, json!({}));
    let state = app.jobs.store.cancel(&id, Some(&entry), entry.at).await?;
    let state = state.ok_or_else(|| unknown(&id))?;
    if state == job::State::Dead {
        let text = "it is a dead letter, which has ended: `stopbath dead purge` lets it go, `stopbath dead redrive` sends \
            it through again";
        return Err(Problem::new(409, "conflict", text));
    }
    app.jobs.tell(&id, state);
    Ok(Json(whole(&app, find(&app, &id).await?).await?))
}

pub(super) async fn find(app: &App, id: &str) -> Result<JobView, Problem> {
    let found = app.jobs.store.job(id).await?;
    found.ok_or_else(|| unknown(id))
}

/// With everything that it left.
pub(super) async fn whole(app: &App, job: JobView) -> Result<JobBody, Problem> {
    let store = &app.jobs.store;
    let (result, errors) = tokio::try_join!(store.result(&job.id), store.errors(&job.id))?;
    Ok(JobBody::whole(job, result, errors))
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format!(
        "there is no job `{}`; jobs that ended well are forgotten after a while",
        clip(id)
    ))
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(_) => Self::no_room(None),
            error => Self::infrastructure(error.to_string()),
        }
    }
}
