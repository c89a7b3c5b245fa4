//! Handing out: each job once, and in a fair order.

use std::collections::BTreeSet;
use std::time::Duration;

use workflow::job::State;
use workflow::ports::{Claimed, End, Lane, NewJob};

use super::kit::*;

pub async fn each_job_is_claimed_once(store: Any) {
    let ids = add(&store, jobs(500, |n| job(&format!("n{n}")))).await;
    let mut tasks = Vec::new();
    for worker in 0..8 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let worker = format!("worker-{worker}");
            let mut mine = Vec::new();
            let mut idle = 0;
            // What another transaction holds is skipped, so nothing once does not mean nothing for ever.
            while idle < 3 {
                let jobs = store.claim(&worker, 7, NOW).await.unwrap();
                idle = if jobs.is_empty() { idle + 1 } else { 0 };
                mine.extend(jobs.into_iter().map(|claimed| claimed.lease.job));
            }
            mine
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    assert_eq!(all.len(), 500);
    let distinct: BTreeSet<_> = all.into_iter().collect();
    assert_eq!(distinct, ids.into_iter().collect());
    assert_eq!(in_state(&store, State::Running).await, 500);
    check_counters(&store).await;
}

pub async fn a_claim_raises_the_lease(store: Any) {
    let id = add_one(&store, "cat").await;
    let first = claim_one(&store).await;
    assert_eq!(
        (first.lease.job.as_str(), first.original.clone()),
        (id.as_str(), blob("cat"))
    );
    assert!(claim(&store, 5).await.is_empty());
    let shown = view(&store, &id).await;
    assert_eq!((shown.state, shown.started_at), (State::Running, Some(NOW)));
    assert_eq!(shown.worker.as_deref(), Some("worker"));
    store.sweep(NOW + 1, NOW + 1).await.unwrap();
    let second = claim_one(&store).await;
    assert!(second.lease.number > first.lease.number);
    assert_eq!(second.rescues, 1);
}

fn of(owner: &str, n: usize) -> Vec<NewJob> {
    jobs(n, |n| NewJob {
        owner: owner.into(),
        ..job(&format!("{owner}{n}"))
    })
}

fn names(claimed: &[Claimed]) -> Vec<String> {
    claimed
        .iter()
        .map(|job| job.original.digest.replace("digest-", ""))
        .collect()
}

pub async fn owners_take_turns(store: Any) {
    add(&store, of("cy", 1)).await;
    claim_one(&store).await;
    for job in of("ann", 50) {
        add(&store, vec![job]).await;
    }
    add(&store, of("bob", 3)).await;
    let first = names(&claim(&store, 6).await);
    let bobs = first.iter().filter(|name| name.starts_with("bob")).count();
    assert_eq!(bobs, 3, "{first:?}");
    assert_eq!(claim(&store, 100).await.len(), 47);
}

pub async fn who_was_idle_gains_nothing(store: Any) {
    add(&store, of("ann", 40)).await;
    claim(&store, 30).await;
    add(&store, of("bob", 40)).await;
    let next = names(&claim(&store, 10).await);
    let bobs = next.iter().filter(|name| name.starts_with("bob")).count();
    assert!((4..=6).contains(&bobs), "{next:?}");
}

pub async fn costly_jobs_count_more(store: Any) {
    let mut large = of("ann", 20);
    for job in &mut large {
        job.cost = 1_000;
    }
    add(&store, large).await;
    add(&store, of("bob", 40)).await;
    let next = names(&claim(&store, 22).await);
    let bobs = next.iter().filter(|name| name.starts_with("bob")).count();
    assert!((19..=21).contains(&bobs), "{next:?}");
}

fn bulk(n: usize) -> Vec<NewJob> {
    jobs(n, |n| NewJob {
        lane: Lane::Bulk,
        ..job(&format!("bulk{n}"))
    })
}

pub async fn interactive_first_and_every_eighth_for_bulk(store: Any) {
    add(&store, bulk(30)).await;
    add(&store, of("ann", 100)).await;
    let mut lanes = Vec::new();
    for _ in 0..40 {
        lanes.push(claim_one(&store).await.lane);
    }
    let slow = |lanes: &[Lane]| lanes.iter().filter(|lane| **lane == Lane::Bulk).count();
    assert_eq!(slow(&lanes), 5, "one by one");
    let together: Vec<_> = claim(&store, 40).await.into_iter().map(|job| job.lane).collect();
    assert_eq!((together.len(), slow(&together)), (40, 5), "together");
    check_counters(&store).await;
}

pub async fn bulk_takes_what_is_left(store: Any) {
    add(&store, bulk(20)).await;
    add(&store, of("ann", 3)).await;
    let jobs = claim(&store, 23).await;
    assert_eq!(jobs.len(), 23);
    assert!(claim(&store, 1).await.is_empty());
    add(&store, of("ann", 20)).await;
    assert_eq!(claim(&store, 20).await.len(), 20);
}

/// Before the store would look by itself.
async fn is_told(store: &Any) -> bool {
    let soon = Duration::from_millis(900);
    tokio::time::timeout(soon, store.arrived()).await.is_ok()
}

pub async fn what_becomes_ready_is_told(store: Any) {
    add_one(&store, "cat").await;
    assert!(is_told(&store).await, "submitted");
    let given = claim_one(&store).await;
    settle(&store, &given.lease, End::GivenBack { at: NOW }).await;
    assert!(is_told(&store).await, "given back");
    let failed = claim_one(&store).await;
    settle(&store, &failed.lease, retry(NOW + SECOND)).await;
    store.sweep(0, NOW + SECOND).await.unwrap();
    assert!(is_told(&store).await, "due");
    claim_one(&store).await;
    store.sweep(NOW + 1, NOW + SECOND).await.unwrap();
    assert!(is_told(&store).await, "rescued");
    claim_one(&store).await;
}
