//! `/openapi.json`, made from the handlers, and `/docs`, a page that shows it. Nothing is loaded from outside.

use std::sync::Arc;

use axum::Router;
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use super::{breakers, dead, health, jobs, pipelines, plugins, process};
use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stopbath",
        description = "Image pipelines of sandboxed plugins and native codecs."
    ),
    paths(
        process::process,
        jobs::submit,
        jobs::list,
        jobs::show,
        jobs::cancel,
        jobs::events,
        jobs::original,
        jobs::rendition,
        jobs::counts,
        dead::list,
        dead::groups,
        dead::show,
        dead::redrive,
        dead::purge,
        breakers::list,
        breakers::act,
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
