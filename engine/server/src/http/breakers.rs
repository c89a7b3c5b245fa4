//! `/v1/breakers`: which plugin versions are paused, and the switches for it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use workflow::breaker::Event;
use workflow::ports::BreakerView;
use workflow::words::clip;

use super::audit;
use super::identity::Identity;
use super::problem::Problem;
use crate::app::App;
use crate::breakers::move_on;

/// The breaker of one plugin version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BreakerBody {
    /// `name@version`.
    plugin: String,
    /// SHA-256 of the component, in hex.
    digest: String,
    /// May jobs that need it run?
    closed: bool,
    /// Jobs that wait for it.
    parked: u64,
    /// Its phase, its window, when it probes next.
    #[schema(value_type = Object)]
    breaker: serde_json::Value,
}

/// The breakers of all plugins that were ever used.
#[utoipa::path(get, path = "/v1/breakers", responses((status = 200, description = "The breakers", body = Vec<BreakerBody>)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    _: Identity,
) -> Result<Json<Vec<BreakerBody>>, Problem> {
    let breakers = app.jobs.store.breakers().await?;
    Ok(Json(breakers.into_iter().map(BreakerBody::from).collect()))
}

/// Trip, clear or isolate a breaker, or move on from the plugin.
///
/// `trip` pauses the plugin until a probe succeeds, `isolate` until somebody clears it, `clear` lets everything go.
/// `move` lets the jobs that wait for it go on with their pipelines as they are now, where these no longer use it.
#[utoipa::path(post, path = "/v1/breakers/{plugin}/{action}",
    params(("plugin" = String, Path, description = "`name@version`, or its digest"),
        ("action" = String, Path, description = "`trip`, `clear`, `isolate` or `move`")),
    responses((status = 200, description = "The breaker after it", body = BreakerBody), (status = 404, description = "No such breaker", body = Problem),
        (status = 409, description = "The pipelines of the jobs that wait still use the plugin", body = Problem)))]
pub(crate) async fn act(
    State(app): State<Arc<App>>,
    caller: Identity,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<BreakerBody>, Problem> {
    let Path((plugin, action)) = path?;
    let event = match action.as_str() {
        "trip" => Some(Event::Trip),
        "clear" => Some(Event::Clear),
        "isolate" => Some(Event::Isolate),
        "move" => None,
        _ => {
            let text = format!(
                "a breaker knows no `{}`; it knows `trip`, `clear`, `isolate` and `move`",
                clip(&action)
            );
            return Err(Problem::not_found(text));
        }
    };
    let before = find(&app, &plugin).await?;
    let digest = before.plugin;
    if let Some(event) = event {
        let now = app.jobs.clock.now();
        app.jobs.store.tell(&digest, &event, now).await?;
    } else if move_on(&app, &digest).await? == 0 && before.parked > 0 {
        let text = "the jobs that wait for the plugin belong to pipelines that still use it, or that are no longer here; \
            change these, start the server again, then move on";
        return Err(Problem::new(409, "conflict", text));
    }
    app.breakers.refresh(&app.jobs).await?;
    tracing::info!(who = caller.name, plugin, action, "a breaker was switched");
    let (action, detail) = (format!("breaker.{action}"), json!({ "digest": digest }));
    audit::note(&app, &caller, &action, &plugin, detail).await;
    Ok(Json(find(&app, &digest).await?.into()))
}

async fn find(app: &App, plugin: &str) -> Result<BreakerView, Problem> {
    let breakers = app.jobs.store.breakers().await?;
    let found = breakers
        .into_iter()
        .find(|view| view.title == plugin || view.plugin == plugin);
    found.ok_or_else(|| {
        let plugin = clip(plugin);
        Problem::not_found(format!(
            "no job has used a plugin `{plugin}` yet; `GET /v1/breakers` lists those that were used"
        ))
    })
}

impl From<BreakerView> for BreakerBody {
    fn from(view: BreakerView) -> Self {
        Self {
            closed: view.breaker.admits(false),
            plugin: view.title,
            digest: view.plugin,
            parked: view.parked,
            breaker: serde_json::to_value(&view.breaker).unwrap_or_default(),
        }
    }
}
