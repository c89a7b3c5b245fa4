//! Failures that are known to come again: under what they are remembered, and the report of a job that is not run
//! because of one.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use workflow::failure::{Failure, FailureClass};
use workflow::key;
use workflow::plan::Plan;
use workflow::ports::{Blob, Claimed, Stored};

use super::paused::Paused;
use crate::app::App;
use crate::outcome::{Cache, Report, StepReport};
use crate::runner;

/// How the job would fail again. Without the plugins that are paused it may go better, so then nobody knows.
pub(super) async fn find(app: &App, plan: &Plan, paused: &Paused, job: &Claimed) -> Stored<Option<Failure>> {
    if !paused.is_empty() {
        return Ok(None);
    }
    let mut keys = keys(plan, &job.original);
    let wanted: Vec<String> = keys.keys().cloned().collect();
    let found = app.jobs.store.known_failure(&wanted).await?;
    Ok(found.map(|(key, failure)| match keys.remove(&key).flatten() {
        // It may have happened in another pipeline, where the step has another name.
        Some(step) => Failure {
            step: Some(step),
            ..failure
        },
        None => failure,
    }))
}

/// Under what it could be known that a job will fail, each with the step's id; the plan as a whole has none.
fn keys(plan: &Plan, original: &Blob) -> BTreeMap<String, Option<String>> {
    let steps = plan.steps.iter().zip(key::failure_keys(plan, &original.digest));
    let steps = steps.filter_map(|(step, key)| Some((key?, Some(step.id.clone()))));
    let whole = key::plan_failure_key(plan, &original.digest);
    steps.chain([(whole, None)]).collect()
}

/// Under what the failure of a job is remembered; `None` if it may not come again.
pub(super) fn key(plan: &Plan, original: &Blob, report: &Report, failure: &Failure) -> Option<String> {
    // What was passed over may go as planned the next time, and then the step that failed gets other bytes.
    let as_planned = report.skipped.is_empty() && report.replaced.is_empty();
    if !as_planned || failure.kind.class() != FailureClass::Deterministic {
        return None;
    }
    let name = failure.step.as_deref();
    let rendition = plan
        .renditions
        .iter()
        .any(|rendition| Some(rendition.name.as_str()) == name);
    match name.and_then(|name| plan.step(name)).filter(|_| !rendition) {
        // A step that has something in its place failed twice over, and the first time may have been chance.
        Some(step) => key::failure_keys(plan, &original.digest).swap_remove(step),
        None => Some(key::plan_failure_key(plan, &original.digest)),
    }
}

/// `known`, and the step that fails, as it is remembered.
pub(super) fn report(plan: &Plan, original: &Blob, failure: &Failure) -> Value {
    let failed = plan
        .steps
        .iter()
        .filter(|step| failure.step.as_ref() == Some(&step.id));
    let steps: Vec<StepReport> = failed
        .map(|step| StepReport {
            id: step.id.clone(),
            uses: runner::uses(&step.action),
            output: format!("failed: {}", failure.kind),
            cache: Cache::Hit,
            ..StepReport::default()
        })
        .collect();
    json!({ "original": original.digest, "known": true, "steps": steps })
}

#[cfg(test)]
mod tests {
    use workflow::failure::FailureKind;

    use super::super::paused::tests::plan;
    use super::*;

    fn original() -> Blob {
        Blob {
            digest: "original".to_owned(),
            length: 1,
        }
    }

    fn remembered(on_failure: &str, step: &str, kind: FailureKind, skipped: &[&str]) -> Option<String> {
        let plan = plan(on_failure);
        let report = Report {
            skipped: skipped.iter().map(|&id| id.to_owned()).collect(),
            ..Report::default()
        };
        let failure = Failure::new(kind, "it failed").at_step(step);
        key(&plan, &original(), &report, &failure)
    }

    #[test]
    fn what_is_remembered_is_looked_up() {
        let keys = keys(&plan("fail"), &original());
        let found = |step, kind| keys.get(&remembered("fail", step, kind, &[]).unwrap());
        let trap = FailureKind::Trap;
        assert_eq!(found("guest", trap), Some(&Some("guest".to_owned())));
        assert_eq!(found("photo", trap), Some(&Some("photo".to_owned())));
        assert_eq!(found("a.png", FailureKind::BadOutput), Some(&None));
    }

    #[test]
    fn what_may_go_better_is_not_remembered() {
        for kind in [FailureKind::Timeout, FailureKind::Crash, FailureKind::BadInput] {
            assert_eq!(remembered("fail", "guest", kind, &[]), None, "{kind}");
        }
        let trap = FailureKind::Trap;
        assert_eq!(remembered("fail", "guest", trap, &["photo"]), None);
        assert_eq!(remembered("{ fallback: spare@1.0.0 }", "guest", trap, &[]), None);
    }
}
