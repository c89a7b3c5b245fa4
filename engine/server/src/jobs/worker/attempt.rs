//! One attempt at one job: fetch the original, run the plan, keep what came of it, settle.
//!
//! The order is what makes a rendition whole or absent: bytes are durable before the row that names them. Whatever
//! happens, the job is settled or its lease runs out and somebody else takes it.

mod known;
mod observe;
mod paused;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use storage::failpoint;
use workflow::failure::{Failure, FailureClass, FailureKind};
use workflow::job::State;
use workflow::key::IMAGING_VERSION;
use workflow::plan::Plan;
use workflow::ports::{Blob, Claimed, End, Observation, Settled, Settlement, StoreError, StoredRendition};
use workflow::retry::{self, Verdict};

use crate::app::App;
use crate::jobs::load::Size;
use crate::original::Original;
use crate::outcome::{Rendition, Report};
use observe::observe;
use paused::{Paused, paused};

/// What was found out, ready to be written down.
struct Finding {
    end: End,
    observations: Vec<Observation>,
    known: Option<(String, Failure)>,
    /// What the renditions are made of, in case it must be written again.
    bytes: Vec<(Blob, Bytes)>,
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("no room is left")]
    NoRoom,
    #[error("{0}")]
    Failed(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(_) => Self::NoRoom,
            error => Self::Failed(Failure::new(FailureKind::Infrastructure, error.to_string())),
        }
    }
}

impl From<End> for Finding {
    fn from(end: End) -> Self {
        Self {
            end,
            observations: Vec::new(),
            known: None,
            bytes: Vec::new(),
        }
    }
}

pub(super) async fn attempt(app: &Arc<App>, job: Claimed) {
    let found = match find_out(app, &job).await {
        Ok(found) => found,
        // A full disk is not the job's fault and costs it nothing.
        Err(Trouble::NoRoom) => later(app),
        Err(Trouble::Failed(failure)) => {
            let plan = app.plan(&job.plan).await.ok();
            let ran = plan.as_deref().map(|plan| (plan, Paused::new()));
            let ran = ran.as_ref().map(|(plan, paused)| (*plan, paused));
            judge(app, &job, ran, failure, &Report::default())
        }
    };
    settle(app, &job, found).await;
}

/// Runs the job, if it may run now.
async fn find_out(app: &Arc<App>, job: &Claimed) -> Result<Finding, Trouble> {
    let plan = app.plan(&job.plan).await?;
    let admits = |plugin: &str| app.breakers.admits(plugin, job.pass);
    let paused = match paused(&plan, admits) {
        Ok(paused) => paused,
        Err(plugin) => return Ok(End::Parked { plugin }.into()),
    };
    let known = known_key(job);
    let repeated = app.jobs.store.known_failure(std::slice::from_ref(&known)).await;
    if let Some(failure) = repeated? {
        let report = known::report(&plan, &job.original, &failure);
        let observations = observe(&plan, &paused, job, &Report::default(), Some(&failure));
        return Ok(Finding {
            observations,
            ..End::Dead { failure, report }.into()
        });
    }
    let Some(original) = fetch(app, &job.original).await? else {
        return Ok(later(app));
    };
    let mut spec = app.library.job(&plan);
    spec.paused.clone_from(&paused);
    if let Some(missing) = plan
        .plugins()
        .iter()
        .find(|p| !spec.plugins.contains_key(&p.digest))
    {
        let text = format!(
            "the plugin {}@{} is not installed on this worker",
            missing.name, missing.version
        );
        return Err(Failure::new(FailureKind::Infrastructure, text).into());
    }
    let begun = Instant::now();
    let Ok(outcome) = app.pool.run(spec, original).await else {
        return Ok(later(app));
    };
    let size = Size::new(&plan, job.original.length);
    let took = took(&outcome.report, begun.elapsed());
    app.jobs.load.ran(&job.pipeline, size, took);
    failpoint::reach("renditions-made");
    match outcome.result {
        Ok(renditions) => {
            let stored: Vec<StoredRendition> = renditions.iter().map(stored).collect();
            let bytes: Vec<_> = stored
                .iter()
                .zip(&renditions)
                .map(|(s, r)| (s.blob.clone(), r.bytes.clone()))
                .collect();
            write(app, &bytes).await?;
            Ok(Finding {
                observations: observe(&plan, &paused, job, &outcome.report, None),
                end: End::Succeeded {
                    renditions: stored,
                    report: as_json(&outcome.report),
                },
                known: None,
                bytes,
            })
        }
        Err(failure) => Ok(judge(
            app,
            job,
            Some((plan.as_ref(), &paused)),
            failure,
            &outcome.report,
        )),
    }
}

/// `None` if there is no room for it in memory now.
async fn fetch(app: &App, blob: &Blob) -> Result<Option<Original>, Trouble> {
    let mut share = app.budget.share();
    if share.grow(blob.length).is_err() {
        return Ok(None);
    }
    let bytes = app.jobs.blobs.get(blob).await?;
    let Some(bytes) = bytes else {
        let text = format!("the original {} is not among the blobs", blob.digest);
        return Err(Failure::new(FailureKind::Infrastructure, text).into());
    };
    Ok(Some(Original::whole(bytes, share)))
}

