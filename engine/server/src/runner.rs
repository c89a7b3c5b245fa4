//! Runs one job: a plan over an original, in this process.
//!
//! Executors call it, and so do `bench` and `plugin run`. Steps and encodes that do not wait for each other
//! run on several threads when the job may use them; what they make does not depend on that.

mod graph;
mod native;
mod plugins;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicU8;
use std::time::{Duration, Instant};

use bytes::Bytes;
use imaging::Picture;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use workflow::failure::{Failure, FailureClass, FailureKind};
use workflow::key;
use workflow::plan::{Action, Fallback, Input, OnFailure, Plan, PlannedRendition, PlannedStep};

use crate::outcome::{Outcome, Rendition, Report, StepReport};
pub(crate) use plugins::Plugins;

/// Everything an executor needs to know of a job, besides the original.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct JobSpec {
    pub(crate) plan: Plan,
    /// Where the plan's plugins lie, by digest.
    pub(crate) plugins: BTreeMap<String, PathBuf>,
    /// How many threads the job may use.
    pub(crate) threads: u32,
    /// Only this rendition is wanted; pixels do not depend on it.
    pub(crate) only: Option<String>,
    /// Also give back a PNG of every step's frame, for people to look at.
    pub(crate) keep_steps: bool,
}

impl JobSpec {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.plan.timeout_ms)
    }
}

/// What flows along the edges of the plan.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Picture(Picture),
    /// An encoder's bytes, and the size of the picture that they hold.
    Bytes(Bytes, (u32, u32)),
    Json(Json),
    /// The step failed and its pipeline says `on_failure: skip`, and there was nothing to pass on.
    Nothing,
}

/// One run of a plan. Nodes are numbered: steps first, in the plan's order, then renditions.
pub(super) struct Run<'a> {
    pub(super) job: &'a JobSpec,
    pub(super) plugins: &'a Plugins,
    pub(super) original: &'a [u8],
    pub(super) original_digest: String,
    pub(super) deadline: Instant,
    pub(super) on_step: &'a (dyn Fn(&str) + Sync),
    /// The denominator at which `decode` read the original, for the keys.
    pub(super) scale: AtomicU8,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    renditions: BTreeMap<usize, Rendition>,
    report: Report,
    step_reports: BTreeMap<usize, StepReport>,
    /// Steps that did not go as planned.
    detours: BTreeMap<usize, key::Outcome>,
}

impl Made {
    /// Keys are known only when it is known which steps went as planned.
    fn name_renditions(&mut self, plan: &Plan, original: &str, scale: u8) {
        let keys = key::step_keys_after(plan, original, scale, &|step| {
            self.detours.get(&step).copied().unwrap_or_default()
        });
        for (node, rendition) in &mut self.renditions {
            if let Some(index) = node
                .checked_sub(plan.steps.len())
                .filter(|i| *i < plan.renditions.len())
            {
                rendition.key = key::rendition_key_after(&keys, plan, index);
            }
        }
    }
}

/// Runs the whole plan. `on_step` hears the id of each step before it begins.
pub(crate) fn run(
    job: &JobSpec,
    plugins: &Plugins,
    original: &[u8],
    on_step: &(dyn Fn(&str) + Sync),
) -> Outcome {
    let begun = Instant::now();
    let run = Run {
        job,
        plugins,
        original,
        original_digest: blake3::hash(original).to_hex().to_string(),
        deadline: begun + job.timeout(),
        on_step,
        scale: AtomicU8::new(1),
        made: Mutex::default(),
    };
    let result = graph::walk(&run);
    let scale = run.scale.load(std::sync::atomic::Ordering::Relaxed);
    let mut made = run
        .made
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    made.name_renditions(&job.plan, &run.original_digest, scale);
    let mut report = made.report;
    report.steps = made.step_reports.into_values().collect();
    report.original = run.original_digest;
    report.ms = millis(begun);
    Outcome {
        result: result.map(|()| made.renditions.into_values().collect()),
        report,
    }
}

