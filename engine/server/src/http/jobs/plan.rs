//! `GET /v1/jobs/{id}/plan`: what a job runs, to the last parameter.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};

use super::find;
use crate::app::App;
use crate::http::identity::Identity;
use crate::http::problem::Problem;

/// The plan that the job is pinned to: steps in order, plugins by the digests of their bytes, defaults filled in.
///
/// With it, the original and the plugins' components the job can be run again elsewhere; `stopbath replay` does.
#[utoipa::path(get, path = "/v1/jobs/{id}/plan", params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "The plan"), (status = 404, description = "No such job", body = Problem)))]
pub(crate) async fn plan(
    State(app): State<Arc<App>>,
    _: Identity,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<serde_json::Value>, Problem> {
    let Path(id) = id?;
    let job = find(&app, &id).await?;
    let plan = app.plan(&job.plan).await?;
    let plan = serde_json::to_value(plan.as_ref());
    Ok(Json(plan.map_err(|error| {
        Problem::new(500, "internal", format!("the plan could not be shown: {error}"))
    })?))
}
