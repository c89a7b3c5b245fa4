//! Jobs a second: enqueued one by one by 64 callers, enqueued by the hundred, and claimed and settled.
//!
//! Claims take 200 at a time from four workers; every job is settled by a call of its own, as workers do it. A few
//! thousand jobs go through beforehand and are not timed, as with the other queues.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use sqlx::{AnyConnection, Connection as _};
use storage::sql::SqlStore;
use workflow::ports::Queue as _;

use crate::Failed;
use crate::jobs::{enqueue, job, join, settle, success};

const CALLERS: usize = 64;
const TOGETHER: usize = 100;
const BATCHERS: usize = 4;
const WORKERS: usize = 4;
const CLAIMED: u32 = 200;
const WARM_UP: usize = 2_000;

type Store = Arc<SqlStore>;

pub(crate) async fn measure(store: &Store, url: &str, jobs: usize) -> Result<Value, Failed> {
    enqueue_all(store, "warm-up", WARM_UP, CALLERS, 1).await?;
    enqueue_all(store, "warm-up", WARM_UP, BATCHERS, TOGETHER).await?;
    work(store).await?;
    let single = rate(jobs, enqueue_all(store, "photos", jobs, CALLERS, 1)).await?;
    let batch = rate(jobs, enqueue_all(store, "photos", jobs, BATCHERS, TOGETHER)).await?;
    let worked = rate(2 * jobs, work(store)).await?;
    Ok(json!({ "single": single, "batch": batch, "work": worked, "kept": kept(url).await? }))
}

async fn rate(jobs: usize, run: impl Future<Output = Result<(), Failed>>) -> Result<f64, Failed> {
    let begun = Instant::now();
    run.await?;
    Ok(jobs as f64 / begun.elapsed().as_secs_f64())
}

/// `jobs` of them, `together` in each call.
async fn enqueue_all(
    store: &Store,
    pipeline: &'static str,
    jobs: usize,
    callers: usize,
    together: usize,
) -> Result<(), Failed> {
    let next = Arc::new(AtomicUsize::new(0));
    let callers = (0..callers).map(|_| {
        let (store, next) = (Arc::clone(store), Arc::clone(&next));
        tokio::spawn(async move {
            while next.fetch_add(together, Ordering::Relaxed) < jobs {
                enqueue(&store, (0..together).map(|_| job(pipeline)).collect(), 0).await?;
            }
            Ok::<_, Failed>(())
        })
    });
    join(callers.collect()).await
}

/// Until nothing is left.
async fn work(store: &Store) -> Result<(), Failed> {
    let workers = (0..WORKERS).map(|n| tokio::spawn(worker(Arc::clone(store), format!("worker-{n}"))));
    join(workers.collect()).await
}

async fn worker(store: Store, name: String) -> Result<(), Failed> {
    loop {
        let jobs = store.claim(&name, CLAIMED, 0).await?;
        if jobs.is_empty() {
            return Ok(());
        }
        let settles = jobs.into_iter().map(|claimed| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let end = success(&claimed);
                settle(&store, claimed, end, 0).await
            })
        });
        join(settles.collect()).await?;
    }
}

/// How many jobs have ended well and still have their results.
async fn kept(url: &str) -> Result<i64, Failed> {
    let mut connection = AnyConnection::connect(url).await?;
    let kept: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM jobs WHERE pipeline = 'photos' AND state = 'succeeded'
         AND EXISTS (SELECT 1 FROM reports WHERE reports.job = jobs.id)
         AND EXISTS (SELECT 1 FROM renditions WHERE renditions.job = jobs.id)",
    )
    .fetch_one(&mut connection)
    .await?;
    connection.close().await?;
    Ok(kept)
}
