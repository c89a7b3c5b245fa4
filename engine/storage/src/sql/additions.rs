//! What the ends of attempts add besides the jobs' own rows: results, errors, dead letters, known failures.

use serde_json::Value;
use workflow::failure::{Failure, FailureKind};
use workflow::job::Event;
use workflow::ports::{End, Settlement, StoredRendition};

use super::dead::Deaths;
use super::fault::Done;
use super::hot::Hot;
use super::row::rows;
use super::settle::Settle;
use super::tally::Tally;
use super::tx::Tx;

/// Everything that a batch of settlements adds, in rows.
#[derive(Default)]
pub(super) struct Additions<'a> {
    renditions: Vec<(&'a str, &'a StoredRendition)>,
    reports: Vec<(&'a str, String)>,
    errors: Vec<(&'a str, i64, i64, String, String)>,
    known: Vec<(&'a str, String, i64)>,
    deaths: Deaths,
}

impl<'a> Additions<'a> {
    pub(super) fn end(&mut self, ask: &'a Settle, job: &mut Hot, tally: &mut Tally) -> Done<()> {
        let Settlement {
            lease, end, known, ..
        } = &ask.input;
        let id = lease.job.as_str();
        match end {
            End::Succeeded { renditions, report } => {
                job.hear(Event::Succeed, ask.now, tally);
                job.failure = None;
                self.succeed(id, renditions, report)?;
            }
            End::Retry { at, failure, rescue } => {
                job.hear(Event::Retry, ask.now, tally);
                job.due_at = Some(*at);
                job.pass = false;
                self.error(ask, job, failure, *rescue)?;
            }
            End::Dead { failure, report } => {
                job.hear(Event::Die, ask.now, tally);
                self.error(ask, job, failure, failure.kind == FailureKind::Crash)?;
                self.report(id, report)?;
                self.deaths.add(job, failure, ask.now)?;
            }
            End::GivenBack { at } if *at <= ask.now => {
                job.hear(Event::GiveBack, ask.now, tally);
            }
            // Waits like a retry, but nothing is counted.
            End::GivenBack { at } => {
                job.hear(Event::Retry, ask.now, tally);
                job.due_at = Some(*at);
            }
            End::Parked { .. } => {}
        }
        if let Some((key, failure)) = known {
            self.known.push((key, serde_json::to_string(failure)?, ask.now));
        }
        Ok(())
    }

    pub(super) fn succeed(
        &mut self,
        id: &'a str,
        renditions: &'a [StoredRendition],
        report: &Value,
    ) -> Done<()> {
        self.renditions
            .extend(renditions.iter().map(|rendition| (id, rendition)));
        self.report(id, report)
    }

    fn report(&mut self, id: &'a str, report: &Value) -> Done<()> {
        self.reports.push((id, serde_json::to_string(report)?));
        Ok(())
    }

    fn error(&mut self, ask: &'a Settle, job: &mut Hot, failure: &Failure, rescue: bool) -> Done<()> {
        let counter = if rescue { &mut job.rescues } else { &mut job.errors };
        *counter += 1;
        job.fail(failure)?;
        let worker = job.worker.clone().unwrap_or_default();
        let lease = &ask.input.lease;
        let failure = serde_json::to_string(failure)?;
        self.errors
            .push((&lease.job, lease.number, ask.now, worker, failure));
        Ok(())
    }

    pub(super) async fn write(mut self, tx: &mut Tx<'_>) -> Done<()> {
        let renditions: Vec<_> = self.renditions.iter().map(columns).collect();
        tx.each(
            "INSERT INTO renditions (job, name, blob, length, media_type, width, height, step_key)
             SELECT value->>0, value->>1, value->>2, CAST(value->>3 AS BIGINT), value->>4,
                 CAST(value->>5 AS BIGINT), CAST(value->>6 AS BIGINT), value->>7 FROM rows($1)",
            rows(&renditions)?,
        )
        .await?;
        tx.each(
            "INSERT INTO reports (job, body) SELECT value->>0, value->>1 FROM rows($1)
             WHERE true ON CONFLICT (job) DO UPDATE SET body = excluded.body",
            rows(&self.reports)?,
        )
        .await?;
        insert_errors(tx, &self.errors).await?;
        self.deaths.write(tx).await?;
        self.known.sort_unstable();
        tx.each(
            "INSERT INTO known_failures (step_key, failure, at)
             SELECT value->>0, value->>1, CAST(value->>2 AS BIGINT) FROM rows($1)
             WHERE true ON CONFLICT (step_key) DO NOTHING",
            rows(&self.known)?,
        )
        .await?;
        Ok(())
    }
}

/// Job, lease, time, worker and failure of attempts that failed.
pub(super) async fn insert_errors<T: serde::Serialize + Sync>(tx: &mut Tx<'_>, errors: &[T]) -> Done<()> {
    tx.each(
        "INSERT INTO errors (job, lease, at, worker, failure)
         SELECT value->>0, CAST(value->>1 AS BIGINT), CAST(value->>2 AS BIGINT), value->>3, value->>4 FROM rows($1)",
        rows(errors)?,
    )
    .await?;
    Ok(())
}

fn columns<'a>((job, rendition): &(&'a str, &'a StoredRendition)) -> impl serde::Serialize + use<'a> {
    let StoredRendition {
        name,
        blob,
        media_type,
        width,
        height,
        key,
    } = rendition;
    (
        *job,
        name,
        &blob.digest,
        blob.length,
        media_type,
        width,
        height,
        key,
    )
}
