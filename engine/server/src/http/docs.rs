//! `/openapi.json`, made from the handlers, and `/docs`, a page that shows it. Nothing is loaded from outside.

use std::sync::Arc;

use axum::Router;
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use super::{health, pipelines, plugins, process};
use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stopbath",
        description = "Image pipelines of sandboxed plugins and native codecs."
    ),
    paths(
        process::process,
        pipelines::list,
        pipelines::show,
        pipelines::schema,
        plugins::list,
        health::alive,
        health::ready
    )
)]
struct Api;

pub(super) fn routes() -> Router<Arc<App>> {
    SwaggerUi::new("/docs")
        .url("/openapi.json", Api::openapi())
        .into()
}
