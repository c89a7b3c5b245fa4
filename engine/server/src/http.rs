//! Every route on one page, and what holds for all of them.

mod answer;
mod audit;
mod breakers;
pub(crate) mod connections;
mod dead;
mod docs;
pub(crate) mod health;
mod identity;
pub(crate) mod jobs;
pub(crate) mod limits;
mod paging;
mod pipelines;
mod plugins;
mod problem;
mod process;
mod redrives;
mod upload;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{delete, get, post};
use tower_http::trace::TraceLayer;
use workflow::words::clip;

use crate::app::App;
use problem::Problem;

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/pipelines", get(pipelines::list))
        .route("/v1/pipelines/{name}", get(pipelines::show))
        .route("/v1/pipelines/{name}/process", post(process::process))
        .route("/v1/pipelines/{name}/jobs", post(jobs::submit))
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/{id}", get(jobs::show))
        .route("/v1/jobs/{id}/cancel", post(jobs::cancel))
        .route("/v1/jobs/{id}/events", get(jobs::events))
        .route("/v1/jobs/{id}/original", get(jobs::original))
        .route("/v1/jobs/{id}/plan", get(jobs::plan))
        .route("/v1/jobs/{id}/renditions/{name}", get(jobs::rendition))
        .route("/v1/counts", get(jobs::counts))
        .route("/v1/dead", get(dead::list))
        .route("/v1/dead/groups", get(dead::groups))
        .route("/v1/dead/redrive", post(redrives::begin))
        .route("/v1/dead/purge", post(dead::purge))
        .route("/v1/dead/{job}", get(dead::show))
        .route("/v1/redrives", get(redrives::list))
        .route("/v1/redrives/{id}", get(redrives::show))
        .route("/v1/redrives/{id}/cancel", post(redrives::cancel))
        .route("/v1/audit", get(audit::list))
        .route("/v1/breakers", get(breakers::list))
        .route("/v1/breakers/{plugin}/{action}", post(breakers::act))
        .route("/v1/webhooks", get(webhooks::list).post(webhooks::add))
        .route("/v1/webhooks/{id}", delete(webhooks::remove))
        .route("/v1/webhooks/{id}/enable", post(webhooks::enable))
        .route("/v1/webhooks/{id}/rotate", post(webhooks::rotate))
        .route("/v1/webhooks/{id}/deliveries", get(webhooks::deliveries))
        .route("/v1/deliveries/{id}/replay", post(webhooks::replay))
        .route("/v1/plugins", get(plugins::list))
        .route("/v1/plugins/{digest}/component", get(plugins::component))
        .route("/v1/schema/pipeline.json", get(pipelines::schema))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .merge(docs::routes())
        .route("/problems/{kind}", get(problem::explain))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(map_response(as_declared))
        // Failures are told by `Problem`, which knows more of them.
        .layer(TraceLayer::new_for_http().on_failure(()))
        .with_state(app)
}

/// Browsers must take each answer for what it says it is.
async fn as_declared(mut response: Response) -> Response {
    let nosniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

async fn nothing_here(request: Request) -> Problem {
    let path = clip(request.uri().path()).into_owned();
    upload::discard(request).await;
    Problem::not_found(format!(
        "there is nothing at {path}; the routes are listed at /docs"
    ))
}

async fn wrong_method(request: Request) -> Problem {
    let path = clip(request.uri().path()).into_owned();
    upload::discard(request).await;
    let text = format!("{path} takes another method; see /docs");
    Problem::new(405, "method-not-allowed", text)
}
