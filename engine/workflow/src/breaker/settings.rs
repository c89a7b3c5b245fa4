//! When a breaker opens and for how long, with numbers that make no sense put right.

use serde::{Deserialize, Serialize};

use crate::pipeline;

/// No pause is longer: 15 minutes.
pub const MAX_COOLDOWN_MS: i64 = 15 * 60 * 1000;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Share of failures, from 0 to 1, at which it opens. While fewer than `window` originals were seen it is the
    /// share of those.
    pub failure_rate: f64,
    /// How many distinct originals are looked at.
    pub window: u32,
    /// Fewer failures than this never open it.
    pub min_failures: u32,
    /// The first pause; it doubles up to [`MAX_COOLDOWN_MS`].
    pub cooldown_ms: i64,
}

impl Settings {
    /// Originals in the window, at most.
    pub(super) fn most(&self) -> usize {
        self.window.max(1) as usize
    }

    pub(super) fn least(&self) -> u32 {
        self.min_failures.max(1)
    }

    pub(super) fn cooldown(&self) -> i64 {
        self.cooldown_ms.clamp(1, MAX_COOLDOWN_MS)
    }
}

impl From<&pipeline::Breaker> for Settings {
    fn from(breaker: &pipeline::Breaker) -> Self {
        Self {
            failure_rate: breaker.failure_rate.0 / 100.0,
            window: breaker.window,
            min_failures: breaker.min_failures,
            cooldown_ms: breaker.cooldown.0.try_into().unwrap_or(MAX_COOLDOWN_MS),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::from(&pipeline::Breaker::default())
    }
}
