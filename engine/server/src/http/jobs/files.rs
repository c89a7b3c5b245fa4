//! A job's original and renditions, as bytes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use workflow::job;
use workflow::ports::Blob;
use workflow::words::clip;

use super::find;
use crate::app::App;
use crate::filename::attachment;
use crate::http::answer::media_type;
use crate::http::identity::Identity;
use crate::http::problem::Problem;

/// The original, as it was sent.
///
/// It comes as bytes to be saved, whatever it is: nothing that a stranger sent is shown from this origin.
#[utoipa::path(get, path = "/v1/jobs/{id}/original", params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "Its bytes", content_type = "application/octet-stream"),
        (status = 304, description = "Not changed since `If-None-Match`"),
        (status = 404, description = "No such job, or its dead letter was purged", body = Problem)))]
pub(crate) async fn original(
    State(app): State<Arc<App>>,
    _: Identity,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(id) = id?;
    let job = find(&app, &id).await?;
    if job.state == job::State::Cancelled && !app.jobs.store.keeps_original(&id).await? {
        let text = "the dead letter of this job was purged, and its original went with it";
        return Err(Problem::not_found(text));
    }
    if unchanged(&headers, &job.original) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let bytes = fetch(&app, &job.original).await?;
    let mut response = answer(bytes, &job.original, "application/octet-stream");
    response
        .headers_mut()
        .insert(header::CONTENT_DISPOSITION, attachment(job.filename.as_deref()));
    Ok(response)
}

/// One rendition of a job that succeeded.
#[utoipa::path(get, path = "/v1/jobs/{id}/renditions/{name}",
    params(("id" = String, Path, description = "The job"), ("name" = String, Path, description = "The rendition")),
    responses((status = 200, description = "Its bytes", content_type = "image/*"),
        (status = 304, description = "Not changed since `If-None-Match`"),
        (status = 404, description = "No such job or rendition", body = Problem),
        (status = 409, description = "The job has not succeeded", body = Problem)))]
pub(crate) async fn rendition(
    State(app): State<Arc<App>>,
    _: Identity,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path((id, name)) = path?;
    let job = find(&app, &id).await?;
    if job.state != job::State::Succeeded {
        let text = format!(
            "the job is {}; renditions are there once it has succeeded",
            job.state
        );
        return Err(Problem::new(409, "conflict", text));
    }
    let result = app.jobs.store.result(&id).await?.unwrap_or_default();
    let Some(found) = result.renditions.iter().find(|r| r.name == name) else {
        let names: Vec<&str> = result.renditions.iter().map(|r| r.name.as_str()).collect();
        let text = format!(
            "the job has no rendition `{}`; there are: {}",
            clip(&name),
            names.join(", ")
        );
        return Err(Problem::not_found(text));
    };
    if unchanged(&headers, &found.blob) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let bytes = fetch(&app, &found.blob).await?;
    Ok(answer(bytes, &found.blob, media_type(&found.media_type)))
}

/// The bytes, counted against what may be in memory until they are sent.
pub(crate) async fn fetch(app: &App, blob: &Blob) -> Result<Bytes, Problem> {
    let mut share = app.budget.share();
    share.grow(blob.length)?;
    let found = app.jobs.blobs.get(blob).await?;
    let bytes =
        found.ok_or_else(|| Problem::infrastructure(format!("the blob {} is not there", blob.digest)))?;
    Ok(Arc::new(share).hold(bytes))
}

fn tag(blob: &Blob) -> String {
    format!("\"{}\"", blob.digest)
}

fn unchanged(headers: &HeaderMap, blob: &Blob) -> bool {
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|v| v.to_str().ok());
    let tag = tag(blob);
    known.flat_map(|list| list.split(',')).any(|one| {
        let one = one.trim();
        one == "*" || one.trim_start_matches("W/") == tag
    })
}

fn answer(bytes: Bytes, blob: &Blob, media_type: &str) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    let marks = [
        (header::CONTENT_TYPE, media_type),
        (header::ETAG, &tag(blob)),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    for (name, value) in marks {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    response
}
