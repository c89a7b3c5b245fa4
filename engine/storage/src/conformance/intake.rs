//! Accepting: once, whole, and as it was sent.

use std::time::{SystemTime, UNIX_EPOCH};

use workflow::job::State;
use workflow::plan::OnFailure;
use workflow::ports::{Accepted, Filter, Millis, NewJob, Settled, Submission};

use super::kit::*;

pub async fn a_job_is_accepted_and_shown(store: Any) {
    let new = job("cat");
    let id = add(&store, vec![new.clone()]).await.remove(0);
    let shown = view(&store, &id).await;
    assert_eq!(shown.state, State::Queued);
    assert_eq!((shown.pipeline, shown.plan), (new.pipeline, new.plan));
    assert_eq!((shown.original, shown.lane), (new.original, new.lane));
    assert_eq!((shown.owner, shown.filename), (new.owner, new.filename));
    assert_eq!(
        (shown.submitted_at, shown.started_at, shown.finished_at),
        (NOW, None, None)
    );
    assert_eq!(store.oldest_waiting().await.unwrap(), Some(NOW));
    assert_eq!(store.counts().await.unwrap()["photos"][&State::Queued], 1);
    assert!(store.job("nobody").await.unwrap().is_none());
    assert!(store.result(&id).await.unwrap().is_none());
}

pub async fn the_clock_is_the_databases_or_nobodys(store: Any) {
    let Some(now) = store.now().await.unwrap() else {
        return;
    };
    let here = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    // The database runs on this machine.
    assert!(
        (here as Millis - now).abs() < 60 * SECOND,
        "{now}, and here {here}"
    );
    assert!(store.now().await.unwrap().is_some_and(|later| later >= now));
}

pub async fn a_plan_is_remembered(store: Any) {
    let plan = plan("plan-photos", OnFailure::Fail);
    assert!(store.plan("plan-photos").await.unwrap().is_none());
    store.remember(&plan, NOW).await.unwrap();
    store.remember(&plan, NOW + SECOND).await.unwrap();
    assert_eq!(store.plan("plan-photos").await.unwrap(), Some(plan));
}

pub async fn a_request_key_is_answered_once(store: Any) {
    let first = vec![job("cat"), job("dog")];
    let ids: Vec<_> = first.iter().map(|job| job.id.clone()).collect();
    assert_eq!(
        submit(&store, first, Some(request("k", "f"))).await,
        Accepted::New
    );
    let again = submit(&store, vec![job("cat"), job("dog")], Some(request("k", "f"))).await;
    assert_eq!(again, Accepted::Before(ids.clone()));
    let other = submit(&store, vec![job("cow")], Some(request("k", "g"))).await;
    assert_eq!(other, Accepted::Conflict);
    let earlier = store.request("ann", "k").await.unwrap().unwrap();
    assert_eq!((earlier.fingerprint.as_str(), &earlier.jobs), ("f", &ids));
    assert_eq!(store.request("bob", "k").await.unwrap(), None);
    let mut bob = request("k", "g");
    bob.owner = "bob".into();
    assert_eq!(submit(&store, vec![job("cow")], Some(bob)).await, Accepted::New);
    assert_eq!(in_state(&store, State::Queued).await, 3);
    check_counters(&store).await;
}

pub async fn the_same_key_at_once_is_new_once(store: Any) {
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let new = job("cat");
            let id = new.id.clone();
            (id, submit(&store, vec![new], Some(request("k", "f"))).await)
        }));
    }
    let mut winners = Vec::new();
    let mut told = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            (id, Accepted::New) => winners.push(id),
            (_, Accepted::Before(ids)) => told.push(ids),
            (_, other) => panic!("{other:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert!(told.iter().all(|ids| *ids == winners), "{told:?} of {winners:?}");
    assert_eq!(in_state(&store, State::Queued).await, 1);
}

pub async fn a_submission_is_stored_whole_or_not(store: Any) {
    assert!(store.doom_stray(BURIER, "digest-dog", NOW).await.unwrap());
    let refused = submit(&store, vec![job("cat"), job("dog")], Some(request("k", "f"))).await;
    assert_eq!(refused, Accepted::Doomed("digest-dog".into()));
    assert_eq!(in_state(&store, State::Queued).await, 0);
    store.buried(BURIER, &["digest-dog".into()]).await.unwrap();
    let taken = submit(&store, vec![job("cat"), job("dog")], Some(request("k", "f"))).await;
    assert_eq!(taken, Accepted::New);
    check_counters(&store).await;
}

/// An answer may get lost on its way; whoever sends the same jobs again must not make them twice.
pub async fn the_same_ids_are_the_same_jobs(store: Any) {
    let new = vec![job("cat"), job("dog")];
    let ids = add(&store, new.clone()).await;
    assert_eq!(submit(&store, new, None).await, Accepted::Before(ids));
    assert_eq!(in_state(&store, State::Queued).await, 2);
    check_counters(&store).await;
}

