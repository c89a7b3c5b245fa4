//! What a pipeline file says, one field a key.
//!
//! The types are the document: they read and write as serde and give the JSON Schema that editors use, so a
//! doc comment here is what an editor shows. A `Pipeline` is made by [`check`](crate::pipeline::check::check),
//! which finds every problem at once; what a pipeline *does* is a [`Plan`](crate::plan::Plan).

pub mod catalog;
mod ceilings;
pub mod check;
mod node;
pub mod problem;
mod step;
#[cfg(test)]
pub(crate) mod testing;
mod unit;
mod yaml;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    limits::InputLimits,
    rendition::{Encode, Format},
};
pub use catalog::{PluginCatalog, PluginInfo, PluginKind, ResolveError, StaticCatalog};
pub use ceilings::Ceilings;
pub use check::{check, check_within};
pub use problem::{Problem, Severity};
pub use step::{Breaker, OnFailure, Step, StepLimits, Uses};
pub use unit::{Bytes, Duration, Percent, Pixels};

/// A Stopbath pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The pipeline's name: small letters, digits and `-`, at most 64 characters, a letter first.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{0,63}$"))]
    pub pipeline: String,
    /// One line for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Which originals are accepted, and how large they may be.
    #[serde(default)]
    pub input: Input,
    /// What is done, in order; `from` makes branches.
    #[schemars(length(min = 1, max = 100))]
    pub steps: Vec<Step>,
    /// The files a job gives back.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub renditions: Vec<Rendition>,
    /// How failures that may go away by themselves are retried.
    #[serde(default)]
    pub retry: Retry,
    /// Wall clock for one attempt of the whole job, such as `60s` (the default).
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
}

/// The `timeout` of a pipeline that gives none.
pub(crate) fn default_timeout() -> Duration {
    Duration::from_secs(60)
}

/// Which originals are accepted. What is left out takes the engine's default; the server may set lower ceilings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Input {
    /// File types by content: `jpeg`, `png`, `webp`, `gif`, `tiff`, `bmp`, `ico`, `qoi`, `avif`, `svg`, or the
    /// media type that a decoder plugin reads. All that the steps can read when left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Size of the file, such as `50MB` or `64MiB` (the default).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<Bytes>,
    /// Width times height, such as `100MP` (the default).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pixels: Option<Pixels>,
    /// Pixels on the longer side; 16384 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub max_side: Option<u32>,
    /// Frames of an animation; 256 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_frames: Option<u32>,
    /// Width times height times frames, such as `400MP` (the default).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_total_pixels: Option<Pixels>,
    /// CPU time that one original may take, all of its steps, renditions and threads together, such as `10s` (the
    /// default).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cpu: Option<Duration>,
}

impl Input {
    /// CPU time of one original where the pipeline gives none.
    pub const DEFAULT_CPU: Duration = Duration::from_secs(10);

    /// The limits with the defaults filled in.
    pub fn limits(&self) -> InputLimits {
        let default = InputLimits::default();
        InputLimits {
            max_bytes: self.max_bytes.map_or(default.max_bytes, |b| b.0),
            max_pixels: self.max_pixels.map_or(default.max_pixels, |p| p.0),
            max_side: self.max_side.unwrap_or(default.max_side),
            max_frames: self.max_frames.unwrap_or(default.max_frames),
            max_total_pixels: self.max_total_pixels.map_or(default.max_total_pixels, |p| p.0),
        }
    }
}

/// One file that a job gives back: a step's picture, encoded, or an encoder plugin's bytes as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Rendition {
    /// File name, such as `large.webp`; unique in the pipeline.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"))]
    pub name: String,
    /// The id of the step whose result this is; the last step that gives a picture by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How to encode the picture. Absent where the step gives bytes.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub encode: Option<Encode>,
}

impl Rendition {
    pub fn format(&self) -> Option<Format> {
        self.encode.as_ref().map(|e| e.format)
    }
}

/// Retries of failures that may go away by themselves; damaged originals are never retried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Tries in all, the first one included.
    #[schemars(range(min = 1, max = 50))]
    pub attempts: u32,
    /// The wait before the second try, such as `2s`.
    pub backoff: Duration,
    /// By how much each wait is longer than the one before.
    #[schemars(range(min = 1.0, max = 100.0))]
    pub factor: f64,
    /// The longest wait, such as `15m`.
    pub max: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            backoff: Duration::from_secs(2),
            factor: 4.0,
            max: Duration::from_secs(900),
        }
    }
}

/// YAML as JSON, without any check.
#[cfg(test)]
pub(crate) fn to_json(source: &str) -> serde_json::Value {
    yaml::parse(source)
        .0
        .map_or(serde_json::Value::Null, |node| node.to_json())
}
