//! What can go wrong with a job, and what follows from it.
//!
//! The *kind* is what a person reads and an API answers; the *class* decides what happens next: whether
//! a retry can help and whether a breaker counts it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One failure, ready to be shown: what, where and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}{kind}: {message}", step.as_ref().map(|s| format!("step `{s}`: ")).unwrap_or_default())]
pub struct Failure {
    pub kind: FailureKind,
    /// A sentence that a person can act on.
    pub message: String,
    /// The id of the step that failed, where one did.
    pub step: Option<String>,
    /// Byte offset into the original, where it is known.
    pub offset: Option<u64>,
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            step: None,
            offset: None,
        }
    }

    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::new(FailureKind::BadInput, message)
    }

    #[must_use]
    pub fn at_step(mut self, step: &str) -> Self {
        self.step.get_or_insert_with(|| step.to_owned());
        self
    }

    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.offset.get_or_insert(offset);
        self
    }
}

/// The stable names of everything that can go wrong; part of the HTTP API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The original is damaged.
    BadInput,
    /// The original is whole, but of a kind that is not handled.
    Unsupported,
    /// More bytes, pixels or frames than the pipeline allows.
    TooLarge,
    /// A step's `with:` does not fit the step.
    InvalidParams,
    /// A plugin used up its fuel.
    OutOfFuel,
    /// The wall clock ran out.
    Timeout,
    /// A plugin wanted more memory than it may have.
    MemoryLimit,
    /// A plugin stopped on an illegal instruction, a panic or a stack overflow.
    Trap,
    /// A result that does not hold together: missing rows, wrong size, a rendition that does not decode.
    BadOutput,
    /// A plugin asked the host for more than it grants: handles, frames, log lines, metadata.
    HostLimit,
    /// A step says that it failed by itself.
    Internal,
    /// The executor died.
    Crash,
    /// A store, a disk or the network.
    Infrastructure,
}

/// What a failure means for the job and for its plugin's breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    /// The caller's fault: no retry, no breaker counts it.
    BadInput,
    /// The same version would fail the same way again: no retry with it; counts for the breaker.
    Deterministic,
    /// May go better later or elsewhere: few retries; counts for the breaker.
    Transient,
    /// Not the step's fault: retried with backoff.
    Infrastructure,
}

impl FailureKind {
    /// Every kind there is.
    pub const ALL: [Self; 13] = [
        Self::BadInput,
        Self::Unsupported,
        Self::TooLarge,
        Self::InvalidParams,
        Self::OutOfFuel,
        Self::Timeout,
        Self::MemoryLimit,
        Self::Trap,
        Self::BadOutput,
        Self::HostLimit,
        Self::Internal,
        Self::Crash,
        Self::Infrastructure,
    ];

    pub fn class(self) -> FailureClass {
        match self {
            Self::BadInput | Self::Unsupported | Self::TooLarge | Self::InvalidParams => {
                FailureClass::BadInput
            }
            Self::OutOfFuel
            | Self::MemoryLimit
            | Self::Trap
            | Self::BadOutput
            | Self::HostLimit
            | Self::Internal => FailureClass::Deterministic,
            Self::Timeout | Self::Crash => FailureClass::Transient,
            Self::Infrastructure => FailureClass::Infrastructure,
        }
    }

    /// The name used in YAML, JSON, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadInput => "bad-input",
            Self::Unsupported => "unsupported",
            Self::TooLarge => "too-large",
            Self::InvalidParams => "invalid-params",
            Self::OutOfFuel => "out-of-fuel",
            Self::Timeout => "timeout",
            Self::MemoryLimit => "memory-limit",
            Self::Trap => "trap",
            Self::BadOutput => "bad-output",
            Self::HostLimit => "host-limit",
            Self::Internal => "internal",
            Self::Crash => "crash",
            Self::Infrastructure => "infrastructure",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_step_and_kind() {
        let failure = Failure::bad_input("cut short").at_step("photo").at_offset(7);
        assert_eq!(failure.to_string(), "step `photo`: bad-input: cut short");
        assert_eq!(failure.clone().at_step("other").step.as_deref(), Some("photo"));
    }

    #[test]
    fn names_match_serde() {
        for kind in FailureKind::ALL {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
        }
    }
}
