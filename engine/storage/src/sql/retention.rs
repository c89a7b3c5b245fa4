//! Forgetting: old jobs, and blobs that nothing refers to.
//!
//! Whether a blob is referred to is looked up only for those that lost a reference, so that the size of the store
//! does not matter. Plans are few and are kept.

use std::collections::BTreeSet;

use async_trait::async_trait;
use workflow::ports::{Millis, Retention, Stored};

use super::SqlStore;
use super::fault::Done;
use super::row::{column, rows, texts};
use super::tx::{Tx, Work};

#[async_trait]
impl Retention for SqlStore {
    async fn forget(&self, ended_before: Millis, limit: u32) -> Stored<u64> {
        self.db.transact(&Forget { ended_before, limit }).await
    }

    async fn doom(&self, limit: u32, _now: Millis) -> Stored<Vec<String>> {
        self.db.transact(&Doom { limit }).await
    }

    async fn doom_stray(&self, digest: &str, _now: Millis) -> Stored<bool> {
        // Nearly every blob is known, and to look is cheap. The transaction decides.
        let known = self
            .db
            .look("SELECT digest FROM blobs WHERE digest = $1", &[digest.into()])
            .await;
        if !known.map_err(|fault| fault.told(false))?.is_empty() {
            return Ok(false);
        }
        self.db.transact(&DoomStray { digest }).await
    }

    async fn buried(&self, digests: &[String]) -> Stored<()> {
        self.db.transact(&Buried { digests }).await
    }
}

struct Forget {
    ended_before: Millis,
    limit: u32,
}

#[async_trait]
impl Work for Forget {
    type Out = u64;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<u64> {
        let jobs = tx
            .lock_where(
                "WHERE state IN ('succeeded', 'cancelled') AND finished_at < $1
                 ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED",
                &[self.ended_before.into(), self.limit.into()],
            )
            .await?;
        self.forget_known_failures(tx).await?;
        if jobs.is_empty() {
            return Ok(0);
        }
        let mut loose: BTreeSet<String> = jobs.values().map(|job| job.original.clone()).collect();
        for job in jobs.values() {
            tx.tally.count(&job.pipeline, job.state, -1);
        }
        let ids = column(jobs.keys().map(String::as_str))?;
        let renditions =
            "DELETE FROM renditions WHERE job IN (SELECT value->>0 FROM rows($1)) RETURNING blob";
        loose.extend(texts(&tx.all(renditions, std::slice::from_ref(&ids)).await?)?);
        let uses: Vec<_> = jobs.values().map(|job| (&job.original, &job.id)).collect();
        tx.each(
            "DELETE FROM originals WHERE (digest, job) IN (SELECT value->>0, value->>1 FROM rows($1))",
            rows(&uses)?,
        )
        .await?;
        for statement in [
            "DELETE FROM reports WHERE job IN (SELECT value->>0 FROM rows($1))",
            "DELETE FROM errors WHERE job IN (SELECT value->>0 FROM rows($1))",
            "DELETE FROM webhook_deliveries WHERE job IN (SELECT value->>0 FROM rows($1))",
            "DELETE FROM requests WHERE job IN (SELECT value->>0 FROM rows($1))",
            "DELETE FROM jobs WHERE id IN (SELECT value->>0 FROM rows($1))",
        ] {
            tx.run(statement, std::slice::from_ref(&ids)).await?;
        }
        tx.loosen(&loose).await?;
        Ok(jobs.len() as u64)
    }
}

impl Forget {
    async fn forget_known_failures(&self, tx: &mut Tx<'_>) -> Done<()> {
        tx.run(
            "DELETE FROM known_failures WHERE step_key IN
                 (SELECT step_key FROM known_failures WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)",
            &[self.ended_before.into(), self.limit.into()],
        )
        .await?;
        Ok(())
    }
}

struct Doom {
    limit: u32,
}

#[async_trait]
impl Work for Doom {
    type Out = Vec<String>;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Vec<String>> {
        let loose = tx
            .all(
                "SELECT digest FROM blobs WHERE loose = 1 AND doomed = 0 ORDER BY digest LIMIT $1
                 FOR UPDATE SKIP LOCKED",
                &[self.limit.into()],
            )
            .await?;
        let loose = texts(&loose)?;
        // Another statement, so that it sees what was committed before the locks were given.
        tx.each(
            "UPDATE blobs SET loose = 0, doomed = CASE
                 WHEN EXISTS (SELECT 1 FROM originals WHERE originals.digest = blobs.digest) THEN 0
                 WHEN EXISTS (SELECT 1 FROM renditions WHERE blob = blobs.digest) THEN 0
                 ELSE 1 END
             WHERE digest IN (SELECT value->>0 FROM rows($1))",
            column(loose.iter().map(String::as_str))?,
        )
        .await?;
        let doomed = tx
            .all("SELECT digest FROM blobs WHERE doomed = 1 ORDER BY digest", &[])
            .await?;
        texts(&doomed)
    }
}

struct DoomStray<'a> {
    digest: &'a str,
}

#[async_trait]
impl Work for DoomStray<'_> {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<bool> {
        let statement =
            "INSERT INTO blobs (digest, length, doomed) VALUES ($1, 0, 1) ON CONFLICT (digest) DO NOTHING";
        Ok(tx.run(statement, &[self.digest.into()]).await? > 0)
    }
}

struct Buried<'a> {
    digests: &'a [String],
}

#[async_trait]
impl Work for Buried<'_> {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Done<()> {
        tx.each(
            "DELETE FROM blobs WHERE doomed = 1 AND digest IN (SELECT value->>0 FROM rows($1))",
            column(self.digests.iter().map(String::as_str))?,
        )
        .await?;
        Ok(())
    }
}
