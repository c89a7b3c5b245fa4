//! `POST /v1/pipelines/{name}/jobs`: an original in, a job out. And the same for callers that wait a little.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};
use workflow::ports::{JobView, Lane};
use workflow::words::clip;

use super::{JobBody, find, view};
use crate::app::App;
use crate::budget::Spent;
use crate::http::identity::Identity;
use crate::http::problem::Problem;
use crate::http::upload;
use crate::jobs::intake::{Refused, Ticket, Wish};
use crate::jobs::source::SourceError;
use crate::library::Pipeline;
use crate::original::Original;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// `interactive` (the default), or `bulk`, which lets interactive jobs go first.
    #[param(value_type = Option<String>)]
    lane: Option<Lane>,
    /// The file's name, for people to recognise it.
    filename: Option<String>,
}

/// An image that the server fetches.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// `http` or `https`, at a host that the server allows.
    source: String,
}

/// Of a JSON body.
const LONGEST_SOURCE: u64 = 16 << 10;

/// Run a pipeline over an image, later and for certain.
///
/// The body is the image, a multipart form with a file, or JSON that names an address to fetch it from. Once this is answered the original is on stable storage
/// and the job will end: with renditions, or as a dead letter that keeps the original. With an `Idempotency-Key` the
/// same request may be sent again and again and makes one job.
#[utoipa::path(
    post,
    path = "/v1/pipelines/{name}/jobs",
    params(("name" = String, Path, description = "The pipeline"), Options,
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to send the request again")),
    request_body(
        description = "The image, or where it is",
        content((Vec<u8> = "application/octet-stream"), (Source = "application/json")),
    ),
    responses(
        (status = 202, description = "Accepted; `Location` says where to look", body = JobBody),
        (status = 400, description = "A body, a form or a query that does not hold together", body = Problem),
        (status = 403, description = "The source's host is not allowed", body = Problem),
        (status = 404, description = "No such pipeline", body = Problem),
        (status = 408, description = "The body came too slowly", body = Problem),
        (status = 409, description = "The idempotency key was used for something else", body = Problem),
        (status = 413, description = "Too many bytes", body = Problem),
        (status = 502, description = "The source does not give the image", body = Problem),
        (status = 503, description = "Too much work waits; see `Retry-After`", body = Problem),
        (status = 507, description = "Too little room on the disk; see `Retry-After`", body = Problem),
    ),
)]
pub(crate) async fn submit(
    State(app): State<Arc<App>>,
    caller: Identity,
    name: Result<Path<String>, PathRejection>,
    options: Result<Query<Options>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let (pipeline, wish) = match understand(&app, caller, name, options, request.headers()) {
        Ok(understood) => understood,
        Err(problem) => {
            upload::discard(request).await;
            return Err(problem);
        }
    };
    let limit = pipeline.plan.limits.max_bytes;
    let original = match source(&app, request).await? {
        Named::Source(source) => app
            .jobs
            .sources
            .fetch(&source, limit, app.budget.share())
            .await
            .map_err(|error| not_fetched(&error))?,
        Named::Body(request) => upload::receive(&app, *request, limit).await?,
    };
    let ticket = app.jobs.submit(&wish, original).await.map_err(refused)?;
    accepted(&app, &ticket).await
}

/// Where the original is.
enum Named {
    Body(Box<Request>),
    Source(String),
}

/// A JSON body names an address.
async fn source(app: &App, request: Request) -> Result<Named, Problem> {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    let media_type = content_type.and_then(|text| text.split(';').next());
    if media_type.map(str::trim) != Some("application/json") {
        return Ok(Named::Body(Box::new(request)));
    }
    let body = upload::receive(app, request, LONGEST_SOURCE).await?;
    let Source { source } = serde_json::from_slice(body.bytes()).map_err(|error| {
        Problem::bad_request(format!(
            "a JSON body names an image as {{\"source\": \"https://…\"}}: {}",
            clip(&error.to_string())
        ))
    })?;
    Ok(Named::Source(source))
}

fn not_fetched(error: &SourceError) -> Problem {
    let text = error.to_string();
    match error {
        SourceError::NotAllowed(_) => Problem::new(403, "not-allowed", text),
        SourceError::TooLarge(_) => Problem::too_large(text),
        SourceError::Failed(_) => Problem::new(502, "source-failed", text),
        SourceError::Busy => Spent.into(),
    }
}

/// Everything that can be wrong before the original is read.
fn understand<'a>(
    app: &'a App,
    caller: Identity,
    name: Result<Path<String>, PathRejection>,
    options: Result<Query<Options>, QueryRejection>,
    headers: &HeaderMap,
) -> Result<(&'a Pipeline, Wish<'a>), Problem> {
    let Path(name) = name?;
    let Query(options) = options?;
    let pipeline = crate::http::pipelines::find(app, &name)?;
    app.jobs.admit(app.executors()).map_err(refused)?;
    let wish = Wish {
        plan: &pipeline.plan,
        lane: options.lane.unwrap_or_default(),
        owner: caller.name,
        filename: options.filename,
        key: idempotency_key(headers)?,
        executors: app.executors(),
    };
    Ok((pipeline, wish))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match key.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= 255 => Ok(Some(key.to_owned())),
        _ => Err(Problem::bad_request(
            "an `Idempotency-Key` has 1 to 255 visible ASCII characters",
        )),
    }
}

async fn accepted(app: &App, ticket: &Ticket) -> Result<Response, Problem> {
    let job = find(app, &ticket.job).await?;
    Ok(later(job, ticket.before))
}

/// 202, and where to look.
fn later(job: JobView, before: bool) -> Response {
    let location = view::href(&job.id);
    let mut response = (StatusCode::ACCEPTED, Json(JobBody::brief(job))).into_response();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&location) {
        headers.insert(header::LOCATION, location);
    }
    if before {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

pub(crate) fn refused(why: Refused) -> Problem {
    match why {
        Refused::NoRoom => Problem::no_room(),
        Refused::Backlog(after) => {
            let text = "more work waits than this server takes on (`--backlog`); try again later";
            Problem::busy(text, after.as_secs().max(1))
        }
        Refused::Conflict => Problem::new(
            409,
            "conflict",
            "this `Idempotency-Key` was used before for another original or other options; use a new key",
        ),
        Refused::Store(error) => error.into(),
    }
}

/// Submits, and waits a while for the end. The job, and whether it ended in time.
pub(crate) async fn waited(
    app: &App,
    plan: &workflow::plan::Plan,
    caller: Identity,
    headers: &HeaderMap,
    original: Original,
    wait: Duration,
) -> Result<Result<JobView, Response>, Problem> {
    let until = Instant::now() + wait;
    // Before it is submitted, so that no news is missed.
    let mut news = app.jobs.news.subscribe();
    let wish = Wish {
        plan,
        lane: Lane::Interactive,
        owner: caller.name,
        filename: None,
        key: idempotency_key(headers)?,
        executors: app.executors(),
    };
    let ticket = app.jobs.submit(&wish, original).await.map_err(refused)?;
    loop {
        let job = find(app, &ticket.job).await?;
        if job.state.is_end() {
            return Ok(Ok(job));
        }
        if Instant::now() >= until {
            return Ok(Err(later(job, ticket.before)));
        }
        // A worker elsewhere gives no news.
        let look_again = (Instant::now() + Duration::from_millis(500)).min(until);
        let ended = async {
            loop {
                match news.recv().await {
                    Ok(told) if told.job != ticket.job || !told.state.is_end() => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        tokio::time::timeout_at(look_again, ended).await.ok();
    }
}
