//! What time asks for: leases kept alive, lost workers' jobs taken back, due retries, breakers, forgetting.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use workflow::job::State;
use workflow::ports::{Filter, Millis, Stored};

use super::load::Numbers;
use super::{Jobs, burial, redrives};
use crate::app::App;
use crate::breakers;
use crate::components;

/// By so much a clock may be set back and nobody minds.
const SKEW: Millis = 60_000;
/// A worker that missed so many heartbeats is taken for dead.
const MISSED: u64 = 3;
const LOOK: Duration = Duration::from_secs(1);
/// While nothing is to be done, only every so many looks ask the store.
const REST: u64 = 10;
const KEEP: Duration = Duration::from_mins(1);
/// The longest backoff unless a pipeline says otherwise.
const BACKOFF: Millis = 900_000;
/// After the clock jumped; longer only where hearts beat more slowly.
const LONGEST_REST: Duration = Duration::from_mins(1);
/// How many jobs go in one step, so that others get to the database in between.
const AT_ONCE: u32 = 500;

/// What has to be right before the first job is claimed.
pub(crate) async fn begin(app: &App) -> Stored<()> {
    let jobs = &app.jobs;
    jobs.clock.begin(&*jobs.store, jobs.alone).await?;
    let now = jobs.clock.now();
    for pipeline in app.library.pipelines.values() {
        jobs.store.remember(&pipeline.plan, now).await?;
    }
    // Without them jobs run all the same, until a plugin is replaced.
    if let Err(error) = components::keep(app).await {
        tracing::error!("components could not be kept yet: {error}");
    }
    if jobs.alone {
        // Nobody else can be running them, so these were cut off; nor deleting bytes.
        if let Err(error) = jobs.store.release(None).await {
            tracing::warn!("marks of bytes to delete could not be freed: {error}");
        }
        take_back(jobs, Millis::MAX).await?;
    }
    if was_set_back(jobs, now).await? {
        tracing::warn!("the newest job lies ahead, so the clock was set back: retries come forward");
        // Others may have retries that wait as they should.
        let latest = if jobs.alone { Millis::MIN } else { now + BACKOFF };
        jobs.store.make_due(latest, now).await?;
    }
    if let Err(error) = components::missing::look(app).await {
        tracing::error!("whether missing components are there again cannot be seen yet: {error}");
    }
    breakers::take_along(app).await?;
    app.breakers.refresh(jobs).await
}

/// Before `keep_up` is ended from outside: what it has begun to delete is deleted, or others may.
pub(crate) async fn end(app: &App) {
    burial::stop(&app.jobs).await;
}

/// Whether the newest job lies ahead. Nobody is to wait until the clock is where it was then.
async fn was_set_back(jobs: &Jobs, now: Millis) -> Stored<bool> {
    let newest = jobs.store.jobs(&Filter::default(), None, 1).await?;
    Ok(newest.first().is_some_and(|job| job.submitted_at > now + SKEW))
}

/// Until the process ends.
pub(crate) async fn keep_up(app: Arc<App>) {
    let beat = Duration::from_secs(app.jobs.args.heartbeat);
    let looks = AtomicU64::new(0);
    tokio::join!(
        every(beat, "heartbeat", || heartbeat(&app)),
        every(LOOK, "look after the queue", || {
            look(&app, looks.fetch_add(1, Ordering::Relaxed))
        }),
        every(LOOK, "look after redrives", || redrives::advance(&app.jobs)),
        every(KEEP, "keep components", || components::keep(&app)),
        every(KEEP, "look for components", || {
            components::missing::look(&app)
        }),
        every(
            Duration::from_millis(app.jobs.args.grace_ms.into()),
            "forget what is old",
            || forget(&app)
        ),
    );
}

async fn every<F: Future<Output = Stored<()>>>(period: Duration, what: &str, act: impl Fn() -> F) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = act().await {
            tracing::error!("{what}: {error}");
        }
    }
}

