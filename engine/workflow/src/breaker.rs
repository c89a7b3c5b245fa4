//! Pause instead of retrying for ever: one breaker for each plugin version, as a function of what it hears and when.
//!
//! Closed, it watches the originals seen last, each counted once. Open, the jobs that need the plugin are parked. After
//! a cooldown a few probes go, then cohorts that grow while they do well. The store keeps it with the jobs and does
//! what its effects say in the same transaction; time is an argument, and a clock that goes back does no harm.

mod event;
mod phase;
mod settings;
mod trial;
mod window;

use serde::{Deserialize, Serialize};

pub use event::{Effect, Event};
pub use phase::Phase;
pub use settings::{MAX_COOLDOWN_MS, Settings};
pub use trial::Trial;

use crate::ports::Millis;
use trial::Verdict;
use window::{Window, share};

/// How many jobs go first after a pause.
pub const PROBES: u32 = 3;

/// How many go when the probes did well; each cohort after it is twice as large.
pub const FIRST_COHORT: u32 = 4;

/// More bad probes than good ones, or as many, are too many. The majority decides on purpose: were one bad probe enough,
/// a single poison original, which is tried again after every pause as the oldest that waits, would keep it open.
const BAD_PROBES: f64 = 0.5;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Breaker {
    phase: Phase,
    /// What was seen while it was closed; stands still until it is closed again.
    window: Window,
    /// As heard last: pipelines that share a plugin may differ.
    settings: Settings,
    opened_at: Option<Millis>,
    reason: Option<String>,
}

impl Breaker {
    /// Closed, and nothing seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// `parked`: how many jobs wait for it now, before the effects.
    pub fn hear(&mut self, event: &Event, parked: u64, now: Millis) -> Vec<Effect> {
        self.phase.not_ahead_of(now);
        match event {
            Event::Outcome {
                original,
                ok,
                settings,
                pass,
            } => {
                self.settings = *settings;
                self.window.keep(settings.most());
                self.outcome(original, *ok, *pass, parked, now)
            }
            Event::Tick => self.tick(parked, now),
            Event::Trip if matches!(self.phase, Phase::Isolated | Phase::Missing) => Vec::new(),
            Event::Trip => self.open(self.settings.cooldown(), "a person tripped it", now),
            Event::Isolate => self.stop(Phase::Isolated, "a person isolated it", now),
            Event::Missing { .. } if matches!(self.phase, Phase::Isolated | Phase::Missing) => Vec::new(),
            Event::Missing { what } => {
                let reason =
                    format!("its component is nowhere to be found; install {what} again, or `breaker move`");
                self.stop(Phase::Missing, &reason, now)
            }
            Event::Found if self.phase != Phase::Missing => Vec::new(),
            Event::Clear | Event::Found => {
                self.close();
                vec![Effect::ReleaseAll]
            }
        }
    }

    /// May a job run now? `pass`: a breaker let it through.
    pub fn admits(&self, pass: bool) -> bool {
        match &self.phase {
            Phase::Closed => true,
            Phase::Open { .. } | Phase::Isolated | Phase::Missing => false,
            Phase::Probing(trial) | Phase::Recovering(trial) => pass || trial.open_to_all,
        }
    }

    /// Something happens as time passes, so it wants to hear `Tick`.
    pub fn needs_ticks(&self, parked: u64) -> bool {
        match self.phase {
            Phase::Closed => parked > 0,
            Phase::Isolated | Phase::Missing => false,
            Phase::Open { .. } | Phase::Probing(_) | Phase::Recovering(_) => true,
        }
    }

    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Since when it has not been closed.
    pub fn opened_at(&self) -> Option<Millis> {
        self.opened_at
    }

    /// Why it is not closed, for people.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// When the next probes go; `None` unless it is open.
    pub fn next_probe_at(&self) -> Option<Millis> {
        match self.phase {
            Phase::Open { until, .. } => Some(until),
            _ => None,
        }
    }

    /// Originals in the window.
    pub fn originals(&self) -> usize {
        self.window.len()
    }

