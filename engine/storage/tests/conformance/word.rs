//! Two processes over one PostgreSQL: what one of them takes in, the other hears of.

use std::time::{Duration, Instant};

use storage::sql::SqlStore;
use tokio::time::timeout;
use workflow::ports::{Accepted, Blob, Lane, NewJob, Queue, Submission};

/// Longer than a store waits that hears nothing, and shorter than one that listens.
const QUIET: Duration = Duration::from_millis(1_500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_hears_of_work() {
    let url = super::postgres::fresh_schema().await;
    let one = SqlStore::open(&url).await.unwrap();
    let other = SqlStore::open(&url).await.unwrap();
    // Until it listens, and has nothing more to say of it.
    let begun = Instant::now();
    while timeout(QUIET, other.arrived()).await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never listens");
    }
    assert!(other.claim("other", 1, 0).await.unwrap().is_empty());

    for name in ["cat", "dog"] {
        let submission = Submission {
            jobs: vec![job(name)],
            request: None,
        };
        assert_eq!(one.enqueue(submission, 0).await.unwrap(), Accepted::New);
        let heard = timeout(Duration::from_secs(1), other.arrived()).await;
        assert!(heard.is_ok(), "nothing was heard of the {name}");
        let claimed = other.claim("other", 2, 0).await.unwrap();
        let digests: Vec<_> = claimed.iter().map(|job| job.original.digest.as_str()).collect();
        assert_eq!(digests, [name]);
    }
}

fn job(name: &str) -> NewJob {
    NewJob {
        id: uuid::Uuid::now_v7().to_string(),
        pipeline: "photos".into(),
        plan: "plan-photos".into(),
        original: Blob {
            digest: name.into(),
            length: 1,
        },
        lane: Lane::Interactive,
        owner: "ann".into(),
        filename: None,
        cost: 1,
    }
}
