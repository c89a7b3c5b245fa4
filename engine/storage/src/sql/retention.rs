//! Forgetting: old jobs, and blobs that nothing refers to.
//!
//! Whether a blob is referred to is looked up only for those that lost a reference, so that the size of the store
//! does not matter. Plans are few and are kept: a server that has run for longer than jobs are kept still submits under
//! plans that it remembered at its start, and a dead letter may be sent to any of them.

use async_trait::async_trait;
use workflow::ports::{BURIAL, Identity, Millis, Retention, Start, Stored};

use super::SqlStore;
use super::burial::{BURIED, Doom, FREED, FREED_BY_ITS_BURIER, SPARED, STRAY, UNWANTED, held};
use super::fault::Done;
use super::identity::{self, Begin};
use super::row::{Read, column, texts};
use super::tx::{Tx, Work};

#[async_trait]
impl Retention for SqlStore {
    async fn forget(&self, ended_before: Millis, limit: u32) -> Stored<u64> {
        let mut forgotten = 0;
        if self.any(OLD, &[ended_before.into()]).await? {
            forgotten = self.db.transact(&Forget { ended_before, limit }).await?;
        }
        if forgotten < u64::from(limit) {
            self.forget_owners(limit).await?;
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
        let args = [digest.into(), burier.into(), now.into()];
        Ok(self.db.change(STRAY, &args).await? > 0)
    }

    async fn buried(&self, burier: &str, digests: &[String]) -> Stored<()> {
        let digests = Self::told(column(digests.iter().map(String::as_str)))?;
        self.db.change(BURIED, &[digests, burier.into()]).await?;
        Ok(())
    }

    async fn spare(&self, burier: &str, digest: &str) -> Stored<()> {
        self.db.change(SPARED, &[digest.into(), burier.into()]).await?;
        Ok(())
    }

    async fn release(&self, burier: Option<&str>) -> Stored<u64> {
        if !self
            .any("SELECT digest FROM blobs WHERE doomed = 1 LIMIT 1", &[])
            .await?
        {
            return Ok(0);
        }
        match burier {
            Some(burier) => self.db.change(FREED_BY_ITS_BURIER, &[burier.into()]).await,
            None => self.db.change(FREED, &[]).await,
        }
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
    /// A transaction of its own: one that holds owners must not want blobs afterwards.
    async fn forget_owners(&self, limit: u32) -> Stored<()> {
        let first = format!("SELECT owner FROM owners WHERE {REACHED} LIMIT 1");
        if !self.any(&first, &[]).await? {
            return Ok(());
        }
        let forget = format!(
            "DELETE FROM owners WHERE (owner, lane) IN
                 (SELECT owner, lane FROM owners WHERE {REACHED} ORDER BY owner, lane LIMIT $1
                  FOR UPDATE SKIP LOCKED)"
        );
        self.db.change(&forget, &[limit.into()]).await?;
        Ok(())
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
