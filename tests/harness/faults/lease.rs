//! A server that stands still past its lease, as a machine that swaps or a paused virtual one: another takes its jobs
//! and ends them, and what the first brings when it goes on counts no more.

use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{PATIENCE, count, job, until};
use crate::ledger::{PIPELINE, endpoint};
use crate::{Cluster, Ledger, Server};

/// A job is taken away after three heartbeats, of a second here.
const STALE: Duration = Duration::from_secs(3);

/// Two servers over one database and one folder of blobs; so many jobs are in the hands of the first.
pub fn late_results(jobs: u32) {
    let cluster = Cluster::start();
    let blobs = TempDir::new().expect("a temporary folder can be made");
    let serve = |executors: u32| {
        Server::of([("torture", PIPELINE)])
            .store(cluster.url())
            .blobs(blobs.path())
            .executors(executors)
            .args(&["--heartbeat", "1", "--webhook-private"])
            .start()
    };
    let first = serve(jobs);
    let endpoint = endpoint(&first);
    let ledger = Ledger::small();
    // The first original is no picture.
    ledger.take(&first, 1, PATIENCE);
    assert_eq!(ledger.settle(&first, PATIENCE), 0);
    // Work that takes long: no executor moves.
    first.signal_executors("STOP");
    let ids: Vec<String> = (0..jobs).map(|_| ledger.submit(&first).taken()).collect();
    until("all are in hand", PATIENCE, || {
        count(&first, "running") == u64::from(jobs)
    });
    let second = serve(2);

    // As long as it is heard of, a server keeps its jobs.
    let begun = Instant::now();
    while begun.elapsed() < STALE * 3 / 2 {
        assert_eq!(
            count(&second, "running"),
            u64::from(jobs),
            "taken from a living one"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    first.signal("STOP");
    assert_eq!(ledger.settle(&second, PATIENCE), 0);
    let ended: Vec<Value> = ids.iter().map(|id| job(&second, id)).collect();
    for job in &ended {
        assert_eq!(job["rescues"], 1, "{job:#}");
    }

    first.signal_executors("CONT");
    first.signal("CONT");
    let told_off = || {
        let log = first.log();
        let lines = log
            .lines()
            .filter(|line| line.contains("came too late") || line.contains("the lease was lost"));
        lines.count() >= jobs as usize
    };
    until("the first learns that it came too late", PATIENCE, told_off);
    ledger.take(&first, 4, PATIENCE);
    assert_eq!(ledger.settle(&first, PATIENCE), 0);
    for (id, ended) in ids.iter().zip(&ended) {
        assert_eq!(&job(&first, id), ended, "a late result counted");
        assert_eq!(deliveries(&second, &endpoint, id), 1);
    }
    ledger.check(&second);
}

fn deliveries(server: &Server, endpoint: &str, job: &str) -> usize {
    let page = server.get(&format!("/v1/webhooks/{endpoint}/deliveries?limit=500&job={job}"));
    let page = page.ok().json();
    page["deliveries"].as_array().expect("a list").len()
}
