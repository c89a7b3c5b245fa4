//! Taking back what was accepted a moment ago, because its original cannot be kept after all.
//!
//! Nobody was told of these jobs, so those that wait are gone as if they had never been. What a worker has begun is
//! cancelled: it may be writing. The idempotency key goes with them, so that who sends it again gets new jobs. If
//! somebody has sent it again already, and was told of them, they stay. The order of locks is that of `batch`.

use async_trait::async_trait;
use workflow::job::{Event, State};
use workflow::ports::{Millis, StoredRendition};

use super::fault::{Done, Fault};
use super::hot::{Hot, Jobs};
use super::letters;
use super::row::{Arg, column};
use super::tally::Tally;
use super::tx::{Tx, Work};

pub(super) struct Withdraw<'a> {
    pub(super) jobs: &'a [String],
    pub(super) now: Millis,
}

#[async_trait]
impl Work for Withdraw<'_> {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Done<()> {
        let ids = column(self.jobs.iter().map(String::as_str))?;
        if any_told(tx, &ids).await? {
            return Ok(());
        }
        let jobs = tx.lock(self.jobs.iter().map(String::as_str)).await?;
        if jobs.values().all(|job| job.state == State::Succeeded) {
            return Ok(());
        }
        let (waiting, begun): (Vec<Hot>, Vec<Hot>) = jobs.into_values().partition(waits);
        let (ended, dead) = end(begun, self.now, &mut tx.tally);
        let loose = tx.drop_originals(waiting.iter().chain(dead.values())).await?;
        remove(tx, &waiting).await?;
        tx.loosen(&loose).await?;
        let unless_told =
            "DELETE FROM requests WHERE replayed = 0 AND job IN (SELECT value->>0 FROM rows($1))";
        tx.each(unless_told, ids.clone()).await?;
        // Somebody was, since it was looked at: nothing of this is to be.
        if any_told(tx, &ids).await? {
            return Err(Fault::Race);
        }
        letters::finish(tx, &dead).await?;
        tx.write_jobs(&ended).await?;
        let nothing: &[StoredRendition] = &[];
        let told: Vec<_> = ended.iter().map(|job| (job, nothing)).collect();
        tx.announce(&told).await
    }
}

/// The key of these jobs came again.
async fn any_told(tx: &mut Tx<'_>, ids: &Arg) -> Done<bool> {
    let told = "SELECT job FROM requests WHERE replayed = 1 AND job IN (SELECT value->>0 FROM rows($1))";
    Ok(!tx.all(told, std::slice::from_ref(ids)).await?.is_empty())
}

fn waits(job: &Hot) -> bool {
    matches!(job.state, State::Queued | State::RetryWaiting | State::Parked)
}

/// What is cancelled, and what died and is let go. Those that have ended well stay.
fn end(begun: Vec<Hot>, now: Millis, tally: &mut Tally) -> (Vec<Hot>, Jobs) {
    let mut ended = Vec::new();
    let mut dead = Jobs::new();
    for mut job in begun {
        if job.hear(Event::Cancel, now, tally) {
            ended.push(job);
        } else if job.hear(Event::Purge, now, tally) {
            dead.insert(job.id.clone(), job);
        }
    }
    (ended, dead)
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
    let ids = column(waiting.iter().map(|job| job.id.as_str()))?;
    for statement in [
        "DELETE FROM errors WHERE job IN (SELECT value->>0 FROM rows($1))",
        "DELETE FROM jobs WHERE id IN (SELECT value->>0 FROM rows($1))",
    ] {
        tx.run(statement, std::slice::from_ref(&ids)).await?;
    }
    Ok(())
}
