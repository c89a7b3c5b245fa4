//! `/v1/webhooks/{id}/deliveries`: what was sent to an endpoint, and `/v1/deliveries/{id}/replay`: sent once more.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use workflow::ports::{DeliveryFilter, Replayed};
use workflow::words::clip;

use super::find;
use super::view::DeliveryBody;
use crate::app::App;
use crate::http::identity::Identity;
use crate::http::paging;
use crate::http::problem::Problem;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliverySearch {
    /// Only of this job.
    job: Option<String>,
    /// Only older than this delivery: the `next` of the page before.
    before: Option<String>,
    /// How many, 50 by default and 500 at most.
    limit: Option<u32>,
}

/// A page of deliveries, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryPage {
    deliveries: Vec<DeliveryBody>,
    /// `before` of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What was sent to an endpoint, or is about to be, newest first.
#[utoipa::path(get, path = "/v1/webhooks/{id}/deliveries",
    params(("id" = String, Path, description = "The endpoint"), DeliverySearch),
    responses((status = 200, description = "A page", body = DeliveryPage), (status = 404, description = "No such endpoint", body = Problem)))]
pub(crate) async fn deliveries(
    State(app): State<Arc<App>>,
    _: Identity,
    id: Result<Path<String>, PathRejection>,
    search: Result<Query<DeliverySearch>, QueryRejection>,
) -> Result<Json<DeliveryPage>, Problem> {
    let (Path(id), Query(search)) = (id?, search?);
    let endpoint = find(&app, &id).await?.id;
    let filter = DeliveryFilter {
        endpoint: Some(endpoint),
        job: search.job,
    };
    let limit = paging::size(search.limit);
    let found = app
        .jobs
        .store
        .deliveries(&filter, search.before.as_deref(), limit)
        .await?;
    let deliveries: Vec<_> = found.into_iter().map(DeliveryBody::from).collect();
    let next = paging::next(&deliveries, limit, |delivery| &delivery.id);
    Ok(Json(DeliveryPage { deliveries, next }))
}

/// Send a delivery once more, whatever became of it, under the same id.
#[utoipa::path(post, path = "/v1/deliveries/{id}/replay", params(("id" = String, Path, description = "The delivery")),
    responses((status = 202, description = "It is due now"), (status = 404, description = "No such delivery", body = Problem),
        (status = 409, description = "Its endpoint is disabled", body = Problem)))]
pub(crate) async fn replay(
    State(app): State<Arc<App>>,
    caller: Identity,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(id) = id?;
    match app.jobs.store.replay(&id, app.jobs.clock.now()).await? {
        Replayed::Due => {
            tracing::info!(who = caller.name, delivery = id, "a delivery is replayed");
            Ok(StatusCode::ACCEPTED)
        }
        Replayed::Disabled => {
            let text = "the endpoint is disabled; `POST /v1/webhooks/{id}/enable` it first";
            Err(Problem::new(409, "conflict", text))
        }
        Replayed::Unknown => {
            let text = format!(
                "there is no delivery `{}`; deliveries are forgotten with their job",
                clip(&id)
            );
            Err(Problem::not_found(text))
        }
    }
}