pub async fn one_refusal_spoils_no_other(store: Any) {
    let old = job("old");
    add(&store, vec![old.clone()]).await;
    assert!(store.doom_stray(BURIER, "digest-gone", NOW).await.unwrap());
    let mut tasks = Vec::new();
    for n in 0..60 {
        let new = match n % 10 {
            3 => old.clone(),
            6 => job("gone"),
            _ => job(&format!("new-{n}")),
        };
        let store = store.clone();
        let submission = Submission {
            jobs: vec![new],
            request: None,
        };
        tasks.push(tokio::spawn(async move {
            (n, store.enqueue(submission, NOW).await.unwrap())
        }));
    }
    for task in tasks {
        let (n, answer) = task.await.unwrap();
        let expected = match n % 10 {
            3 => Accepted::Before(vec![old.id.clone()]),
            6 => Accepted::Doomed("digest-gone".into()),
            _ => Accepted::New,
        };
        assert_eq!(answer, expected, "submission {n}");
    }
    assert_eq!(in_state(&store, State::Queued).await, 49);
    check_counters(&store).await;
}

pub async fn odd_text_survives(store: Any) {
    let mut new = job("cat");
    new.filename = Some("\"a\\u0000b\" — 'ü'\n.jpg".into());
    let id = add(&store, vec![new.clone()]).await.remove(0);
    assert_eq!(view(&store, &id).await.filename, new.filename);
    let claimed = claim_one(&store).await;
    settle(&store, &claimed.lease, death("a NUL \0 inside, $1 and ?1")).await;
    let letter = store.letter(&id).await.unwrap().unwrap();
    assert!(letter.failure.message.contains("inside, $1 and ?1"));
    assert_eq!(letter.filename, new.filename);
}

pub async fn jobs_are_listed_newest_first(store: Any) {
    let all = jobs(9, |n| {
        let mut job = job(&format!("n{n}"));
        job.pipeline = ["photos", "icons", "scans"][n % 3].into();
        job
    });
    let mut ids = add(&store, all).await;
    ids.reverse();
    claim(&store, 4).await;
    let everything = Filter::default();
    let page = store.jobs(&everything, None, 4).await.unwrap();
    assert_eq!(
        page.iter().map(|job| &job.id).collect::<Vec<_>>(),
        ids[..4].iter().collect::<Vec<_>>()
    );
    let rest = store.jobs(&everything, Some(&ids[3]), 100).await.unwrap();
    assert_eq!(
        rest.iter().map(|job| &job.id).collect::<Vec<_>>(),
        ids[4..].iter().collect::<Vec<_>>()
    );

    let photos = Filter {
        pipeline: Some("photos".into()),
        ..Filter::default()
    };
    let of_photos: Vec<_> = ids.iter().rev().step_by(3).rev().cloned().collect();
    let found = store.jobs(&photos, None, 10).await.unwrap();
    assert_eq!(
        found.iter().map(|job| job.id.clone()).collect::<Vec<_>>(),
        of_photos
    );
    let few = Filter {
        ids: vec![ids[5].clone(), ids[1].clone(), "nobody".into()],
        ..Filter::default()
    };
    let found = store.jobs(&few, None, 10).await.unwrap();
    assert_eq!(
        found.iter().map(|job| &job.id).collect::<Vec<_>>(),
        [&ids[1], &ids[5]]
    );
    assert_eq!(in_state(&store, State::Running).await, 4);
}

pub async fn withdrawn_jobs_leave_nothing(store: Any) {
    let batch = || vec![job("cat"), job("dog")];
    let ids = |jobs: &[NewJob]| jobs.iter().map(|job| job.id.clone()).collect::<Vec<_>>();
    let first = batch();
    let gone = ids(&first);
    assert_eq!(
        submit(&store, first, Some(request("k", "f"))).await,
        Accepted::New
    );
    store.withdraw(&gone, NOW).await.unwrap();
    for id in &gone {
        assert!(store.job(id).await.unwrap().is_none());
    }
    check_counters(&store).await;
    assert_eq!(store.doom(BURIER, 10, NOW).await.unwrap().len(), 2);
    let both = ["digest-cat".to_owned(), "digest-dog".to_owned()];
    store.buried(BURIER, &both).await.unwrap();

    let second = batch();
    let ids = ids(&second);
    let again = submit(&store, second, Some(request("k", "f"))).await;
    assert_eq!(again, Accepted::New, "the key went with its jobs");
    let claimed = claim_one(&store).await;
    store.withdraw(&ids, NOW).await.unwrap();
    store.withdraw(&ids, NOW).await.unwrap();
    assert_eq!(state(&store, &claimed.lease.job).await, State::Cancelled);
    assert_eq!(
        settle(&store, &claimed.lease, success("cat")).await,
        Settled::Stale
    );
    assert_eq!(in_state(&store, State::Queued).await, 0);
    assert!(claim(&store, 2).await.is_empty());
    assert_eq!(
        store.doom(BURIER, 10, NOW).await.unwrap().len(),
        1,
        "the other is cancelled"
    );
    let again = submit(&store, vec![job("cow")], Some(request("k", "f"))).await;
    assert_eq!(again, Accepted::New);
    check_counters(&store).await;
}

