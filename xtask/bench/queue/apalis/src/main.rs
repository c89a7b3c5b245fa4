//! apalis on SQLite, given the same work as the other queues: `apalis-peer (run | idle) FILE [JOBS]`.
//!
//! Its own set-up turns `synchronous` off; here it is `FULL`, and the other settings are those that Stopbath uses. One
//! connection: SQLite has one writer, and callers that wait in line are faster than callers that find it busy.

use std::future::Future;
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteStorage};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

const CALLERS: usize = 64;
const BATCHERS: usize = 4;
const TOGETHER: usize = 100;
const CLAIMED: usize = 200;
const WARM_UP: usize = 2_000;

/// How many jobs the worker has yet to see.
static LEFT: AtomicUsize = AtomicUsize::new(0);
static NEXT: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Photo {
    pipeline: String,
    plan: String,
    original: Blob,
    owner: String,
    filename: String,
    cost: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Blob {
    digest: String,
    length: u64,
}

#[tokio::main]
async fn main() -> Result<(), BoxDynError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["run", file, jobs] => measure(&open(file).await?, jobs.parse()?).await,
        ["idle", file] => idle(&open(file).await?).await,
        _ => Err("usage: apalis-peer (run FILE JOBS | idle FILE)".into()),
    }
}

async fn open(file: &str) -> Result<SqlitePool, BoxDynError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("journal_mode", "WAL")
        .pragma("synchronous", "FULL")
        .pragma("temp_store", "MEMORY")
        .pragma("cache_size", "-65536")
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864");
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await?;
    SqliteStorage::<()>::migrations().run(&pool).await?;
    Ok(pool)
}

fn storage(pool: &SqlitePool, queue: &str) -> SqliteStorage<Photo> {
    // Claimed jobs bear the worker's name already; to lock each of them once more would only cost time.
    let config = Config::default()
        .queue(queue)
        .batch_size(CLAIMED)
        .lock_tasks(false);
    SqliteStorage::new(pool).with_config(config)
}

async fn measure(pool: &SqlitePool, jobs: usize) -> Result<(), BoxDynError> {
    let warm = storage(pool, "warm");
    enqueue(&warm, WARM_UP, CALLERS, 1).await?;
    enqueue(&warm, WARM_UP, BATCHERS, TOGETHER).await?;
    work(&warm, "warm-worker", 2 * WARM_UP).await?;
    // Without statistics SQLite finds the job to complete by its worker, among all that this one ever had.
    sqlx::query("ANALYZE").execute(pool).await?;
    let queue = storage(pool, "bench");
    let single = rate(jobs, enqueue(&queue, jobs, CALLERS, 1)).await?;
    let batch = rate(jobs, enqueue(&queue, jobs, BATCHERS, TOGETHER)).await?;
    let worked = rate(2 * jobs, work(&queue, "bench-worker", 2 * jobs)).await?;
    let kept: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM Jobs WHERE job_type = 'bench' AND status = 'Done' AND last_result LIKE '%renditions%'",
    )
    .fetch_one(pool)
    .await?;
    println!(
        "{}",
        json!({ "single": single, "batch": batch, "work": worked, "kept": kept })
    );
    Ok(())
}

async fn rate(jobs: usize, run: impl Future<Output = Result<(), BoxDynError>>) -> Result<f64, BoxDynError> {
    let begun = Instant::now();
    run.await?;
    Ok(jobs as f64 / begun.elapsed().as_secs_f64())
}

async fn enqueue(
    queue: &SqliteStorage<Photo>,
    jobs: usize,
    callers: usize,
    together: usize,
) -> Result<(), BoxDynError> {
    let next = Arc::new(AtomicUsize::new(0));
    let callers = (0..callers).map(|_| {
        let (mut queue, next) = (queue.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            while next.fetch_add(together, Ordering::Relaxed) < jobs {
                let pushed = if together == 1 {
                    queue.push(photo()).await
                } else {
                    queue.push_bulk((0..together).map(|_| photo()).collect()).await
                };
                pushed.map_err(|error| format!("{error:?}"))?;
            }
            Ok::<(), BoxDynError>(())
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    Ok(())
}

async fn work(queue: &SqliteStorage<Photo>, name: &str, jobs: usize) -> Result<(), BoxDynError> {
    LEFT.store(jobs, Ordering::Relaxed);
    let worker = WorkerBuilder::new(name).backend(queue.clone()).build(develop);
    worker.run().await?;
    Ok(())
}

async fn develop(photo: Photo, worker: WorkerContext) -> Result<Value, BoxDynError> {
    if LEFT.fetch_sub(1, Ordering::Relaxed) == 1 {
        worker.stop()?;
    }
    Ok(result(&photo))
}

/// A worker that looks as often as Stopbath's does at the least, until standard input ends.
async fn idle(pool: &SqlitePool) -> Result<(), BoxDynError> {
    let queue = storage(pool, "bench").poll_with_interval(Duration::from_secs(1));
    let worker = WorkerBuilder::new("idle-worker").backend(queue).build(develop);
    println!("ready");
    let over = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    tokio::select! {
        ended = worker.run() => Ok(ended?),
        over = over => {
            over??;
            Ok(())
        }
    }
}

fn photo() -> Photo {
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    Photo {
        pipeline: "photos".into(),
        plan: format!("{:064x}", 5),
        original: Blob {
            digest: format!("{:064x}", u128::from(n) << 64 | 0x5745_4250),
            length: 2_000_000,
        },
        owner: "bench".into(),
        filename: "holiday.jpg".into(),
        cost: 100,
    }
}

fn result(photo: &Photo) -> Value {
    let digest = &photo.original.digest;
    json!({
        "renditions": [{
            "name": "thumb",
            "blob": { "digest": digest, "length": 20_000 },
            "media_type": "image/webp",
            "width": 320,
            "height": 240,
            "key": digest,
        }],
        "report": { "steps": [{ "id": "decode", "ms": 12 }, { "id": "thumb", "ms": 5 }] },
    })
}
