//! `/v1/plugins`: what is installed, and what was left out and why; components as bytes.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use workflow::words::clip;

use super::identity::Identity;
use super::problem::Problem;
use crate::app::App;
use crate::components;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plugins {
    plugins: Vec<Plugin>,
    /// Files in the folders that could not be used.
    rejected: Vec<Rejected>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Plugin {
    /// SHA-256 of the component.
    digest: String,
    /// As the plugin describes itself: name, version, kind, description, params schema.
    #[schema(value_type = Object)]
    #[serde(flatten)]
    manifest: plugin_host::Manifest,
}

#[derive(Debug, Serialize, ToSchema)]
struct Rejected {
    file: String,
    message: String,
}

/// The installed plugins.
#[utoipa::path(get, path = "/v1/plugins", responses((status = 200, body = Plugins)))]
pub(crate) async fn list(State(app): State<Arc<App>>, _: Identity) -> Json<Plugins> {
    let plugins = app.library.plugins.iter().map(|p| Plugin {
        digest: p.inspected.digest.clone(),
        manifest: p.inspected.manifest.clone(),
    });
    let rejected = app.library.rejected.iter().map(|r| Rejected {
        file: r
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        message: r.message.clone(),
    });
    Json(Plugins {
        plugins: plugins.collect(),
        rejected: rejected.collect(),
    })
}

/// A plugin's component, for those who want to run exactly this one elsewhere: one that is installed, or that was used
/// by a pipeline before.
#[utoipa::path(get, path = "/v1/plugins/{digest}/component",
    params(("digest" = String, Path, description = "SHA-256 of the component, in hex")),
    responses((status = 200, description = "Its bytes", content_type = "application/wasm"),
        (status = 404, description = "No such plugin is installed or kept", body = Problem)))]
pub(crate) async fn component(
    State(app): State<Arc<App>>,
    _: Identity,
    digest: Result<Path<String>, PathRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Path(digest) = digest?;
    let found = components::find(&app, &digest).await??;
    let bytes = found.ok_or_else(|| {
        let text = format!(
            "no plugin with the digest {} is installed or kept here; `GET /v1/plugins` lists those that are installed",
            clip(&digest)
        );
        Problem::not_found(text)
    })?;
    Ok(([(header::CONTENT_TYPE, "application/wasm")], bytes))
}
