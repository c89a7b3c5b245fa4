//! `GET /v1/pipelines` and `/v1/pipelines/{name}`: what is active, as it was declared.

use std::sync::{Arc, LazyLock};

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;
use workflow::words::clip;

use super::identity::Identity;
use super::problem::Problem;
use crate::app::App;
use crate::library::Pipeline;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Summary {
    name: String,
    description: String,
    /// Identifies the content of this revision.
    digest: String,
    renditions: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Detail {
    #[serde(flatten)]
    summary: Summary,
    /// The YAML as it was written.
    source: String,
    /// The plan made of it: steps in order, plugins resolved to exact versions.
    #[schema(value_type = Object)]
    plan: serde_json::Value,
    warnings: Vec<String>,
}

/// The active pipelines.
#[utoipa::path(get, path = "/v1/pipelines", responses((status = 200, body = Vec<Summary>)))]
pub(crate) async fn list(State(app): State<Arc<App>>, _: Identity) -> Json<Vec<Summary>> {
    Json(
        app.library
            .pipelines
            .iter()
            .map(|(name, pipeline)| summary(name, pipeline))
            .collect(),
    )
}

/// One pipeline, with its source and plan.
#[utoipa::path(
    get,
    path = "/v1/pipelines/{name}",
    params(("name" = String, Path, description = "The pipeline")),
    responses((status = 200, body = Detail), (status = 400, body = Problem), (status = 404, body = Problem)),
)]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    _: Identity,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Detail>, Problem> {
    let Path(name) = name?;
    let pipeline = find(&app, &name)?;
    Ok(Json(Detail {
        summary: summary(&name, pipeline),
        source: pipeline.source.clone(),
        plan: serde_json::to_value(&pipeline.plan).map_err(|error| {
            Problem::new(500, "internal", format!("the plan could not be shown: {error}"))
        })?,
        warnings: pipeline.warnings.iter().map(ToString::to_string).collect(),
    }))
}

/// The JSON Schema of pipeline files, for editors.
#[utoipa::path(get, path = "/v1/schema/pipeline.json", responses((status = 200, description = "A JSON Schema")))]
pub(crate) async fn schema(_: Identity) -> impl IntoResponse {
    static SCHEMA: LazyLock<Bytes> =
        LazyLock::new(|| workflow::schema::json_schema().to_string().into_bytes().into());
    ([(header::CONTENT_TYPE, "application/json")], SCHEMA.clone())
}

pub(crate) fn find<'a>(app: &'a App, name: &str) -> Result<&'a Pipeline, Problem> {
    app.library.pipelines.get(name).ok_or_else(|| {
        let names: Vec<&str> = app.library.pipelines.keys().map(String::as_str).collect();
        let name = clip(name);
        Problem::not_found(match names[..] {
            [] => format!("there is no pipeline `{name}`; none is installed (`--pipelines`)"),
            _ => format!("there is no pipeline `{name}`; there are: {}", names.join(", ")),
        })
    })
}

fn summary(name: &str, pipeline: &Pipeline) -> Summary {
    Summary {
        name: name.to_owned(),
        description: pipeline.description.clone(),
        digest: pipeline.plan.digest.clone(),
        renditions: pipeline.plan.renditions.iter().map(|r| r.name.clone()).collect(),
    }
}
