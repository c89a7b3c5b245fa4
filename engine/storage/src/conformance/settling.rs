//! Ends of attempts: under the right lease, once, and with all that belongs to them.

use std::collections::BTreeMap;

use workflow::failure::FailureKind;
use workflow::job::State;
use workflow::ports::{End, Lease, Millis, Rescued, Settled, Settlement};

use super::kit::*;
use super::redrives::entry;

pub async fn success_leaves_a_result(store: Any) {
    let id = add_one(&store, "cat").await;
    let claimed = claim_one(&store).await;
    let end = success("cat");
    assert_eq!(
        settle_at(&store, &claimed.lease, end, vec![], NOW + 5).await,
        Settled::Done
    );
    let shown = view(&store, &id).await;
    assert_eq!(
        (shown.state, shown.finished_at),
        (State::Succeeded, Some(NOW + 5))
    );
    let result = store.result(&id).await.unwrap().unwrap();
    assert_eq!(result.renditions, [rendition("cat")]);
    assert_eq!(result.report["steps"][0]["id"], "thumb");
    check_counters(&store).await;
}

pub async fn the_second_settlement_is_stale(store: Any) {
    add_one(&store, "cat").await;
    let claimed = claim_one(&store).await;
    let twice = tokio::join!(
        settle(&store, &claimed.lease, success("cat")),
        settle(&store, &claimed.lease, death("no")),
    );
    assert!(
        matches!(
            twice,
            (Settled::Done, Settled::Stale) | (Settled::Stale, Settled::Done)
        ),
        "{twice:?}"
    );
    assert_eq!(
        settle(&store, &claimed.lease, success("cat")).await,
        Settled::Stale
    );
    let nobody = Lease {
        job: "nobody".into(),
        number: 1,
    };
    assert_eq!(settle(&store, &nobody, success("cat")).await, Settled::Stale);
    check_counters(&store).await;
}

pub async fn an_old_lease_is_stale(store: Any) {
    let id = add_one(&store, "cat").await;
    let slow = claim_one(&store).await;
    let rescued = store.sweep(NOW + 1, NOW + 30 * SECOND).await.unwrap();
    let expected = Rescued {
        job: id.clone(),
        state: State::Queued,
    };
    assert_eq!(rescued, [expected]);
    assert_eq!(settle(&store, &slow.lease, success("slow")).await, Settled::Stale);
    let quick = claim_one(&store).await;
    assert_eq!(settle(&store, &slow.lease, success("slow")).await, Settled::Stale);
    assert_eq!(
        settle(&store, &quick.lease, success("quick")).await,
        Settled::Done
    );
    assert_eq!(settle(&store, &slow.lease, success("slow")).await, Settled::Stale);
    let result = store.result(&id).await.unwrap().unwrap();
    assert_eq!(result.renditions, [rendition("quick")]);
    let errors = store.errors(&id).await.unwrap();
    assert_eq!(errors.len(), 1);
    assert_eq!(
        (errors[0].failure.kind, errors[0].worker.as_str()),
        (FailureKind::Crash, "worker")
    );
}

pub async fn a_late_heartbeat_is_told(store: Any) {
    add(&store, vec![job("cat"), job("dog")]).await;
    let both = claim(&store, 2).await;
    let leases: Vec<_> = both.iter().map(|claimed| claimed.lease.clone()).collect();
    assert!(store.heartbeat(&leases, NOW + SECOND).await.unwrap().is_empty());
    store.cancel(&leases[0].job, None, NOW + SECOND).await.unwrap();
    let lost = store.heartbeat(&leases, NOW + 2 * SECOND).await.unwrap();
    assert_eq!(lost, leases[..1]);
    store.sweep(NOW + 3 * SECOND, NOW + 3 * SECOND).await.unwrap();
    let again = claim_one(&store).await;
    let lost = store.heartbeat(&leases, NOW + 4 * SECOND).await.unwrap();
    assert_eq!(lost, leases);
    assert!(store.heartbeat(&[again.lease], NOW).await.unwrap().is_empty());
}

