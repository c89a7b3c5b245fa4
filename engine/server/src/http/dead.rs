//! `/v1/dead`: jobs that gave up, in groups that died of the same thing; looked at, sent through again, or let go.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use workflow::failure::Failure;
use workflow::job;
use workflow::ports::{DeadGroup, DeadLetter, Filter};
use workflow::words::clip;

use super::identity::Identity;
use super::paging;
use super::problem::Problem;
use crate::app::App;
use crate::clock;

/// Letters that are sent through again or purged in one request at most.
const MOST: u32 = 1000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    /// Only of this pipeline.
    pipeline: Option<String>,
    /// Only of this group.
    group: Option<String>,
    /// Only older than the letter of this job: the `next` of the page before.
    before: Option<String>,
    /// How many, 50 by default and 500 at most.
    limit: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page {
    letters: Vec<LetterBody>,
    /// `before` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A job that gave up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LetterBody {
    job: String,
    pipeline: String,
    plan: String,
    /// Letters with the same one died of the same thing.
    group: String,
    #[schema(value_type = Object)]
    failure: Failure,
    died_at: String,
    /// How often it was sent through again.
    redrives: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    /// BLAKE3 of the original, in hex.
    original: String,
    href: String,
    original_href: String,
}

/// Letters that died of the same thing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupBody {
    group: String,
    pipeline: String,
    count: u64,
    first_at: String,
    last_at: String,
    /// The newest one's.
    #[schema(value_type = Object)]
    failure: Failure,
}

/// Which letters are meant. All that is given must fit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub(crate) struct Selection {
    /// Those of these jobs.
    jobs: Vec<String>,
    pipeline: Option<String>,
    group: Option<String>,
    /// Every letter there is; must be said when nothing else is.
    all: bool,
    /// How many at most: try a few first. 1000 at most.
    limit: Option<u32>,
    /// Run them through the pipeline as it is now, instead of the revision that they died of.
    latest: bool,
    /// Leave out those that were sent through so often already; 5 by default.
    most_redrives: Option<u32>,
    /// Say which ones it would be, and change nothing.
    dry_run: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Moved {
    jobs: Vec<String>,
    /// There may be more that fit.
    more: bool,
    dry_run: bool,
}

/// Dead letters in groups that died of the same thing, the newest first.
#[utoipa::path(get, path = "/v1/dead/groups", responses((status = 200, description = "The groups", body = Vec<GroupBody>)))]
pub(crate) async fn groups(
    State(app): State<Arc<App>>,
    _: Identity,
) -> Result<Json<Vec<GroupBody>>, Problem> {
    let groups = app.jobs.store.groups().await?;
    Ok(Json(groups.into_iter().map(GroupBody::from).collect()))
}

/// Dead letters, newest first.
#[utoipa::path(get, path = "/v1/dead", params(Search), responses((status = 200, description = "A page", body = Page)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    _: Identity,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(search) = search?;
    let filter = Filter {
        pipeline: search.pipeline,
        fingerprint: search.group,
        ..Filter::default()
    };
    let limit = paging::size(search.limit);
    let letters = app
        .jobs
        .store
        .letters(&filter, search.before.as_deref(), limit)
        .await?;
    let next = paging::next(&letters, limit, |letter| &letter.job);
    let letters = letters.into_iter().map(LetterBody::from).collect();
    Ok(Json(Page { letters, next }))
}

/// One dead letter.
#[utoipa::path(get, path = "/v1/dead/{job}", params(("job" = String, Path, description = "The job")),
    responses((status = 200, description = "The letter", body = LetterBody), (status = 404, description = "No such letter", body = Problem)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    _: Identity,
    job: Result<Path<String>, PathRejection>,
) -> Result<Json<LetterBody>, Problem> {
    let Path(job) = job?;
    let letter = app.jobs.store.letter(&job).await?;
    let letter = letter
        .ok_or_else(|| Problem::not_found(format!("there is no dead letter of a job `{}`", clip(&job))))?;
    Ok(Json(letter.into()))
}

/// Send dead letters through again, oldest first.
#[utoipa::path(post, path = "/v1/dead/redrive", request_body = Selection,
    responses((status = 200, description = "Which ones", body = Moved), (status = 400, description = "Nothing is selected", body = Problem)))]
