//! Webhooks after the Standard Webhooks specification: which events there are, when a delivery is tried again, and
//! when an endpoint is given up.
//!
//! Chance and time are arguments. Signing and sending are not here; what is written when stands in `ports::webhooks`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::job::State;
use crate::ports::Millis;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// The wait before each attempt, in milliseconds: the schedule that the specification recommends.
pub const SCHEDULE: [i64; 10] = [
    0,
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
];

/// A wait grows by up to this share, so that what failed together is not sent again together.
const JITTER: f64 = 0.2;

/// No `Retry-After` may ask for more.
const LONGEST_WAIT: i64 = 24 * HOUR;

/// An endpoint that did nothing but fail for so long is sent nothing more.
pub const PATIENCE: Millis = 5 * 24 * HOUR;

/// How long a secret stays valid after it was replaced.
pub const ROTATION: Millis = 24 * HOUR;

/// What an endpoint can be told of: the ends of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Topic {
    #[serde(rename = "job.succeeded")]
    Succeeded,
    #[serde(rename = "job.dead")]
    Dead,
    #[serde(rename = "job.cancelled")]
    Cancelled,
}

impl Topic {
    pub const ALL: [Self; 3] = [Self::Succeeded, Self::Dead, Self::Cancelled];

    /// What there is to say of a job that has come to this state.
    pub fn of(state: State) -> Option<Self> {
        match state {
            State::Succeeded => Some(Self::Succeeded),
            State::Dead => Some(Self::Dead),
            State::Cancelled => Some(Self::Cancelled),
            State::Queued | State::Running | State::RetryWaiting | State::Parked => None,
        }
    }

    /// The `type` of the message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "job.succeeded",
            Self::Dead => "job.dead",
            Self::Cancelled => "job.cancelled",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is no event's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no event; these are: {all}", all = Topic::ALL.map(Topic::name).join(", "))]
pub struct UnknownTopic(pub String);

impl FromStr for Topic {
    type Err = UnknownTopic;

    fn from_str(text: &str) -> Result<Self, UnknownTopic> {
        let found = Self::ALL.into_iter().find(|topic| topic.name() == text);
        found.ok_or_else(|| UnknownTopic(text.to_owned()))
    }
}

/// What an attempt brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Status {
        code: u16,
        /// `Retry-After`, in milliseconds.
        retry_after: Option<i64>,
    },
    /// No connection, no answer in time, an address that may not be called.
    None,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Delivered,
    /// Another attempt in so many milliseconds.
    Again {
        after: i64,
    },
    /// The schedule is at its end.
    GivenUp,
    /// The endpoint wants nothing any more, this one or another.
    Gone,
}

/// `failures` is the number of failed attempts before this one; `dice` is a random number from 0 to 1.
pub fn verdict(answer: Answer, failures: u32, dice: f64) -> Verdict {
    let asked = match answer {
        Answer::Status { code: 200..=299, .. } => return Verdict::Delivered,
        Answer::Status { code: 410, .. } => return Verdict::Gone,
        Answer::Status {
            code: 429 | 502..=504,
            retry_after,
        } => retry_after.unwrap_or(0),
        // Redirects are not followed: whoever moves an endpoint registers it anew.
        Answer::Status { .. } | Answer::None => 0,
    };
    let Some(wait) = SCHEDULE.get(failures as usize + 1) else {
        return Verdict::GivenUp;
    };
    let jittered = *wait as f64 * (1.0 + JITTER * dice.clamp(0.0, 1.0));
    Verdict::Again {
        after: (jittered as i64).max(asked.min(LONGEST_WAIT)),
    }
}

/// How an endpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Health {
    /// When it failed for the first time since it last took something.
    pub failing_since: Option<Millis>,
    pub disabled: Option<Disabled>,
}

/// Why an endpoint is sent nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disabled {
    /// It answered 410.
    Gone,
    /// Nothing but failures for [`PATIENCE`].
    Failing,
}

impl Health {
    #[must_use]
    pub fn after(self, verdict: Verdict, now: Millis) -> Self {
        if verdict == Verdict::Delivered {
            return Self {
                failing_since: None,
                ..self
            };
        }
        let since = self.failing_since.unwrap_or(now);
        let why = match verdict {
            Verdict::Gone => Some(Disabled::Gone),
            _ => (now - since >= PATIENCE).then_some(Disabled::Failing),
        };
        Self {
            failing_since: Some(since),
            disabled: self.disabled.or(why),
        }
    }
}

#[cfg(test)]
mod tests;
