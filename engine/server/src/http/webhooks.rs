//! `/v1/webhooks`: who is told of the ends of jobs. What was sent to them is in `deliveries`.
//!
//! A secret is shown once, in the answer that makes it.

mod deliveries;
mod view;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use workflow::ports::{Endpoint, NewEndpoint};
use workflow::webhook::{ROTATION, Topic};
use workflow::words::clip;

use super::audit;
use super::identity::Identity;
use super::problem::Problem;
use crate::app::App;
use crate::clock;
use crate::jobs::webhooks::sign;
pub(crate) use deliveries::{__path_deliveries, __path_replay, deliveries, replay};
use view::{EndpointBody, SecretBody};

/// A URL with a query of its own may be long, but not endless.
const LONGEST_URL: usize = 2000;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Where to: `http` or `https`.
    url: String,
    /// Only of this pipeline.
    #[serde(default)]
    pipeline: Option<String>,
    /// Only of these: `job.succeeded`, `job.dead`, `job.cancelled`; of all without it.
    #[serde(default)]
    events: Vec<String>,
}

/// Endpoints, oldest first, and how they do.
#[utoipa::path(get, path = "/v1/webhooks", responses((status = 200, description = "The endpoints", body = Vec<EndpointBody>)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    _: Identity,
) -> Result<Json<Vec<EndpointBody>>, Problem> {
    let endpoints = app.jobs.store.endpoints().await?;
    Ok(Json(endpoints.into_iter().map(EndpointBody::from).collect()))
}

/// Tell an address of the ends of jobs, from now on.
///
/// Messages follow the Standard Webhooks specification and are signed with the secret that is answered, once.
#[utoipa::path(post, path = "/v1/webhooks", request_body = Wanted,
    responses((status = 201, description = "The endpoint and its secret", body = SecretBody),
        (status = 400, description = "Nothing can be sent there, or there is no such event", body = Problem),
        (status = 404, description = "No such pipeline", body = Problem)))]
pub(crate) async fn add(
    State(app): State<Arc<App>>,
    caller: Identity,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<(StatusCode, Json<SecretBody>), Problem> {
    let Json(wanted) = wanted?;
    if wanted.url.len() > LONGEST_URL {
        let text = format!("the url is longer than {LONGEST_URL} bytes");
        return Err(Problem::bad_request(text));
    }
    let url = app.jobs.hooks.allow(&wanted.url).map_err(Problem::bad_request)?;
    if let Some(pipeline) = &wanted.pipeline {
        super::pipelines::find(&app, pipeline)?;
    }
    let topics = wanted.events.iter().map(|event| event.parse::<Topic>());
    let topics = topics.collect::<Result<Vec<_>, _>>();
    let endpoint = NewEndpoint {
        id: format!("ep_{}", uuid::Uuid::now_v7().simple()),
        url: url.into(),
        pipeline: wanted.pipeline,
        topics: topics.map_err(|error| Problem::bad_request(clip(&error.to_string())))?,
        secret: new_secret()?,
    };
    let (id, secret) = (endpoint.id.clone(), endpoint.secret.clone());
    let detail = json!({ "url": endpoint.url, "pipeline": endpoint.pipeline, "events": endpoint.topics });
    app.jobs
        .store
        .add_endpoint(endpoint, app.jobs.clock.now())
        .await?;
    tracing::info!(who = caller.name, endpoint = id, "a webhook was added");
    audit::note(&app, &caller, "webhook.add", &id, detail).await;
    let body = SecretBody {
        id,
        secret,
        old_valid_until: None,
    };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Tell an address nothing any more; what was sent to it is forgotten.
#[utoipa::path(delete, path = "/v1/webhooks/{id}", params(("id" = String, Path, description = "The endpoint")),
    responses((status = 204, description = "It is gone"), (status = 404, description = "No such endpoint", body = Problem)))]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    caller: Identity,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(id) = id?;
    if !app.jobs.store.remove_endpoint(&id).await? {
        return Err(unknown(&id));
    }
    tracing::info!(who = caller.name, endpoint = id, "a webhook was removed");
    audit::note(&app, &caller, "webhook.remove", &id, json!({})).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Try an endpoint again that was disabled because it only failed, or said that it is gone.
#[utoipa::path(post, path = "/v1/webhooks/{id}/enable", params(("id" = String, Path, description = "The endpoint")),
    responses((status = 200, description = "The endpoint after it", body = EndpointBody), (status = 404, description = "No such endpoint", body = Problem)))]
pub(crate) async fn enable(
    State(app): State<Arc<App>>,
    caller: Identity,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<EndpointBody>, Problem> {
    let Path(id) = id?;
    if !app.jobs.store.enable_endpoint(&id).await? {
        return Err(unknown(&id));
    }
    tracing::info!(who = caller.name, endpoint = id, "a webhook was enabled");
    audit::note(&app, &caller, "webhook.enable", &id, json!({})).await;
    Ok(Json(find(&app, &id).await?.into()))
}

/// Replace an endpoint's secret. For 24 hours messages are signed with the old one as well.
#[utoipa::path(post, path = "/v1/webhooks/{id}/rotate", params(("id" = String, Path, description = "The endpoint")),
    responses((status = 200, description = "The new secret", body = SecretBody), (status = 404, description = "No such endpoint", body = Problem)))]
pub(crate) async fn rotate(
    State(app): State<Arc<App>>,
    caller: Identity,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<SecretBody>, Problem> {
    let Path(id) = id?;
    let secret = new_secret()?;
    let until = app.jobs.clock.now() + ROTATION;
    if !app.jobs.store.rotate_secret(&id, &secret, until).await? {
        return Err(unknown(&id));
    }
    tracing::info!(
        who = caller.name,
        endpoint = id,
        "a webhook's secret was replaced"
    );
    audit::note(&app, &caller, "webhook.rotate", &id, json!({})).await;
    Ok(Json(SecretBody {
        id,
        secret,
        old_valid_until: Some(clock::text(until)),
    }))
}

fn new_secret() -> Result<String, Problem> {
    sign::new_secret().map_err(|error| Problem::infrastructure(error.to_string()))
}

async fn find(app: &App, id: &str) -> Result<Endpoint, Problem> {
    let endpoints = app.jobs.store.endpoints().await?;
    let found = endpoints.into_iter().find(|endpoint| endpoint.id == id);
    found.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Problem {
    let id = clip(id);
    Problem::not_found(format!(
        "there is no webhook `{id}`; `GET /v1/webhooks` lists those that there are"
    ))
}