    /// Those of them that failed.
    pub fn failures(&self) -> usize {
        self.window.failures()
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn outcome(&mut self, original: &str, ok: bool, pass: bool, parked: u64, now: Millis) -> Vec<Effect> {
        match &mut self.phase {
            Phase::Closed => {
                self.window.note(original, ok, self.settings.most());
                self.watch(parked, now)
            }
            Phase::Probing(trial) | Phase::Recovering(trial) if pass || trial.open_to_all => {
                trial.note(original, ok, now);
                self.judge(parked, now)
            }
            // Jobs that were under way when it opened tell nothing new.
            _ => Vec::new(),
        }
    }

    fn watch(&mut self, parked: u64, now: Millis) -> Vec<Effect> {
        let (bad, all) = (self.window.failures(), self.window.len());
        let (rate, least) = (self.settings.failure_rate, self.settings.least());
        if bad < least as usize || share(bad, all) < rate {
            return stragglers(parked);
        }
        let reason = format!(
            "{bad} of the last {all} originals failed; it opens at {least} failures and {:.0} %",
            rate * 100.0
        );
        self.open(self.settings.cooldown(), &reason, now)
    }

    fn tick(&mut self, parked: u64, now: Millis) -> Vec<Effect> {
        match self.phase {
            Phase::Closed => stragglers(parked),
            Phase::Open { until, cooldown_ms } if now >= until => self.probe(cooldown_ms, parked, now),
            Phase::Probing(_) | Phase::Recovering(_) => self.judge(parked, now),
            Phase::Open { .. } | Phase::Isolated | Phase::Missing => Vec::new(),
        }
    }

    fn judge(&mut self, parked: u64, now: Millis) -> Vec<Effect> {
        let (trial, probing) = match &self.phase {
            Phase::Probing(trial) => (trial, true),
            Phase::Recovering(trial) => (trial, false),
            _ => return Vec::new(),
        };
        let (rate, least) = if probing {
            (BAD_PROBES, 1)
        } else {
            // When probes did well, one original alone does not open it again.
            (self.settings.failure_rate, self.settings.least().min(2))
        };
        let (size, cooldown_ms, open_to_all) = (trial.size, trial.cooldown_ms, trial.open_to_all);
        match trial.verdict(rate, least, now) {
            Verdict::Wait => Vec::new(),
            Verdict::Bad => {
                let reason = format!("{} after a pause", trial.tally());
                let longer = cooldown_ms.saturating_mul(2).min(MAX_COOLDOWN_MS);
                self.open(longer, &reason, now)
            }
            // Nobody needs it any more, and whoever comes is admitted anyway.
            Verdict::Unheard if probing && open_to_all && parked == 0 => {
                self.close();
                Vec::new()
            }
            Verdict::Unheard if probing => self.probe(cooldown_ms, parked, now),
            Verdict::Unheard => self.cohort(size, cooldown_ms, parked, now),
            Verdict::Good if probing => self.cohort(FIRST_COHORT, cooldown_ms, parked, now),
            Verdict::Good => self.cohort(size.saturating_mul(2), cooldown_ms, parked, now),
        }
    }

    fn probe(&mut self, cooldown_ms: i64, parked: u64, now: Millis) -> Vec<Effect> {
        let (trial, effects) = Trial::begin(PROBES, cooldown_ms, parked, now);
        self.phase = Phase::Probing(trial);
        effects
    }

    fn cohort(&mut self, size: u32, cooldown_ms: i64, parked: u64, now: Millis) -> Vec<Effect> {
        if parked == 0 {
            self.close();
            return Vec::new();
        }
        let (mut trial, effects) = Trial::begin(size, cooldown_ms, parked, now);
        // The last that are parked go now. If newcomers were parked meanwhile, there would always be some more.
        trial.open_to_all = parked <= size.into();
        self.phase = Phase::Recovering(trial);
        effects
    }

    fn open(&mut self, cooldown_ms: i64, reason: &str, now: Millis) -> Vec<Effect> {
        let until = now.saturating_add(cooldown_ms);
        self.stop(Phase::Open { until, cooldown_ms }, reason, now)
    }

    fn stop(&mut self, phase: Phase, reason: &str, now: Millis) -> Vec<Effect> {
        self.phase = phase;
        self.opened_at.get_or_insert(now);
        self.reason = Some(reason.to_owned());
        vec![Effect::Park]
    }

    fn close(&mut self) {
        *self = Self {
            settings: self.settings,
            ..Self::new()
        };
    }
}

/// A worker that has not heard yet that it is closed may still park a job.
fn stragglers(parked: u64) -> Vec<Effect> {
    let some = (parked > 0).then_some(Effect::ReleaseAll);
    some.into_iter().collect()
}

#[cfg(test)]
mod tests;
