//! Dead letters as a transaction writes them: one row each, and one for all that died of the same thing.
//!
//! Groups are counted up and down here and nowhere else; a group without letters has no row. Listing, purging and
//! sending through again are in `letters`.

use std::collections::BTreeMap;

use workflow::failure::Failure;
use workflow::ports::Millis;
use workflow::retry;

use super::fault::Done;
use super::hot::Hot;
use super::row::{column, rows};
use super::tx::Tx;

/// What a transaction adds.
#[derive(Default)]
pub(super) struct Deaths {
    letters: Vec<Letter>,
    groups: Groups,
}

struct Letter {
    job: Hot,
    failure: String,
    fingerprint: String,
    died_at: Millis,
}

/// Changes of groups, by fingerprint.
#[derive(Default)]
pub(super) struct Groups(BTreeMap<String, Group>);

struct Group {
    pipeline: String,
    n: i64,
    at: Millis,
    failure: String,
}

impl Deaths {
    pub(super) fn add(&mut self, job: &Hot, failure: &Failure, now: Millis) -> Done<()> {
        let fingerprint = retry::fingerprint(&job.pipeline, failure);
        let failure = serde_json::to_string(failure)?;
        self.groups.count(&fingerprint, &job.pipeline, &failure, now, 1);
        self.letters.push(Letter {
            job: job.clone(),
            failure,
            fingerprint,
            died_at: now,
        });
        Ok(())
    }

    pub(super) async fn write(&self, tx: &mut Tx<'_>) -> Done<()> {
        let letters: Vec<_> = self.letters.iter().map(columns).collect();
        tx.each(
            "INSERT INTO dead
                 (job, pipeline, plan, original, length, filename, failure, fingerprint, died_at, redrives)
             SELECT value->>0, value->>1, value->>2, value->>3, CAST(value->>4 AS BIGINT), value->>5, value->>6,
                 value->>7, CAST(value->>8 AS BIGINT), CAST(value->>9 AS BIGINT) FROM rows($1)",
            rows(&letters)?,
        )
        .await?;
        self.groups.write(tx).await
    }
}

fn columns(letter: &Letter) -> impl serde::Serialize + '_ {
    let job = &letter.job;
    (
        &job.id,
        &job.pipeline,
        &job.plan,
        &job.original,
        job.length,
        &job.filename,
        &letter.failure,
        &letter.fingerprint,
        letter.died_at,
        job.redrives,
    )
}

impl Groups {
    pub(super) fn count(&mut self, fingerprint: &str, pipeline: &str, failure: &str, at: Millis, n: i64) {
        let group = self.0.entry(fingerprint.to_owned()).or_insert_with(|| Group {
            pipeline: pipeline.to_owned(),
            n: 0,
            at,
            failure: failure.to_owned(),
        });
        group.n += n;
        if at >= group.at {
            group.at = at;
            failure.clone_into(&mut group.failure);
        }
    }

    /// In the order of fingerprints, so that transactions cannot wait in a circle.
    pub(super) async fn write(&self, tx: &mut Tx<'_>) -> Done<()> {
        let groups = self.0.iter();
        let groups: Vec<_> = groups
            .map(|(fingerprint, group)| (fingerprint, &group.pipeline, group.n, group.at, &group.failure))
            .collect();
        tx.each(
            "INSERT INTO dead_groups (fingerprint, pipeline, n, first_at, last_at, failure)
             SELECT value->>0, value->>1, CAST(value->>2 AS BIGINT), CAST(value->>3 AS BIGINT),
                 CAST(value->>3 AS BIGINT), value->>4 FROM rows($1)
             WHERE true ON CONFLICT (fingerprint) DO UPDATE SET
                 n = dead_groups.n + excluded.n,
                 last_at = CASE WHEN excluded.n > 0 THEN excluded.last_at ELSE dead_groups.last_at END,
                 failure = CASE WHEN excluded.n > 0 THEN excluded.failure ELSE dead_groups.failure END",
            rows(&groups)?,
        )
        .await?;
        let fewer = self.0.iter().filter(|(_, group)| group.n < 0);
        tx.each(
            "DELETE FROM dead_groups WHERE n <= 0 AND fingerprint IN (SELECT value->>0 FROM rows($1))",
            column(fewer.map(|(fingerprint, _)| fingerprint.as_str()))?,
        )
        .await?;
        Ok(())
    }
}
