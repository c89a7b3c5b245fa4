//! `POST /v1/pipelines/{name}/process`: an original in, renditions out, now.

use std::sync::Arc;

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use workflow::job::State as JobState;
use workflow::pipeline::Duration;
use workflow::ports::JobView;
use workflow::words::clip;

use super::answer::{self, Shape};
use super::identity::Identity;
use super::jobs::{self, JobBody, Waiting};
use super::problem::Problem;
use super::upload;
use crate::app::App;
use crate::executor::pool::Refused;
use crate::jobs::intake::Wish;
use crate::jobs::load::Size;
use crate::library::Pipeline;
use crate::outcome::{Outcome, Rendition};

/// However long a caller wants to wait.
const LONGEST_WAIT: std::time::Duration = std::time::Duration::from_mins(1);

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Give back only this rendition.
    rendition: Option<String>,
    /// Make it a durable job and wait so long for it, such as `5s`. What is not done by then is answered with 202 and
    /// the job's address, and goes on.
    #[param(value_type = Option<String>)]
    wait: Option<Duration>,
}

/// For the API's description; forms are read in `upload`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Form {
    /// The image; the only part with a file name, whatever it is called.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Run a pipeline over an image and wait for the result.
///
/// The body is the image itself, or a multipart form with a file. One rendition is answered as its bytes;
/// several as `multipart/mixed`, or by `Accept` as a ZIP (`application/zip`) or as facts without pictures
/// (`application/json`). A rendition's `ETag` names its bytes; as this is a `POST`, `If-None-Match` is not
/// looked at. `stopbath-skipped` lists steps that failed and were passed over by `on_failure: skip`;
/// `stopbath-salvaged` says that pixels were missing from the original. With `wait` each answer names the job in
/// `stopbath-job` and `Location`, also one that tells of a failure; without it an `Idempotency-Key` means nothing, as the
/// same bytes give the same answer. It takes neither a `lane` nor the address of a source: `…/jobs` does.
#[utoipa::path(
    post,
    path = "/v1/pipelines/{name}/process",
    params(("name" = String, Path, description = "The pipeline"), Options,
        ("Idempotency-Key" = Option<String>, Header, description = "With `wait`: makes it safe to send the request again")),
    request_body(
        description = "The image, or a form with it",
        content((Vec<u8> = "application/octet-stream"), (Form = "multipart/form-data")),
    ),
    responses(
        (status = 200, description = "The rendition, or all of them", content_type = "image/*"),
        (status = 202, description = "With `wait`: not done yet; `Location` says where to look", body = JobBody),
        (status = 400, description = "A body, a form or a query that does not hold together", body = Problem),
        (status = 404, description = "No such pipeline or rendition", body = Problem),
        (status = 406, description = "It cannot be given as any type of `Accept`", body = Problem),
        (status = 409, description = "With `wait`: the idempotency key was used for something else, or the job was cancelled", body = Problem),
        (status = 408, description = "The body came too slowly", body = Problem),
        (status = 413, description = "Too many bytes", body = Problem),
        (status = 415, description = "Not a type that this pipeline takes", body = Problem),
        (status = 422, description = "Damaged, too many pixels, or params that do not fit it", body = Problem),
        (status = 500, description = "A plugin failed", body = Problem),
        (status = 503, description = "Too much work; see `Retry-After`", body = Problem),
        (status = 504, description = "Took too long", body = Problem),
    ),
)]
pub(crate) async fn process(
    State(app): State<Arc<App>>,
    caller: Identity,
    name: Result<Path<String>, PathRejection>,
    options: Result<Query<Options>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let understood = understand(&app, name, options, request.headers());
    let admitted = match understood {
        Ok(understood) => admit(&app, understood, caller, request.headers()).await,
        Err(problem) => Err(problem),
    };
    let (pipeline, shape, only, wish) = match admitted {
        Ok(admitted) => admitted,
        Err(problem) => {
            upload::discard(request).await;
            return Err(problem);
        }
    };
    let incoming = upload::receive(&app, request, pipeline.plan.limits.max_bytes).await?;
    upload::is_no_json(&incoming.original)?;
    if let Some((wish, wait)) = wish {
        let mut waiting = Waiting::begin(&app, &wish, incoming, wait).await?;
        let answer = match waiting.end(&app).await {
            Ok(Ok(job)) => ended(&app, job, shape, only.as_deref()).await.into_response(),
            Ok(Err(later)) => later,
            Err(problem) => problem.into_response(),
        };
        return Ok(jobs::named(answer, waiting.job()));
    }
    let original = incoming.original;
    let size = Size::new(&pipeline.plan, original.bytes().len() as u64);
    let whole = only.is_none();
    let mut job = app.library.job(&pipeline.plan);
    job.only = only;
    let outcome = app
        .pool
        .run(job, original)
        .await
        .map_err(|why| refused(&app, why))?;
    if whole && outcome.result.is_ok() {
        let report = &outcome.report;
        let pipeline = &pipeline.plan.pipeline;
        app.jobs.load.ran(pipeline, size.seen(report), report.took());
    }
    answer::build(shape, outcome, &app.budget).await
}

