//! The plugin steps of a run, and the plugins that this process has loaded.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use imaging::Picture;
use plugin_host::{Call, CallReport, Host, Kind, Limits, MAX_COMPONENT, Plugin};
use workflow::failure::{Failure, FailureKind};
use workflow::key;
use workflow::plan::{CallLimits, PlannedPlugin};

use super::{LONGEST, Run, Value};
use crate::outcome::StepReport;
use crate::regular;

/// Plugins by digest, loaded when first used and kept.
pub(crate) struct Plugins {
    pub(crate) host: Host,
    loaded: Mutex<HashMap<String, Arc<Plugin>>>,
}

impl Plugins {
    pub(crate) fn new(host: Host) -> Self {
        Self {
            host,
            loaded: Mutex::default(),
        }
    }

    /// Loads a plugin from where the job says it lies.
    fn get(&self, digest: &str, files: &BTreeMap<String, PathBuf>) -> Result<Arc<Plugin>, Failure> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plugin) = loaded.get(digest) {
            return Ok(Arc::clone(plugin));
        }
        let infrastructure = |text| Failure::new(FailureKind::Infrastructure, text);
        let path = files
            .get(digest)
            .ok_or_else(|| infrastructure(format!("plugin {digest} is not installed")))?;
        let bytes = regular::read(path, MAX_COMPONENT)
            .map_err(|error| infrastructure(format!("plugin {digest} could not be read: {error}")))?;
        let plugin = self
            .host
            .load(&bytes)
            .map_err(|error| infrastructure(format!("plugin {digest} could not be loaded: {error}")))?;
        if plugin.digest() != digest {
            return Err(infrastructure(format!(
                "{} has changed since it was installed",
                path.display()
            )));
        }
        loaded.insert(digest.to_owned(), Arc::clone(&plugin));
        Ok(plugin)
    }
}

impl Run<'_> {
    /// Of the random numbers that a step's plugin sees: whatever changes them changes the step's key, and nothing else
    /// changes them, least of all the step's name.
    pub(super) fn seed(&self, node: usize, outcome: key::Outcome) -> u64 {
        let step = &self.plan().steps[node];
        let reading = key::Reading::default();
        let key = key::key_of(step, &self.original_digest, &self.made().keys, reading, outcome);
        let hash = blake3::hash(key.as_bytes());
        u64::from_le_bytes(std::array::from_fn(|i| hash.as_bytes()[i]))
    }

    /// Calls a plugin for a step.
    pub(super) fn plugin(
        &self,
        seed: u64,
        planned: &PlannedPlugin,
        input: Option<&Value>,
        report: &mut StepReport,
    ) -> Result<Value, Failure> {
        let plugin = self.plugins.get(&planned.digest, &self.job.plugins)?;
        let params_json = planned.params.to_string();
        let limits = limits_of(&planned.limits);
        let call = Call {
            params_json: &params_json,
            limits: &limits,
            seed,
            deadline: Some(self.deadline()),
            bands: if plugin.manifest().banded {
                self.job.threads
            } else {
                1
            },
        };
        let host = &self.plugins.host;
        match (plugin.manifest().kind, input) {
            (Kind::Filter, Some(Value::Picture(picture))) => {
                self.filter(&plugin, picture, &call, report).map(Value::Picture)
            }
            (Kind::Analyzer, Some(Value::Picture(picture))) => {
                let (called, result) = host.analyze(&plugin, picture.first().clone(), &call);
                note(called, report);
                result.map(Value::Json)
            }
            (Kind::Encoder, Some(Value::Picture(picture))) => {
                let (called, result) = host.encode(&plugin, picture.first().clone(), &call);
                note(called, report);
                let size = (picture.first().width, picture.first().height);
                result.map(|bytes| Value::Bytes(Bytes::from(bytes), size))
            }
            (Kind::Decoder, _) => {
                self.known_type_is_allowed()?;
                let bytes = match input {
                    Some(Value::Bytes(bytes, _)) => bytes,
                    _ => self.original,
                };
                let (called, result) = host.decode(&plugin, bytes, &call);
                note(called, report);
                let frame = result?;
                self.plan()
                    .limits
                    .check_size(frame.width, frame.height)
                    .map_err(|text| Failure::new(FailureKind::TooLarge, text))?;
                Ok(Value::Picture(Picture::still(frame)))
            }
            _ => Err(Failure::new(
                FailureKind::BadOutput,
                "the step before gave no picture",
            )),
        }
    }

    /// Each frame of an animation in turn; their sizes must stay alike.
    fn filter(
        &self,
        plugin: &Plugin,
        picture: &Picture,
        call: &Call<'_>,
        report: &mut StepReport,
    ) -> Result<Picture, Failure> {
        let changed = picture.try_map(|frame| {
            let (called, result) = self.plugins.host.filter(plugin, frame.clone(), call);
            note(called, report);
            result
        })?;
        let first = changed.first();
        if changed
            .frames
            .iter()
            .any(|f| (f.width, f.height) != (first.width, first.height))
        {
            return Err(Failure::new(
                FailureKind::BadOutput,
                "the plugin made frames of different sizes",
            ));
        }
        Ok(changed)
    }
}

/// Adds one call to the step's report.
fn note(called: CallReport, report: &mut StepReport) {
    *report.fuel.get_or_insert(0) += called.fuel;
    report.memory = report.memory.max(Some(called.peak_memory));
    report.bands = report.bands.max(Some(called.bands));
    report
        .logs
        .extend(called.logs.into_iter().map(|line| line.to_string()));
    report.emitted.extend(called.emitted);
}

fn limits_of(planned: &CallLimits) -> Limits {
    Limits {
        fuel_base: planned.fuel_base,
        fuel_per_pixel: planned.fuel_per_pixel,
        memory: planned.memory,
        timeout: Duration::from_millis(planned.timeout_ms).min(LONGEST),
        ..Limits::default()
    }
}
