//! The port `Queue`, handed on to whoever does it.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use sqlx::any::AnyRow;
use workflow::failure::Failure;
use workflow::job::State;
use workflow::plan::Plan;
use workflow::ports::{
    Accepted, AuditEntry, Claimed, Earlier, Lease, Millis, Queue, Rescued, Settled, Settlement, Stored,
    Submission,
};

use super::SqlStore;
use super::cancel::Cancel;
use super::claim::Want;
use super::fault::Done;
use super::plans::Remember;
use super::replay::Replay;
use super::row::{Arg, Read, column};
use super::sweep;
use super::withdraw::Withdraw;
use super::writer::Op;

impl SqlStore {
    /// Reads outside of any transaction.
    pub(super) async fn look(&self, statement: &str, args: &[Arg]) -> Stored<Vec<AnyRow>> {
        Self::told(self.db.look(statement, args).await)
    }

    /// Whether there is such a row. Who finds nothing to do knows it by a read, without a transaction that writes.
    pub(super) async fn any(&self, statement: &str, args: &[Arg]) -> Stored<bool> {
        Ok(!self.look(statement, args).await?.is_empty())
    }

    /// In the order of an index, so that no other plan can be thought of.
    async fn any_queued(&self) -> Stored<bool> {
        let first = "SELECT id FROM jobs WHERE state = 'queued' ORDER BY lane, turn, id LIMIT 1";
        self.any(first, &[]).await
    }

    pub(super) fn read<T>(found: &[AnyRow], read: impl Fn(&AnyRow) -> Done<T>) -> Stored<Vec<T>> {
        Self::told(found.iter().map(read).collect())
    }

    pub(super) fn told<T>(done: Done<T>) -> Stored<T> {
        done.map_err(|fault| fault.told(false))
    }
}

#[async_trait]
impl Queue for SqlStore {
    async fn remember(&self, plan: &Plan, now: Millis) -> Stored<()> {
        if self.plans.get(&plan.digest).is_none() {
            self.db.transact(&Remember { plan, now }).await?;
            self.plans.keep(plan);
        }
        Ok(())
    }

    async fn plan(&self, digest: &str) -> Stored<Option<Plan>> {
        if let Some(plan) = self.plans.get(digest) {
            return Ok(Some(plan));
        }
        let found = self
            .look("SELECT body FROM plans WHERE digest = $1", &[digest.into()])
            .await?;
        let plan = Self::read(&found, |row| row.json("body"))?.pop();
        if let Some(plan) = &plan {
            self.plans.keep(plan);
        }
        Ok(plan)
    }

    async fn enqueue(&self, submission: Submission, now: Millis) -> Stored<Accepted> {
        self.writer.enqueue(submission, now).await
    }

    async fn claim(&self, worker: &str, want: u32, now: Millis) -> Stored<Vec<Claimed>> {
        let idle = &self.db.idle;
        if idle.load(Ordering::Relaxed) && !self.any_queued().await? {
            return Ok(Vec::new());
        }
        let worker = worker.to_owned();
        let claimed = self.writer.ask(Op::Claim, Want { worker, want }, now).await?;
        idle.store(claimed.is_empty(), Ordering::Relaxed);
        Ok(claimed)
    }

    async fn arrived(&self) {
        self.db.ready.wait().await;
    }

    async fn heartbeat(&self, leases: &[Lease], now: Millis) -> Stored<Vec<Lease>> {
        self.writer.ask(Op::Heartbeat, leases.to_vec(), now).await
    }

    async fn settle(&self, settlement: Settlement, now: Millis) -> Stored<Settled> {
        self.writer.ask(Op::Settle, settlement, now).await
    }

    async fn sweep(&self, stale_before: Millis, now: Millis) -> Stored<Vec<Rescued>> {
        sweep::sweep(&self.db, stale_before, now).await
    }

    async fn make_due(&self, latest: Millis, now: Millis) -> Stored<()> {
        sweep::due(&self.db, latest, now).await
    }

    async fn cancel(&self, job: &str, entry: Option<&AuditEntry>, now: Millis) -> Stored<Option<State>> {
        self.db.transact(&Cancel { job, entry, now }).await
    }

    async fn request(&self, owner: &str, key: &str) -> Stored<Option<Earlier>> {
        // Most keys are new, and then nothing is written.
        let known = "SELECT job FROM requests WHERE owner = $1 AND request_key = $2";
        if !self.any(known, &[owner.into(), key.into()]).await? {
            return Ok(None);
        }
        self.db.transact(&Replay { owner, key }).await
    }

    async fn withdraw(&self, jobs: &[String], now: Millis) -> Stored<()> {
        self.db.transact(&Withdraw { jobs, now }).await
    }

    async fn known_failure(&self, keys: &[String]) -> Stored<Option<(String, Failure)>> {
        let keys = Self::told(column(keys.iter().map(String::as_str)))?;
        let found = self
            .look(
                "SELECT step_key, failure FROM known_failures WHERE step_key IN (SELECT value->>0 FROM rows($1))
                 ORDER BY at LIMIT 1",
                &[keys],
            )
            .await?;
        let known = Self::read(&found, |row| Ok((row.text("step_key")?, row.json("failure")?)))?;
        Ok(known.into_iter().next())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use workflow::ports::Retention;

    /// The one connection that writes is taken: who wants it waits longer than the test does.
    #[tokio::test]
    async fn who_finds_nothing_to_do_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("jobs.db").display());
        let store = SqlStore::open(&url).await.unwrap();
        assert!(store.claim("worker", 1, 0).await.unwrap().is_empty());
        let taken = store.db.write.acquire().await.unwrap();
        let idle = async {
            assert!(store.claim("worker", 1, 0).await.unwrap().is_empty());
            assert!(store.sweep(0, 0).await.unwrap().is_empty());
            assert_eq!(store.forget(0, 1).await.unwrap(), 0);
            assert!(store.doom("burier", 1, 0).await.unwrap().is_empty());
        };
        let ended = tokio::time::timeout(Duration::from_secs(5), idle).await;
        assert!(ended.is_ok(), "somebody wants to write");
        drop(taken);
    }
}
