//! Every route on one page, and what holds for all of them.

mod answer;
pub(crate) mod budget;
mod docs;
pub(crate) mod health;
mod pipelines;
mod plugins;
mod problem;
mod process;
mod upload;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, http::Uri};
use tower_http::trace::TraceLayer;

use crate::app::App;
use problem::Problem;

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/pipelines", get(pipelines::list))
        .route("/v1/pipelines/{name}", get(pipelines::show))
        .route("/v1/pipelines/{name}/process", post(process::process))
        .route("/v1/plugins", get(plugins::list))
        .route("/v1/schema/pipeline.json", get(pipelines::schema))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .merge(docs::routes())
        .route("/problems/{kind}", get(problem::explain))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        // Bodies are streamed and counted in `upload`, by each pipeline's own limit.
        .layer(DefaultBodyLimit::disable())
        .layer(TraceLayer::new_for_http())
        .with_state(app)
}

async fn nothing_here(uri: Uri) -> Problem {
    Problem::not_found(format!(
        "there is nothing at {}; the routes are listed at /docs",
        uri.path()
    ))
}

async fn wrong_method(uri: Uri) -> Problem {
    Problem::new(
        405,
        "method-not-allowed",
        format!("{} takes another method; see /docs", uri.path()),
    )
}
