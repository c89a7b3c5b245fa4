//! `POST /v1/pipelines/{name}/process`: an original in, renditions out, now.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::{self, Shape};
use super::problem::Problem;
use super::upload;
use crate::app::App;
use crate::executor::pool::Refused;
use crate::library::Pipeline;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    /// Give back only this rendition.
    rendition: Option<String>,
}

/// Run a pipeline over an image and wait for the result.
///
/// The body is the image itself, or a multipart form with a file. One rendition is answered as its bytes;
/// several as `multipart/mixed`, or by `Accept` as a ZIP (`application/zip`) or as facts without pictures
/// (`application/json`).
#[utoipa::path(
    post,
    path = "/v1/pipelines/{name}/process",
    params(("name" = String, Path, description = "The pipeline"), Options),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The rendition, or all of them", content_type = "image/*"),
        (status = 304, description = "`If-None-Match` names the rendition that would be sent"),
        (status = 404, description = "No such pipeline or rendition", body = Problem),
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
    Path(name): Path<String>,
    Query(options): Query<Options>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let (pipeline, shape) = match understand(&app, &name, &options, &headers) {
        Ok(understood) => understood,
        Err(problem) => {
            upload::discard(request).await;
            return Err(problem);
        }
    };
    let mut share = app.budget.share();
    let original = upload::receive(request, pipeline.plan.limits.max_bytes, &mut share).await?;
    let mut job = app.library.job(&pipeline.plan);
    job.only = options.rendition;
    let outcome = app.pool.run(job, original).await.map_err(refused)?;
    drop(share);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    answer::build(shape, outcome, known)
}

/// Everything that can be wrong before the original is looked at.
fn understand<'a>(
    app: &'a App,
    name: &str,
    options: &Options,
    headers: &HeaderMap,
) -> Result<(&'a Pipeline, Shape), Problem> {
    let pipeline = super::pipelines::find(app, name)?;
    known_rendition(pipeline, name, options.rendition.as_deref())?;
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    let shape = Shape::choose(accept, &pipeline.plan, options.rendition.as_deref())?;
    Ok((pipeline, shape))
}

fn known_rendition(pipeline: &Pipeline, name: &str, wanted: Option<&str>) -> Result<(), Problem> {
    let names: Vec<&str> = pipeline.plan.renditions.iter().map(|r| r.name.as_str()).collect();
    match wanted {
        Some(wanted) if !names.contains(&wanted) => {
            let there = names.join(", ");
            Err(Problem::not_found(format!(
                "pipeline `{name}` has no rendition `{wanted}`; there are: {there}"
            )))
        }
        _ => Ok(()),
    }
}

fn refused(why: Refused) -> Problem {
    match why {
        Refused::Full => Problem::busy(
            "every executor works and the queue is full; try again in a moment",
            1,
        ),
        Refused::Closed => Problem::busy(
            "this server is shutting down; another one, or this one soon, will answer",
            5,
        ),
    }
}