/// Whoever sent a request again was told of its jobs, whatever became of the first answer.
pub async fn jobs_that_somebody_was_told_of_stay(store: Any) {
    let mut all = Vec::new();
    for (key, looked_up) in [("a", true), ("b", false)] {
        let first = job("cat");
        let ids = vec![first.id.clone()];
        let key = || Some(request(key, "f"));
        assert_eq!(submit(&store, vec![first], key()).await, Accepted::New);
        if looked_up {
            let earlier = store.request("ann", &key().unwrap().key).await.unwrap();
            assert_eq!(earlier.unwrap().jobs, ids);
        } else {
            let again = submit(&store, vec![job("cat")], key()).await;
            assert_eq!(again, Accepted::Before(ids.clone()));
        }
        store.withdraw(&ids, NOW).await.unwrap();
        assert_eq!(state(&store, &ids[0]).await, State::Queued);
        let again = submit(&store, vec![job("cat")], key()).await;
        assert_eq!(again, Accepted::Before(ids.clone()));
        all.extend(ids);
    }
    assert_eq!(claim(&store, 9).await.len(), all.len());
    check_counters(&store).await;
}

/// The store tries again itself where it did not hear what became of the first try.
pub async fn an_answer_that_got_lost_tells_nobody(store: Any) {
    let first = job("cat");
    let ids = vec![first.id.clone()];
    let key = || Some(request("k", "f"));
    assert_eq!(submit(&store, vec![first.clone()], key()).await, Accepted::New);
    let again = submit(&store, vec![first], key()).await;
    assert_eq!(again, Accepted::Before(ids.clone()));
    store.withdraw(&ids, NOW).await.unwrap();
    assert!(store.job(&ids[0]).await.unwrap().is_none());
    check_counters(&store).await;
}

pub async fn withdrawn_jobs_that_died_are_let_go(store: Any) {
    let both = vec![job("cat"), job("dog")];
    let ids: Vec<_> = both.iter().map(|job| job.id.clone()).collect();
    let key = || Some(request("k", "f"));
    assert_eq!(submit(&store, both, key()).await, Accepted::New);
    let dead = kill(&store, "no memory", NOW).await;
    store.withdraw(&ids, NOW).await.unwrap();
    assert_eq!(state(&store, &dead).await, State::Cancelled);
    assert!(store.letter(&dead).await.unwrap().is_none());
    assert_eq!(in_state(&store, State::Queued).await, 0);
    assert_eq!(store.doom(BURIER, 10, NOW).await.unwrap().len(), 2);
    let again = submit(&store, vec![job("cow")], key()).await;
    assert_eq!(again, Accepted::New, "the key went with its jobs");
    check_counters(&store).await;
}

pub async fn a_job_that_has_succeeded_keeps_its_key(store: Any) {
    let ids = [job("cat"), job("dog")].map(|job| job.id);
    let [cat, dog] = ids.clone().map(|id| NewJob { id, ..job("cat") });
    assert_eq!(
        submit(&store, vec![cat], Some(request("k", "f"))).await,
        Accepted::New
    );
    let claimed = claim_one(&store).await;
    assert_eq!(
        settle(&store, &claimed.lease, success("cat")).await,
        Settled::Done
    );
    store.withdraw(&ids[..1], NOW).await.unwrap();
    assert_eq!(state(&store, &ids[0]).await, State::Succeeded);
    let again = submit(&store, vec![dog], Some(request("k", "f"))).await;
    assert_eq!(again, Accepted::Before(vec![ids[0].clone()]));
}

/// One of two that send the same key withdraws what the other one is told of, or neither is told of it.
pub async fn telling_and_withdrawing_do_not_cross(store: Any) {
    for round in 0..20 {
        let first = job("cat");
        let ids = vec![first.id.clone()];
        let key = format!("k{round}");
        assert_eq!(
            submit(&store, vec![first], Some(request(&key, "f"))).await,
            Accepted::New
        );
        let withdrawn = {
            let (store, ids) = (store.clone(), ids.clone());
            tokio::spawn(async move { store.withdraw(&ids, NOW).await.unwrap() })
        };
        let told = submit(&store, vec![job("cat")], Some(request(&key, "f"))).await;
        withdrawn.await.unwrap();
        let stayed = store.job(&ids[0]).await.unwrap().is_some();
        match told {
            Accepted::Before(before) => assert!(stayed && before == ids, "round {round}"),
            other => assert!(other == Accepted::New && !stayed, "round {round}: {other:?}"),
        }
    }
    assert_eq!(in_state(&store, State::Queued).await, 20);
    check_counters(&store).await;
}
