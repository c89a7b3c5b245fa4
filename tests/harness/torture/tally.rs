//! What came of a kill test, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::ledger::Ends;

/// Every number that must be zero is checked already.
#[derive(Debug, Default)]
pub struct Tally {
    deaths: BTreeMap<&'static str, Deaths>,
    pub(super) acknowledged: usize,
    pub(super) unanswered: usize,
    /// Originals that were read after restarts.
    pub(super) checked: usize,
    /// Files that kills left behind.
    pub(super) half_written: usize,
    pub(super) ends: Ends,
    pub(super) redriven: usize,
    pub(super) took: Duration,
}

#[derive(Debug, Default)]
struct Deaths {
    planned: u32,
    /// Died there; else it was killed after a while.
    happened: u32,
}

impl Tally {
    pub(super) fn note(&mut self, death: &'static str, happened: bool) {
        let deaths = self.deaths.entry(death).or_default();
        deaths.planned += 1;
        deaths.happened += u32::from(happened);
    }

    /// Kills at any time are the harness's own.
    pub(super) fn all_happened(&self) {
        let mut others = self.deaths.iter().filter(|(name, _)| **name != "at any time");
        assert!(
            others.all(|(_, deaths)| deaths.happened > 0),
            "it never died where it was to die:\n{self}"
        );
        assert!(self.half_written > 0, "no kill left a half-written file:\n{self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<26}{:>8}{:>10}", "killed", "planned", "happened")?;
        for (place, Deaths { planned, happened }) in &self.deaths {
            let happened = if *place == "at any time" {
                planned
            } else {
                happened
            };
            writeln!(f, "{place:<26}{planned:>8}{happened:>10}")?;
        }
        let lines = [
            ("acknowledged", self.acknowledged as u64),
            ("  succeeded", self.ends.succeeded as u64),
            ("  poison, dead", self.ends.poison as u64),
            ("  lost", 0),
            ("rescued from lost workers", self.ends.rescues),
            ("redriven", self.redriven as u64),
            ("originals read on the way", self.checked as u64),
            ("half-written, cleared", self.half_written as u64),
            ("requests cut off", self.unanswered as u64),
        ];
        for (what, count) in lines {
            writeln!(f, "{what:<26}{count:>8}")?;
        }
        writeln!(
            f,
            "redriven: letters of jobs that lost three workers, sent through again by the harness as a person would"
        )?;
        write!(f, "in {:.0} s", self.took.as_secs_f32())
    }
}
