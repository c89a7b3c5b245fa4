//! What came of it, as a table.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::originals::Sort;

/// Everything that must be so was checked before it is given out.
#[derive(Debug, Default)]
pub struct Tally {
    pub(super) ends: BTreeMap<Sort, Ends>,
    /// Groups of dead letters: how many, and what they died of.
    pub(super) groups: Vec<(u64, String)>,
    pub(super) redriven: usize,
    pub(super) redriven_succeeded: usize,
    pub(super) kills: u32,
    pub(super) breaks: u32,
    pub(super) troubles: [usize; 3],
    /// Until every job had ended.
    pub(super) took: Duration,
    /// What must not be, in words.
    pub(super) wrong: Vec<String>,
}

/// How originals of one sort ended, as they should.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Ends {
    pub(super) sent: usize,
    pub(super) succeeded: usize,
    pub(super) dead: usize,
}

impl Tally {
    pub(super) fn sent(&self) -> usize {
        self.ends.values().map(|ends| ends.sent).sum()
    }

    pub(super) fn of(&self, sort: Sort) -> Ends {
        self.ends.get(&sort).copied().unwrap_or_default()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<16}{:>7}{:>11}{:>7}  dies of",
            "original", "sent", "succeeded", "dead"
        )?;
        for (sort, ends) in &self.ends {
            let Ends {
                sent,
                succeeded,
                dead,
            } = ends;
            let kind = sort.dies_of().unwrap_or("nothing");
            writeln!(f, "{:<16}{sent:>7}{succeeded:>11}{dead:>7}  {kind}", sort.name())?;
        }
        let valid = self.of(Sort::Valid);
        writeln!(f, "valid that failed: {}", valid.sent - valid.succeeded)?;
        writeln!(f, "groups of dead letters:")?;
        for (count, failure) in &self.groups {
            writeln!(f, "{count:>7}  {failure}")?;
        }
        writeln!(f, "redriven after the plugin was mended: {}", self.redriven)?;
        writeln!(f, "  succeeded: {}", self.redriven_succeeded)?;
        let [refused, unanswered, replayed] = self.troubles;
        writeln!(
            f,
            "server killed: {}, connections to the store broken: {}",
            self.kills, self.breaks
        )?;
        writeln!(
            f,
            "requests refused: {refused}, unanswered: {unanswered}, accepted before: {replayed}"
        )?;
        let seconds = self.took.as_secs_f64();
        let pace = self.sent() as f64 / seconds;
        write!(f, "all ended in {seconds:.0} s, {pace:.0} a second")
    }
}
