//! `/v1/dead/redrive` begins an operation that sends dead letters through again; `/v1/redrives` shows and stops them.
//!
//! What they do after that is in `jobs::redrives`.

mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use workflow::ports::{NewRedrive, RedriveView, Wanted};
use workflow::redrive::Rules;
use workflow::words::clip;

use super::audit;
use super::dead::{brief, none_fits, select};
use super::identity::Identity;
use super::paging;
use super::problem::Problem;
use crate::app::App;
use crate::jobs::redrives;
use view::{RedriveBody, RedrivePage};

/// Jobs that a dry run names.
const SAMPLE: u32 = 20;

/// Which letters are sent through again, and how. All that is given must fit.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RedriveOrder {
    /// Those of these jobs, 1000 at most.
    jobs: Vec<String>,
    pipeline: Option<String>,
    group: Option<String>,
    /// Every letter there is; must be said when nothing else is.
    all: bool,
    /// How many at most, the oldest.
    limit: Option<u64>,
    /// Run them through the pipeline as it is now, instead of the revision that they died of.
    latest: bool,
    /// Run them through this revision: the digest of a plan. Only letters of its pipeline are meant then.
    plan: Option<String>,
    /// Leave out those that were sent through so often already; 5 by default.
    most_redrives: Option<u32>,
    /// Send so many first, and the rest only when these have ended.
    canary: u32,
    /// So many of the canary may die again; if more do, nothing else is sent.
    canary_failures: u32,
    /// How many a minute.
    rate: Option<u32>,
    /// Say how many it would be, and change nothing.
    dry_run: bool,
}

/// What a dry run finds.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Preview {
    count: u64,
    /// Before the limit.
    by_pipeline: BTreeMap<String, u64>,
    /// The first of them.
    jobs: Vec<String>,
    dry_run: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Search {
    /// Only older than this operation: the `next` of the page before.
    before: Option<String>,
    /// How many, 50 by default and 500 at most.
    limit: Option<u32>,
}

/// Send dead letters through again, oldest first, as an operation that can be watched and cancelled.
#[utoipa::path(post, path = "/v1/dead/redrive", request_body = RedriveOrder,
    responses((status = 202, description = "It has begun; `Location` says where to look", body = RedriveBody),
        (status = 200, description = "With `dry_run`: what it would be", body = Preview),
        (status = 400, description = "Nothing is selected, or it does not hold together", body = Problem),
        (status = 404, description = "No such pipeline or plan, or no letter that fits, unless `all` or `dry_run` is said", body = Problem)))]
pub(crate) async fn begin(
    State(app): State<Arc<App>>,
    caller: Identity,
    order: Result<Json<RedriveOrder>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(order) = order?;
    let rules = order.rules()?;
    let wanted = Wanted {
        filter: select(
            &order.jobs,
            order.pipeline.as_ref(),
            order.group.as_ref(),
            order.all,
        )?,
        targets: targets(&app, &order).await?,
        most: order.most_redrives.unwrap_or(5),
    };
    let preview = preview(&app, &wanted, order.limit).await?;
    if order.dry_run {
        return Ok(Json(preview).into_response());
    }
    if preview.by_pipeline.is_empty() && !order.all {
        return Err(none_fits(&format!(
            "; those that were sent through {} times already are left out (`most_redrives`)",
            wanted.most
        )));
    }
    let new = NewRedrive {
        id: uuid::Uuid::now_v7().to_string(),
        wanted,
        rules,
        by: caller.name.clone(),
    };
    let told = Wanted {
        filter: brief(&new.wanted.filter),
        ..new.wanted.clone()
    };
    let jobs = new.wanted.filter.ids.len();
    let detail = json!({ "wanted": told, "jobs": jobs, "rules": new.rules });
    let entry = audit::entry(&app, &caller, "dead.redrive", &new.id, detail);
    let mut redrive = app.jobs.store.start_redrive(&new, &entry, entry.at).await?;
    tracing::info!(
        who = caller.name,
        redrive = new.id,
        letters = redrive.total,
        "a redrive has begun"
    );
    app.jobs.redrives.begun();
    match redrives::step(&app.jobs, &new.id).await {
        Ok(advanced) => redrive = advanced.unwrap_or(redrive),
        // It has begun all the same.
        Err(error) => tracing::error!(redrive = new.id, "it does not go on yet: {error}"),
    }
    let location = [(header::LOCATION, format!("/v1/redrives/{}", new.id))];
    Ok((StatusCode::ACCEPTED, location, Json(RedriveBody::from(redrive))).into_response())
}

