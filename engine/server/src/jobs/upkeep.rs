//! What time asks for: leases kept alive, lost workers' jobs taken back, due retries, breakers, forgetting.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use workflow::job::State;
use workflow::ports::{Filter, Millis, Stored};

use super::{Jobs, redrives};
use crate::app::App;
use crate::breakers;

/// By so much the clocks of machines that share a database may differ.
const SKEW: Millis = 60_000;
/// A worker that missed so many heartbeats is taken for dead.
const MISSED: u64 = 3;
const LOOK: Duration = Duration::from_secs(1);
/// While nothing is to be done, only every so many looks ask the store.
const REST: u64 = 10;
const FORGET: Duration = Duration::from_mins(1);
/// How many jobs or blobs go in one step, so that others get to the database in between.
const AT_ONCE: u32 = 500;
/// Bytes without a row are given this time to get one.
const STRAY: Millis = 3_600_000;
/// How many of the 256 parts of the blobs a round looks at: all within an hour.
const PARTS: usize = 5;

/// What has to be right before the first job is claimed.
pub(crate) async fn begin(app: &App) -> Stored<()> {
    let jobs = &app.jobs;
    let now = jobs.clock.now();
    for pipeline in app.library.pipelines.values() {
        jobs.store.remember(&pipeline.plan, now).await?;
    }
    if jobs.alone {
        // Nobody else can be running them, so these were cut off.
        take_back(jobs, Millis::MAX).await?;
    }
    if was_set_back(jobs, now).await? {
        tracing::warn!("the newest job lies ahead, so the clock was set back: every retry comes now");
        jobs.store.sweep(Millis::MIN, Millis::MAX).await?;
    }
    breakers::take_along(app).await?;
    app.breakers.refresh(jobs).await
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
        every(FORGET, "forget what is old", || forget(&app)),
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
    let lost = app.jobs.store.heartbeat(&leases, app.jobs.clock.now()).await?;
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
    let stale = (MISSED * jobs.args.heartbeat * 1_000) as Millis;
    take_back(jobs, jobs.clock.now() - stale).await?;
    if app.breakers.any_waits() {
        jobs.store.tick(jobs.clock.now()).await?;
    }
    app.breakers.refresh(jobs).await?;
    let counts = jobs.store.counts().await?;
    let waiting = |states: BTreeMap<State, u64>| -> u64 {
        [State::Queued, State::RetryWaiting]
            .iter()
            .filter_map(|state| states.get(state))
            .sum()
    };
    jobs.load.waiting(
        counts
            .into_iter()
            .map(|(name, states)| (name, waiting(states)))
            .collect(),
    );
    Ok(())
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
    let before = jobs.clock.now() - jobs.args.keep as Millis * 3_600_000;
    while jobs.store.forget(before, AT_ONCE).await? == u64::from(AT_ONCE) {}
    loop {
        let doomed = jobs.store.doom(AT_ONCE, jobs.clock.now()).await?;
        bury(jobs, &doomed).await?;
        if doomed.len() < AT_ONCE as usize {
            break;
        }
    }
    let round = app.jobs.rounds.fetch_add(1, Ordering::Relaxed);
    strays(jobs, round).await
}

async fn bury(jobs: &Jobs, doomed: &[String]) -> Stored<()> {
    for digest in doomed {
        jobs.blobs.delete(digest).await?;
    }
    if !doomed.is_empty() {
        jobs.store.buried(doomed).await?;
    }
    Ok(())
}

/// Bytes that were written for a job that was then never committed. Each round looks at a part of all.
async fn strays(jobs: &Jobs, round: usize) -> Stored<()> {
    let before = jobs.clock.now() - STRAY;
    let first = round * PARTS;
    for part in first..first + PARTS {
        for blob in jobs.blobs.list((part % 256) as u8).await? {
            if blob.written_at < before && jobs.store.doom_stray(&blob.digest, jobs.clock.now()).await? {
                bury(jobs, &[blob.digest]).await?;
            }
        }
    }
    Ok(())
}
