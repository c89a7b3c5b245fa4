//! Forgetting: old jobs, and blobs that nothing refers to.
//!
//! Whether a blob is referred to is looked up only for those that lost a reference, so that the size of the store
//! does not matter. Plans are few and are kept: a server that has run for longer than jobs are kept still submits under
//! plans that it remembered at its start, and a dead letter may be sent to any of them.

use async_trait::async_trait;
use workflow::ports::{BURIAL, Identity, Millis, Retention, Start, Stored};

use super::SqlStore;
use super::burial::{Buried, Doom, DoomStray, Release, Spare, UNWANTED, held};
use super::fault::Done;
use super::identity::{self, Begin};
use super::row::{Arg, Read, column, texts};
use super::tx::{Tx, Work};

#[async_trait]
impl Retention for SqlStore {
    async fn forget(&self, ended_before: Millis, limit: u32) -> Stored<u64> {
        let mut forgotten = 0;
        if self.any(OLD, &[ended_before.into()]).await? {
            forgotten = self.db.transact(&Forget { ended_before, limit }).await?;
        }
        if forgotten < u64::from(limit) && self.any_owner_reached().await? {
            self.db.transact(&ForgetOwners { limit }).await?;
        }
        Ok(forgotten)
    }

    async fn doom(&self, burier: &str, limit: u32, now: Millis) -> Stored<Vec<String>> {
        if !self.any(UNWANTED, &held(now)).await? {
            return Ok(Vec::new());
        }
        self.db.transact(&Doom { burier, limit, now }).await
    }

    async fn doom_stray(&self, burier: &str, digest: &str, now: Millis) -> Stored<bool> {
        // Nearly every blob is known, and to look is cheap. The transaction decides.
        let known = "SELECT digest FROM blobs WHERE digest = $1";
        if self.any(known, &[digest.into()]).await? {
            return Ok(false);
        }
        self.db.transact(&DoomStray { burier, digest, now }).await
    }

    async fn buried(&self, burier: &str, digests: &[String]) -> Stored<()> {
        self.db.transact(&Buried { burier, digests }).await
    }

    async fn spare(&self, burier: &str, digest: &str) -> Stored<()> {
        self.db.transact(&Spare { burier, digest }).await
    }

    async fn release(&self, burier: Option<&str>) -> Stored<u64> {
        if !self
            .any("SELECT digest FROM blobs WHERE doomed = 1 LIMIT 1", &[])
            .await?
        {
            return Ok(0);
        }
        self.db.transact(&Release { burier }).await
    }

    async fn doomed_until(&self, digest: &str) -> Stored<Option<Millis>> {
        let marked = "SELECT doomed_at FROM blobs WHERE digest = $1 AND doomed = 1";
        let found = self.look(marked, &[digest.into()]).await?;
        let at = Self::read(&found, |row| row.int("doomed_at"))?.pop();
        Ok(at.map(|at| at.saturating_add(BURIAL)))
    }

    async fn identity(&self) -> Stored<Option<Identity>> {
        Self::told(identity::read(&self.look(identity::ALL, &[]).await?))
    }

    async fn begin(&self, start: &Start) -> Stored<Identity> {
        self.db.transact(&Begin { start }).await
    }
}

impl SqlStore {
    /// Most rounds find nothing to do, and reads say so without a transaction that writes.
    async fn any(&self, statement: &str, args: &[Arg]) -> Stored<bool> {
        Ok(!self.look(statement, args).await?.is_empty())
    }

    async fn any_owner_reached(&self) -> Stored<bool> {
        let first = format!("SELECT owner FROM owners WHERE {REACHED} LIMIT 1");
        self.any(&first, &[]).await
    }
}

const OLD: &str = "SELECT id FROM
        (SELECT id FROM jobs WHERE state IN ('succeeded', 'cancelled') AND finished_at < $1
         ORDER BY finished_at LIMIT 1) AS ended
    UNION ALL SELECT step_key FROM
        (SELECT step_key FROM known_failures WHERE at < $1 ORDER BY at LIMIT 1) AS known";

/// Owners whose last turn the clock of their lane has reached. They say nothing: who has no row begins at the clock.
const REACHED: &str = "turn <= CASE lane WHEN 0 THEN (SELECT MAX(turn) FROM clocks WHERE lane = 0)
    ELSE (SELECT MAX(turn) FROM clocks WHERE lane = 1) END";

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
                 AND NOT EXISTS (SELECT 1 FROM redrive_jobs AS sent WHERE sent.job = jobs.id AND sent.waiting = 1)
                 ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED",
                &[self.ended_before.into(), self.limit.into()],
            )
            .await?;
        self.forget_known_failures(tx).await?;
        if jobs.is_empty() {
            return Ok(0);
        }
        for job in jobs.values() {
            tx.tally.count(&job.pipeline, job.state, -1);
        }
        let ids = column(jobs.keys().map(String::as_str))?;
        let mut loose = tx.drop_originals(jobs.values()).await?;
        let renditions =
            "DELETE FROM renditions WHERE job IN (SELECT value->>0 FROM rows($1)) RETURNING blob";
        loose.extend(texts(&tx.all(renditions, std::slice::from_ref(&ids)).await?)?);
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

/// A transaction of its own: one that holds owners must not want blobs afterwards.
struct ForgetOwners {
    limit: u32,
}

#[async_trait]
impl Work for ForgetOwners {
    type Out = u64;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<u64> {
        let statement = format!(
            "DELETE FROM owners WHERE (owner, lane) IN
                 (SELECT owner, lane FROM owners WHERE {REACHED} ORDER BY owner, lane LIMIT $1
                  FOR UPDATE SKIP LOCKED)"
        );
        tx.run(&statement, &[self.limit.into()]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use workflow::ports::{Blob, Lane, NewJob, Queue, Submission};

    fn job(owner: &str) -> NewJob {
        NewJob {
            id: format!("job of {owner}"),
            pipeline: "photos".into(),
            plan: "plan".into(),
            original: Blob {
                digest: "cat".into(),
                length: 1,
            },
            lane: Lane::Interactive,
            owner: owner.into(),
            filename: None,
            cost: 10,
        }
    }

    async fn owners(store: &SqlStore) -> Vec<String> {
        let found = store.look("SELECT owner FROM owners ORDER BY owner", &[]).await;
        texts(&found.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn owners_go_when_the_clock_has_reached_them() {
        let store = SqlStore::open("sqlite::memory:").await.unwrap();
        for owner in ["ann", "bob"] {
            let submission = Submission {
                jobs: vec![job(owner)],
                request: None,
            };
            store.enqueue(submission, 0).await.unwrap();
        }
        store.forget(0, 10).await.unwrap();
        assert_eq!(owners(&store).await, ["ann", "bob"], "nothing was claimed yet");
        store.claim("worker", 2, 0).await.unwrap();
        store.forget(0, 1).await.unwrap();
        assert_eq!(owners(&store).await, ["bob"], "no more than the limit");
        store.forget(0, 1).await.unwrap();
        assert!(owners(&store).await.is_empty());
    }
}
