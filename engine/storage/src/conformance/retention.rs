//! Forgetting jobs and dooming blobs, and never a blob that is needed.

use workflow::job::State;
use workflow::ports::{Accepted, BURIAL, End, Identity, Millis, Settled, Start};

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
    store.cancel(&gone, None, NOW).await.unwrap();
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
    assert!(store.doom(BURIER, 10, LATER).await.unwrap().is_empty());
    store.forget(LATER, 10).await.unwrap();
    let mut doomed = store.doom(BURIER, 2, LATER).await.unwrap();
    assert_eq!(doomed.len(), 2, "{doomed:?}");
    doomed.extend(store.doom(BURIER, 10, LATER).await.unwrap());
    doomed.sort();
    assert_eq!(doomed, ["digest-cat", "digest-cat-thumb", "digest-dog-thumb"]);
    let refused = submit(&store, vec![job("cat")], None).await;
    assert_eq!(refused, Accepted::Doomed("digest-cat".into()));
    store.buried(BURIER, &doomed).await.unwrap();
    assert!(store.doom(BURIER, 10, LATER).await.unwrap().is_empty());
    add_one(&store, "cat").await;
    assert!(store.doom(BURIER, 10, LATER).await.unwrap().is_empty());
}

pub async fn the_dead_keep_their_originals(store: Any) {
    add_one(&store, "cat").await;
    let id = kill(&store, "no memory", NOW).await;
    store.forget(LATER, 10).await.unwrap();
    assert!(store.doom(BURIER, 10, LATER).await.unwrap().is_empty());
    assert!(!store.doom_stray(BURIER, "digest-cat", LATER).await.unwrap());
    assert!(store.keeps_original(&id).await.unwrap());
}

pub async fn purged_letters_let_their_originals_go(store: Any) {
    for name in ["cat", "dog", "dog"] {
        add_one(&store, name).await;
    }
    let ids = [
        kill(&store, "no memory", NOW).await,
        kill(&store, "no memory", NOW + 1).await,
    ];
    purge(&store, &of_state(State::Dead), 10, LATER).await;
    for id in &ids {
        assert_eq!(state(&store, id).await, State::Cancelled);
        assert!(!store.keeps_original(id).await.unwrap());
    }
    let doomed = store.doom(BURIER, 10, LATER).await.unwrap();
    assert_eq!(doomed, ["digest-cat"], "another job needs the other one");
    store.buried(BURIER, &doomed).await.unwrap();
    store.forget(LATER + 1, 10).await.unwrap();
    assert!(store.job(&ids[0]).await.unwrap().is_none());
    assert!(store.doom(BURIER, 10, LATER).await.unwrap().is_empty());
    assert!(!store.keeps_original("nobody").await.unwrap());
    check_counters(&store).await;
}

