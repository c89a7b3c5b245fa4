//! Forgetting jobs and dooming blobs, and never a blob that is needed.

use workflow::job::State;
use workflow::ports::{Accepted, End, Settled};

use super::kit::*;

const LATER: i64 = NOW + 1_000 * SECOND;

async fn finish(store: &Any, name: &str) -> String {
    let id = add_one(store, name).await;
    let claimed = claim_one(store).await;
    assert_eq!(settle(store, &claimed.lease, success(name)).await, Settled::Done);
    id
}

pub async fn old_jobs_are_forgotten(store: Any) {
    let new = vec![job("keyed")];
    let id = new[0].id.clone();
    assert_eq!(submit(&store, new, Some(request("k", "f"))).await, Accepted::New);
    let claimed = claim_one(&store).await;
    settle(&store, &claimed.lease, retry(NOW)).await;
    store.sweep(0, NOW).await.unwrap();
    let claimed = claim_one(&store).await;
    settle(&store, &claimed.lease, success("keyed")).await;
    let gone = add_one(&store, "gone").await;
    store.cancel(&gone, NOW).await.unwrap();
    let waits = add_one(&store, "waits").await;

    assert_eq!(store.forget(NOW, 10).await.unwrap(), 0, "not yet");
    assert_eq!(store.forget(LATER, 1).await.unwrap(), 1, "no more than the limit");
    assert_eq!(store.forget(LATER, 10).await.unwrap(), 1);
    assert_eq!(store.forget(LATER, 10).await.unwrap(), 0);
    assert!(store.job(&id).await.unwrap().is_none());
    assert!(store.result(&id).await.unwrap().is_none());
    assert!(store.errors(&id).await.unwrap().is_empty());
    assert_eq!(state(&store, &waits).await, State::Queued);
    let again = submit(&store, vec![job("keyed")], Some(request("k", "g"))).await;
    assert_eq!(again, Accepted::New, "the key is forgotten with its job");
    check_counters(&store).await;
}

pub async fn blobs_without_references_are_doomed(store: Any) {
    finish(&store, "cat").await;
    finish(&store, "dog").await;
    add_one(&store, "dog").await;
    assert!(store.doom(10, LATER).await.unwrap().is_empty());
    store.forget(LATER, 10).await.unwrap();
    let mut doomed = store.doom(2, LATER).await.unwrap();
    assert!(doomed.len() <= 2, "{doomed:?}");
    doomed = store.doom(10, LATER).await.unwrap();
    doomed.sort();
    assert_eq!(doomed, ["digest-cat", "digest-cat-thumb", "digest-dog-thumb"]);
    let refused = submit(&store, vec![job("cat")], None).await;
    assert_eq!(refused, Accepted::Doomed("digest-cat".into()));
    store.buried(&doomed).await.unwrap();
    assert!(store.doom(10, LATER).await.unwrap().is_empty());
    add_one(&store, "cat").await;
    assert!(store.doom(10, LATER).await.unwrap().is_empty());
}

pub async fn the_dead_keep_their_originals(store: Any) {
    add_one(&store, "cat").await;
    let id = kill(&store, "no memory", NOW).await;
    store.forget(LATER, 10).await.unwrap();
    assert!(store.doom(10, LATER).await.unwrap().is_empty());
    assert!(!store.doom_stray("digest-cat", LATER).await.unwrap());
    store.purge(&of_state(State::Dead), 10, LATER).await.unwrap();
    store.forget(LATER + 1, 10).await.unwrap();
    assert!(store.job(&id).await.unwrap().is_none());
    assert_eq!(store.doom(10, LATER).await.unwrap(), ["digest-cat"]);
}

/// Jobs come and go while blobs are doomed: no job that was accepted may refer to a doomed one.
pub async fn doom_and_enqueue_do_not_cross(store: Any) {
    let sweeper = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..25 {
                store.forget(LATER, 100).await.unwrap();
                let doomed = store.doom(100, LATER).await.unwrap();
                for digest in &doomed {
                    // Whoever was accepted after the doom would see its original deleted now.
                    let users = store.jobs(&of_state(State::Queued), None, 1_000).await.unwrap();
                    assert!(
                        users.iter().all(|job| job.original.digest != *digest),
                        "{digest} is in use"
                    );
                }
                store.buried(&doomed).await.unwrap();
            }
        })
    };
    let mut writers = Vec::new();
    for writer in 0..4 {
        let store = store.clone();
        writers.push(tokio::spawn(async move {
            for n in 0..30 {
                let new = job(&format!("shared{}", (writer + n) % 3));
                let id = new.id.clone();
                if submit(&store, vec![new], None).await == Accepted::New {
                    store.cancel(&id, NOW).await.unwrap();
                }
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    sweeper.await.unwrap();
    check_counters(&store).await;
}

pub async fn strays_are_doomed(store: Any) {
    add_one(&store, "cat").await;
    assert!(!store.doom_stray("digest-cat", NOW).await.unwrap());
    assert!(store.doom_stray("digest-stray", NOW).await.unwrap());
    assert!(!store.doom_stray("digest-stray", NOW).await.unwrap());
    assert_eq!(store.doom(10, NOW).await.unwrap(), ["digest-stray"]);
    store
        .buried(&["digest-stray".into(), "digest-cat".into()])
        .await
        .unwrap();
    assert!(store.doom(10, NOW).await.unwrap().is_empty());
    let claimed = claim_one(&store).await;
    settle(&store, &claimed.lease, End::GivenBack { at: NOW }).await;
    assert!(
        !store.doom_stray("digest-cat", NOW).await.unwrap(),
        "still in use"
    );
}

pub async fn owners_who_wait_are_not_forgotten(store: Any) {
    add(&store, jobs(20, |n| job(&format!("n{n}")))).await;
    assert_eq!(claim(&store, 5).await.len(), 5);
    store.forget(NOW, 10).await.unwrap();
    let late = add_one(&store, "late").await;
    let rest = claim(&store, 16).await;
    assert_eq!(rest.len(), 16);
    assert_eq!(rest[15].lease.job, late, "nobody overtakes his own jobs");
    // All that waited is claimed by now, and who comes again goes on from there.
    store.forget(NOW, 10).await.unwrap();
    let again = add_one(&store, "again").await;
    assert_eq!(claim_one(&store).await.lease.job, again);
}
