//! Runs one job: a plan over an original, in this process.
//!
//! Executors call it, and so does `bench`. Steps and encodes that do not wait for each other run on several
//! threads when the job may use them; what they make does not depend on that. Here is what a run knows and how a
//! node is run; the order of nodes is in `graph`, what a step does in `native` and `plugins`, what follows from
//! its failure in `detour`.

mod detour;
mod graph;
mod keep;
mod native;
mod plugins;
mod rendition;
mod report;
mod running;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use imaging::Picture;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use workflow::failure::{Failure, FailureKind};
use workflow::key;
use workflow::plan::{Plan, PlannedStep};

use crate::outcome::{Kept, Outcome, Rendition, Report, StepReport};
pub(crate) use plugins::Plugins;
pub(crate) use report::uses;
use running::Running;

/// A plan that comes from elsewhere may say anything; its job ends some day all the same.
const LONGEST: Duration = Duration::from_hours(24 * 365);

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
    /// Also give back what every step made, for people to look at.
    pub(crate) keep_steps: bool,
    /// Plugins whose breakers are open, by digest: their steps do not run, and `on_failure` says what then.
    #[serde(default)]
    pub(crate) paused: BTreeSet<String>,
}

impl JobSpec {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.plan.timeout_ms).min(LONGEST)
    }
}

/// What flows along the edges of the plan.
#[derive(Debug, Clone)]
enum Value {
    Picture(Picture),
    /// An encoder's bytes, and the size of the picture that they hold.
    Bytes(Bytes, (u32, u32)),
    Json(Json),
    /// The step failed and its pipeline says `on_failure: skip`, and there was nothing to pass on.
    Nothing,
}

/// One run of a plan. Nodes are numbered: steps first, in the plan's order, then renditions.
struct Run<'a> {
    job: &'a JobSpec,
    plugins: &'a Plugins,
    original: &'a [u8],
    original_digest: String,
    deadline: Instant,
    running: Running<'a>,
    on_kept: &'a (dyn Fn(Kept) + Sync),
    /// Microseconds spent on what `on_kept` was given; the deadline does not count them.
    keeping: AtomicU64,
    made: Mutex<Made>,
}

/// What has been made so far, by node.
#[derive(Default)]
struct Made {
    renditions: BTreeMap<usize, Rendition>,
    report: Report,
    step_reports: BTreeMap<usize, StepReport>,
    /// The keys of steps; empty for those that are not done.
    keys: Vec<String>,
    /// How each `decode` read the original.
    readings: BTreeMap<usize, key::Reading>,
    /// Steps that did not go as planned.
    detours: BTreeMap<usize, key::Outcome>,
}

/// Runs the whole plan. `on_running` hears which nodes run now, by name and separated by `, `: each time one begins,
/// when one ends beside others, and at last that none does.
pub(crate) fn run(
    job: &JobSpec,
    plugins: &Plugins,
    original: &[u8],
    on_running: &(dyn Fn(&str) + Sync),
) -> Outcome {
    watched(job, plugins, original, on_running, &drop::<Kept>)
}

/// The same; `on_kept` gets what each step made, as soon as it is made, where the job asks for it.
pub(crate) fn watched(
    job: &JobSpec,
    plugins: &Plugins,
    original: &[u8],
    on_running: &(dyn Fn(&str) + Sync),
    on_kept: &(dyn Fn(Kept) + Sync),
) -> Outcome {
    let begun = Instant::now();
    let run = Run {
        on_kept,
        ..Run::new(job, plugins, original, on_running)
    };
    let result = graph::walk(&run);
    run.running.nothing();
    let original = run.original_digest;
    let made = run.made.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut report = made.report;
    for (node, outcome) in made.detours {
        let id = job.plan.steps[node].id.clone();
        match outcome {
            key::Outcome::Skipped => report.skipped.push(id),
            key::Outcome::FellBack => report.replaced.push(id),
            key::Outcome::AsPlanned => {}
        }
    }
    report.steps = made.step_reports.into_values().collect();
    report.original = original;
    report.ms = millis(begun);
    Outcome {
        result: result.map(|()| made.renditions.into_values().collect()),
        report,
        kept: Vec::new(),
    }
}

fn millis(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

/// The nodes that a node waits for: its input first, then the step it falls back to.
fn needs(plan: &Plan, node: usize) -> Vec<usize> {
    match plan.steps.get(node) {
        Some(step) => step.needs(),
        None => vec![plan.renditions[node - plan.steps.len()].from],
    }
}

impl<'a> Run<'a> {
    fn new(
        job: &'a JobSpec,
        plugins: &'a Plugins,
        original: &'a [u8],
        on_running: &'a (dyn Fn(&str) + Sync),
    ) -> Self {
        Self {
            job,
            plugins,
            original,
            original_digest: blake3::hash(original).to_hex().to_string(),
            deadline: Instant::now() + job.timeout(),
            running: Running::new(on_running),
            on_kept: &drop::<Kept>,
            keeping: AtomicU64::new(0),
            made: Mutex::new(Made {
                keys: vec![String::new(); job.plan.steps.len()],
                ..Made::default()
            }),
        }
    }

    fn plan(&self) -> &'a Plan {
        &self.job.plan
    }

    fn nodes(&self) -> usize {
        self.plan().steps.len() + self.plan().renditions.len()
    }

    /// The step's id or the rendition's name.
    fn name(&self, node: usize) -> &'a str {
        let plan = self.plan();
        match plan.steps.get(node) {
            Some(step) => &step.id,
            None => &plan.renditions[node - plan.steps.len()].name,
        }
    }

    /// Runs one node on the values of the nodes that it waits for, in the order of `needs`.
    fn node(&self, node: usize, inputs: &[Value]) -> Result<Value, Failure> {
        if self.is_late() {
            return Err(self.late());
        }
        match self.plan().steps.get(node) {
            Some(step) => self.step(node, step, inputs),
            None => self.rendition(node, inputs.first()),
        }
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline()
    }

    fn late(&self) -> Failure {
        let limit = self.job.timeout().as_secs_f32();
        let text = format!("the job took longer than its {limit} s; raise `timeout` if it needs more");
        Failure::new(FailureKind::Timeout, text)
    }

    fn step(&self, node: usize, step: &PlannedStep, inputs: &[Value]) -> Result<Value, Failure> {
        let begun = Instant::now();
        let mut report = StepReport {
            id: step.id.clone(),
            uses: report::uses(&step.action),
            ..StepReport::default()
        };
        let input = inputs.first();
        let around = self.around_paused(node, step, inputs, &mut report);
        let result = around.unwrap_or_else(|| {
            self.action(node, &step.action, input, &mut report)
                .or_else(|failure| self.after_failure(failure, node, inputs, &mut report))
        });
        report.ms = millis(begun);
        match &result {
            Ok(value) => {
                report.output = report::describe(value);
                self.keep_facts(step, value);
                self.keep_key(node, step);
                self.keep_value(node, step, value, &mut report);
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

    fn keep_facts(&self, step: &PlannedStep, value: &Value) {
        if let Value::Json(json) = value {
            self.made().report.analyses.insert(step.id.clone(), json.clone());
        }
        if let Value::Picture(picture) = value {
            self.made().report.salvaged |= picture.salvaged;
        }
    }

    /// The step's key once it is done, for those that follow.
    fn keep_key(&self, node: usize, step: &PlannedStep) {
        let mut made = self.made();
        let reading = made.readings.get(&node).copied().unwrap_or_default();
        let outcome = made.detours.get(&node).copied().unwrap_or_default();
        made.keys[node] = key::key_of(step, &self.original_digest, &made.keys, reading, outcome);
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
