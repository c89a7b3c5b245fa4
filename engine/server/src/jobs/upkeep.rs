//! What time asks for: leases kept alive, lost workers' jobs taken back, due retries, breakers, forgetting.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use workflow::job::State;
use workflow::ports::{Millis, Stored};

use super::Jobs;
use crate::app::App;

/// A worker that was not heard of for so long is taken for dead: three heartbeats.
const STALE: Millis = 30_000;
const HEARTBEAT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_secs(1);
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
    app.breakers.refresh(jobs).await
}

/// Until the process ends.
pub(crate) async fn keep_up(app: Arc<App>) {
    tokio::join!(
        every(HEARTBEAT, "heartbeat", || heartbeat(&app)),
        every(LOOK, "look after the queue", || look(&app)),
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

async fn look(app: &App) -> Stored<()> {
    let jobs = &app.jobs;
    take_back(jobs, jobs.clock.now() - STALE).await?;
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
        jobs.work.notify_one();
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
