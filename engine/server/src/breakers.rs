//! What this worker knows of the breakers: a copy of the store's. And the way on for jobs that wait for a plugin which
//! their pipeline has replaced by now.
//!
//! Other processes change breakers, too. While jobs run the copy is renewed each second, and for the first one after a
//! rest before it begins; so what a job knows when it begins is about a second old, and never older than `FRESH`.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use workflow::breaker::{Breaker, Phase};
use workflow::ports::{BreakerView, Stored};

use crate::app::App;
use crate::jobs::Jobs;
use crate::library::Library;

/// Jobs moved in one transaction.
const AT_ONCE: u32 = 500;

/// Longer than the second between two looks of `upkeep`, so that in between nobody asks.
const FRESH: Duration = Duration::from_millis(1_500);

#[derive(Debug, Default)]
pub(crate) struct Breakers {
    known: RwLock<BTreeMap<String, Known>>,
    /// When the store was asked last.
    asked: Mutex<Option<Instant>>,
}

#[derive(Debug)]
struct Known {
    title: String,
    breaker: Breaker,
    parked: u64,
}

impl Breakers {
    /// May a job that needs this plugin run now? One that a breaker let through has a pass. It is good at every breaker
    /// that lets some go at the time, not only at its own: a job that needs two such plugins would get past neither if it
    /// had to wait for the other with the pass of the one.
    pub(crate) fn admits(&self, plugin: &str, pass: bool) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(plugin).is_none_or(|known| known.breaker.admits(pass))
    }

    /// Nobody calls it, whatever happens: there is no trial either.
    pub(crate) fn is_stopped(&self, plugin: &str) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let phase = known.get(plugin).map(|known| known.breaker.phase());
        matches!(phase, Some(Phase::Isolated | Phase::Missing))
    }

    /// Some breaker wants to hear that time passes, or jobs wait for one and may find a way around it.
    pub(crate) fn any_waits(&self) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known
            .values()
            .any(|known| known.parked > 0 || known.breaker.needs_ticks(known.parked))
    }

    /// Asks the store, unless it was asked just now.
    pub(crate) async fn freshen(&self, jobs: &Jobs) -> Stored<()> {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_some_and(|asked| asked.elapsed() < FRESH) {
            return Ok(());
        }
        self.refresh(jobs).await
    }

    pub(crate) async fn refresh(&self, jobs: &Jobs) -> Stored<()> {
        let asked = Instant::now();
        let found = jobs.store.breakers().await?;
        let known = |view: BreakerView| {
            let BreakerView {
                plugin,
                title,
                breaker,
                parked,
            } = view;
            let known = Known {
                title,
                breaker,
                parked,
            };
            (plugin, known)
        };
        let found: BTreeMap<String, Known> = found.into_iter().map(known).collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for (plugin, now) in &found {
            now.say_what_changed(known.get(plugin));
        }
        *known = found;
        drop(known);
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
        Ok(())
    }
}

impl Known {
    fn say_what_changed(&self, before: Option<&Self>) {
        let phase = self.breaker.phase().name();
        let before = before.map_or(Phase::Closed.name(), |before| before.breaker.phase().name());
        if phase != before {
            let (plugin, parked) = (&self.title, self.parked);
            let why = self.breaker.reason();
            tracing::info!(plugin, parked, why, "a breaker is {phase} that was {before}");
        }
    }
}

/// The plans of the active pipelines that can do without the plugin, by pipeline.
fn ways_around(library: &Library, plugin: &str) -> BTreeMap<String, String> {
    let free = library.pipelines.iter().filter(|(_, pipeline)| {
        let plugins = pipeline.plan.plugins();
        plugins.iter().all(|used| used.digest != plugin)
    });
    free.map(|(name, pipeline)| (name.clone(), pipeline.plan.digest.clone()))
        .collect()
}

/// Jobs that wait for the plugin go on with their pipelines as they are now, oldest first; how many that were.
pub(crate) async fn move_on(app: &App, plugin: &str) -> Stored<usize> {
    let plans = ways_around(&app.library, plugin);
    let mut moved = 0;
    loop {
        let now = app.jobs.clock.now();
        let some = app.jobs.store.replan(plugin, &plans, AT_ONCE, now).await?.len();
        moved += some;
        if some < AT_ONCE as usize {
            return Ok(moved);
        }
    }
}

/// A pipeline that was changed takes along the jobs that wait for a plugin which it no longer uses.
pub(crate) async fn take_along(app: &App) -> Stored<()> {
    for view in app.jobs.store.breakers().await? {
        if view.parked == 0 || view.breaker.admits(false) {
            continue;
        }
        let moved = move_on(app, &view.plugin).await?;
        if moved > 0 {
            tracing::info!(
                plugin = view.title,
                moved,
                "parked jobs go on with their pipelines as they are now"
            );
        }
    }
    Ok(())
}
