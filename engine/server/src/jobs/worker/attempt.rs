//! One attempt at one job: fetch the original, run the plan, keep what came of it, settle.
//!
//! The order is what makes a rendition whole or absent: bytes are durable before the row that names them. Whatever
//! happens, the job is settled or its lease runs out and somebody else takes it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use storage::failpoint;
use workflow::breaker;
use workflow::failure::{Failure, FailureClass, FailureKind};
use workflow::job::State;
use workflow::key::IMAGING_VERSION;
use workflow::plan::{Action, OnFailure, Plan, PlannedPlugin};
use workflow::ports::{Blob, Claimed, End, Observation, Settled, Settlement, StoreError, StoredRendition};
use workflow::retry::{self, Verdict};

use crate::app::App;
use crate::original::Original;
use crate::outcome::{Rendition, Report, StepReport};

/// What was found out, ready to be written down.
struct Finding {
    end: End,
    observations: Vec<Observation>,
    known: Option<(String, Failure)>,
    /// What the renditions are made of, in case it must be written again.
    bytes: Vec<(Blob, Bytes)>,
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
        Err(failure) => judge(app, &job, None, failure, &Report::default()),
    };
    settle(app, &job, found).await;
}

/// Runs the job, if it may run now.
async fn find_out(app: &Arc<App>, job: &Claimed) -> Result<Finding, Failure> {
    let plan = app.plan(&job.plan).await?;
    if let Some(plugin) = paused(app, &plan, job) {
        return Ok(End::Parked { plugin }.into());
    }
    let known = known_key(job);
    let repeated = app.jobs.store.known_failure(std::slice::from_ref(&known)).await;
    if let Some(failure) = repeated.map_err(|e| store_failed(&e))? {
        let report = json!({ "original": job.original.digest, "known": true });
        let observations = observe(&plan, job, &Report::default(), Some(&failure));
        return Ok(Finding {
            observations,
            ..End::Dead { failure, report }.into()
        });
    }
    let Some(original) = fetch(app, &job.original).await? else {
        return Ok(later(app));
    };
    let spec = app.library.job(&plan);
    if let Some(missing) = plan
        .plugins()
        .iter()
        .find(|p| !spec.plugins.contains_key(&p.digest))
    {
        let text = format!(
            "the plugin {}@{} is not installed on this worker",
            missing.name, missing.version
        );
        return Err(Failure::new(FailureKind::Infrastructure, text));
    }
    let begun = Instant::now();
    let Ok(outcome) = app.pool.run(spec, original).await else {
        return Ok(later(app));
    };
    app.jobs.load.ran(&job.pipeline, begun.elapsed());
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
                observations: observe(&plan, job, &outcome.report, None),
                end: End::Succeeded {
                    renditions: stored,
                    report: as_json(&outcome.report),
                },
                known: None,
                bytes,
            })
        }
        Err(failure) => Ok(judge(app, job, Some(&plan), failure, &outcome.report)),
    }
}

/// The plugin whose breaker keeps this job from running.
fn paused(app: &App, plan: &Plan, job: &Claimed) -> Option<String> {
    let needed = plan
        .steps
        .iter()
        .filter(|step| step.on_failure == OnFailure::Fail);
    let mut needed = needed.filter_map(|step| match &step.action {
        Action::Plugin(plugin) => Some(&plugin.digest),
        Action::Builtin(_) => None,
    });
    needed
        .find(|digest| !app.breakers.admits(digest, job.pass))
        .cloned()
}

/// `None` if there is no room for it in memory now.
async fn fetch(app: &App, blob: &Blob) -> Result<Option<Original>, Failure> {
    let mut share = app.budget.share();
    if share.grow(blob.length).is_err() {
        return Ok(None);
    }
    let bytes = app.jobs.blobs.get(blob).await.map_err(|e| store_failed(&e))?;
    let Some(bytes) = bytes else {
        let text = format!("the original {} is not among the blobs", blob.digest);
        return Err(Failure::new(FailureKind::Infrastructure, text));
    };
    let mut original = Original::new(blob.length);
    let copied = original.append(&bytes);
    copied.map_err(|error| Failure::new(FailureKind::Infrastructure, format!("{error:?}")))?;
    original.keep(share);
    Ok(Some(original))
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

async fn write(app: &App, renditions: &[(Blob, Bytes)]) -> Result<(), Failure> {
    for (blob, bytes) in renditions {
        let put = app.jobs.blobs.put(blob, bytes.clone()).await;
        put.map_err(|e| store_failed(&e))?;
        failpoint::reach("rendition-written");
    }
    Ok(())
}

/// What follows from a failure.
fn judge(app: &App, job: &Claimed, plan: Option<&Plan>, failure: Failure, report: &Report) -> Finding {
    let retry = plan.map(|plan| plan.retry.clone()).unwrap_or_default();
    let dice = rand::random();
    let verdict = retry::verdict(&failure, job.errors, job.rescues, &retry, dice);
    let observations = plan
        .map(|plan| observe(plan, job, report, Some(&failure)))
        .unwrap_or_default();
    let repeats = failure.kind.class() == FailureClass::Deterministic;
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
            Ok(Settled::Done) => break done(app, job, state, &settlement.observations).await,
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

/// What the attempt says about each plugin that took part.
fn observe(plan: &Plan, job: &Claimed, report: &Report, failure: Option<&Failure>) -> Vec<Observation> {
    let mut seen = Vec::new();
    for step in &plan.steps {
        let Action::Plugin(plugin) = &step.action else {
            continue;
        };
        let reported = report.steps.iter().find(|r| r.id == step.id);
        let Some(ok) = verdict_on(&step.id, reported, failure) else {
            continue;
        };
        let settings = step.breaker.as_ref().map(breaker::Settings::from);
        seen.push(Observation {
            plugin: plugin.digest.clone(),
            title: title(plugin),
            original: job.original.digest.clone(),
            ok,
            pass: job.pass,
            settings: settings.unwrap_or_default(),
        });
    }
    seen
}

/// `None` if nothing can be said: it did not run, or it was the original's fault.
fn verdict_on(step: &str, reported: Option<&StepReport>, failure: Option<&Failure>) -> Option<bool> {
    if let Some(failure) = failure.filter(|f| f.step.as_deref() == Some(step)) {
        return match failure.kind.class() {
            FailureClass::Deterministic | FailureClass::Transient => Some(false),
            FailureClass::BadInput | FailureClass::Infrastructure => None,
        };
    }
    reported.map(|report| report.skipped.is_none())
}

fn title(plugin: &PlannedPlugin) -> String {
    format!("{}@{}", plugin.name, plugin.version)
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

fn store_failed(error: &StoreError) -> Failure {
    Failure::new(FailureKind::Infrastructure, error.to_string())
}

fn as_json(report: &Report) -> Value {
    serde_json::to_value(report).unwrap_or(Value::Null)
}
