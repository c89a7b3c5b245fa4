//! What a revision does, ready to run: steps in order, plugins pinned to bytes, defaults filled in.
//!
//! A plan is plain data that goes to executor processes and into the store with its jobs, so it is also their
//! lock file. It is made by [`check`](crate::pipeline::check::check) and never edited. How each kind of step runs is
//! not here.

mod build;
mod queries;

use semver::Version;
use serde::{Deserialize, Serialize};

pub(crate) use build::build;

use crate::{
    limits::{InputLimits, MAX_PLUGIN_MEMORY},
    op::Op,
    pipeline::{Breaker, Pipeline, PluginKind, Problem, Retry},
    rendition::Encode,
};

/// A pipeline without errors.
#[derive(Debug, Clone)]
pub struct Checked {
    pub pipeline: Pipeline,
    pub plan: Plan,
    /// Problems that do not keep the pipeline from running.
    pub warnings: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The pipeline's name.
    pub pipeline: String,
    /// SHA-256, in hex, of all that follows; comments and the order of keys in YAML do not change it.
    pub digest: String,
    pub limits: InputLimits,
    /// Accepted types by their short names, such as `jpeg` or `svg`, whichever way the pipeline writes them; empty
    /// accepts what the steps read.
    pub input_types: Vec<String>,
    /// CPU time that one original may take, in milliseconds; 10 seconds unless the pipeline says otherwise.
    pub max_cpu_ms: u64,
    /// Wall clock for one attempt of the whole job.
    pub timeout_ms: u64,
    pub retry: Retry,
    /// In an order in which each step stands after all that it needs.
    pub steps: Vec<PlannedStep>,
    pub renditions: Vec<PlannedRendition>,
    /// Steps whose JSON is part of the result.
    pub analyses: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    pub id: String,
    pub action: Action,
    pub input: Input,
    pub on_failure: OnFailure,
    /// Of the plugin that the step uses; built-ins have none.
    pub breaker: Option<Breaker>,
    /// The part of the step's key that does not depend on its input: see `key`.
    pub key_seed: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Builtin(Op),
    Plugin(PlannedPlugin),
}

/// A plugin version pinned by its digest, with checked params.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedPlugin {
    pub name: String,
    pub version: Version,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    pub kind: PluginKind,
    /// A JSON object that fits the plugin's schema.
    pub params: serde_json::Value,
    pub limits: CallLimits,
    pub banded: bool,
    pub media_types: Vec<String>,
}

/// What one call of a plugin may spend: the pipeline's word, else the plugin's hint up to [`CallLimits::MOST_BY_HINT`],
/// else the default here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallLimits {
    pub fuel_base: u64,
    pub fuel_per_pixel: u64,
    /// Bytes of linear memory.
    pub memory: u64,
    pub timeout_ms: u64,
}

impl CallLimits {
    /// No plugin may grant itself more than this, several times the default; a pipeline may.
    pub const MOST_BY_HINT: Self = Self {
        fuel_base: 20_000_000_000,
        fuel_per_pixel: 20_000,
        memory: MAX_PLUGIN_MEMORY,
        timeout_ms: 30_000,
    };
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            fuel_base: 200_000_000,
            fuel_per_pixel: 2_000,
            memory: 64 << 20,
            timeout_ms: 10_000,
        }
    }
}

/// Where a step's input comes from; the number is an index into [`Plan::steps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    Original,
    Step(usize),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    Fail,
    /// A filter's input goes on as it is; an analyzer's result is left out.
    Skip,
    Fallback(Fallback),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// Another version or plugin of the same kind, called with the same params and input.
    Plugin {
        plugin: Box<PlannedPlugin>,
        key_seed: String,
    },
    /// The result of another step, an index into [`Plan::steps`].
    Step(usize),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedRendition {
    pub name: String,
    /// Index into [`Plan::steps`].
    pub from: usize,
    /// None where the step's bytes are published as they are.
    pub encode: Option<Encode>,
    pub media_type: String,
    pub key_seed: String,
}

/// What a step takes or gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Bytes,
    Frame,
    Json,
}

impl Action {
    pub fn takes(&self) -> Flow {
        match self {
            Self::Builtin(Op::Decode(_)) => Flow::Bytes,
            Self::Builtin(_) => Flow::Frame,
            Self::Plugin(plugin) => plugin.kind.takes(),
        }
    }

    pub fn gives(&self) -> Flow {
        match self {
            Self::Builtin(_) => Flow::Frame,
            Self::Plugin(plugin) => plugin.kind.gives(),
        }
    }
}

impl PluginKind {
    pub fn takes(self) -> Flow {
        match self {
            Self::Decoder => Flow::Bytes,
            Self::Filter | Self::Analyzer | Self::Encoder => Flow::Frame,
        }
    }

    pub fn gives(self) -> Flow {
        match self {
            Self::Filter | Self::Decoder => Flow::Frame,
            Self::Analyzer => Flow::Json,
            Self::Encoder => Flow::Bytes,
        }
    }
}
