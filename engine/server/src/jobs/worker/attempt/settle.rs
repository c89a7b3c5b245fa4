//! Writing down how an attempt ended, until it is written or somebody else has the job.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use storage::failpoint;
use workflow::job::State;
use workflow::ports::{Blob, Claimed, End, Millis, Observation, Settled, Settlement, StoreError, Stored};

use super::{Finding, Trouble, write};
use crate::app::App;
use crate::jobs::burial;

/// A job whose renditions are still being deleted is tried again after this time.
const AGAIN: Duration = Duration::from_secs(1);
/// So long renditions that went missing are tried to be written.
const REWRITING: Duration = Duration::from_mins(5);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

pub(super) async fn settle(app: &App, job: &Claimed, found: Finding) {
    let mut settlement = Settlement {
        lease: job.lease.clone(),
        end: found.end,
        observations: found.observations,
        known: found.known,
    };
    let begun = Instant::now();
    let mut wait = Duration::from_millis(100);
    // An answer was lost, so it may be written already.
    let mut doubtful = false;
    loop {
        let now = app.jobs.clock.now();
        match app.jobs.store.settle(settlement.clone(), now).await {
            Ok(Settled::Done) => break done(app, job, &settlement, &found.bytes).await,
            Ok(Settled::Doomed(digest)) => {
                let left = burial::left(&app.jobs, &digest).await.unwrap_or_default();
                if left.is_some() || begun.elapsed() > burial::USUAL {
                    give_back(app, &mut settlement, left.unwrap_or(AGAIN));
                    continue;
                }
                // Being deleted at this moment. Once that is over, it is written anew.
                if let Err(error) = write(app, &found.bytes).await {
                    tracing::error!(
                        job = job.lease.job,
                        "renditions could not be written again: {error}"
                    );
                }
            }
            Ok(Settled::Stale) => match stands(app, job, &settlement.end, doubtful).await {
                Ok(true) => break done(app, job, &settlement, &found.bytes).await,
                Ok(false) => {
                    break tracing::warn!(job = job.lease.job, "the result came too late and was dropped");
                }
                Err(error) => tracing::error!(
                    job = job.lease.job,
                    "whether the result is written cannot be asked: {error}"
                ),
            },
            // The lease holds as long as heartbeats get through; if they do not either, the job is somebody else's
            // soon, and this one learns it here.
            Err(error) => {
                doubtful |= matches!(&error, StoreError::Unavailable { maybe_done: true, .. });
                tracing::error!(job = job.lease.job, "the result could not be written: {error}");
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
    failpoint::reach("job-settled");
}

/// It costs the job nothing, and says nothing of its plugins.
fn give_back(app: &App, settlement: &mut Settlement, after: Duration) {
    tracing::warn!(
        job = settlement.lease.job,
        "renditions are still being deleted: the job is tried again"
    );
    let at = app.jobs.clock.now() + after.as_millis() as Millis;
    settlement.end = End::GivenBack { at };
    settlement.observations.clear();
    settlement.known = None;
}

/// Whether a success whose answer was lost is what the store says of the job.
async fn stands(app: &App, job: &Claimed, end: &End, doubtful: bool) -> Stored<bool> {
    let End::Succeeded { renditions, .. } = end else {
        return Ok(false);
    };
    if !doubtful {
        return Ok(false);
    }
    let id = &job.lease.job;
    let view = app.jobs.store.job(id).await?;
    let by_me = view
        .is_some_and(|view| view.state == State::Succeeded && view.worker.as_ref() == Some(&app.jobs.worker));
    if !by_me {
        return Ok(false);
    }
    let result = app.jobs.store.result(id).await?;
    let kept = result.map(|result| result.renditions).unwrap_or_default();
    Ok(renditions.iter().all(|rendition| kept.contains(rendition)))
}

async fn done(app: &App, job: &Claimed, settlement: &Settlement, bytes: &[(Blob, Bytes)]) {
    if matches!(settlement.end, End::Succeeded { .. }) {
        write_missing(app, job, bytes).await;
    }
    app.jobs.tell(&job.lease.job, state(&settlement.end));
    if let End::Dead { failure, .. } = &settlement.end {
        app.jobs.deaths.write(&job.lease.job, &job.pipeline, failure);
    }
    // A breaker may have opened by it, and the next job is not to run into that.
    if settlement.observations.iter().any(failed)
        && let Err(error) = app.breakers.refresh(&app.jobs).await
    {
        tracing::error!("the breakers could not be read: {error}");
    }
}

fn failed(seen: &Observation) -> bool {
    !seen.ok
}

fn state(end: &End) -> State {
    match end {
        End::Succeeded { .. } => State::Succeeded,
        End::Retry { .. } => State::RetryWaiting,
        End::Parked { .. } => State::Parked,
        End::Dead { .. } => State::Dead,
        End::GivenBack { .. } => State::Queued,
    }
}

/// Equal bytes of another job may have been deleted between their writing and the commit; from then on nobody does.
async fn write_missing(app: &App, job: &Claimed, renditions: &[(Blob, Bytes)]) {
    // All at once: until then nobody is told that the job has ended.
    let looks: Vec<_> = renditions
        .iter()
        .map(|rendition| try_to_write_missing(app, job, rendition))
        .collect();
    join_all(looks).await;
}

async fn try_to_write_missing(app: &App, job: &Claimed, rendition: &(Blob, Bytes)) {
    let job = &job.lease.job;
    let (begun, mut wait) = (Instant::now(), Duration::from_millis(100));
    while let Err(error) = write_if_missing(app, rendition).await {
        if begun.elapsed() > REWRITING {
            tracing::error!(
                job,
                "a rendition is missing and could not be written again: {error}"
            );
            break;
        }
        tracing::warn!(job, "a rendition could not be written again: {error}");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

async fn write_if_missing(app: &App, rendition: &(Blob, Bytes)) -> Result<(), Trouble> {
    if matches!(app.jobs.blobs.has(&rendition.0).await, Ok(true)) {
        return Ok(());
    }
    write(app, std::slice::from_ref(rendition)).await
}
