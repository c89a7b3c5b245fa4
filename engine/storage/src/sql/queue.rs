//! The port `Queue`, handed on to whoever does it.

use async_trait::async_trait;
use sqlx::any::AnyRow;
use workflow::failure::Failure;
use workflow::job::State;
use workflow::plan::Plan;
use workflow::ports::{
    Accepted, Claimed, Lease, Millis, Queue, Rescued, Settled, Settlement, Stored, Submission,
};

use super::SqlStore;
use super::cancel::Cancel;
use super::claim::Want;
use super::fault::Done;
use super::plans::Remember;
use super::row::{Arg, Read, column};
use super::sweep;
use super::writer::Op;

impl SqlStore {
    /// Reads outside of any transaction.
    pub(super) async fn look(&self, statement: &str, args: &[Arg]) -> Stored<Vec<AnyRow>> {
        Self::told(self.db.look(statement, args).await)
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
        let worker = worker.to_owned();
        self.writer.ask(Op::Claim, Want { worker, want }, now).await
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

    async fn cancel(&self, job: &str, now: Millis) -> Stored<Option<State>> {
        self.db.transact(&Cancel { job, now }).await
    }

    async fn known_failure(&self, keys: &[String]) -> Stored<Option<Failure>> {
        let keys = Self::told(column(keys.iter().map(String::as_str)))?;
        let found = self
            .look(
                "SELECT failure FROM known_failures WHERE step_key IN (SELECT value->>0 FROM rows($1))
                 ORDER BY at LIMIT 1",
                &[keys],
            )
            .await?;
        Ok(Self::read(&found, |row| row.json("failure"))?.pop())
    }
}