pub(crate) async fn redrive(
    State(app): State<Arc<App>>,
    caller: Identity,
    selection: Result<Json<Selection>, JsonRejection>,
) -> Result<Json<Moved>, Problem> {
    let Json(selection) = selection?;
    let (filter, limit) = understand(&selection)?;
    let most = selection.most_redrives.unwrap_or(5);
    if selection.dry_run {
        let active = |letter: &DeadLetter| app.library.pipelines.contains_key(&letter.pipeline);
        let fits = |letter: &DeadLetter| letter.redrives < most && (!selection.latest || active(letter));
        return would_be(&app, &filter, limit, fits).await;
    }
    let now = app.jobs.clock.now();
    let mut jobs = Vec::new();
    for (pipeline, plan) in targets(&app, &selection)? {
        let filter = Filter {
            pipeline,
            ..filter.clone()
        };
        let left = limit - jobs.len() as u32;
        jobs.extend(
            app.jobs
                .store
                .redrive(&filter, plan.as_deref(), most, left, now)
                .await?,
        );
    }
    tracing::info!(
        who = caller.name,
        jobs = jobs.len(),
        "dead letters sent through again"
    );
    for job in &jobs {
        app.jobs.tell(job, job::State::Queued);
    }
    app.jobs.work.notify_one();
    Ok(moved(jobs, limit, false))
}

/// Let dead letters go for good; their originals go with them, unless something else needs them.
#[utoipa::path(post, path = "/v1/dead/purge", request_body = Selection,
    responses((status = 200, description = "Which ones", body = Moved), (status = 400, description = "Nothing is selected", body = Problem)))]
pub(crate) async fn purge(
    State(app): State<Arc<App>>,
    caller: Identity,
    selection: Result<Json<Selection>, JsonRejection>,
) -> Result<Json<Moved>, Problem> {
    let Json(selection) = selection?;
    let (filter, limit) = understand(&selection)?;
    if selection.dry_run {
        return would_be(&app, &filter, limit, |_| true).await;
    }
    let jobs = app.jobs.store.purge(&filter, limit, app.jobs.clock.now()).await?;
    tracing::info!(who = caller.name, jobs = jobs.len(), "dead letters purged");
    for job in &jobs {
        app.jobs.tell(job, job::State::Cancelled);
    }
    Ok(moved(jobs, limit, false))
}

fn understand(selection: &Selection) -> Result<(Filter, u32), Problem> {
    let some = !selection.jobs.is_empty() || selection.pipeline.is_some() || selection.group.is_some();
    if !some && !selection.all {
        let text = "select letters by `jobs`, `pipeline` or `group`, or say `\"all\": true`";
        return Err(Problem::bad_request(text));
    }
    let filter = Filter {
        pipeline: selection.pipeline.clone(),
        fingerprint: selection.group.clone(),
        ids: selection.jobs.clone(),
        ..Filter::default()
    };
    Ok((filter, selection.limit.unwrap_or(MOST).min(MOST)))
}

/// A pipeline, or all of them, and the plan to run there, or that of each letter.
type Target = (Option<String>, Option<String>);

fn targets(app: &App, selection: &Selection) -> Result<Vec<Target>, Problem> {
    if !selection.latest {
        return Ok(vec![(selection.pipeline.clone(), None)]);
    }
    let active = &app.library.pipelines;
    match &selection.pipeline {
        Some(name) => {
            let plan = super::pipelines::find(app, name)?.plan.digest.clone();
            Ok(vec![(Some(name.clone()), Some(plan))])
        }
        None => Ok(active
            .iter()
            .map(|(name, p)| (Some(name.clone()), Some(p.plan.digest.clone())))
            .collect()),
    }
}

/// The oldest letters that fit, as the store would take them.
async fn would_be(
    app: &App,
    filter: &Filter,
    limit: u32,
    fits: impl Fn(&DeadLetter) -> bool,
) -> Result<Json<Moved>, Problem> {
    let mut jobs = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let page = app.jobs.store.letters(filter, before.as_deref(), MOST).await?;
        before = page.last().map(|letter| letter.job.clone());
        let is_last = page.len() < MOST as usize;
        jobs.extend(page.into_iter().filter(&fits).map(|letter| letter.job));
        if is_last {
            break;
        }
    }
    jobs.reverse();
    jobs.truncate(limit as usize);
    Ok(moved(jobs, limit, true))
}

fn moved(jobs: Vec<String>, limit: u32, dry_run: bool) -> Json<Moved> {
    let more = jobs.len() == limit as usize;
    Json(Moved { jobs, more, dry_run })
}

impl From<DeadLetter> for LetterBody {
    fn from(letter: DeadLetter) -> Self {
        Self {
            href: format!("/v1/jobs/{}", letter.job),
            original_href: format!("/v1/jobs/{}/original", letter.job),
            job: letter.job,
            pipeline: letter.pipeline,
            plan: letter.plan,
            group: letter.fingerprint,
            failure: letter.failure,
            died_at: clock::text(letter.died_at),
            redrives: letter.redrives,
            filename: letter.filename,
            original: letter.original.digest,
        }
    }
}

impl From<DeadGroup> for GroupBody {
    fn from(group: DeadGroup) -> Self {
        Self {
            group: group.fingerprint,
            pipeline: group.pipeline,
            count: group.count,
            first_at: clock::text(group.first_at),
            last_at: clock::text(group.last_at),
            failure: group.failure,
        }
    }
}
