//! `POST /v1/pipelines/{name}/jobs`: originals in, a job for each out.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use workflow::ports::{Filter, JobView, Lane};

use super::originals::{self, Originals, Received, Source};
use super::{JobBody, view};
use crate::app::App;
use crate::filename;
use crate::http::identity::Identity;
use crate::http::problem::Problem;
use crate::http::upload;
use crate::jobs::intake::{Refused, Ticket, Wish};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// `interactive` (the default), or `bulk`, which lets interactive jobs go first.
    #[param(value_type = Option<String>)]
    lane: Option<Lane>,
    /// The file's name, for people to recognise it. A form has a name for each of its files, and an address ends in one.
    filename: Option<String>,
}

/// For the API's description; forms are read in `upload`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Files {
    /// An image; each of up to 1000 parts with a file name is one, whatever it is called.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// The jobs of a request with several originals, in their order.
#[derive(Debug, Serialize)]
struct Batch {
    jobs: Vec<JobBody>,
}

/// Run a pipeline over an image, later and for certain.
///
/// The body is the image, a multipart form with files, or JSON that names addresses to fetch images from. Once this is
/// answered the originals are on stable storage and each job will end: with renditions, or as a dead letter that keeps
/// the original. With an `Idempotency-Key` the same request may be sent again and again and makes its jobs once.
///
/// One image is answered with its job. Several are answered with `{"jobs": […]}`, in their order and without a
/// `Location`, and are accepted together or not at all: a file that is too large, or a form that breaks off, refuses
/// them all.
#[utoipa::path(
    post,
    path = "/v1/pipelines/{name}/jobs",
    params(("name" = String, Path, description = "The pipeline"), Options,
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to send the request again")),
    request_body(
        description = "The image, a form with images, or where they are",
        content(
            (Vec<u8> = "application/octet-stream"),
            (Files = "multipart/form-data"),
            (Source = "application/json"),
        ),
    ),
    responses(
        (status = 202, description = "Accepted; `Location` says where to look. For several images `{\"jobs\": […]}`", body = JobBody),
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
    let understood = understand(&app, caller, name, options, request.headers());
    let admitted = match understood {
        Ok(mut wish) => {
            let admitted = admit(&app, &mut wish, request.headers()).await;
            admitted.map(|()| wish)
        }
        Err(problem) => Err(problem),
    };
    let mut wish = match admitted {
        Ok(admitted) => admitted,
        Err(problem) => {
            upload::discard(request).await;
            return Err(problem);
        }
    };
    let ticket = match originals::receive(&app, request, &mut wish).await? {
        Received::Before(ticket) => ticket,
        Received::New(Originals { kept, last }) => {
            let ticket = app.jobs.submit(&wish, kept, last).await;
            ticket.map_err(|why| refused(&app, why))?
        }
    };
    accepted(&app, ticket).await
}

/// Everything that can be wrong before the originals are read.
fn understand<'a>(
    app: &'a App,
    caller: Identity,
    name: Result<Path<String>, PathRejection>,
    options: Result<Query<Options>, QueryRejection>,
    headers: &HeaderMap,
) -> Result<Wish<'a>, Problem> {
    let Path(name) = name?;
    let Query(options) = options?;
    let plan = &crate::http::pipelines::find(app, &name)?.plan;
    let key = idempotency_key(headers)?;
    let mut wish = Wish::new(plan, caller.name, key, app.executors());
    wish.lane = options.lane.unwrap_or_default();
    wish.filename = options.filename.as_deref().and_then(filename::plain);
    Ok(wish)
}

/// Is there room and time for it, or did it come before?
pub(super) async fn admit(app: &App, wish: &mut Wish<'_>, headers: &HeaderMap) -> Result<(), Problem> {
    let expected = upload::declared(headers).unwrap_or(0);
    let admitted = app.jobs.admit(wish, expected).await;
    admitted.map_err(|why| refused(app, why))
}

pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
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

async fn accepted(app: &App, ticket: Ticket) -> Result<Response, Problem> {
    let before = ticket.came_before();
    let (several, mut jobs) = match ticket {
        Ticket::New(jobs) => (jobs.len() > 1, jobs),
        Ticket::Before(ids) => (ids.len() > 1, as_they_are(app, ids).await?),
    };
    if !several {
        return Ok(later(jobs.remove(0), before));
    }
    let jobs = jobs.into_iter().map(JobBody::brief).collect();
    let response = (StatusCode::ACCEPTED, Json(Batch { jobs })).into_response();
    Ok(marked(response, before))
}

/// Jobs of an earlier request; at least one, as those that ended well may have been forgotten since.
async fn as_they_are(app: &App, ids: Vec<String>) -> Result<Vec<JobView>, Problem> {
    let limit = ids.len() as u32;
    let filter = Filter {
        ids,
        ..Filter::default()
    };
    let mut jobs = app.jobs.store.jobs(&filter, None, limit).await?;
    if jobs.is_empty() {
        return Err(Problem::busy(
            "this request came before, and its jobs were forgotten at this moment; send it again",
            1,
        ));
    }
    // Newest first; they were made in the order of their originals.
    jobs.reverse();
    Ok(jobs)
}

/// 202, and where to look.
pub(super) fn later(job: JobView, before: bool) -> Response {
    let id = job.id.clone();
    let response = (StatusCode::ACCEPTED, Json(JobBody::brief(job))).into_response();
    marked(named(response, &id), before)
}

/// With the job that it is about, so that a caller finds its dead letter, too.
pub(crate) fn named(mut response: Response, job: &str) -> Response {
    let headers = response.headers_mut();
    if let (Ok(id), Ok(location)) = (
        HeaderValue::from_str(job),
        HeaderValue::from_str(&view::href(job)),
    ) {
        headers.insert("stopbath-job", id);
        headers.insert(header::LOCATION, location);
    }
    response
}

/// `before`: the same request came before.
fn marked(mut response: Response, before: bool) -> Response {
    if before {
        let headers = response.headers_mut();
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

pub(super) fn refused(app: &App, why: Refused) -> Problem {
    match why {
        Refused::NoRoom => {
            let work = app.jobs.load.any_waits();
            Problem::no_room(work.then(|| app.jobs.load.backlog(app.executors())))
        }
        Refused::Backlog(after) => {
            let text = "more work waits than this server takes on (`--backlog`); try again later";
            Problem::busy(text, after.as_secs().saturating_add(1))
        }
        Refused::Conflict => Problem::new(
            409,
            "conflict",
            "this `Idempotency-Key` was used before for other originals or other options; use a new key",
        ),
        Refused::Cleared(after) => Problem::busy(
            "old bytes that equal one of these originals were cleared away at this moment; send all of them again",
            after.as_secs().max(1),
        ),
        Refused::Foreign => Problem::infrastructure(
            "another database has taken over this server's blobs (`--adopt-blobs`), so nothing is safe with it any more; \
             stop this server, or give it blobs of its own (`--blobs`)",
        ),
        Refused::Store(error) => error.into(),
    }
}
