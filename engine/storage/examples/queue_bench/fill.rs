//! Fills a store with jobs that have ended, through the operations that end them in earnest.
//!
//! Of a hundred jobs two are dead letters of a few dozen causes; one in twenty thousand was cancelled. The ids of some of
//! the jobs are given back, evenly spread from the oldest to the newest.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use storage::sql::SqlStore;
use workflow::failure::{Failure, FailureKind};
use workflow::ports::{End, Millis, NewJob, Queue as _};

use crate::Failed;
use crate::jobs::{enqueue, job, join, settle, success};

const PIPELINES: [&str; 8] = [
    "avatars", "banners", "covers", "logos", "maps", "photos", "products", "scans",
];
/// Jobs that are enqueued, and then claimed and settled.
const ROUND: usize = 4_000;
const TOGETHER: usize = 100;
const CLAIMED: u32 = 400;
const SAMPLES: usize = 1_000;
const DEAD_EVERY: usize = 50;
const CANCELLED_EVERY: usize = 20_000;
const CAUSES: usize = 40;

pub(crate) async fn fill(store: &Arc<SqlStore>, jobs: usize) -> Result<Value, Failed> {
    let (mut ids, mut dead) = (Vec::new(), Vec::new());
    let sample = (jobs / SAMPLES).max(1);
    let mut made = 0;
    let mut settled = 0;
    while made < jobs {
        let round: Vec<NewJob> = (made..jobs.min(made + ROUND))
            .map(|n| job(PIPELINES[n % PIPELINES.len()]))
            .collect();
        let first = made;
        made += round.len();
        let samples = round
            .iter()
            .enumerate()
            .filter(|(n, _)| (first + n).is_multiple_of(sample));
        ids.extend(samples.map(|(_, job)| job.id.clone()));
        let cancelled = first.is_multiple_of(CANCELLED_EVERY).then(|| round[0].id.clone());
        enqueue_all(store, round).await?;
        if let Some(job) = cancelled {
            store.cancel(&job, None, now()?).await?;
        }
        dead.extend(work(store, &mut settled).await?);
        eprint!("\r{made} of {jobs}");
    }
    eprintln!();
    Ok(json!({ "jobs": ids, "dead": dead }))
}

async fn enqueue_all(store: &Arc<SqlStore>, jobs: Vec<NewJob>) -> Result<(), Failed> {
    let now = now()?;
    let calls = jobs.chunks(TOGETHER).map(|jobs| {
        let (store, jobs) = (Arc::clone(store), jobs.to_vec());
        tokio::spawn(async move { enqueue(&store, jobs, now).await })
    });
    join(calls.collect()).await
}

/// Ends all jobs that wait. Gives back one of the dead ones of each round.
async fn work(store: &Arc<SqlStore>, settled: &mut usize) -> Result<Option<String>, Failed> {
    let mut dead = None;
    loop {
        let now = now()?;
        let jobs = store.claim("filler", CLAIMED, now).await?;
        if jobs.is_empty() {
            return Ok(dead);
        }
        let mut calls = Vec::new();
        for claimed in jobs {
            *settled += 1;
            let dies = settled.is_multiple_of(DEAD_EVERY);
            if dies {
                dead = Some(claimed.lease.job.clone());
            }
            let end = if dies {
                death(*settled / DEAD_EVERY % CAUSES)
            } else {
                success(&claimed)
            };
            let store = Arc::clone(store);
            calls.push(tokio::spawn(
                async move { settle(&store, claimed, end, now).await },
            ));
        }
        join(calls).await?;
    }
}

fn death(cause: usize) -> End {
    let kinds = [
        FailureKind::BadInput,
        FailureKind::Trap,
        FailureKind::OutOfFuel,
        FailureKind::Timeout,
    ];
    let failure = Failure::new(
        kinds[cause % kinds.len()],
        "the step could not go on with this original",
    );
    End::Dead {
        failure: failure.at_step(&format!("step-{}", cause / kinds.len())),
        report: json!({ "steps": [{ "id": "decode", "ms": 12 }] }),
    }
}

fn now() -> Result<Millis, Failed> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as Millis)
}