pub(super) fn millis(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

impl Run<'_> {
    pub(super) fn plan(&self) -> &Plan {
        &self.job.plan
    }

    /// Runs one node on the values of the nodes that it waits for, in the order of `needs`.
    pub(super) fn node(&self, node: usize, inputs: &[Value]) -> Result<Value, Failure> {
        if Instant::now() >= self.deadline {
            let limit = self.job.timeout().as_secs_f32();
            let text = format!("the job took longer than its {limit} s; raise `timeout` if it needs more");
            return Err(Failure::new(FailureKind::Timeout, text));
        }
        let plan = self.plan();
        if let Some(step) = plan.steps.get(node) {
            return self.step(node, step, inputs).map_err(|f| f.at_step(&step.id));
        }
        let rendition = &plan.renditions[node - plan.steps.len()];
        self.rendition(node, rendition, inputs.first())
            .map_err(|f| f.at_step(&rendition.name))
    }

    fn step(&self, node: usize, step: &PlannedStep, inputs: &[Value]) -> Result<Value, Failure> {
        (self.on_step)(&step.id);
        let begun = Instant::now();
        let mut report = StepReport {
            id: step.id.clone(),
            uses: uses(&step.action),
            ..StepReport::default()
        };
        let input = inputs.first();
        let result = self
            .action(node, &step.action, input, &mut report)
            .or_else(|failure| self.after_failure(failure, node, inputs, &mut report));
        report.ms = millis(begun);
        match &result {
            Ok(value) => {
                report.output = describe(value);
                self.keep_facts(step, value);
                self.keep_step_picture(node, step, value)?;
            }
            Err(failure) => report.output = format!("failed: {}", failure.kind),
        }
        let mut made = self.made();
        if !report.emitted.is_empty() {
            made.report
                .metadata
                .insert(step.id.clone(), std::mem::take(&mut report.emitted));
        }
        made.step_reports.insert(node, report);
        result
    }

    /// What the pipeline says under `on_failure`. A bad original fails whatever it says.
    fn after_failure(
        &self,
        failure: Failure,
        node: usize,
        inputs: &[Value],
        report: &mut StepReport,
    ) -> Result<Value, Failure> {
        if failure.kind.class() == FailureClass::BadInput && failure.kind != FailureKind::InvalidParams {
            return Err(failure);
        }
        let step = &self.plan().steps[node];
        let mut detour = key::Outcome::FellBack;
        let value = match &step.on_failure {
            OnFailure::Skip => {
                detour = key::Outcome::Skipped;
                passed_over(inputs.first())
            }
            OnFailure::Fallback(Fallback::Step(_)) => inputs.last().cloned().unwrap_or(Value::Nothing),
            OnFailure::Fallback(Fallback::Plugin { plugin, .. }) => {
                report.uses = format!("{} for {}", title(plugin), report.uses);
                self.plugin(&step.id, plugin, inputs.first(), report)?
            }
            OnFailure::Fail => return Err(failure),
        };
        report.skipped = Some(failure.to_string());
        self.made().detours.insert(node, detour);
        Ok(value)
    }

    fn keep_facts(&self, step: &PlannedStep, value: &Value) {
        if let Value::Json(json) = value {
            self.made().report.analyses.insert(step.id.clone(), json.clone());
        }
        if let Value::Picture(picture) = value {
            self.made().report.salvaged |= picture.salvaged;
        }
    }

    fn keep_step_picture(&self, node: usize, step: &PlannedStep, value: &Value) -> Result<(), Failure> {
        if let (true, Value::Picture(picture)) = (self.job.keep_steps, value) {
            let name = format!("step-{}.png", step.id);
            let options = workflow::rendition::Encode::new(workflow::rendition::Format::Png);
            let bytes = imaging::encode(picture, &options)?;
            let first = picture.first();
            let rendition = Rendition {
                name,
                media_type: "image/png".to_owned(),
                width: first.width,
                height: first.height,
                key: String::new(),
                length: bytes.len() as u64,
                bytes: bytes.into(),
            };
            // Behind the renditions proper, which the plan numbers.
            self.made().renditions.insert(usize::MAX / 2 + node, rendition);
        }
        Ok(())
    }

    fn rendition(
        &self,
        node: usize,
        planned: &PlannedRendition,
        input: Option<&Value>,
    ) -> Result<Value, Failure> {
        if self.job.only.as_ref().is_some_and(|only| *only != planned.name) {
            return Ok(Value::Nothing);
        }
        let begun = Instant::now();
        let (bytes, width, height) = match (input, &planned.encode) {
            (Some(Value::Picture(picture)), Some(options)) => {
                let bytes = imaging::encode(picture, options)?;
                imaging::verify(&bytes, picture, options)?;
                (Bytes::from(bytes), picture.first().width, picture.first().height)
            }
            (Some(Value::Bytes(bytes, (width, height))), _) => (bytes.clone(), *width, *height),
            _ => return Ok(Value::Nothing),
        };
        let uses = planned
            .encode
            .as_ref()
            .map_or("publish".to_owned(), |e| format!("encode {}", e.format.name()));
        let output = format!("{} bytes", bytes.len());
        let report = StepReport {
            id: planned.name.clone(),
            uses,
            ms: millis(begun),
            output,
            ..StepReport::default()
        };
        let rendition = Rendition {
            name: planned.name.clone(),
            media_type: planned.media_type.clone(),
            width,
            height,
            key: String::new(),
            length: bytes.len() as u64,
            bytes,
        };
        let mut made = self.made();
        made.step_reports.insert(node, report);
        made.renditions.insert(node, rendition);
        Ok(Value::Nothing)
    }

    fn made(&self) -> std::sync::MutexGuard<'_, Made> {
        self.made
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// For the report: what a step handed on.
fn describe(value: &Value) -> String {
    match value {
        Value::Picture(picture) => {
            let first = picture.first();
            let layout = match first.pixels {
                imaging::Pixels::Gray8(_) => "gray8",
                imaging::Pixels::Rgb8(_) => "rgb8",
                imaging::Pixels::Rgba8(_) => "rgba8",
                imaging::Pixels::Rgba16(_) => "rgba16",
                imaging::Pixels::Ycc(_) => "ycbcr",
            };
            let frames = if picture.is_animated() {
                format!(" x{}", picture.frames.len())
            } else {
                String::new()
            };
            format!("{}x{} {layout}{frames}", first.width, first.height)
        }
        Value::Bytes(bytes, _) => format!("{} bytes", bytes.len()),
        Value::Json(json) => {
            let text = json.to_string();
            let short: String = text.chars().take(60).collect();
            if short.len() < text.len() {
                format!("{short}…")
            } else {
                text
            }
        }
        Value::Nothing => "nothing".to_owned(),
    }
}

/// A filter that is skipped hands its picture on; anything else has nothing to hand on.
fn passed_over(input: Option<&Value>) -> Value {
    match input {
        Some(Value::Picture(picture)) => Value::Picture(picture.clone()),
        _ => Value::Nothing,
    }
}

pub(crate) fn uses(action: &Action) -> String {
    match action {
        Action::Builtin(op) => native::name(op).to_owned(),
        Action::Plugin(plugin) => title(plugin),
    }
}

fn title(plugin: &workflow::plan::PlannedPlugin) -> String {
    format!("{}@{}", plugin.name, plugin.version)
}

/// The nodes that a node waits for: its input first, then the step it falls back to.
pub(super) fn needs(plan: &Plan, node: usize) -> Vec<usize> {
    let Some(step) = plan.steps.get(node) else {
        return vec![plan.renditions[node - plan.steps.len()].from];
    };
    let input = match step.input {
        Input::Original => None,
        Input::Step(from) => Some(from),
    };
    let fallback = match step.on_failure {
        OnFailure::Fallback(Fallback::Step(other)) => Some(other),
        _ => None,
    };
    input.into_iter().chain(fallback).collect()
}
