//! What happens when a step fails and its pipeline says `on_failure`.
//!
//! Only the step's own failure is passed over. A bad original fails whatever the pipeline says; a disk that could
//! not be read, or a job that is out of time, says nothing about the step, and a degraded answer would depend on load.

use workflow::failure::{Failure, FailureClass, FailureKind};
use workflow::key;
use workflow::plan::{Fallback, OnFailure};

use super::{Run, Value, report};
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
        let step = &self.plan().steps[node];
        let (outcome, value) = match &step.on_failure {
            OnFailure::Fail => return Err(failure),
            OnFailure::Skip => (key::Outcome::Skipped, passed_over(inputs.first())),
            OnFailure::Fallback(Fallback::Step(_)) => (
                key::Outcome::FellBack,
                inputs.last().cloned().unwrap_or(Value::Nothing),
            ),
            OnFailure::Fallback(Fallback::Plugin { plugin, .. }) => {
                report.uses = format!("{} for {}", report::title(plugin), report.uses);
                let seed = self.seed(node, key::Outcome::FellBack);
                let value = self.plugin(seed, plugin, inputs.first(), report)?;
                (key::Outcome::FellBack, value)
            }
        };
        report.skipped = Some(failure.to_string());
        self.made().detours.insert(node, outcome);
        Ok(value)
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
