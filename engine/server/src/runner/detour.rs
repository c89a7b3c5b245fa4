//! What happens when a step fails, or its plugin is paused, and its pipeline says `on_failure`.
//!
//! Only the step's own failure is passed over. A bad original fails whatever the pipeline says; a disk that could
//! not be read, or a job that is out of time, says nothing about the step, and a degraded answer would depend on load.

use workflow::failure::{Failure, FailureClass, FailureKind};
use workflow::key;
use workflow::plan::{Fallback, OnFailure, PlannedStep};

use super::{Run, Value};
use crate::outcome::StepReport;

impl Run<'_> {
    /// What takes the place of the step's result, or the failure.
    pub(super) fn after_failure(
        &self,
        failure: Failure,
        node: usize,
        inputs: &[Value],
        report: &mut StepReport,
    ) -> Result<Value, Failure> {
        let failure = self.own_failure(failure)?;
        let why = failure.to_string();
        self.detour(why, node, inputs, report).unwrap_or(Err(failure))
    }

    /// The same without a failure: the step is not run while the breaker of its plugin is open. `None` if it may run, or
    /// if the job cannot do without.
    pub(super) fn around_paused(
        &self,
        node: usize,
        step: &PlannedStep,
        inputs: &[Value],
        report: &mut StepReport,
    ) -> Option<Result<Value, Failure>> {
        let plugin = step.plugin()?;
        if !self.job.paused.contains(&plugin.digest) {
            return None;
        }
        report.paused = step.on_failure != OnFailure::Fail;
        let why = format!("the breaker of {} is open", plugin.title());
        self.detour(why, node, inputs, report)
    }

    /// What the pipeline wants in the place of the step's result; `None` if nothing will do.
    fn detour(
        &self,
        why: String,
        node: usize,
        inputs: &[Value],
        report: &mut StepReport,
    ) -> Option<Result<Value, Failure>> {
        let (outcome, result) = match &self.plan().steps[node].on_failure {
            OnFailure::Fail => return None,
            OnFailure::Skip => (key::Outcome::Skipped, Ok(passed_over(inputs.first()))),
            OnFailure::Fallback(Fallback::Step(step)) => {
                report.replaced_by = Some(self.name(*step).to_owned());
                let value = inputs.last().cloned().unwrap_or(Value::Nothing);
                (key::Outcome::FellBack, Ok(value))
            }
            OnFailure::Fallback(Fallback::Plugin { plugin, .. }) => {
                let title = plugin.title();
                report.uses = format!("{title} for {}", report.uses);
                report.replaced_by = Some(title);
                let seed = self.seed(node, key::Outcome::FellBack);
                let result = self.plugin(seed, plugin, inputs.first(), report);
                (key::Outcome::FellBack, result)
            }
        };
        if result.is_ok() {
            report.skipped = Some(why);
            self.made().detours.insert(node, outcome);
        }
        Some(result)
    }

    /// The failure if the step is to blame for it; else it is the job's.
    fn own_failure(&self, failure: Failure) -> Result<Failure, Failure> {
        match failure.kind {
            // The plugin's own limit ended it only where the job still had time.
            FailureKind::Timeout if self.is_late() => Err(self.late()),
            FailureKind::InvalidParams => Ok(failure),
            kind => match kind.class() {
                FailureClass::BadInput | FailureClass::Infrastructure => Err(failure),
                FailureClass::Deterministic | FailureClass::Transient => Ok(failure),
            },
        }
    }
}

/// A filter that is skipped hands its picture on; anything else has nothing to hand on.
fn passed_over(input: Option<&Value>) -> Value {
    match input {
        Some(Value::Picture(picture)) => Value::Picture(picture.clone()),
        _ => Value::Nothing,
    }
}