pub async fn heartbeats_keep_a_job(store: Any) {
    let id = add_one(&store, "cat").await;
    let claimed = claim_one(&store).await;
    for beat in 1..6 {
        let now = NOW + beat * 10 * SECOND;
        assert!(
            store
                .heartbeat(std::slice::from_ref(&claimed.lease), now)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(store.sweep(now - SECOND, now).await.unwrap().is_empty());
    }
    assert_eq!(state(&store, &id).await, State::Running);
    assert_eq!(
        settle(&store, &claimed.lease, success("cat")).await,
        Settled::Done
    );
}

pub async fn retries_wait_until_they_are_due(store: Any) {
    let id = add_one(&store, "cat").await;
    let claimed = claim_one(&store).await;
    assert_eq!(
        settle(&store, &claimed.lease, retry(NOW + 2 * SECOND)).await,
        Settled::Done
    );
    let shown = view(&store, &id).await;
    assert_eq!(
        (shown.state, shown.due_at, shown.errors),
        (State::RetryWaiting, Some(NOW + 2 * SECOND), 1)
    );
    assert_eq!(shown.failure.unwrap().message, "the disk is busy");
    store.sweep(0, NOW + SECOND).await.unwrap();
    assert!(claim(&store, 1).await.is_empty());
    store.sweep(0, NOW + 2 * SECOND).await.unwrap();
    let again = claim_one(&store).await;
    assert_eq!((again.errors, again.rescues), (1, 0));
    let crash = End::Retry {
        at: NOW,
        failure: failure("the executor died"),
        rescue: true,
    };
    settle(&store, &again.lease, crash).await;
    store.sweep(0, NOW).await.unwrap();
    let last = claim_one(&store).await;
    assert_eq!((last.errors, last.rescues), (1, 1));
    settle(&store, &last.lease, success("cat")).await;
    assert!(view(&store, &id).await.failure.is_none());
    assert_eq!(store.errors(&id).await.unwrap().len(), 2);
    check_counters(&store).await;
}

pub async fn a_retry_that_lies_too_far_ahead_is_due(store: Any) {
    let mut ids = Vec::new();
    for wait in [SECOND, 60 * SECOND, 3_600 * SECOND] {
        ids.push(add_one(&store, "cat").await);
        let claimed = claim_one(&store).await;
        settle(&store, &claimed.lease, retry(NOW + wait)).await;
    }
    add_one(&store, "dog").await;
    let running = claim_one(&store).await;
    // No heart is looked at, however far ahead it beats.
    let back = NOW - 600 * SECOND;
    store.make_due(Millis::MAX, back).await.unwrap();
    assert_eq!(in_state(&store, State::RetryWaiting).await, 3);
    store.make_due(back + 900 * SECOND, back).await.unwrap();
    assert_eq!(state(&store, &ids[2]).await, State::Queued);
    assert_eq!(in_state(&store, State::RetryWaiting).await, 2);
    store.make_due(Millis::MAX, NOW + SECOND).await.unwrap();
    assert_eq!(state(&store, &ids[0]).await, State::Queued);
    assert_eq!(state(&store, &ids[1]).await, State::RetryWaiting);
    assert_eq!(state(&store, &running.lease.job).await, State::Running);
    check_counters(&store).await;
}

pub async fn a_job_given_back_costs_nothing(store: Any) {
    let id = add_one(&store, "cat").await;
    let first = claim_one(&store).await;
    settle(&store, &first.lease, End::GivenBack { at: NOW }).await;
    assert_eq!(state(&store, &id).await, State::Queued);
    let second = claim_one(&store).await;
    let later = End::GivenBack { at: NOW + 5 * SECOND };
    settle(&store, &second.lease, later).await;
    assert!(claim(&store, 1).await.is_empty());
    store.sweep(0, NOW + 5 * SECOND).await.unwrap();
    let third = claim_one(&store).await;
    assert_eq!((third.errors, third.rescues), (0, 0));
    assert!(store.errors(&id).await.unwrap().is_empty());
    check_counters(&store).await;
}

pub async fn the_third_lost_worker_ends_it(store: Any) {
    let id = add_one(&store, "cat").await;
    for loss in 1..=3 {
        claim_one(&store).await;
        let rescued = store.sweep(NOW + 1, NOW + 1).await.unwrap();
        let expected = if loss < 3 { State::Queued } else { State::Dead };
        assert_eq!(rescued[0].state, expected);
    }
    let letter = store.letter(&id).await.unwrap().unwrap();
    assert_eq!(letter.failure.kind, FailureKind::Crash);
    assert_eq!(store.errors(&id).await.unwrap().len(), 3);
    assert_eq!(store.groups(None, 100).await.unwrap()[0].count, 1);
    check_counters(&store).await;
}

pub async fn a_heart_far_ahead_does_not_beat(store: Any) {
    let id = add_one(&store, "cat").await;
    claim_one(&store).await;
    let before = NOW - 3_600_000;
    assert_eq!(
        store.sweep(before - 1, NOW - 1000).await.unwrap(),
        [],
        "a clock that is a little behind"
    );
    let rescued = store.sweep(before - 30_000, before).await.unwrap();
    assert_eq!(rescued[0].job, id, "its clock was set back");
    assert_eq!(state(&store, &id).await, State::Queued);
}

pub async fn a_known_failure_is_remembered(store: Any) {
    add_one(&store, "cat").await;
    let claimed = claim_one(&store).await;
    let settlement = Settlement {
        lease: claimed.lease,
        end: death("it traps"),
        observations: Vec::new(),
        known: Some(("step-1".into(), failure("it traps"))),
    };
    store.settle(settlement, NOW).await.unwrap();
    let keys = ["step-0".into(), "step-1".into()];
    assert_eq!(
        store.known_failure(&keys).await.unwrap(),
        Some(("step-1".into(), failure("it traps")))
    );
    assert_eq!(store.known_failure(&keys[..1]).await.unwrap(), None);
    assert_eq!(store.known_failure(&[]).await.unwrap(), None);
}

pub async fn whatever_has_not_ended_can_be_cancelled(store: Any) {
    remember(&store).await;
    let ids = add(&store, jobs(6, |n| job(&format!("n{n}")))).await;
    let claimed = claim(&store, 5).await;
    let lease = |n: usize| {
        claimed
            .iter()
            .find(|job| job.lease.job == ids[n])
            .unwrap()
            .lease
            .clone()
    };
    settle(&store, &lease(1), retry(NOW + SECOND)).await;
    let observed = (0..5).map(|n| seen(&format!("o{n}"), false, false)).collect();
    settle_at(&store, &lease(2), death("no"), observed, NOW).await;
    settle(
        &store,
        &lease(3),
        End::Parked {
            plugin: "blur".into(),
        },
    )
    .await;
    settle(&store, &lease(4), success("n4")).await;
    assert_eq!(state(&store, &ids[3]).await, State::Parked);
    for (n, id) in ids.iter().enumerate() {
        let expected = match n {
            2 => State::Dead,
            4 => State::Succeeded,
            _ => State::Cancelled,
        };
        for again in [false, true] {
            let entry = entry("job.cancel", id);
            let state = store.cancel(id, Some(&entry), NOW).await.unwrap();
            assert_eq!(state, Some(expected), "job {n}, again: {again}");
        }
    }
    let noted = store.entries(None, 50).await.unwrap();
    assert_eq!(noted.len(), ids.len() - 2, "each one that had not ended, once");
    assert_eq!(store.cancel("nobody", None, NOW).await.unwrap(), None);
    assert_eq!(settle(&store, &lease(0), success("n0")).await, Settled::Stale);
    assert!(
        store.letter(&ids[2]).await.unwrap().is_some(),
        "only a purge lets it go"
    );
    assert_eq!(parked(&store).await, 0);
    check_counters(&store).await;
}

pub async fn cancel_or_settle_but_not_both(store: Any) {
    add(&store, jobs(40, |n| job(&format!("n{n}")))).await;
    let mut tasks = Vec::new();
    for claimed in claim(&store, 40).await {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let id = claimed.lease.job.clone();
            let (settled, cancelled) = tokio::join!(
                settle(&store, &claimed.lease, success(&id)),
                store.cancel(&id, None, NOW),
            );
            (id, settled, cancelled.unwrap().unwrap())
        }));
    }
    let mut ends: BTreeMap<State, usize> = BTreeMap::new();
    for task in tasks {
        let (id, settled, told) = task.await.unwrap();
        let expected = match settled {
            Settled::Done => State::Succeeded,
            _ => State::Cancelled,
        };
        assert_eq!((told, state(&store, &id).await), (expected, expected));
        let has_result = store.result(&id).await.unwrap().is_some();
        assert_eq!(has_result, expected == State::Succeeded);
        *ends.entry(expected).or_default() += 1;
    }
    assert_eq!(ends.values().sum::<usize>(), 40);
    check_counters(&store).await;
}

pub async fn a_rendition_that_is_doomed_is_refused(store: Any) {
    add_one(&store, "cat").await;
    let claimed = claim_one(&store).await;
    let digest = rendition("cat").blob.digest;
    assert!(store.doom_stray(BURIER, &digest, NOW).await.unwrap());
    let refused = settle(&store, &claimed.lease, success("cat")).await;
    assert_eq!(refused, Settled::Doomed(digest.clone()));
    assert_eq!(state(&store, &claimed.lease.job).await, State::Running);
    store.buried(BURIER, &[digest]).await.unwrap();
    assert_eq!(
        settle(&store, &claimed.lease, success("cat")).await,
        Settled::Done
    );
    check_counters(&store).await;
}
