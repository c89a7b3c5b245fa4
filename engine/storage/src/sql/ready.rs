//! Word that jobs are ready: at once within the process, and between processes by PostgreSQL's NOTIFY.
//!
//! A transaction that made a job ready gives word after its commit. NOTIFY is no part of it, because transactions
//! that notify commit one after the other on the whole server; so a process sends one of its own, and not more than
//! one in `PAUSE`. A word may get lost with a connection, so whoever waits looks from time to time all the same.

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::PgListener;
use sqlx::{AnyPool, AssertSqlSafe, Executor};
use tokio::sync::Notify;

use super::fault::Done;
use super::row::texts;
use super::tx::Db;

/// Between two words to other processes; what becomes ready meanwhile is told together.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a waiter waits for word.
const LONG: Duration = Duration::from_secs(5);
/// The same if nobody can give it.
const SHORT: Duration = Duration::from_secs(1);

/// Between attempts to listen again.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(30);

/// One for each schema. A digest, because the name of a channel is short and that of a schema may not be.
const CHANNEL: &str = "SELECT 'stopbath_' || md5(CAST(current_schema() AS TEXT)) AS channel";

#[derive(Debug)]
pub(super) struct Ready {
    /// For whoever waits in this process.
    here: Notify,
    /// For the task that tells other processes.
    others: Notify,
    /// Word comes from everybody who can make jobs ready.
    heard: AtomicBool,
    /// Whose words these are: a process does not listen to itself.
    name: String,
}

impl Ready {
    /// `alone`: no other process uses the database.
    pub(super) fn new(alone: bool) -> Self {
        Self {
            here: Notify::new(),
            others: Notify::new(),
            heard: alone.into(),
            name: format!("{:016x}", RandomState::new().hash_one(())),
        }
    }

    /// Something was committed that may be claimed.
    pub(super) fn give_word(&self) {
        self.here.notify_one();
        self.others.notify_one();
    }

    /// Until there is word, or it is time to look.
    pub(super) async fn wait(&self) {
        let patience = if self.heard.load(Ordering::Relaxed) {
            LONG
        } else {
            SHORT
        };
        tokio::time::timeout(patience, self.here.notified()).await.ok();
    }
}

/// Tells other processes and listens to them, for as long as the store is open.
pub(super) async fn share(db: &Db, url: &str) -> Done<()> {
    let found = db.look(CHANNEL, &[]).await?;
    let channel = texts(&found)?.pop().unwrap_or_default();
    let ready = Arc::clone(&db.ready);
    db.spawn(tell(db.write.clone(), channel.clone(), ready));
    let ready = Arc::clone(&db.ready);
    db.spawn(listen(url.to_owned(), channel, ready));
    Ok(())
}

async fn tell(write: AnyPool, channel: String, ready: Arc<Ready>) {
    let notify = format!("NOTIFY {channel}, '{}'", ready.name);
    loop {
        ready.others.notified().await;
        if let Err(error) = write.execute(AssertSqlSafe(notify.clone())).await {
            tracing::debug!(%error, "other processes were not told of work");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen(url: String, channel: String, ready: Arc<Ready>) {
    let mut rest = FIRST_REST;
    loop {
        let Err(error) = hear(&url, &channel, &ready).await;
        tracing::warn!(%error, "nothing is heard of work at other processes; it is looked for");
        if ready.heard.swap(false, Ordering::Relaxed) {
            rest = FIRST_REST;
        }
        tokio::time::sleep(rest).await;
        rest = (rest * 2).min(LONGEST_REST);
    }
}

async fn hear(url: &str, channel: &str, ready: &Ready) -> Result<Infallible, sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(channel).await?;
    ready.heard.store(true, Ordering::Relaxed);
    // What was said before is not repeated.
    ready.here.notify_one();
    loop {
        // Nothing: the connection was lost and is there again, and something may have been said meanwhile.
        let word = listener.try_recv().await?;
        if word.is_none_or(|word| word.payload() != ready.name) {
            ready.here.notify_one();
        }
    }
}
