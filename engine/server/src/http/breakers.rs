//! `/v1/breakers`: which plugin versions are paused, and the switches for it.

use std::collections::BTreeSet;
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
use crate::clock;
use crate::library::title;

/// The breaker of one plugin version.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BreakerBody {
    /// `name@version`.
    plugin: String,
    /// SHA-256 of the component, in hex.
    digest: String,
    /// May jobs that need it run?
    closed: bool,
    /// `closed`, `open` until the next probes, `probing`, `recovering`, `isolated` until somebody clears it, or
    /// `missing` until its component is found.
    #[schema(example = "open")]
    phase: &'static str,
    /// Jobs that wait for it.
    parked: u64,
    /// Since when it has not been closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Why it is not closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When the next probes go.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_probe_at: Option<String>,
    /// Originals that it saw last while it was closed, each counted once.
    originals: usize,
    /// Those of them that failed.
    failures: usize,
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

/// Trip, clear or isolate a breaker, or move on from the plugin. It may be one that no job has used yet.
///
/// `trip` pauses the plugin until a probe succeeds, `isolate` until somebody clears it, `clear` lets everything go.
/// `move` lets the jobs that wait for it go on with their pipelines as they are now, where these no longer use it.
#[utoipa::path(post, path = "/v1/breakers/{plugin}/{action}",
    params(("plugin" = String, Path, description = "`name@version`, the name alone if there is one version of it, or its digest"),
        ("action" = String, Path, description = "`trip`, `clear`, `isolate` or `move`")),
    responses((status = 200, description = "The breaker after it", body = BreakerBody), (status = 404, description = "No such plugin", body = Problem),
        (status = 409, description = "Several plugins have this name, or the pipelines of the jobs that wait still use the plugin", body = Problem)))]
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

/// The breaker of the plugin that is meant. One that is installed and was not used yet gets its breaker now.
async fn find(app: &App, plugin: &str) -> Result<BreakerView, Problem> {
    let breakers = app.jobs.store.breakers().await?;
    let used = breakers
        .iter()
        .map(|view| (view.title.clone(), view.plugin.clone()));
    let installed = app.library.plugins.iter().map(|p| &p.inspected);
    let installed = installed.map(|inspected| (title(inspected), inspected.digest.clone()));
    let known: BTreeSet<(String, String)> = used.chain(installed).collect();
    let (title, digest) = meant(&known, plugin)?;
    if let Some(view) = breakers.into_iter().find(|view| view.plugin == *digest) {
        return Ok(view);
    }
    app.jobs.store.add_breaker(digest, title).await?;
    let breakers = app.jobs.store.breakers().await?;
    let added = breakers.into_iter().find(|view| view.plugin == *digest);
    added.ok_or_else(|| Problem::new(500, "internal", "the breaker is not there"))
}

/// Of these titles and digests.
fn meant<'a>(known: &'a BTreeSet<(String, String)>, plugin: &str) -> Result<&'a (String, String), Problem> {
    let fits = |(title, digest): &&(String, String)| {
        let name = title.split_once('@').map(|(name, _)| name);
        title == plugin || digest == plugin || name == Some(plugin)
    };
    let found: Vec<_> = known.iter().filter(fits).collect();
    let plugin = clip(plugin);
    match found[..] {
        [one] => Ok(one),
        [] => Err(Problem::not_found(format!(
            "no plugin `{plugin}` is installed, and no job has used one"
        ))),
        _ => {
            let each = found.iter().map(|(title, digest)| format!("{title} ({digest})"));
            let text = format!("`{plugin}` may be any of {}", each.collect::<Vec<_>>().join(", "));
            Err(Problem::new(409, "conflict", text))
        }
    }
}

impl From<BreakerView> for BreakerBody {
    fn from(view: BreakerView) -> Self {
        Self {
            closed: view.breaker.admits(false),
            phase: view.breaker.phase().name(),
            plugin: view.title,
            digest: view.plugin,
            parked: view.parked,
            since: view.breaker.opened_at().map(clock::text),
            reason: view.breaker.reason().map(str::to_owned),
            next_probe_at: view.breaker.next_probe_at().map(clock::text),
            originals: view.breaker.originals(),
            failures: view.breaker.failures(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_enough_where_it_is_clear() {
        let known = [("blur@1.0.0", "b1"), ("edges@1.0.0", "e1"), ("edges@1.1.0", "e2")];
        let known: BTreeSet<_> = known
            .map(|(title, digest)| (title.to_owned(), digest.to_owned()))
            .into();
        let digest = |plugin| meant(&known, plugin).map(|(_, digest)| digest.as_str());
        for (plugin, expected) in [("blur", "b1"), ("edges@1.1.0", "e2"), ("e1", "e1")] {
            assert_eq!(digest(plugin).unwrap(), expected, "{plugin}");
        }
        assert_eq!(digest("edges").unwrap_err().status(), 409);
        assert_eq!(digest("blu").unwrap_err().status(), 404);
    }
}
