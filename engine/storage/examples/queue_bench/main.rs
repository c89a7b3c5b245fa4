//! How fast a store takes jobs and hands them out, beside other queues: `cargo xtask bench queue` runs it.
//!
//! `queue_bench run URL JOBS` enqueues so many jobs one a call and so many a hundred a call, then claims and settles
//! all of them. `queue_bench idle URL` waits for work that never comes. `queue_bench fill URL JOBS` fills a store with
//! jobs that have ended. What is found is printed as JSON.

mod fill;
mod jobs;
mod rates;

use std::io::Read as _;
use std::sync::Arc;

use storage::sql::SqlStore;
use workflow::ports::Queue as _;

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["run", url, jobs] => {
            let store = Arc::new(SqlStore::open(url).await?);
            println!("{}", rates::measure(&store, url, jobs.parse()?).await?);
            store.close().await;
            Ok(())
        }
        ["idle", url] => idle(&SqlStore::open(url).await?).await,
        ["fill", url, jobs] => {
            let store = Arc::new(SqlStore::open(url).await?);
            println!("{}", fill::fill(&store, jobs.parse()?).await?);
            store.close().await;
            Ok(())
        }
        _ => Err("usage: queue_bench (run URL JOBS | idle URL | fill URL JOBS)".into()),
    }
}

/// Until standard input ends.
async fn idle(store: &SqlStore) -> Result<(), Failed> {
    println!("ready");
    let over = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    tokio::select! {
        failed = look(store) => failed,
        over = over => {
            over??;
            Ok(())
        }
    }
}

/// As a worker does who finds nothing.
async fn look(store: &SqlStore) -> Result<(), Failed> {
    loop {
        store.claim("idle", 2, 0).await?;
        store.arrived().await;
    }
}