async fn heartbeat(app: &App) -> Stored<()> {
    let leases = app.hands.leases();
    if leases.is_empty() {
        return Ok(());
    }
    let jobs = &app.jobs;
    // Hearts beat by whatever clock there is.
    if let Err(error) = jobs.clock.follow(&*jobs.store).await {
        tracing::error!("the database's clock cannot be read: {error}");
    }
    let lost = jobs.store.heartbeat(&leases, jobs.clock.now()).await?;
    app.hands.drop_lost(&lost);
    Ok(())
}

/// Each second while there is something to do, else as often as hearts beat: what other processes leave behind is
/// seen then, and of what they make ready `worker` is told.
async fn look(app: &App, look: u64) -> Stored<()> {
    let jobs = &app.jobs;
    let busy = app.hands.were_used() || jobs.load.any_waits() || app.breakers.any_waits();
    if !busy && !look.is_multiple_of(jobs.args.heartbeat.min(REST)) {
        return Ok(());
    }
    jobs.clock.follow(&*jobs.store).await?;
    bring_forward(jobs).await?;
    if jobs.clock.is_steady(rest(jobs.args.heartbeat)) {
        let stale = (MISSED * jobs.args.heartbeat * 1_000) as Millis;
        take_back(jobs, jobs.clock.now() - stale).await?;
    } else {
        jobs.store.make_due(Millis::MAX, jobs.clock.now()).await?;
    }
    if app.breakers.any_waits() {
        jobs.store.tick(jobs.clock.now()).await?;
    }
    app.breakers.refresh(jobs).await?;
    let counts = jobs.store.counts().await?;
    let any = |state| numbers(&counts, &[state]).values().any(|n| *n > 0);
    let numbers = Numbers {
        waiting: numbers(&counts, &[State::Queued]),
        running: any(State::Running),
        retrying: any(State::RetryWaiting),
        ended: numbers(&counts, &[State::Succeeded, State::Dead]),
    };
    jobs.load.waiting(numbers, Instant::now(), app.executors());
    Ok(())
}

/// After a jump every heart is to beat under the new time first, and somewhat more: so long no worker is taken for lost.
fn rest(heartbeat: u64) -> Duration {
    let beat = Duration::from_secs(heartbeat);
    (beat * 9 / 2).min(LONGEST_REST.max(beat * 2))
}

/// Where the clock was set back, no retry waits for longer than a backoff usually takes, nor a delivery until it is
/// there again.
async fn bring_forward(jobs: &Jobs) -> Stored<()> {
    if jobs.clock.was_set_back() {
        let now = jobs.clock.now();
        jobs.store.make_due(now + BACKOFF, now).await?;
        jobs.clock.retries_were_seen_to();
    }
    Ok(())
}

/// Jobs in any of these states, by pipeline.
fn numbers(counts: &BTreeMap<String, BTreeMap<State, u64>>, of: &[State]) -> BTreeMap<String, u64> {
    let number =
        |states: &BTreeMap<State, u64>| -> u64 { of.iter().filter_map(|state| states.get(state)).sum() };
    counts
        .iter()
        .map(|(name, states)| (name.clone(), number(states)))
        .collect()
}

async fn take_back(jobs: &Jobs, stale_before: Millis) -> Stored<()> {
    for rescued in jobs.store.sweep(stale_before, jobs.clock.now()).await? {
        tracing::warn!(job = rescued.job, state = %rescued.state, "its worker was lost");
        jobs.tell(&rescued.job, rescued.state);
    }
    Ok(())
}

/// Old jobs first, then the bytes that nothing refers to any more.
async fn forget(app: &App) -> Stored<()> {
    let jobs = &app.jobs;
    jobs.clock.follow(&*jobs.store).await?;
    if !jobs.clock.tells_age() {
        tracing::warn!("the database's clock leapt, so nothing is forgotten within the hour");
        return Ok(());
    }
    let keep = (jobs.args.keep as Millis).saturating_mul(3_600_000);
    let before = jobs.clock.now().saturating_sub(keep);
    while jobs.store.forget(before, AT_ONCE).await? == u64::from(AT_ONCE) {}
    burial::round(jobs).await
}
