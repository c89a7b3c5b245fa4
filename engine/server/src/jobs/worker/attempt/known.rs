//! The report of a job that was not run, because the same plan is known to fail on the same original.

use serde_json::{Value, json};
use workflow::failure::Failure;
use workflow::plan::Plan;
use workflow::ports::Blob;

use crate::outcome::{Cache, StepReport};
use crate::runner;

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