/// Jobs come and go while blobs are doomed: no job that was accepted may refer to a doomed one.
pub async fn doom_and_enqueue_do_not_cross(store: Any) {
    let sweeper = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..25 {
                store.forget(LATER, 100).await.unwrap();
                let doomed = store.doom(BURIER, 100, LATER).await.unwrap();
                for digest in &doomed {
                    // Whoever was accepted after the doom would see its original deleted now.
                    let users = store.jobs(&of_state(State::Queued), None, 1_000).await.unwrap();
                    assert!(
                        users.iter().all(|job| job.original.digest != *digest),
                        "{digest} is in use"
                    );
                }
                store.buried(BURIER, &doomed).await.unwrap();
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
                    store.cancel(&id, None, NOW).await.unwrap();
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

/// A slow burier must not take what somebody has put since.
pub async fn a_doomed_blob_has_one_burier(store: Any) {
    assert!(store.doom_stray("slow", "digest-cat", NOW).await.unwrap());
    let doomed = ["digest-cat".to_owned()];
    for early in [NOW, NOW + BURIAL] {
        assert!(store.doom("quick", 10, early).await.unwrap().is_empty());
        assert!(store.doom("slow", 10, early).await.unwrap().is_empty());
    }
    store.buried("quick", &doomed).await.unwrap();
    store.spare("quick", "digest-cat").await.unwrap();
    let refused = submit(&store, vec![job("cat")], None).await;
    assert_eq!(
        refused,
        Accepted::Doomed("digest-cat".into()),
        "it was not quick's"
    );

    let late = NOW + BURIAL + 1;
    assert_eq!(store.doom("quick", 10, late).await.unwrap(), doomed);
    assert!(store.doom("slow", 10, late).await.unwrap().is_empty());
    store.buried("slow", &doomed).await.unwrap();
    let refused = submit(&store, vec![job("cat")], None).await;
    assert_eq!(
        refused,
        Accepted::Doomed("digest-cat".into()),
        "it is not slow's any more"
    );
    store.buried("quick", &doomed).await.unwrap();
    add_one(&store, "cat").await;
    store.buried("quick", &doomed).await.unwrap();
    assert!(!store.doom_stray("slow", "digest-cat", late).await.unwrap());
}

pub async fn a_mark_can_be_freed(store: Any) {
    for name in ["one", "other"] {
        let digest = format!("digest-{name}");
        assert!(store.doom_stray(name, &digest, NOW).await.unwrap());
        assert_eq!(store.doomed_until(&digest).await.unwrap(), Some(NOW + BURIAL));
    }
    assert_eq!(store.doomed_until("digest-cat").await.unwrap(), None);
    assert_eq!(store.release(Some("one")).await.unwrap(), 1);
    assert_eq!(store.doom(BURIER, 10, NOW).await.unwrap(), ["digest-one"]);
    assert_eq!(
        store.doomed_until("digest-one").await.unwrap(),
        Some(NOW + BURIAL)
    );
    assert_eq!(store.release(None).await.unwrap(), 2);
    let both = store.doom(BURIER, 10, NOW).await.unwrap();
    assert_eq!(both, ["digest-one", "digest-other"]);
    store.buried(BURIER, &both).await.unwrap();
    assert_eq!(store.release(None).await.unwrap(), 0);
}

pub async fn a_burier_whose_clock_was_ahead_is_followed(store: Any) {
    let ahead = NOW + 2 * BURIAL;
    assert!(store.doom_stray("ahead", "digest-cat", ahead).await.unwrap());
    assert_eq!(store.doom(BURIER, 10, NOW).await.unwrap(), ["digest-cat"]);
}

pub async fn a_spared_blob_is_looked_at_again(store: Any) {
    for name in ["cat", "dog"] {
        assert!(
            store
                .doom_stray(BURIER, &format!("digest-{name}"), NOW)
                .await
                .unwrap()
        );
        store.spare(BURIER, &format!("digest-{name}")).await.unwrap();
    }
    add_one(&store, "cat").await;
    assert_eq!(store.doom(BURIER, 10, NOW).await.unwrap(), ["digest-dog"]);
    let refused = submit(&store, vec![job("dog")], None).await;
    assert_eq!(refused, Accepted::Doomed("digest-dog".into()));
}

async fn start(store: &Any, id: &str, at_least: u64, strays_since: Option<Millis>) -> Identity {
    let start = Start {
        id: id.to_owned(),
        at_least,
        strays_since,
    };
    store.begin(&start).await.unwrap()
}

pub async fn starts_are_counted(store: Any) {
    assert_eq!(store.identity().await.unwrap(), None);
    let expected = |starts, strays_since| Identity {
        store: "first".into(),
        starts,
        strays_since,
    };
    assert_eq!(start(&store, "first", 0, Some(NOW)).await, expected(1, NOW));
    assert_eq!(start(&store, "second", 0, None).await, expected(2, NOW));
    assert_eq!(start(&store, "third", 7, Some(LATER)).await, expected(8, LATER));
    assert_eq!(start(&store, "fourth", 7, Some(NOW)).await, expected(9, LATER));
    assert_eq!(store.identity().await.unwrap(), Some(expected(9, LATER)));
}

pub async fn servers_that_start_at_once_agree(store: Any) {
    let mut tasks = Vec::new();
    for n in 0..8 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            start(&store, &format!("server {n}"), 0, Some(NOW)).await
        }));
    }
    let (mut starts, mut stores) = (Vec::new(), Vec::new());
    for task in tasks {
        let identity = task.await.unwrap();
        starts.push(identity.starts);
        stores.push(identity.store);
    }
    starts.sort_unstable();
    assert_eq!(starts, [1, 2, 3, 4, 5, 6, 7, 8]);
    stores.dedup();
    assert_eq!(stores.len(), 1, "{stores:?}");
}

pub async fn strays_are_doomed(store: Any) {
    add_one(&store, "cat").await;
    assert!(!store.doom_stray(BURIER, "digest-cat", NOW).await.unwrap());
    assert!(store.doom_stray(BURIER, "digest-stray", NOW).await.unwrap());
    assert!(!store.doom_stray(BURIER, "digest-stray", NOW).await.unwrap());
    assert!(store.doom("another", 10, NOW).await.unwrap().is_empty());
    store
        .buried(BURIER, &["digest-stray".into(), "digest-cat".into()])
        .await
        .unwrap();
    let later = NOW + BURIAL + 1;
    assert!(store.doom(BURIER, 10, later).await.unwrap().is_empty());
    let claimed = claim_one(&store).await;
    settle(&store, &claimed.lease, End::GivenBack { at: NOW }).await;
    assert!(
        !store.doom_stray(BURIER, "digest-cat", NOW).await.unwrap(),
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
