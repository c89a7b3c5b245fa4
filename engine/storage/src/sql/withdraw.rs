//! Taking back what was accepted a moment ago, because its original cannot be kept after all.
//!
//! Nobody was told of these jobs, so those that wait are gone as if they had never been. What a worker has begun is
//! cancelled: it may be writing. The idempotency key goes with them, so that who sends it again gets new jobs.

use std::collections::BTreeSet;

use async_trait::async_trait;
use workflow::job::{Event, State};
use workflow::ports::{Millis, StoredRendition};

use super::fault::Done;
use super::hot::Hot;
use super::letters;
use super::row::{column, rows};
use super::tx::{Tx, Work};

pub(super) struct Withdraw<'a> {
    pub(super) jobs: &'a [String],
    pub(super) now: Millis,
}

#[async_trait]
impl Work for Withdraw<'_> {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Done<()> {
        let jobs = tx.lock(self.jobs.iter().map(String::as_str)).await?;
        let (waiting, begun): (Vec<Hot>, Vec<Hot>) = jobs.into_values().partition(waits);
        remove(tx, &waiting).await?;
        let ids = column(self.jobs.iter().map(String::as_str))?;
        tx.each(
            "DELETE FROM requests WHERE job IN (SELECT value->>0 FROM rows($1))",
            ids,
        )
        .await?;
        cancel(tx, begun, self.now).await
    }
}

fn waits(job: &Hot) -> bool {
    matches!(job.state, State::Queued | State::RetryWaiting | State::Parked)
}

/// Those that have ended well stay.
async fn cancel(tx: &mut Tx<'_>, begun: Vec<Hot>, now: Millis) -> Done<()> {
    let mut ended = Vec::new();
    for mut job in begun {
        let was = job.state;
        if job.hear(Event::Cancel, now, &mut tx.tally) {
            if was == State::Dead {
                letters::remove(tx, &[job.id.as_str()]).await?;
            }
            ended.push(job);
        }
    }
    tx.write_jobs(&ended).await?;
    let nothing: &[StoredRendition] = &[];
    let told: Vec<_> = ended.iter().map(|job| (job, nothing)).collect();
    tx.announce(&told).await
}

async fn remove(tx: &mut Tx<'_>, waiting: &[Hot]) -> Done<()> {
    if waiting.is_empty() {
        return Ok(());
    }
    for job in waiting {
        tx.tally.count(&job.pipeline, job.state, -1);
        if let Some(plugin) = &job.parked_on {
            tx.tally.park(plugin, -1);
        }
    }
    let uses: Vec<_> = waiting.iter().map(|job| (&job.original, &job.id)).collect();
    tx.each(
        "DELETE FROM originals WHERE (digest, job) IN (SELECT value->>0, value->>1 FROM rows($1))",
        rows(&uses)?,
    )
    .await?;
    let ids = column(waiting.iter().map(|job| job.id.as_str()))?;
    for statement in [
        "DELETE FROM errors WHERE job IN (SELECT value->>0 FROM rows($1))",
        "DELETE FROM jobs WHERE id IN (SELECT value->>0 FROM rows($1))",
    ] {
        tx.run(statement, std::slice::from_ref(&ids)).await?;
    }
    let loose: BTreeSet<String> = waiting.iter().map(|job| job.original.clone()).collect();
    tx.loosen(&loose).await
}
