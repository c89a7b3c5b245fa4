//! What a transaction counts, written once at its end.
//!
//! These few rows are what all transactions want to write. Written last they are locked for the shortest time, and
//! always in the same order, so that transactions wait for each other but never in a circle.

use std::collections::BTreeMap;

use workflow::job::State;
use workflow::ports::Lane;

use super::fault::Done;
use super::row::rows;
use super::tx::Tx;

#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Change in the number of jobs, by pipeline and state.
    counts: BTreeMap<(String, State), i64>,
    /// Change in the number of parked jobs, by plugin.
    parked: BTreeMap<String, i64>,
    /// Last turns claimed, by lane.
    turns: BTreeMap<Lane, i64>,
    claimed_before: u64,
    claimed: u64,
    made_ready: bool,
}

impl Tally {
    pub(super) fn new(claimed_before: u64) -> Self {
        Self {
            claimed_before,
            ..Self::default()
        }
    }

    pub(super) fn count(&mut self, pipeline: &str, state: State, n: i64) {
        *self.counts.entry((pipeline.to_owned(), state)).or_default() += n;
        self.made_ready |= state == State::Queued && n > 0;
    }

    pub(super) fn park(&mut self, plugin: &str, n: i64) {
        *self.parked.entry(plugin.to_owned()).or_default() += n;
    }

    /// Change in the number of jobs that wait for this plugin.
    pub(super) fn parked(&self, plugin: &str) -> i64 {
        self.parked.get(plugin).copied().unwrap_or_default()
    }

    pub(super) fn claim(&mut self, lane: Lane, turn: i64) {
        let last = self.turns.entry(lane).or_insert(turn);
        *last = turn.max(*last);
        self.claimed += 1;
    }

    /// Jobs claimed by this process, with those of this transaction.
    pub(super) fn claimed(&self) -> u64 {
        self.claimed_before + self.claimed
    }

    pub(super) fn claimed_now(&self) -> u64 {
        self.claimed
    }

    /// Some job can be claimed that could not before.
    pub(super) fn made_ready(&self) -> bool {
        self.made_ready
    }
}

impl Tx<'_> {
    pub(super) async fn write_tally(&mut self) -> Done<()> {
        let Tally {
            counts,
            parked,
            turns,
            ..
        } = &self.tally;
        let changed = |n: &i64| *n != 0;
        let parked: Vec<_> = parked.iter().filter(|(_, n)| changed(n)).collect();
        let parked = rows(&parked)?;
        let counts: Vec<_> = counts
            .iter()
            .filter(|(_, n)| changed(n))
            .map(|((pipeline, state), n)| (pipeline, state, self.shard, n))
            .collect();
        let counts = rows(&counts)?;
        let turns: Vec<_> = turns
            .iter()
            .map(|(lane, turn)| (number(*lane), self.shard, turn))
            .collect();
        let turns = rows(&turns)?;
        self.each(
            "UPDATE breakers SET parked = parked + b_n FROM
             (SELECT value->>0 AS b_plugin, CAST(value->>1 AS BIGINT) AS b_n FROM rows($1)) AS b
             WHERE plugin = b_plugin",
            parked,
        )
        .await?;
        self.each(
            "INSERT INTO counters (pipeline, state, shard, n)
             SELECT value->>0, value->>1, CAST(value->>2 AS BIGINT), CAST(value->>3 AS BIGINT) FROM rows($1)
             WHERE true
             ON CONFLICT (pipeline, state, shard) DO UPDATE SET n = counters.n + excluded.n",
            counts,
        )
        .await?;
        self.each(
            "INSERT INTO clocks (lane, shard, turn)
             SELECT CAST(value->>0 AS BIGINT), CAST(value->>1 AS BIGINT), CAST(value->>2 AS BIGINT) FROM rows($1)
             WHERE true
             ON CONFLICT (lane, shard) DO UPDATE SET turn = excluded.turn WHERE excluded.turn > clocks.turn",
            turns,
        )
        .await?;
        Ok(())
    }
}

/// How a lane is written.
pub(super) fn number(lane: Lane) -> i64 {
    match lane {
        Lane::Interactive => 0,
        Lane::Bulk => 1,
    }
}

pub(super) fn lane(number: i64) -> Lane {
    if number == 0 {
        Lane::Interactive
    } else {
        Lane::Bulk
    }
}
