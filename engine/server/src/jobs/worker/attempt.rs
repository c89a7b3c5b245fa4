//! One attempt at one job: fetch the original, run the plan, keep what came of it, settle.
//!
//! The order is what makes a rendition whole or absent: bytes are durable before the row that names them. Whatever
//! happens, the job is settled or its lease runs out and somebody else takes it.

mod known;
mod observe;
mod paused;
mod settle;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use storage::failpoint;
use workflow::failure::{Failure, FailureKind};
use workflow::plan::{Plan, PlannedPlugin, PlannedStep};
use workflow::ports::{Blob, Claimed, End, Millis, Observation, StoreError, StoredRendition};
use workflow::retry::{self, Verdict};

use crate::app::App;
use crate::components::{self, Lack};
use crate::jobs::load::Size;
use crate::original::Original;
use crate::outcome::{Rendition, Report};
use observe::observe;
use paused::{Paused, paused};
use settle::settle;

/// Until a job looks again whether a component is back.
const ELSEWHERE: Millis = 30_000;

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
    /// What this worker stands on does not answer.
    #[error("{0}")]
    Outage(Failure),
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
            error => {
                let failure = Failure::new(FailureKind::Infrastructure, error.to_string());
                match error {
                    StoreError::Unavailable { .. } => Self::Outage(failure),
                    _ => Self::Failed(failure),
                }
            }
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
        Ok(found) => {
            if matches!(found.end, End::Succeeded { .. }) {
                app.hands.outage.over();
            }
            found
        }
        // A full disk is not the job's fault and costs it nothing.
        Err(Trouble::NoRoom) => later(app),
        Err(Trouble::Outage(failure)) => {
            app.hands.outage.met(Instant::now());
            failed(app, &job, failure).await
        }
        Err(Trouble::Failed(failure)) => failed(app, &job, failure).await,
    };
    settle(app, &job, found).await;
}

/// Before anything ran.
async fn failed(app: &App, job: &Claimed, failure: Failure) -> Finding {
    let plan = app.plan(&job.plan).await.ok();
    let ran = plan.as_deref().map(|plan| (plan, Paused::new()));
    let ran = ran.as_ref().map(|(plan, paused)| (*plan, paused));
    judge(app, job, ran, failure, &Report::default())
}

/// Runs the job, if it may run now.
async fn find_out(app: &Arc<App>, job: &Claimed) -> Result<Finding, Trouble> {
    let plan = app.plan(&job.plan).await?;
    let admits = |plugin: &str| app.breakers.admits(plugin, job.pass);
    let paused = match paused(&plan, admits) {
        Ok(paused) => paused,
        Err(plugin) => return Ok(End::Parked { plugin }.into()),
    };
    if let Some(failure) = known::find(app, &plan, &paused, job).await? {
        let report = known::report(&plan, &job.original, &failure);
        return Ok(End::Dead { failure, report }.into());
    }
    match components::complete(app, &plan, |plugin| !app.breakers.is_stopped(plugin)).await {
        Ok(()) => {}
        // Its breaker is shut by now: claimed again, the job does without the plugin, or waits.
        Err(Lack::Nowhere) => {
            let at = app.jobs.clock.now();
            return Ok(End::GivenBack { at }.into());
        }
        Err(Lack::Store(error)) => return Err(error.into()),
        Err(Lack::Unusable(failure)) => return Err(failure.into()),
    }
    let Some(original) = fetch(app, &job.original).await? else {
        return Ok(later(app));
    };
    let mut spec = app.library.job(&plan);
    spec.paused.clone_from(&paused);
    let has = |plugin: &PlannedPlugin| spec.plugins.contains_key(&plugin.digest);
    let own = plan.steps.iter().filter_map(PlannedStep::plugin);
    // Stopped since its breaker was asked, so its component was not fetched.
    if !own.filter(|plugin| !paused.contains(&plugin.digest)).all(has) {
        return Ok(later(app));
    }
    let is_whole = plan.plugins().into_iter().all(has);
    let begun = Instant::now();
    let Ok(outcome) = app.pool.run(spec, original).await else {
        return Ok(later(app));
    };
    let size = Size::new(&plan, job.original.length).seen(&outcome.report);
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
        // What would have stood in for a step is nowhere now.
        Err(failure) if !is_whole && failure.kind == FailureKind::Infrastructure => {
            let at = app.jobs.clock.now() + ELSEWHERE;
            Ok(End::GivenBack { at }.into())
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
    let most = app.budget.total();
    if blob.length > most {
        let text = format!(
            "the original has {} bytes, and this server may have {most} in memory at once: raise `--buffers`",
            blob.length
        );
        return Err(Failure::new(FailureKind::Infrastructure, text).into());
    }
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
    let told = report.took();
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
    let whole = ran.filter(|(_, paused)| paused.is_empty());
    let known = whole.and_then(|(plan, _)| known::key(plan, &job.original, report, &failure));
    Finding {
        observations,
        known: known.map(|key| (key, failure.clone())),
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

fn later(app: &App) -> Finding {
    let at = app.jobs.clock.now() + 1000;
    End::GivenBack { at }.into()
}

fn as_json(report: &Report) -> Value {
    serde_json::to_value(report).unwrap_or(Value::Null)
}
