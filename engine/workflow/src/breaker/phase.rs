//! Where a breaker stands. Open means that nothing goes through, as everywhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Trial;
use crate::ports::Millis;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Phase {
    /// All is well; jobs run.
    #[default]
    Closed,
    /// Jobs are parked, and probes go at `until`.
    Open { until: Millis, cooldown_ms: i64 },
    /// A few jobs show whether the plugin works again. If nothing is parked, newcomers do.
    Probing(Trial),
    /// Parked jobs go in growing cohorts.
    Recovering(Trial),
    /// A person shut it; jobs are parked until a person clears it.
    Isolated,
    /// There is nothing to run; jobs are parked until the component is there again.
    Missing,
}

impl Phase {
    /// The name used in JSON, metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::Probing(_) => "probing",
            Self::Recovering(_) => "recovering",
            Self::Isolated => "isolated",
            Self::Missing => "missing",
        }
    }

    /// When the clock was set back, nobody waits until it is where it was.
    pub(super) fn not_ahead_of(&mut self, now: Millis) {
        match self {
            Self::Open { until, cooldown_ms } => *until = (*until).min(now.saturating_add(*cooldown_ms)),
            Self::Probing(trial) | Self::Recovering(trial) => trial.since = trial.since.min(now),
            Self::Closed | Self::Isolated | Self::Missing => {}
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
