//! Attempts that went well, which are nearly all: settled without reading their jobs first.
//!
//! What a success changes depends on nothing in the job's row but its state and its lease. So one statement checks
//! both, writes, and says which jobs it found; that is half the work of locking and reading a row to write it back.
//! Here blobs that have a row are shared before jobs are locked; new ones get theirs afterwards, as everywhere. Who locks
//! jobs and then wants a blob for himself alone either forgets or purges, and such jobs do not run, or takes back a
//! submission of which something runs already: that rare circle the database breaks, and one of the two runs again.

use std::collections::BTreeSet;

use workflow::job::State;
use workflow::ports::{End, Settled, Settlement};

use super::additions::Additions;
use super::blobs::Held;
use super::fault::Done;
use super::hot::Jobs;
use super::row::{Read, rows};
use super::settle::{Settle, announce, judge, renditions, tell_breakers};
use super::tx::Tx;

/// Nothing but successes, one a job.
pub(super) fn are_all(asks: &[Settle]) -> bool {
    let mut jobs = BTreeSet::new();
    asks.iter().all(|ask| {
        let Settlement {
            lease, end, known, ..
        } = &ask.input;
        matches!(end, End::Succeeded { .. }) && known.is_none() && jobs.insert(&lease.job)
    })
}

/// Jobs that have succeeded; what comes with it is still to be added.
pub(super) struct Written<'a> {
    done: Vec<&'a Settle>,
    answers: Vec<Settled>,
}

/// The jobs' own rows.
pub(super) async fn write<'a>(
    tx: &mut Tx<'_>,
    asks: &[Option<&'a Settle>],
    held: &Held,
) -> Done<Written<'a>> {
    let (mut answers, sound) = judge(asks, held);
    let found = update(tx, &sound).await?;
    let is_done = |ask: &Settle| found.contains(&ask.input.lease.job);
    for (ask, answer) in asks.iter().zip(&mut answers) {
        if *answer == Settled::Done && ask.is_none_or(|ask| !is_done(ask)) {
            *answer = Settled::Stale;
        }
    }
    let done = sound.into_iter().filter(|ask| is_done(ask)).collect();
    Ok(Written { done, answers })
}

/// The transition `Succeed`, for those that hold their leases. Gives back whose jobs these are.
async fn update(tx: &mut Tx<'_>, sound: &[&Settle]) -> Done<BTreeSet<String>> {
    if sound.is_empty() {
        return Ok(BTreeSet::new());
    }
    let ends = sound.iter().map(|ask| {
        let lease = &ask.input.lease;
        (&lease.job, lease.number, ask.now, State::Running.name())
    });
    let mut ends: Vec<_> = ends.collect();
    // The order in which jobs are locked everywhere.
    ends.sort_unstable();
    let mut done = BTreeSet::new();
    for row in tx.all(WRITE, &[rows(&ends)?]).await? {
        let (job, pipeline): (String, String) = row.json("job")?;
        tx.tally.count(&pipeline, State::Running, -1);
        tx.tally.count(&pipeline, State::Succeeded, 1);
        done.insert(job);
    }
    Ok(done)
}

/// The state that is asked for comes as a value: were it written here, the index of running jobs could be searched for
/// every row instead of the key.
const WRITE: &str = "UPDATE jobs SET
        state = 'succeeded', heartbeat_at = NULL, due_at = NULL, finished_at = b_now, failure = NULL
    FROM (SELECT value->>0 AS b_id, CAST(value->>1 AS BIGINT) AS b_lease, CAST(value->>2 AS BIGINT) AS b_now,
              value->>3 AS b_state
          FROM rows($1)) AS b
    WHERE id = b_id AND lease = b_lease AND state = b_state
    RETURNING json[id, pipeline] AS job";

/// What comes with it.
pub(super) async fn add(tx: &mut Tx<'_>, written: Written<'_>, held: &Held) -> Done<Vec<Settled>> {
    let Written { done, answers } = written;
    if done.is_empty() {
        return Ok(answers);
    }
    let stored = done.iter().flat_map(|ask| renditions(&ask.input.end));
    tx.keep(held, stored.map(|rendition| &rendition.blob)).await?;
    let mut additions = Additions::default();
    for ask in &done {
        if let End::Succeeded { renditions, report } = &ask.input.end {
            additions.succeed(&ask.input.lease.job, renditions, report)?;
        }
    }
    additions.write(tx).await?;
    if tx.anyone_listens().await? {
        let ids: Vec<&str> = done.iter().map(|ask| ask.input.lease.job.as_str()).collect();
        let jobs = tx.lock(ids).await?;
        announce(tx, &done, &jobs).await?;
    }
    tell_breakers(tx, &done, &[], &mut Jobs::new()).await?;
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use workflow::job::{Event, after, before};

    #[test]
    fn the_statement_is_a_row_of_the_table() {
        assert_eq!(after(State::Running, Event::Succeed), Some(State::Succeeded));
        assert_eq!(before(Event::Succeed).collect::<Vec<_>>(), [State::Running]);
    }
}
