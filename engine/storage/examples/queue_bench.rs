//! How fast a store takes jobs and hands them out: `queue_bench URL [JOBS]`.
//!
//! Enqueues are one call a job from 64 callers at once, and then one call a hundred jobs; claims take 200 at a time
//! from four workers, and every job is settled by a call of its own.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use storage::sql::SqlStore;
use workflow::ports::{
    Accepted, Blob, Claimed, End, Lane, NewJob, Queue, Settled, Settlement, StoredRendition, Submission,
};

const CALLERS: usize = 64;
const WORKERS: usize = 4;
const TOGETHER: u32 = 200;

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut args = std::env::args().skip(1);
    let url = args.next().ok_or("usage: queue_bench URL [JOBS]")?;
    let jobs: usize = args.next().map_or(Ok(50_000), |jobs| jobs.parse())?;
    let store = Arc::new(SqlStore::open(&url).await?);
    timed("enqueue, one a call", jobs, one_by_one(&store, jobs)).await?;
    timed("enqueue, 100 a call", jobs, together(&store, jobs)).await?;
    timed("claim and complete", 2 * jobs, work(&store)).await?;
    store.close().await;
    Ok(())
}

async fn timed(what: &str, jobs: usize, run: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    let begun = Instant::now();
    run.await?;
    let seconds = begun.elapsed().as_secs_f64();
    println!("{what:<22} {:>8.0} jobs/s", jobs as f64 / seconds);
    Ok(())
}

async fn one_by_one(store: &Arc<SqlStore>, jobs: usize) -> Result<(), Failed> {
    let next = Arc::new(AtomicUsize::new(0));
    let callers = (0..CALLERS).map(|_| {
        let (store, next) = (Arc::clone(store), Arc::clone(&next));
        tokio::spawn(async move {
            while next.fetch_add(1, Ordering::Relaxed) < jobs {
                enqueue(&store, 1).await?;
            }
            Ok::<_, Failed>(())
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    Ok(())
}

async fn together(store: &Arc<SqlStore>, jobs: usize) -> Result<(), Failed> {
    let callers = (0..4).map(|_| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            for _ in 0..jobs / 400 {
                enqueue(&store, 100).await?;
            }
            Ok::<_, Failed>(())
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    Ok(())
}

async fn work(store: &Arc<SqlStore>) -> Result<(), Failed> {
    let workers = (0..WORKERS).map(|n| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let worker = format!("worker-{n}");
            loop {
                let jobs = store.claim(&worker, TOGETHER, 0).await?;
                if jobs.is_empty() {
                    return Ok::<_, Failed>(());
                }
                let settles = jobs.into_iter().map(|claimed| {
                    let store = Arc::clone(&store);
                    tokio::spawn(async move { store.settle(success(claimed), 0).await })
                });
                for settle in settles.collect::<Vec<_>>() {
                    assert_eq!(settle.await??, Settled::Done);
                }
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await??;
    }
    Ok(())
}

async fn enqueue(store: &SqlStore, n: usize) -> Result<(), Failed> {
    let jobs = (0..n).map(|_| job()).collect();
    let submission = Submission { jobs, request: None };
    let answer = store.enqueue(submission, 0).await?;
    assert_eq!(answer, Accepted::New);
    Ok(())
}

fn job() -> NewJob {
    let id = uuid::Uuid::now_v7().to_string();
    NewJob {
        original: blob(&id),
        id,
        pipeline: "photos".into(),
        plan: "plan".into(),
        lane: Lane::Interactive,
        owner: "bench".into(),
        filename: Some("holiday.jpg".into()),
        cost: 100,
    }
}

fn success(claimed: Claimed) -> Settlement {
    let rendition = StoredRendition {
        name: "thumb".into(),
        blob: blob(&format!("{}-thumb", claimed.lease.job)),
        media_type: "image/webp".into(),
        width: 320,
        height: 240,
        key: claimed.original.digest,
    };
    Settlement {
        lease: claimed.lease,
        end: End::Succeeded {
            renditions: vec![rendition],
            report: serde_json::json!({"steps": [{"id": "decode", "ms": 12}, {"id": "thumb", "ms": 5}]}),
        },
        observations: Vec::new(),
        known: None,
    }
}

/// As long as a digest in hex.
fn blob(name: &str) -> Blob {
    Blob {
        digest: format!("{name:0>64}"),
        length: 2_000_000,
    }
}