/// What is understood, with the wish and the time of a caller that waits for a job.
type Admitted<'a> = (
    &'a Pipeline,
    Shape,
    Option<String>,
    Option<(Wish<'a>, std::time::Duration)>,
);

/// Who wants a job is refused before the original is read.
async fn admit<'a>(
    app: &App,
    (pipeline, shape, only, wait): Understood<'a>,
    caller: Identity,
    headers: &HeaderMap,
) -> Result<Admitted<'a>, Problem> {
    let Some(wait) = wait else {
        return Ok((pipeline, shape, only, None));
    };
    let wish = jobs::may_wait(app, &pipeline.plan, caller, headers).await?;
    let wait = wait.as_std().min(LONGEST_WAIT);
    Ok((pipeline, shape, only, Some((wish, wait))))
}

/// The job's end, as if it had just been run.
async fn ended(app: &App, job: JobView, shape: Shape, only: Option<&str>) -> Result<Response, Problem> {
    if job.state != JobState::Succeeded {
        return Err(match job.failure {
            Some(failure) => failure.into(),
            None => Problem::new(409, "conflict", "the job was cancelled"),
        });
    }
    let result = app.jobs.store.result(&job.id).await?.unwrap_or_default();
    let mut renditions = Vec::new();
    for stored in result
        .renditions
        .into_iter()
        .filter(|r| only.is_none_or(|o| o == r.name))
    {
        renditions.push(Rendition {
            bytes: jobs::fetch(app, &stored.blob).await?,
            name: stored.name,
            media_type: stored.media_type,
            width: stored.width,
            height: stored.height,
            key: stored.key,
            length: stored.blob.length,
        });
    }
    let outcome = Outcome {
        result: Ok(renditions),
        report: serde_json::from_value(result.report).unwrap_or_default(),
        kept: Vec::new(),
    };
    answer::build(shape, outcome, &app.budget).await
}

/// The pipeline, the shape of the answer, the only rendition that is wanted, and how long to wait.
type Understood<'a> = (&'a Pipeline, Shape, Option<String>, Option<Duration>);

/// Everything that can be wrong before the original is looked at.
fn understand<'a>(
    app: &'a App,
    name: Result<Path<String>, PathRejection>,
    options: Result<Query<Options>, QueryRejection>,
    headers: &HeaderMap,
) -> Result<Understood<'a>, Problem> {
    let Path(name) = name?;
    let Query(Options { rendition, wait }) = options?;
    if upload::is_json(headers) {
        let text = "an image is sent here, not JSON; to name one that the server is to fetch, use `…/jobs`";
        return Err(Problem::bad_request(text));
    }
    let pipeline = super::pipelines::find(app, &name)?;
    known_rendition(pipeline, &name, rendition.as_deref())?;
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let shape = Shape::choose(accept, &pipeline.plan, rendition.as_deref())?;
    Ok((pipeline, shape, rendition, wait))
}

fn known_rendition(pipeline: &Pipeline, name: &str, wanted: Option<&str>) -> Result<(), Problem> {
    let names: Vec<&str> = pipeline.plan.renditions.iter().map(|r| r.name.as_str()).collect();
    match wanted {
        Some(wanted) if !names.contains(&wanted) => {
            let (wanted, there) = (clip(wanted), names.join(", "));
            Err(Problem::not_found(format!(
                "pipeline `{name}` has no rendition `{wanted}`; there are: {there}"
            )))
        }
        _ => Ok(()),
    }
}

fn refused(app: &App, why: Refused) -> Problem {
    match why {
        // When those that wait now have had their turn.
        Refused::Full => Problem::busy(
            "every executor works and the queue is full; try again in a moment",
            app.jobs
                .load
                .turns(app.pool.load().0, app.executors())
                .as_secs()
                .clamp(1, LONGEST_WAIT.as_secs()),
        ),
        Refused::Closed => Problem::stopping(),
    }
}
