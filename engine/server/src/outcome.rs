//! What a job gives back: renditions, facts, and a report of every step.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use workflow::failure::Failure;

/// The end of one job, good or bad; the report is there either way.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) result: Result<Vec<Rendition>, Failure>,
    pub(crate) report: Report,
    /// What the steps made, where the job asks for it: those before a failure, too.
    #[serde(skip)]
    pub(crate) kept: Vec<Kept>,
}

impl Outcome {
    pub(crate) fn renditions(&self) -> &[Rendition] {
        self.result.as_deref().unwrap_or_default()
    }

    pub(crate) fn failed(failure: Failure) -> Self {
        Self {
            result: Err(failure),
            report: Report::default(),
            kept: Vec::new(),
        }
    }
}

/// One encoded, verified picture (or the bytes that an encoder plugin made).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rendition {
    pub(crate) name: String,
    pub(crate) media_type: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Equal keys mean equal bytes; see design/03.
    pub(crate) key: String,
    /// Size in bytes.
    pub(crate) length: u64,
    #[serde(skip)]
    pub(crate) bytes: Bytes,
}

/// What one step made, as a file for people to look at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The step's place in the plan.
    pub(crate) place: usize,
    pub(crate) report: StepReport,
    /// Of the file's name, without the dot.
    pub(crate) ending: String,
    /// Size in bytes.
    pub(crate) length: u64,
    /// How long it took to make the file, in microseconds; the job's limits do not count it.
    pub(crate) spent: u64,
    #[serde(skip)]
    pub(crate) bytes: Bytes,
}

/// What happened on the way.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    /// BLAKE3 digest of the original, in hex.
    pub(crate) original: String,
    /// Pixels were missing from the original and have been made up.
    pub(crate) salvaged: bool,
    /// Steps that failed and were left out (`on_failure: skip`), by id, in the plan's order.
    pub(crate) skipped: Vec<String>,
    /// Steps that failed and whose fallback took their place.
    pub(crate) replaced: Vec<String>,
    pub(crate) steps: Vec<StepReport>,
    /// JSON results of analyzers, by step id.
    pub(crate) analyses: BTreeMap<String, Value>,
    /// What plugins said through `emit`, by step id and key.
    pub(crate) metadata: BTreeMap<String, BTreeMap<String, Value>>,
    /// Wall time of the whole job in milliseconds.
    pub(crate) ms: f64,
}

impl Report {
    /// Zero of a job that died or was stopped, and tells nothing.
    pub(crate) fn took(&self) -> Duration {
        Duration::try_from_secs_f64(self.ms / 1000.0).unwrap_or_default()
    }
}

/// Whether there was an answer already.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Cache {
    /// It was remembered, and nothing ran.
    Hit,
    #[default]
    Miss,
}

/// One step or one rendition.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub(crate) struct StepReport {
    pub(crate) id: String,
    /// `decode`, `watermark@1.0.2`, `encode jpeg` …
    pub(crate) uses: String,
    pub(crate) ms: f64,
    /// Whether this was known before or worked out for this job.
    #[serde(default)]
    pub(crate) cache: Cache,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fuel: Option<u64>,
    /// Peak memory of the plugin in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<u64>,
    /// How many instances shared the frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bands: Option<u32>,
    /// `1600x1200 rgb8`, `7130 bytes`, `json`.
    pub(crate) output: String,
    /// Why something was done: turned, converted, scaled.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) notes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) logs: Vec<String>,
    /// What the plugin said through `emit`; ends up in the report's `metadata`.
    #[serde(skip)]
    pub(crate) emitted: BTreeMap<String, Value>,
    /// It did not run, because the breaker of its plugin was open; `on_failure` said what to do without it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub(crate) paused: bool,
    /// What took its place: another step's id, or a plugin as `name@version`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) replaced_by: Option<String>,
    /// The failure that `on_failure` passed over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) skipped: Option<String>,
}
