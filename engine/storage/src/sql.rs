//! The store in SQL: one implementation of all ports for SQLite and PostgreSQL.
//!
//! What is asked for often (`enqueue`, `claim`, `heartbeat`, `settle`) goes through writer tasks that commit what
//! waits as one group; see `writer`. Everything else is a transaction of its own. Queries are written once; the few
//! words in which the databases differ are in `dialect`. Reads use other connections and lock nothing.

mod additions;
mod announce;
mod audit;
mod batch;
mod blobs;
mod breakers;
mod browse;
mod burial;
mod cancel;
mod claim;
mod connect;
mod dead;
mod dialect;
mod enqueue;
mod fair;
mod fault;
mod filter;
mod hot;
mod identity;
mod letters;
mod parking;
mod plans;
mod queue;
mod ready;
mod redrives;
mod replay;
mod retention;
mod row;
mod settle;
mod success;
mod sweep;
mod tally;
mod tx;
mod webhooks;
mod withdraw;
mod writer;

use std::sync::Arc;

use workflow::ports::Stored;

use plans::Plans;
use tx::Db;
use writer::Writer;

/// How a store uses its database.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Transactions of the group commit at one time; SQLite has one always.
    pub writers: u32,
    /// Connections for reading.
    pub readers: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            writers: 4,
            readers: 8,
        }
    }
}

/// All ports over one database. Clones share it.
#[derive(Debug, Clone)]
pub struct SqlStore {
    db: Arc<Db>,
    writer: Writer,
    plans: Arc<Plans>,
}

impl SqlStore {
    /// `sqlite:PATH` (made where it is missing), `sqlite::memory:` or `postgres://…`. Brings the schema up to date.
    pub async fn open(url: &str) -> Stored<Self> {
        Self::open_with(url, Options::default()).await
    }

    pub async fn open_with(url: &str, options: Options) -> Stored<Self> {
        let db = Arc::new(connect::open(url, options).await?);
        Ok(Self {
            writer: Writer::start(&db, options.writers),
            plans: Arc::default(),
            db,
        })
    }

    /// Waits for what is under way and closes all connections; every later call fails.
    pub async fn close(&self) {
        self.db.close().await;
    }
}
