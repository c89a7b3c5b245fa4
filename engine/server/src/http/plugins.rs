//! `GET /v1/plugins`: what is installed, and what was left out and why.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;

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
pub(crate) async fn list(State(app): State<Arc<App>>) -> Json<Plugins> {
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
