//! One step as a pipeline file writes it: what it uses, where its input comes from, and what happens when it fails.
//!
//! The params under `with:` stay JSON here; `check` turns those of built-ins into an [`Op`](crate::op::Op).

use std::fmt;

use schemars::JsonSchema;
use semver::VersionReq;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::unit::{Bytes, Duration, Percent};

/// One step of a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The step's name, for `from`, errors and metrics: small letters, digits, `-` and `_`.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9_-]{0,63}$"))]
    pub id: String,
    /// A built-in (`decode`, `resize`, …) or a plugin with a version range, such as `watermark@^1.0`.
    pub uses: String,
    /// The id of the step whose result this step takes; `original` for the file itself. The step above by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Params of the step.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub with: Map<String, Value>,
    /// What a plugin may spend; the plugin's own hints by default.
    #[serde(default)]
    pub limits: StepLimits,
    /// When the plugin is paused instead of failing job after job.
    #[serde(default)]
    pub breaker: Breaker,
    /// `fail` (default), `skip`, or `fallback:` with a plugin version or the id of another step.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// What `uses:` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uses {
    Builtin(String),
    Plugin { name: String, req: VersionReq },
}

impl fmt::Display for Uses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => f.write_str(name),
            Self::Plugin { name, req } => write!(f, "{name}@{req}"),
        }
    }
}

/// What one call of a plugin may spend. Fuel is about one unit an instruction. What is left out is the plugin's own
/// wish, within a ceiling, else a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StepLimits {
    /// Fuel for the call, whatever the size of the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel_base: Option<u64>,
    /// Fuel for each pixel of the picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel_per_pixel: Option<u64>,
    /// Linear memory, such as `64MiB`; at most 512MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// Wall clock, such as `2s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
}

/// When a plugin version is paused: jobs that need it are parked until it heals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Breaker {
    /// Share of failures in the window that opens the breaker, such as `50%`.
    pub failure_rate: Percent,
    /// How many distinct originals are looked at.
    #[schemars(range(min = 1, max = 10_000))]
    pub window: u32,
    /// Fewer failures than this never open it.
    #[schemars(range(min = 1, max = 10_000))]
    pub min_failures: u32,
    /// The pause before the first probe, such as `30s`; it doubles up to 15 minutes.
    pub cooldown: Duration,
}

impl Default for Breaker {
    /// Half of the last twenty originals, and five of them at least.
    fn default() -> Self {
        Self {
            failure_rate: Percent(50.0),
            window: 20,
            min_failures: 5,
            cooldown: Duration::from_secs(30),
        }
    }
}

/// What happens to a job when a step fails for good.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The job fails.
    #[default]
    Fail,
    /// The step's input goes on as if the step were not there.
    Skip,
    /// A plugin version (`watermark@1.0.0`) or another step's result takes its place.
    Fallback(String),
}
