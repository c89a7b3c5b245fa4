//! Time's own transitions: retries that are due, and jobs whose worker was lost. Also what a clock that was set back
//! would put off.
//!
//! All of it goes in pieces of bounded size, each a transaction of its own, so that a long queue keeps nobody waiting.

use async_trait::async_trait;
use workflow::failure::{Failure, FailureKind};
use workflow::job::Event;
use workflow::ports::{Millis, Rescued, Stored};
use workflow::retry;

use super::additions::insert_errors;
use super::dead::Deaths;
use super::fault::Done;
use super::row::texts;
use super::tx::{Db, Tx, Work};

const PIECE: i64 = 1_000;

/// A heart that beats so far ahead is that of a worker whose clock was set back since, or stood wrong.
const AHEAD: Millis = 300_000;

/// By so much a clock may be set back and no delivery minds.
const SKEW: Millis = 60_000;

pub(super) async fn sweep(db: &Db, stale_before: Millis, now: Millis) -> Stored<Vec<Rescued>> {
    let found = look(db, stale_before, now).await?;
    if found.iter().any(|what| what == "due") {
        make_ready(db, Millis::MIN, now, now).await?;
    }
    let mut all = Vec::new();
    if !found.iter().any(|what| what == "lost") {
        return Ok(all);
    }
    loop {
        let rescued = db.transact(&Lost { stale_before, now }).await?;
        let done = rescued.len() < PIECE as usize;
        all.extend(rescued);
        if done {
            return Ok(all);
        }
    }
}

pub(super) async fn due(db: &Db, latest: Millis, now: Millis) -> Stored<()> {
    let found = look(db, Millis::MIN, now).await?;
    if found.iter().any(|what| what == "due") {
        make_ready(db, Millis::MIN, now, now).await?;
    }
    // Else no clock was set back.
    if latest < Millis::MAX {
        make_ready(db, latest, Millis::MAX, now).await?;
        let args = [now.into(), now.saturating_add(SKEW).into(), PIECE.into()];
        while db.change(UNTOLD, &args).await? >= PIECE as u64 {}
    }
    Ok(())
}

async fn make_ready(db: &Db, after: Millis, until: Millis, now: Millis) -> Stored<()> {
    while db.transact(&Due { after, until, now }).await? >= PIECE as usize {}
    Ok(())
}

/// Most of the time there is nothing, and one read says so. Each part in the order of its index, of which it takes
/// the first entry, however wrong the statistics are.
const LOOK: &str = "SELECT CAST('due' AS TEXT) AS what FROM
        (SELECT id FROM jobs WHERE state = 'retry-waiting' AND due_at <= $1 ORDER BY due_at LIMIT 1) AS due
    UNION ALL SELECT CAST('lost' AS TEXT) AS what FROM
        (SELECT id FROM jobs WHERE state = 'running' AND heartbeat_at < $2 ORDER BY heartbeat_at LIMIT 1) AS lost
    UNION ALL SELECT CAST('lost' AS TEXT) AS what FROM
        (SELECT id FROM jobs WHERE state = 'running' AND heartbeat_at > $3 ORDER BY heartbeat_at DESC LIMIT 1) AS ahead";

async fn look(db: &Db, stale_before: Millis, now: Millis) -> Stored<Vec<String>> {
    let args = [now.into(), stale_before.into(), now.saturating_add(AHEAD).into()];
    let found = db.look(LOOK, &args).await;
    found
        .and_then(|rows| texts(&rows))
        .map_err(|fault| fault.told(false))
}

/// Retries whose time lies after the one moment and not after the other.
struct Due {
    after: Millis,
    until: Millis,
    now: Millis,
}

#[async_trait]
impl Work for Due {
    type Out = usize;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<usize> {
        let mut jobs = tx
            .lock_where(
                "WHERE state = 'retry-waiting' AND due_at > $1 AND due_at <= $2
                 ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED",
                &[self.after.into(), self.until.into(), PIECE.into()],
            )
            .await?;
        for job in jobs.values_mut() {
            job.hear(Event::Due, self.now, &mut tx.tally);
        }
        tx.write_jobs(jobs.values()).await?;
        Ok(jobs.len())
    }
}

/// Deliveries that a clock put off before it was set back: those not tried yet, and those whose last attempt lies ahead
/// itself. Of the others none waits for longer than was meant. One in a sender's hands may be sent twice by this.
const UNTOLD: &str = "WITH picked AS MATERIALIZED (
        SELECT id AS picked_id FROM webhook_deliveries
        WHERE state = 'waiting' AND due_at > $2 AND (failures = 0 OR tried_at > $2)
        ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)
    UPDATE webhook_deliveries SET due_at = $1 WHERE id IN (SELECT picked_id FROM picked)";

struct Lost {
    stale_before: Millis,
    now: Millis,
}

#[async_trait]
impl Work for Lost {
    type Out = Vec<Rescued>;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Vec<Rescued>> {
        let mut jobs = tx
            .lock_where(
                "WHERE state = 'running' AND (heartbeat_at < $1 OR heartbeat_at > $2)
                 ORDER BY heartbeat_at LIMIT $3 FOR UPDATE SKIP LOCKED",
                &[
                    self.stale_before.into(),
                    self.now.saturating_add(AHEAD).into(),
                    PIECE.into(),
                ],
            )
            .await?;
        let mut deaths = Deaths::default();
        let mut errors = Vec::new();
        let mut rescued = Vec::new();
        for job in jobs.values_mut() {
            let worker = job.worker.clone().unwrap_or_default();
            let death = retry::rescue(job.rescues);
            let event = if death.is_some() {
                Event::Die
            } else {
                Event::Rescue
            };
            job.hear(event, self.now, &mut tx.tally);
            job.rescues += 1;
            let failure = death.clone().unwrap_or_else(|| lost(&worker));
            job.fail(&failure)?;
            if death.is_some() {
                deaths.add(job, &failure, self.now)?;
            }
            errors.push((job.id.clone(), job.lease, self.now, worker, job.failure.clone()));
            rescued.push(Rescued {
                job: job.id.clone(),
                state: job.state,
            });
        }
        tx.write_jobs(jobs.values()).await?;
        insert_errors(tx, &errors).await?;
        deaths.write(tx).await?;
        let ended: Vec<_> = jobs.values().map(|job| (job, &[][..])).collect();
        tx.announce(&ended).await?;
        Ok(rescued)
    }
}

fn lost(worker: &str) -> Failure {
    let message = format!("the worker `{worker}` was lost: nothing was heard of it while it ran this job");
    Failure::new(FailureKind::Crash, message)
}

/// States are named where jobs are looked for; these are what the transitions want.
#[cfg(test)]
#[test]
fn the_states_looked_for_are_those_of_the_table() {
    use workflow::job::{State, before};
    assert_eq!(before(Event::Due).collect::<Vec<_>>(), [State::RetryWaiting]);
    assert_eq!(before(Event::Rescue).collect::<Vec<_>>(), [State::Running]);
    assert_eq!(before(Event::Release).collect::<Vec<_>>(), [State::Parked]);
}
