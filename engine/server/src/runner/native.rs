//! The built-in steps of a run: decode with its plan, and operations on pictures.

use imaging::{Consumer, DecodeRequest, Pixels};
use workflow::failure::{Failure, FailureKind};
use workflow::key::{self, Layout, Reading};
use workflow::op::{Decode, Op};
use workflow::plan::{Action, Fallback, OnFailure, PlannedStep};

use super::{Run, Value, needs};
use crate::outcome::StepReport;

impl Run<'_> {
    /// Runs what the step uses.
    pub(super) fn action(
        &self,
        node: usize,
        action: &Action,
        input: Option<&Value>,
        report: &mut StepReport,
    ) -> Result<Value, Failure> {
        match (action, input) {
            (Action::Builtin(Op::Decode(params)), _) => self.decode(node, params, report),
            (Action::Builtin(op), Some(Value::Picture(picture))) => {
                Ok(Value::Picture(imaging::apply(op, picture)?))
            }
            (Action::Plugin(plugin), _) => {
                let seed = self.seed(node, key::Outcome::AsPlanned);
                self.plugin(seed, plugin, input, report)
            }
            (Action::Builtin(_), _) => Err(Failure::new(
                FailureKind::BadOutput,
                "the step before gave no picture",
            )),
        }
    }

    fn decode(&self, node: usize, params: &Decode, report: &mut StepReport) -> Result<Value, Failure> {
        let plan = self.plan();
        self.allowed_type()?;
        let readers: Vec<usize> = (0..self.nodes())
            .filter(|n| needs(plan, *n).contains(&node))
            .collect();
        let consumers: Vec<Consumer<'_>> = readers
            .iter()
            .map(|n| match plan.steps.get(*n) {
                // What a step falls back to is passed on at its full size.
                Some(step) if step.on_failure == OnFailure::Fallback(Fallback::Step(node)) => Consumer::Full,
                Some(PlannedStep {
                    action: Action::Builtin(Op::Resize(resize)),
                    ..
                }) => Consumer::Resize(resize),
                _ => Consumer::Full,
            })
            .collect();
        let planes = readers.iter().all(|n| self.works_on_planes(*n));
        let request = DecodeRequest {
            params,
            limits: &plan.limits,
            consumers: &consumers,
            planes,
        };
        let decoded = imaging::decode(self.original, &request)?;
        report.notes = decoded.notes;
        let layout = match decoded.picture.first().pixels {
            Pixels::Ycc(_) => Layout::Planes,
            _ => Layout::Rgb,
        };
        let scale = decoded.scale.1 / decoded.scale.0.max(1);
        self.made().readings.insert(node, Reading { scale, layout });
        Ok(Value::Picture(decoded.picture))
    }

    fn works_on_planes(&self, node: usize) -> bool {
        let plan = self.plan();
        match plan.steps.get(node) {
            Some(PlannedStep {
                action: Action::Builtin(op),
                ..
            }) => imaging::accepts_planes(op),
            Some(_) => false,
            None => plan.renditions[node - plan.steps.len()]
                .encode
                .as_ref()
                .is_some_and(imaging::encode_accepts_planes),
        }
    }

    /// The pipeline's `input.types`, by content; a type that only a plugin knows is the plugin's to judge.
    pub(super) fn known_type_is_allowed(&self) -> Result<(), Failure> {
        imaging::sniff(self.original).map_or(Ok(()), |_| self.allowed_type())
    }

    fn allowed_type(&self) -> Result<(), Failure> {
        let allowed = &self.plan().input_types;
        let Some(found) = imaging::sniff(self.original) else {
            let text = "the file is of no known image type (judged by its first bytes, not by its name)";
            return Err(Failure::new(FailureKind::Unsupported, text));
        };
        if allowed.is_empty() || allowed.iter().any(|t| t == found.name()) {
            return Ok(());
        }
        let text = format!(
            "the file is {}; this pipeline takes {}",
            found.name(),
            allowed.join(", ")
        );
        Err(Failure::new(FailureKind::Unsupported, text))
    }
}

/// As `uses:` names it.
pub(super) fn name(op: &Op) -> &'static str {
    match op {
        Op::Decode(_) => "decode",
        Op::Resize(_) => "resize",
        Op::Crop(_) => "crop",
        Op::Rotate(_) => "rotate",
        Op::Flip(_) => "flip",
        Op::Pad(_) => "pad",
        Op::Sharpen(_) => "sharpen",
        Op::Blur(_) => "blur",
    }
}