/// Operations that send dead letters through again, newest first.
#[utoipa::path(get, path = "/v1/redrives", params(Search), responses((status = 200, description = "A page", body = RedrivePage)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    _: Identity,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<Json<RedrivePage>, Problem> {
    let Query(search) = search?;
    let limit = paging::size(search.limit);
    let found = app.jobs.store.redrives(search.before.as_deref(), limit).await?;
    let next = paging::next(&found, limit, |redrive| &redrive.asked.id);
    let redrives = found.into_iter().map(RedriveBody::from).collect();
    Ok(Json(RedrivePage { redrives, next }))
}

/// One operation: how far it is, and what became of what it sent.
#[utoipa::path(get, path = "/v1/redrives/{id}", params(("id" = String, Path, description = "The operation")),
    responses((status = 200, description = "The operation", body = RedriveBody), (status = 404, description = "No such operation", body = Problem)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    _: Identity,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<RedriveBody>, Problem> {
    let Path(id) = id?;
    Ok(Json(known(app.jobs.store.redrive(&id).await?, &id)?.into()))
}

/// Send nothing more. What is sent goes on; an operation that has sent everything stays as it is.
#[utoipa::path(post, path = "/v1/redrives/{id}/cancel", params(("id" = String, Path, description = "The operation")),
    responses((status = 200, description = "The operation after it", body = RedriveBody), (status = 404, description = "No such operation", body = Problem)))]
pub(crate) async fn cancel(
    State(app): State<Arc<App>>,
    caller: Identity,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<RedriveBody>, Problem> {
    let Path(id) = id?;
    let entry = audit::entry(&app, &caller, "redrive.cancel", &id, json!({}));
    let cancelled = app.jobs.store.cancel_redrive(&id, &entry, entry.at).await?;
    let cancelled = known(cancelled, &id)?;
    tracing::info!(who = caller.name, redrive = id, state = %cancelled.progress.state, "a redrive was cancelled");
    Ok(Json(cancelled.into()))
}

fn known(found: Option<RedriveView>, id: &str) -> Result<RedriveView, Problem> {
    found.ok_or_else(|| {
        let id = clip(id);
        Problem::not_found(format!(
            "there is no redrive `{id}`; `GET /v1/redrives` lists those that there are"
        ))
    })
}

impl RedriveOrder {
    fn rules(&self) -> Result<Rules, Problem> {
        let wrong = |text: &str| Err(Problem::bad_request(text));
        if self.rate == Some(0) {
            return wrong("with a `rate` of 0 nothing would ever be sent");
        }
        if self.canary_failures > 0 && self.canary_failures >= self.canary {
            return wrong("`canary_failures` must be less than `canary`, or nothing can stop it");
        }
        if self.latest && self.plan.is_some() {
            return wrong("say `latest` or name a `plan`, not both");
        }
        Ok(Rules {
            limit: self.limit,
            canary: self.canary,
            canary_failures: self.canary_failures,
            rate: self.rate,
        })
    }
}

/// Plans by pipeline; none if each letter goes through its own.
async fn targets(app: &App, order: &RedriveOrder) -> Result<BTreeMap<String, String>, Problem> {
    if let Some(digest) = &order.plan {
        let plan = app.jobs.store.plan(digest).await?;
        let plan = plan.ok_or_else(|| {
            let digest = clip(digest);
            Problem::not_found(format!(
                "there is no plan `{digest}`; jobs and pipelines name theirs"
            ))
        })?;
        return Ok(BTreeMap::from([(plan.pipeline, digest.clone())]));
    }
    if !order.latest {
        return Ok(BTreeMap::new());
    }
    if let Some(name) = &order.pipeline {
        let digest = super::pipelines::find(app, name)?.plan.digest.clone();
        return Ok(BTreeMap::from([(name.clone(), digest)]));
    }
    let active = app.library.pipelines.iter();
    let latest: BTreeMap<_, _> = active
        .map(|(name, pipeline)| (name.clone(), pipeline.plan.digest.clone()))
        .collect();
    if latest.is_empty() {
        return Err(Problem::bad_request(
            "no pipeline is active, so none has a latest plan",
        ));
    }
    Ok(latest)
}

async fn preview(app: &App, wanted: &Wanted, limit: Option<u64>) -> Result<Preview, Problem> {
    let limit = limit.unwrap_or(u64::MAX);
    let sample = limit.min(u64::from(SAMPLE)) as u32;
    let now = app.jobs.clock.now();
    let found = app.jobs.store.redrive_candidates(wanted, sample, now).await?;
    Ok(Preview {
        count: found.by_pipeline.values().sum::<u64>().min(limit),
        by_pipeline: found.by_pipeline,
        jobs: found.first,
        dry_run: true,
    })
}
