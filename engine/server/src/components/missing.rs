//! Components that are nowhere: their breakers keep the jobs back, until somebody has one again.

use workflow::breaker::{Event, Phase};
use workflow::plan::PlannedPlugin;
use workflow::ports::Stored;

use super::{keep_one, kept, read};
use crate::app::App;

/// Lets the jobs go that wait for components which are there again. One that is installed here and used by no pipeline
/// any more is kept from then on, so that all workers have it.
pub(crate) async fn look(app: &App) -> Stored<()> {
    let breakers = app.jobs.store.breakers().await?;
    let missing = breakers
        .into_iter()
        .filter(|view| *view.breaker.phase() == Phase::Missing);
    for view in missing {
        let digest = &view.plugin;
        if is_found(app, digest).await? {
            tracing::info!(digest, "{} is there again; its jobs go on", view.title);
            let now = app.jobs.clock.now();
            app.jobs.store.tell(digest, &Event::Found, now).await?;
        }
    }
    Ok(())
}

async fn is_found(app: &App, digest: &str) -> Stored<bool> {
    if app.library.has(digest) {
        return keep_one(app, digest).await;
    }
    if kept(app, digest).await?.is_some() {
        return Ok(true);
    }
    // A copy of our own may be all that is left.
    let Some(bytes) = read(app.components.file(digest), digest).await else {
        return Ok(false);
    };
    app.jobs.blobs.put_component(digest, bytes).await?;
    Ok(true)
}

/// From now on the jobs that cannot do without it wait.
pub(super) async fn miss(app: &App, plugin: &PlannedPlugin) -> Stored<()> {
    let (title, digest) = (plugin.title(), &plugin.digest);
    tracing::warn!(
        digest,
        "{title} is neither installed nor kept; its jobs wait until it is"
    );
    let what = format!("{title} ({digest})");
    let now = app.jobs.clock.now();
    app.jobs.store.add_breaker(digest, &title).await?;
    app.jobs.store.tell(digest, &Event::Missing { what }, now).await?;
    app.breakers.refresh(&app.jobs).await
}
