//! Handing out jobs, fairest first.
//!
//! One statement a lane takes as many as are wanted, and skips what another transaction holds. Interactive jobs go
//! before bulk; but of every eighth job bulk has the first choice, so that it goes on under any load.

use serde::Deserialize;
use workflow::job::State;
use workflow::ports::{Blob, Claimed, Lane, Lease, Millis};

use super::fault::Done;
use super::row::Read;
use super::tally::number;
use super::tx::Tx;
use super::writer::Ask;

/// Who asks, and for how many.
#[derive(Debug)]
pub(super) struct Want {
    pub(super) worker: String,
    pub(super) want: u32,
}

pub(super) type Claim = Ask<Want, Vec<Claimed>>;

const BULK_EVERY: u64 = 8;

pub(super) async fn run(tx: &mut Tx<'_>, asks: &[Claim]) -> Done<Vec<Vec<Claimed>>> {
    let mut answers = Vec::with_capacity(asks.len());
    for ask in asks {
        answers.push(claim(tx, ask).await?);
    }
    Ok(answers)
}

async fn claim(tx: &mut Tx<'_>, ask: &Claim) -> Done<Vec<Claimed>> {
    let want = u64::from(ask.input.want);
    let before = tx.tally.claimed();
    let reserved = (before + want) / BULK_EVERY - before / BULK_EVERY;
    let mut jobs = take(tx, ask, Lane::Bulk, reserved).await?;
    let bulk_is_empty = (jobs.len() as u64) < reserved;
    let left = want - jobs.len() as u64;
    let interactive = take(tx, ask, Lane::Interactive, left).await?;
    let left = left - interactive.len() as u64;
    jobs.splice(0..0, interactive);
    if !bulk_is_empty {
        jobs.extend(take(tx, ask, Lane::Bulk, left).await?);
    }
    Ok(jobs)
}

async fn take(tx: &mut Tx<'_>, ask: &Claim, lane: Lane, want: u64) -> Done<Vec<Claimed>> {
    if want == 0 {
        return Ok(Vec::new());
    }
    let args = [
        ask.input.worker.as_str().into(),
        ask.now.into(),
        number(lane).into(),
        (want as i64).into(),
    ];
    let rows = tx.all(TAKE, &args).await?;
    let jobs = rows.iter().map(|row| row.json("job"));
    let mut jobs = jobs.collect::<Done<Vec<Taken>>>()?;
    for job in &jobs {
        tx.tally.claim(lane, job.turn);
        tx.tally.count(&job.pipeline, State::Queued, -1);
        tx.tally.count(&job.pipeline, State::Running, 1);
    }
    jobs.sort_by(|a, b| (a.turn, &a.id).cmp(&(b.turn, &b.id)));
    Ok(jobs.into_iter().map(|job| job.claimed(lane)).collect())
}

/// The transition `Claim`. Materialized, so that the rows are picked once, whatever the planner does.
const TAKE: &str = "WITH picked AS MATERIALIZED (
        SELECT id AS picked_id FROM jobs WHERE state = 'queued' AND lane = $3 ORDER BY turn, id LIMIT $4
        FOR UPDATE SKIP LOCKED)
    UPDATE jobs SET state = 'running', lease = lease + 1, worker = $1, heartbeat_at = $2, started_at = $2,
        due_at = NULL
    WHERE id IN (SELECT picked_id FROM picked)
    RETURNING json[id, lease, pipeline, plan, original, length, errors, rescues, submitted_at, pass, turn] AS job";

/// What the statement gives back, in its order.
#[derive(Deserialize)]
struct Taken {
    id: String,
    lease: i64,
    pipeline: String,
    plan: String,
    original: String,
    length: u64,
    errors: u32,
    rescues: u32,
    submitted_at: Millis,
    pass: i64,
    turn: i64,
}

impl Taken {
    fn claimed(self, lane: Lane) -> Claimed {
        Claimed {
            lease: Lease {
                job: self.id,
                number: self.lease,
            },
            pipeline: self.pipeline,
            plan: self.plan,
            original: Blob {
                digest: self.original,
                length: self.length,
            },
            lane,
            errors: self.errors,
            rescues: self.rescues,
            submitted_at: self.submitted_at,
            pass: self.pass != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use workflow::job::{Event, after};

    #[test]
    fn the_statement_is_a_row_of_the_table() {
        assert_eq!(after(State::Queued, Event::Claim), Some(State::Running));
    }
}
