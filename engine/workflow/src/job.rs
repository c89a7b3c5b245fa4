//! The life of a job, as one table.
//!
//! Stores apply these transitions and no others; who triggers them is not here. `Dead` and `Cancelled` are ends that
//! only a person can undo (`Redrive`); nothing undoes `Succeeded`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Ready to be claimed.
    Queued,
    /// A worker holds a lease on it.
    Running,
    /// A failed attempt is over, and the next one is not due yet.
    RetryWaiting,
    /// A breaker is open; waits without cost.
    Parked,
    Succeeded,
    /// Gave up; there is a dead letter with everything needed to try again.
    Dead,
    /// Ended by a person, or a dead letter that was let go.
    Cancelled,
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A worker takes it; raises the lease number.
    Claim,
    Succeed,
    /// An attempt failed and another is worth it.
    Retry,
    /// The wait after a failed attempt is over.
    Due,
    /// A breaker that the job needs is open.
    Park,
    /// The breaker lets it go.
    Release,
    /// The worker was lost; the job may run again.
    Rescue,
    /// The worker stops in an orderly way before it is done. Costs no attempt.
    GiveBack,
    Die,
    Cancel,
    /// A person lets a dead letter go for good.
    Purge,
    /// A person sends a dead letter through again.
    Redrive,
}

/// Every transition there is.
pub const TRANSITIONS: [(State, Event, State); 17] = [
    (State::Queued, Event::Claim, State::Running),
    (State::Queued, Event::Park, State::Parked),
    (State::Queued, Event::Cancel, State::Cancelled),
    (State::Running, Event::Succeed, State::Succeeded),
    (State::Running, Event::Retry, State::RetryWaiting),
    (State::Running, Event::Park, State::Parked),
    (State::Running, Event::Rescue, State::Queued),
    (State::Running, Event::GiveBack, State::Queued),
    (State::Running, Event::Die, State::Dead),
    (State::Running, Event::Cancel, State::Cancelled),
    (State::RetryWaiting, Event::Due, State::Queued),
    (State::RetryWaiting, Event::Park, State::Parked),
    (State::RetryWaiting, Event::Cancel, State::Cancelled),
    (State::Parked, Event::Release, State::Queued),
    (State::Parked, Event::Cancel, State::Cancelled),
    (State::Dead, Event::Redrive, State::Queued),
    (State::Dead, Event::Purge, State::Cancelled),
];

/// The state after `event`, or `None` where the event means nothing to a job in this state and must change nothing.
pub fn after(state: State, event: Event) -> Option<State> {
    let row = TRANSITIONS
        .iter()
        .find(|(from, on, _)| (*from, *on) == (state, event));
    row.map(|(_, _, to)| *to)
}

/// The states in which `event` means something.
pub fn before(event: Event) -> impl Iterator<Item = State> {
    let rows = TRANSITIONS.iter().filter(move |(_, on, _)| *on == event);
    rows.map(|(from, _, _)| *from)
}

impl State {
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Running,
        Self::RetryWaiting,
        Self::Parked,
        Self::Succeeded,
        Self::Dead,
        Self::Cancelled,
    ];

    /// The name used in JSON, on the command line and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::RetryWaiting => "retry-waiting",
            Self::Parked => "parked",
            Self::Succeeded => "succeeded",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    /// One of the three ends; nothing happens by itself any more.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Succeeded | Self::Dead | Self::Cancelled)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is no state's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of a job; these are: {all}", all = State::ALL.map(State::name).join(", "))]
pub struct UnknownState(pub String);

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let found = Self::ALL.into_iter().find(|state| state.name() == text);
        found.ok_or_else(|| UnknownState(text.to_owned()))
    }
}

#[cfg(test)]
mod tests;
