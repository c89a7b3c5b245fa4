//! `/v1/dead`: jobs that gave up, in groups that died of the same thing; looked at, or let go. They are sent through
//! again by `redrives`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use workflow::failure::Failure;
use workflow::job;
use workflow::ports::{DeadGroup, DeadLetter, Filter, Millis, Wanted};
use workflow::words::clip;

use super::audit;
use super::identity::Identity;
use super::paging;
use super::problem::Problem;
use crate::app::App;
use crate::clock;

/// Letters that are purged in one request at most, and jobs that a selection names.
const MOST: u32 = 1000;
/// Of the jobs that a selection names, so many stand in the audit log.
const NAMED: usize = 20;

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

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupSearch {
    /// Only behind this group: the `next` of the page before.
    before: Option<String>,
    /// How many, 50 by default and 500 at most.
    limit: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupPage {
    groups: Vec<GroupBody>,
    /// `before` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
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
    /// Those of these jobs, 1000 at most.
    jobs: Vec<String>,
    pipeline: Option<String>,
    group: Option<String>,
    /// Every letter there is; must be said when nothing else is.
    all: bool,
    /// How many, 1000 at most.
    limit: Option<u32>,
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
#[utoipa::path(get, path = "/v1/dead/groups", params(GroupSearch), responses((status = 200, description = "A page", body = GroupPage)))]
pub(crate) async fn groups(
    State(app): State<Arc<App>>,
    _: Identity,
    search: Result<Query<GroupSearch>, QueryRejection>,
) -> Result<Json<GroupPage>, Problem> {
    let Query(search) = search?;
    let limit = paging::size(search.limit);
    let groups = app.jobs.store.groups(search.before.as_deref(), limit).await?;
    let next = paging::next(&groups, limit, |group| &group.fingerprint);
    let groups = groups.into_iter().map(GroupBody::from).collect();
    Ok(Json(GroupPage { groups, next }))
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

/// Let dead letters go for good; their originals go with them at once, unless another job needs the same bytes.
///
/// The jobs are `cancelled` then, but no webhook tells of it: `job.dead` told of their end.
#[utoipa::path(post, path = "/v1/dead/purge", request_body = Selection,
    responses((status = 200, description = "Which ones", body = Moved), (status = 400, description = "Nothing is selected", body = Problem),
        (status = 404, description = "No letter fits, unless `all` or `dry_run` is said", body = Problem)))]
pub(crate) async fn purge(
    State(app): State<Arc<App>>,
    caller: Identity,
    selection: Result<Json<Selection>, JsonRejection>,
) -> Result<Json<Moved>, Problem> {
    let Json(selection) = selection?;
    let (pipeline, group) = (selection.pipeline.as_ref(), selection.group.as_ref());
    let filter = select(&selection.jobs, pipeline, group, selection.all)?;
    let limit = selection.limit.unwrap_or(MOST).min(MOST);
    if selection.dry_run {
        return would_be(&app, filter, limit).await;
    }
    let subject = group.or(pipeline).or(selection.jobs.first());
    let subject = subject.map_or("all", String::as_str);
    let detail = json!({ "filter": brief(&filter), "jobs": filter.ids.len() });
    let entry = audit::entry(&app, &caller, "dead.purge", subject, detail);
    let purged = app.jobs.store.purge(&filter, limit, &entry, entry.at).await?;
    if purged.jobs.is_empty() && !selection.all && limit > 0 {
        return Err(none_fits(""));
    }
    tracing::info!(who = caller.name, jobs = purged.jobs.len(), "dead letters purged");
    for job in &purged.jobs {
        app.jobs.tell(job, job::State::Cancelled);
    }
    let more = purged.more && {
        let left = app.jobs.store.letters(&filter, None, 1).await;
        !left.is_ok_and(|left| left.is_empty())
    };
    Ok(Json(Moved {
        jobs: purged.jobs,
        more,
        dry_run: false,
    }))
}

/// Something must be said, if only `all`.
pub(super) fn select(
    jobs: &[String],
    pipeline: Option<&String>,
    group: Option<&String>,
    all: bool,
) -> Result<Filter, Problem> {
    let some = !jobs.is_empty() || pipeline.is_some() || group.is_some();
    if !some && !all {
        let text = "select letters by `jobs`, `pipeline` or `group`, or say `\"all\": true`";
        return Err(Problem::bad_request(text));
    }
    if jobs.len() > MOST as usize {
        let text = format!(
            "a selection names {MOST} jobs at most, but there are {}",
            jobs.len()
        );
        return Err(Problem::bad_request(text));
    }
    Ok(Filter {
        pipeline: pipeline.cloned(),
        fingerprint: group.cloned(),
        ids: jobs.to_vec(),
        ..Filter::default()
    })
}

/// Who names something means that it is there.
pub(super) fn none_fits(but: &str) -> Problem {
    Problem::not_found(format!("no dead letter fits{but}"))
}

/// For the audit log, which needs no more than the first jobs of many.
pub(super) fn brief(filter: &Filter) -> Filter {
    let mut brief = filter.clone();
    brief.ids.truncate(NAMED);
    brief
}

/// The oldest letters that fit, as the store would take them; whenever they died.
async fn would_be(app: &App, filter: Filter, limit: u32) -> Result<Json<Moved>, Problem> {
    let wanted = Wanted {
        filter,
        most: u32::MAX,
        ..Wanted::default()
    };
    let found = app
        .jobs
        .store
        .redrive_candidates(&wanted, limit, Millis::MAX)
        .await?;
    let all: u64 = found.by_pipeline.values().sum();
    Ok(Json(Moved {
        more: all > found.first.len() as u64,
        jobs: found.first,
        dry_run: true,
    }))
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
