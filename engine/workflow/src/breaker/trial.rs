//! Some jobs are let go, and what comes of them shows whether the plugin works again.
//!
//! Answers may never come: a probe may be cancelled, its worker lost, or its original damaged. So a trial also ends
//! with time, and a large one is decided by a part of its answers.

use serde::{Deserialize, Serialize};

use super::{
    Effect, PROBES,
    window::{Window, share},
};
use crate::ports::Millis;

/// No trial waits longer for answers.
pub(super) const LONGEST_MS: i64 = 60_000;

/// So many answers decide any trial; it also bounds what is kept.
pub(super) const MOST_ANSWERS: u32 = 128;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// When its jobs were let go.
    pub(super) since: Millis,
    /// The pause before it.
    pub(super) cooldown_ms: i64,
    /// How many jobs it might let go.
    pub(super) size: u32,
    /// How many answers decide it.
    wanted: u32,
    /// How many there were, those about the same original included.
    answers: u32,
    heard: Window,
    /// Newcomers need no pass.
    pub(super) open_to_all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Wait,
    Good,
    Bad,
    /// Time is up, and nobody said anything.
    Unheard,
}

impl Trial {
    pub(super) fn begin(size: u32, cooldown_ms: i64, parked: u64, now: Millis) -> (Self, Vec<Effect>) {
        let released = parked.min(size.into()) as u32;
        let trial = Self {
            since: now,
            cooldown_ms,
            size,
            wanted: if released == 0 {
                PROBES
            } else {
                released.min(MOST_ANSWERS)
            },
            answers: 0,
            heard: Window::default(),
            open_to_all: released == 0,
        };
        let effect = (released > 0).then_some(Effect::Release(released));
        (trial, effect.into_iter().collect())
    }

    pub(super) fn note(&mut self, original: &str, ok: bool, now: Millis) {
        // Newcomers may be long in coming; the first of them alone shall not decide.
        if self.open_to_all && self.answers == 0 {
            self.since = now;
        }
        self.answers = self.answers.saturating_add(1);
        self.heard.note(original, ok, MOST_ANSWERS as usize);
    }

    /// It is bad if at least `least` originals failed and they make up `rate` of it.
    pub(super) fn verdict(&self, rate: f64, least: u32, now: Millis) -> Verdict {
        let (bad, all) = (self.heard.failures(), self.heard.len());
        let too_many = |of: usize| bad >= least as usize && share(bad, of) >= rate;
        // Whatever the others say.
        if too_many(self.wanted as usize) {
            return Verdict::Bad;
        }
        if self.answers < self.wanted && now.saturating_sub(self.since) < LONGEST_MS {
            return Verdict::Wait;
        }
        match all {
            0 => Verdict::Unheard,
            _ if too_many(all) => Verdict::Bad,
            _ => Verdict::Good,
        }
    }

    /// For people.
    pub(super) fn tally(&self) -> String {
        format!(
            "{} of {} originals failed",
            self.heard.failures(),
            self.heard.len()
        )
    }
}
