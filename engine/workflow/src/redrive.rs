//! How a redrive of dead letters goes on: canary first, then the rest at its rate, until everything that was sent has
//! ended.
//!
//! Time and counts are arguments, and which letters go is not known here. Whoever sends asks [`Progress::step`] how
//! many, and says with [`Progress::sent`] how many it were. Nothing is sent that the canary has not earned: while it
//! is under way, it is all there is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ports::Millis;

/// Letters sent at once at most.
pub const BATCH: u32 = 500;

/// Letters sent and not ended at most, so that to look after them stays cheap.
pub const MOST_WAITING: u64 = 2_000;

/// A letter's worth of credit: rates are per minute, time is in milliseconds.
const LETTER: i64 = 60_000;

/// Credit is not saved for longer than this, so that a pause is not followed by a rush.
const LONGEST_SAVED: i64 = 2_000;

/// What a person asks for, besides which letters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// So many letters at most.
    pub limit: Option<u64>,
    /// So many go first, and the rest only when they have ended; 0: all go at once.
    pub canary: u32,
    /// How many of the canary may end dead again.
    pub canary_failures: u32,
    /// Letters a minute.
    pub rate: Option<u32>,
}

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The first few are under way.
    Canary,
    Running,
    /// Everything is sent, and some has not ended.
    Draining,
    Done,
    /// Too many of the canary died again. Those that are under way go on.
    Stopped,
    /// By a person. Those that are under way go on.
    Cancelled,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Done => "done",
            Self::Stopped => "stopped",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nothing more is sent, whatever becomes of what was.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Stopped | Self::Cancelled)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How letters ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ends {
    pub succeeded: u64,
    pub dead_again: u64,
    pub cancelled: u64,
}

/// An operation's counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub state: State,
    pub sent: u64,
    pub succeeded: u64,
    pub dead_again: u64,
    pub cancelled: u64,
    /// No candidate is left, or the limit is reached.
    all_sent: bool,
    /// What the rate has earned, as of `paced_at`.
    credit: i64,
    paced_at: Millis,
}

impl Progress {
    pub fn begin(rules: &Rules, now: Millis) -> Self {
        Self {
            state: if rules.canary > 0 {
                State::Canary
            } else {
                State::Running
            },
            sent: 0,
            succeeded: 0,
            dead_again: 0,
            cancelled: 0,
            all_sent: rules.limit == Some(0),
            credit: LETTER,
            paced_at: now,
        }
    }

    /// Sent, and not ended.
    pub fn waiting(&self) -> u64 {
        let ended = self.succeeded + self.dead_again + self.cancelled;
        self.sent.saturating_sub(ended)
    }

    /// Nothing will change any more.
    pub fn is_finished(&self) -> bool {
        self.state.is_end() && self.waiting() == 0
    }

    /// Takes note of what has ended and says how many letters may be sent now.
    pub fn step(&mut self, rules: &Rules, ends: Ends, now: Millis) -> u32 {
        self.succeeded += ends.succeeded;
        self.dead_again += ends.dead_again;
        self.cancelled += ends.cancelled;
        self.judge(rules);
        let rest = rules
            .limit
            .map_or(u64::MAX, |limit| limit.saturating_sub(self.sent));
        let open = match self.state {
            State::Canary => u64::from(rules.canary).saturating_sub(self.sent),
            State::Running => u64::MAX,
            State::Draining | State::Done | State::Stopped | State::Cancelled => 0,
        };
        if self.all_sent || open == 0 {
            return 0;
        }
        let room = MOST_WAITING.saturating_sub(self.waiting());
        let most = rest.min(open).min(room).min(self.earned(rules, now));
        u32::try_from(most).map_or(BATCH, |most| most.min(BATCH))
    }

    /// After a step: `sent` letters went, and `more` says whether candidates may be left.
    pub fn sent(&mut self, rules: &Rules, sent: u32, more: bool) {
        self.sent += u64::from(sent);
        if rules.rate.is_some() {
            self.credit -= i64::from(sent) * LETTER;
        }
        self.all_sent |= !more || rules.limit.is_some_and(|limit| self.sent >= limit);
        self.judge(rules);
    }

    /// `false`: everything is sent or given up already.
    pub fn cancel(&mut self) -> bool {
        let can = matches!(self.state, State::Canary | State::Running);
        if can {
            self.state = State::Cancelled;
        }
        can
    }

    /// Why it was stopped, if it was.
    pub fn stopped(&self, rules: &Rules) -> Option<String> {
        let Rules {
            canary,
            canary_failures,
            ..
        } = rules;
        let dead = self.dead_again;
        (self.state == State::Stopped)
            .then(|| format!("{dead} of the first {canary} died again, and at most {canary_failures} may"))
    }

    fn judge(&mut self, rules: &Rules) {
        if self.state == State::Canary {
            if self.dead_again > u64::from(rules.canary_failures) {
                self.state = State::Stopped;
            } else if self.waiting() == 0 && (self.all_sent || self.sent >= u64::from(rules.canary)) {
                self.state = State::Running;
            }
        }
        if self.state == State::Running && self.all_sent {
            self.state = State::Draining;
        }
        if self.state == State::Draining && self.waiting() == 0 {
            self.state = State::Done;
        }
    }

    /// Letters that the rate allows by now.
    fn earned(&mut self, rules: &Rules, now: Millis) -> u64 {
        let Some(rate) = rules.rate else {
            return u64::MAX;
        };
        let rate = i64::from(rate.max(1));
        // A minute earns all that can be saved.
        let passed = (now - self.paced_at).clamp(0, LETTER);
        let most = LETTER.max(rate * LONGEST_SAVED);
        self.credit = (self.credit + rate * passed).min(most);
        // Servers' clocks differ a little; one that is far behind was set back, and is believed.
        if now > self.paced_at || now < self.paced_at - LETTER {
            self.paced_at = now;
        }
        u64::try_from(self.credit / LETTER).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
