//! A step of an operation: what has ended is counted, and what may go is sent.

use workflow::ports::{Advanced, Millis, NewRedrive, RedriveView};
use workflow::redrive::Ends;

use super::{lock, save};
use crate::sql::fault::Done;
use crate::sql::letters::{candidates, send_again};
use crate::sql::row::{Read, rows};
use crate::sql::tx::{Tx, Work};

pub(super) struct Advance<'a> {
    pub(super) id: &'a str,
    pub(super) now: Millis,
}

#[async_trait::async_trait]
impl Work for Advance<'_> {
    type Out = Option<Advanced>;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Option<Advanced>> {
        let Some(mut redrive) = lock(tx, self.id).await? else {
            return Ok(None);
        };
        let mut sent = Vec::new();
        if redrive.finished_at.is_none() {
            let before = redrive.progress.clone();
            let ends = ends(tx, self.id).await?;
            let most = redrive.progress.step(&redrive.asked.rules, ends, self.now);
            if most > 0 {
                sent = send(tx, &mut redrive, most, self.now).await?;
            }
            if redrive.progress != before {
                redrive.reason = redrive
                    .reason
                    .or_else(|| redrive.progress.stopped(&redrive.asked.rules));
                save(tx, &mut redrive, self.now).await?;
            }
        }
        Ok(Some(Advanced { redrive, sent }))
    }
}

/// Takes note of what has ended since the last step.
async fn ends(tx: &mut Tx<'_>, id: &str) -> Done<Ends> {
    let found = tx
        .all(
            "SELECT sent.job AS job, CASE
                 WHEN jobs.redrives > sent.redrives OR jobs.state = 'dead' THEN 'dead'
                 WHEN jobs.state = 'succeeded' THEN 'succeeded'
                 ELSE 'cancelled' END AS ended
             FROM redrive_jobs AS sent LEFT JOIN jobs ON jobs.id = sent.job
             WHERE sent.redrive = $1 AND sent.waiting = 1 AND (jobs.id IS NULL
                 OR jobs.redrives > sent.redrives OR jobs.state IN ('succeeded', 'dead', 'cancelled'))",
            &[id.into()],
        )
        .await?;
    let mut ends = Ends::default();
    let (mut dead, mut gone) = (Vec::new(), Vec::new());
    for row in &found {
        let (count, list) = match row.text("ended")?.as_str() {
            "dead" => (&mut ends.dead_again, &mut dead),
            "succeeded" => (&mut ends.succeeded, &mut gone),
            _ => (&mut ends.cancelled, &mut gone),
        };
        *count += 1;
        list.push((id, row.text("job")?));
    }
    let these = "(redrive, job) IN (SELECT value->>0, value->>1 FROM rows($1))";
    let keep = format!("UPDATE redrive_jobs SET waiting = 0 WHERE {these}");
    tx.each(&keep, rows(&dead)?).await?;
    let forget = format!("DELETE FROM redrive_jobs WHERE {these}");
    tx.each(&forget, rows(&gone)?).await?;
    Ok(ends)
}

/// Sends the oldest candidates that are left. Gives back which.
async fn send(tx: &mut Tx<'_>, redrive: &mut RedriveView, most: u32, now: Millis) -> Done<Vec<String>> {
    let NewRedrive {
        id, wanted, rules, ..
    } = &redrive.asked;
    let Some(mut conditions) = candidates(wanted, redrive.started_at)? else {
        redrive.progress.sent(rules, 0, false);
        return Ok(Vec::new());
    };
    conditions.and(
        "NOT EXISTS (SELECT 1 FROM redrive_jobs AS sent WHERE sent.redrive = $ AND sent.job = dead.job)",
        id.as_str(),
    );
    let (jobs, more) = send_again(tx, conditions, &wanted.targets, most, now).await?;
    let members: Vec<_> = jobs.values().map(|job| (id, &job.id, job.redrives)).collect();
    tx.each(
        "INSERT INTO redrive_jobs (redrive, job, redrives)
         SELECT value->>0, value->>1, CAST(value->>2 AS BIGINT) FROM rows($1)",
        rows(&members)?,
    )
    .await?;
    redrive.progress.sent(rules, jobs.len() as u32, more);
    Ok(jobs.into_keys().collect())
}