/// The executor's time, without the wait for a free one; one that died or was stopped tells nothing.
fn took(report: &Report, elapsed: Duration) -> Duration {
    let told = Duration::try_from_secs_f64(report.ms / 1000.0).unwrap_or_default();
    if told.is_zero() {
        elapsed
    } else {
        told.min(elapsed)
    }
}

fn stored(rendition: &Rendition) -> StoredRendition {
    StoredRendition {
        name: rendition.name.clone(),
        blob: storage::blobs::blob(&rendition.bytes),
        media_type: rendition.media_type.clone(),
        width: rendition.width,
        height: rendition.height,
        key: rendition.key.clone(),
    }
}

async fn write(app: &App, renditions: &[(Blob, Bytes)]) -> Result<(), Trouble> {
    for (blob, bytes) in renditions {
        let put = app.jobs.blobs.put(blob, bytes.clone()).await;
        put?;
        failpoint::reach("rendition-written");
    }
    Ok(())
}

/// Equal bytes of another job may have been deleted between their writing and the commit; from then on nobody does.
async fn write_missing(app: &App, job: &Claimed, renditions: &[(Blob, Bytes)]) {
    for rendition in renditions {
        let written = match app.jobs.blobs.has(&rendition.0).await {
            Ok(true) => Ok(()),
            _ => write(app, std::slice::from_ref(rendition)).await,
        };
        if let Err(error) = written {
            tracing::error!(
                job = job.lease.job,
                "a rendition could not be written again: {error}"
            );
        }
    }
}

/// What follows from a failure.
fn judge(
    app: &App,
    job: &Claimed,
    ran: Option<(&Plan, &Paused)>,
    failure: Failure,
    report: &Report,
) -> Finding {
    let retry = ran.map(|(plan, _)| plan.retry.clone()).unwrap_or_default();
    let dice = rand::random();
    let verdict = retry::verdict(&failure, job.errors, job.rescues, &retry, dice);
    let observations = ran
        .map(|(plan, paused)| observe(plan, paused, job, report, Some(&failure)))
        .unwrap_or_default();
    // Without the plugins that were paused it may have failed in another way than with them.
    let whole = ran.is_none_or(|(_, paused)| paused.is_empty());
    let repeats = whole && failure.kind.class() == FailureClass::Deterministic;
    Finding {
        observations,
        known: repeats.then(|| (known_key(job), failure.clone())),
        bytes: Vec::new(),
        end: match verdict {
            Verdict::Retry { after_ms, rescue } => End::Retry {
                at: app.jobs.clock.now() + after_ms,
                failure,
                rescue,
            },
            Verdict::Dead => End::Dead {
                failure,
                report: as_json(report),
            },
        },
    }
}

async fn settle(app: &App, job: &Claimed, found: Finding) {
    let state = match found.end {
        End::Succeeded { .. } => State::Succeeded,
        End::Retry { .. } => State::RetryWaiting,
        End::Parked { .. } => State::Parked,
        End::Dead { .. } => State::Dead,
        End::GivenBack { .. } => State::Queued,
    };
    let settlement = Settlement {
        lease: job.lease.clone(),
        end: found.end,
        observations: found.observations,
        known: found.known,
    };
    let mut wait = Duration::from_millis(100);
    loop {
        match app
            .jobs
            .store
            .settle(settlement.clone(), app.jobs.clock.now())
            .await
        {
            Ok(Settled::Done) => {
                write_missing(app, job, &found.bytes).await;
                break done(app, job, state, &settlement.observations).await;
            }
            // Being deleted at this moment. Once that is over, it is written anew.
            Ok(Settled::Doomed(_)) => {
                if let Err(error) = write(app, &found.bytes).await {
                    tracing::error!(
                        job = job.lease.job,
                        "renditions could not be written again: {error}"
                    );
                }
            }
            Ok(Settled::Stale) => {
                break tracing::warn!(job = job.lease.job, "the result came too late and was dropped");
            }
            // The lease holds as long as heartbeats get through; if they do not either, the job is somebody else's
            // soon, and this one learns it here.
            Err(error) => tracing::error!(job = job.lease.job, "the result could not be written: {error}"),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(5));
    }
    failpoint::reach("job-settled");
}

async fn done(app: &App, job: &Claimed, state: State, observations: &[Observation]) {
    app.jobs.tell(&job.lease.job, state);
    // A breaker may have opened by it, and the next job is not to run into that.
    if observations.iter().any(|seen| !seen.ok)
        && let Err(error) = app.breakers.refresh(&app.jobs).await
    {
        tracing::error!("the breakers could not be read: {error}");
    }
}

/// The same original through the same plan by the same engine fails in the same way. Another version of any plugin is
/// another plan.
fn known_key(job: &Claimed) -> String {
    let said = format!("{IMAGING_VERSION}\n{}\n{}", job.plan, job.original.digest);
    storage::blobs::digest(said.as_bytes())
}

fn later(app: &App) -> Finding {
    let at = app.jobs.clock.now() + 1000;
    End::GivenBack { at }.into()
}

fn as_json(report: &Report) -> Value {
    serde_json::to_value(report).unwrap_or(Value::Null)
}
