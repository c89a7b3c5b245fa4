//! Transactions that write, and reads beside them.
//!
//! A transaction is a `Work` that can run again from its start: deadlocks, busy files, connections that were lost
//! before the commit and races that it noticed itself are tried again a few times. A connection whose transaction could
//! not be ended is thrown away, because nobody knows what it still holds.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, AnyPool, AssertSqlSafe, Connection, Transaction};
use tokio::task::JoinSet;
use workflow::ports::Stored;

use super::dialect::Dialect;
use super::fault::{Done, Fault};
use super::ready::Ready;
use super::row::{Arg, arguments};
use super::tally::Tally;
use crate::failpoint;

/// Tries of one transaction.
const TRIES: u32 = 6;

/// Rows that share what every transaction writes; see the schema.
const SHARDS: u32 = 16;

#[derive(Debug)]
pub(super) struct Db {
    pub(super) dialect: Dialect,
    pub(super) write: AnyPool,
    pub(super) read: AnyPool,
    /// The database lives in its only connection, which must not be closed.
    pub(super) in_memory: bool,
    pub(super) shards: AtomicU32,
    /// Jobs claimed by this process; decides when bulk has the first choice.
    pub(super) claimed: AtomicU64,
    /// The last claim found nothing.
    pub(super) idle: AtomicBool,
    pub(super) ready: Arc<Ready>,
    /// Stop with the store.
    pub(super) tasks: Mutex<JoinSet<()>>,
}

/// What a transaction does.
#[async_trait]
pub(super) trait Work: Send + Sync {
    type Out: Send;
    async fn run(&self, tx: &mut Tx<'_>) -> Done<Self::Out>;
}

/// One statement; gives back how many rows it changed.
struct Change<'a> {
    statement: &'a str,
    args: &'a [Arg],
}

#[async_trait]
impl Work for Change<'_> {
    type Out = u64;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<u64> {
        tx.run(self.statement, self.args).await
    }
}

/// A transaction under way.
pub(super) struct Tx<'c> {
    dialect: Dialect,
    inner: Transaction<'c, Any>,
    pub(super) shard: i64,
    pub(super) tally: Tally,
}

struct Failed {
    fault: Fault,
    committing: bool,
}

impl Failed {
    /// Nothing was done, and another try may do it.
    fn passes(&self) -> bool {
        self.fault.passes() || !self.committing && self.fault.is_lost_connection()
    }
}

/// Longer before each try.
async fn pause(tries: u32) -> u32 {
    tokio::time::sleep(Duration::from_millis(u64::from(tries * tries))).await;
    tries + 1
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        let committing = false;
        Self { fault, committing }
    }
}

impl Db {
    pub(super) async fn transact<W: Work>(&self, work: &W) -> Stored<W::Out> {
        let mut tries = 1;
        loop {
            match self.attempt(work).await {
                Ok(out) => return Ok(out),
                Err(failed) if failed.passes() && tries < TRIES => {
                    tracing::debug!(fault = %failed.fault, tries, "transaction runs again");
                    tries = pause(tries).await;
                }
                Err(failed) => return Err(failed.fault.told(failed.committing)),
            }
        }
    }

    /// A transaction of one statement; gives back how many rows it changed.
    pub(super) async fn change(&self, statement: &str, args: &[Arg]) -> Stored<u64> {
        self.transact(&Change { statement, args }).await
    }

    async fn attempt<W: Work>(&self, work: &W) -> Result<W::Out, Failed> {
        let mut connection = self.write.acquire().await.map_err(Fault::from)?;
        let (ended, outcome) = self.within(&mut connection, work).await;
        if !ended && !self.in_memory {
            connection.close_on_drop();
        }
        outcome
    }

    /// Also whether the transaction is over, one way or the other.
    async fn within<W: Work>(
        &self,
        connection: &mut AnyConnection,
        work: &W,
    ) -> (bool, Result<W::Out, Failed>) {
        let inner = match connection.begin_with(self.dialect.begin()).await {
            Ok(inner) => inner,
            Err(error) => return (false, Err(Fault::from(error).into())),
        };
        let mut tx = Tx {
            dialect: self.dialect,
            inner,
            shard: self.shard(),
            tally: Tally::new(self.claimed.load(Ordering::Relaxed)),
        };
        match run(&mut tx, work).await {
            Ok(out) => {
                failpoint::reach("before-commit");
                let claimed = tx.tally.claimed_now();
                let made_ready = tx.tally.made_ready();
                if let Err(error) = tx.inner.commit().await {
                    let fault = error.into();
                    return (
                        false,
                        Err(Failed {
                            fault,
                            committing: true,
                        }),
                    );
                }
                self.claimed.fetch_add(claimed, Ordering::Relaxed);
                if made_ready {
                    self.ready.give_word();
                }
                (true, Ok(out))
            }
            Err(fault) => (tx.inner.rollback().await.is_ok(), Err(fault.into())),
        }
    }

    /// Reads outside of any transaction.
    pub(super) async fn look(&self, statement: &str, args: &[Arg]) -> Done<Vec<AnyRow>> {
        let mut tries = 1;
        loop {
            let text = AssertSqlSafe(self.dialect.text(statement));
            let query = sqlx::query_with(text, arguments(args)?);
            match query.fetch_all(&self.read).await.map_err(Fault::from) {
                Err(fault) if fault.is_lost_connection() && tries < TRIES => tries = pause(tries).await,
                found => return found,
            }
        }
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(task);
    }

    pub(super) async fn close(&self) {
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .abort_all();
        self.read.close().await;
        self.write.close().await;
    }

    fn shard(&self) -> i64 {
        match self.dialect {
            Dialect::Sqlite => 0,
            Dialect::Postgres => i64::from(self.shards.fetch_add(1, Ordering::Relaxed) % SHARDS),
        }
    }
}

async fn run<W: Work>(tx: &mut Tx<'_>, work: &W) -> Done<W::Out> {
    let out = work.run(tx).await?;
    tx.write_tally().await?;
    Ok(out)
}

impl Tx<'_> {
    /// Runs a statement that gives rows.
    pub(super) async fn all(&mut self, statement: &str, args: &[Arg]) -> Done<Vec<AnyRow>> {
        let text = AssertSqlSafe(self.dialect.text(statement));
        let query = sqlx::query_with(text, arguments(args)?);
        Ok(query.fetch_all(&mut *self.inner).await?)
    }

    /// Runs a statement and gives back how many rows it changed.
    pub(super) async fn run(&mut self, statement: &str, args: &[Arg]) -> Done<u64> {
        let text = AssertSqlSafe(self.dialect.text(statement));
        let query = sqlx::query_with(text, arguments(args)?);
        Ok(query.execute(&mut *self.inner).await?.rows_affected())
    }

    /// Runs a statement for rows made by `rows`, unless there are none.
    pub(super) async fn each(&mut self, statement: &str, rows: Arg) -> Done<u64> {
        match &rows {
            Arg::Text(text) if text == "[]" => Ok(0),
            _ => self.run(statement, &[rows]).await,
        }
    }
}
