//! Redrives as operations: each letter is sent once, as fast and as far as the rules allow, and the counts are true.

use std::collections::BTreeMap;

use serde_json::json;
use workflow::job::State;
use workflow::plan::OnFailure;
use workflow::ports::{Advanced, AuditEntry, Filter, Millis, NewRedrive, RedriveView, Settled, Wanted};
use workflow::redrive::{Rules, State as Stage};

use super::dead::graves;
use super::kit::*;

/// When the letters have been dead for a while.
const LATER: Millis = NOW + 60 * SECOND;

pub(super) fn entry(action: &str, subject: &str) -> AuditEntry {
    AuditEntry {
        id: uuid::Uuid::now_v7().to_string(),
        at: LATER,
        who: "ann".into(),
        action: action.into(),
        subject: subject.into(),
        detail: json!({"odd": "\0\\u0000", "n": 7}),
    }
}

pub(super) fn wanted(filter: &Filter, most: u32) -> Wanted {
    Wanted {
        filter: filter.clone(),
        most,
        ..Wanted::default()
    }
}

fn everything() -> Wanted {
    wanted(&Filter::default(), 5)
}

fn canary(canary: u32, canary_failures: u32) -> Rules {
    Rules {
        canary,
        canary_failures,
        ..Rules::default()
    }
}

fn limited(limit: u64) -> Rules {
    Rules {
        limit: Some(limit),
        ..Rules::default()
    }
}

async fn begin(store: &Any, wanted: Wanted, rules: Rules, now: Millis) -> RedriveView {
    let new = NewRedrive {
        id: uuid::Uuid::now_v7().to_string(),
        wanted,
        rules,
        by: "ann".into(),
    };
    let entry = entry("dead.redrive", &new.id);
    let begun = store.start_redrive(&new, &entry, now).await.unwrap();
    assert_eq!(begun.asked, new);
    assert_eq!(store.redrive(&new.id).await.unwrap(), Some(begun.clone()));
    begun
}

async fn advance(store: &Any, redrive: &RedriveView, now: Millis) -> Advanced {
    let advanced = store.advance_redrive(&redrive.asked.id, now).await.unwrap();
    advanced.expect("the operation to be there")
}

/// Begins an operation, takes one step, and gives back what it sent.
pub(super) async fn send_again(store: &Any, wanted: Wanted, limit: u64, now: Millis) -> Vec<String> {
    let redrive = begin(store, wanted, limited(limit), now).await;
    advance(store, &redrive, now).await.sent
}

/// Lets so many jobs that wait succeed.
async fn succeed(store: &Any, n: u32) {
    let claimed = claim(store, n).await;
    assert_eq!(claimed.len(), n as usize);
    for job in claimed {
        let end = success(&job.original.digest);
        let settled = settle_at(store, &job.lease, end, Vec::new(), LATER).await;
        assert_eq!(settled, Settled::Done);
    }
}

/// Sent, succeeded, dead again, cancelled, waiting.
fn counts(redrive: &RedriveView) -> [u64; 5] {
    let progress = &redrive.progress;
    [
        progress.sent,
        progress.succeeded,
        progress.dead_again,
        progress.cancelled,
        progress.waiting(),
    ]
}

pub async fn a_redrive_counts_what_becomes_of_it(store: Any) {
    let ids = graves(&store, &["a", "b", "c", "d"]).await;
    let found = store.redrive_candidates(&everything(), 2, LATER).await.unwrap();
    assert_eq!(found.by_pipeline, BTreeMap::from([("photos".to_owned(), 4)]));
    assert_eq!(found.first, ids[..2], "oldest first");
    let redrive = begin(&store, everything(), Rules::default(), LATER).await;
    assert_eq!((redrive.total, redrive.progress.state), (4, Stage::Running));
    assert_eq!(counts(&redrive), [0; 5]);
    let first = advance(&store, &redrive, LATER).await;
    assert_eq!(first.sent, ids);
    assert_eq!(counts(&first.redrive), [4, 0, 0, 0, 4]);
    assert_eq!(first.redrive.progress.state, Stage::Draining);

    succeed(&store, 2).await;
    kill(&store, "no memory", LATER).await;
    let left = store.jobs(&of_state(State::Queued), None, 10).await.unwrap();
    store.cancel(&left[0].id, None, LATER).await.unwrap();
    let last = advance(&store, &redrive, LATER + SECOND).await;
    assert!(last.sent.is_empty());
    assert_eq!(counts(&last.redrive), [4, 2, 1, 1, 0]);
    assert_eq!(last.redrive.progress.state, Stage::Done);
    assert_eq!(last.redrive.finished_at, Some(LATER + SECOND));
    assert!(store.unfinished_redrives().await.unwrap().is_empty());
    assert_eq!(advance(&store, &redrive, LATER + 2 * SECOND).await, last);
    assert_eq!(
        store.redrive(&redrive.asked.id).await.unwrap(),
        Some(last.redrive)
    );
    check_counters(&store).await;
}

pub async fn a_canary_that_dies_stops_the_redrive(store: Any) {
    let ids = graves(&store, &["a", "b", "c", "d", "e"]).await;
    let redrive = begin(&store, everything(), canary(3, 0), LATER).await;
    assert_eq!(advance(&store, &redrive, LATER).await.sent, ids[..3]);
    assert!(advance(&store, &redrive, LATER).await.sent.is_empty());
    kill(&store, "again", LATER).await;
    let stopped = advance(&store, &redrive, LATER + SECOND).await;
    assert!(stopped.sent.is_empty());
    assert_eq!(stopped.redrive.progress.state, Stage::Stopped);
    assert_eq!(
        stopped.redrive.reason.as_deref(),
        Some("1 of the first 3 died again, and at most 0 may")
    );
    assert_eq!(stopped.redrive.finished_at, None, "two are under way");
    succeed(&store, 2).await;
    let finished = advance(&store, &redrive, LATER + 2 * SECOND).await;
    assert!(finished.sent.is_empty());
    assert_eq!(counts(&finished.redrive), [3, 2, 1, 0, 0]);
    assert_eq!(finished.redrive.finished_at, Some(LATER + 2 * SECOND));
    assert_eq!(in_state(&store, State::Dead).await, 3);
    check_counters(&store).await;
}

pub async fn a_canary_that_lives_lets_the_rest_go(store: Any) {
    let ids = graves(&store, &["a", "b", "c", "d", "e"]).await;
    let redrive = begin(&store, everything(), canary(2, 1), LATER).await;
    assert_eq!(advance(&store, &redrive, LATER).await.sent, ids[..2]);
    succeed(&store, 1).await;
    assert!(advance(&store, &redrive, LATER).await.sent.is_empty());
    // At the very time when the operation began: only that it was sent speaks against it.
    kill(&store, "again", LATER).await;
    assert_eq!(advance(&store, &redrive, LATER).await.sent, ids[2..]);
    succeed(&store, 3).await;
    let done = advance(&store, &redrive, LATER).await.redrive;
    assert_eq!(counts(&done), [5, 4, 1, 0, 0]);
    assert_eq!((done.progress.state, done.reason), (Stage::Done, None));
    check_counters(&store).await;
}

pub async fn a_redrive_keeps_its_rate_and_limit(store: Any) {
    let ids = graves(&store, &["a", "b", "c", "d", "e"]).await;
    let rules = Rules {
        rate: Some(30),
        ..limited(4)
    };
    let redrive = begin(&store, everything(), rules, LATER).await;
    assert_eq!(redrive.total, 4);
    let hour = 3_600 * SECOND;
    let mut sent = Vec::new();
    for (after, n) in [
        (0, 1),
        (SECOND, 0),
        (2 * SECOND, 1),
        (hour, 1),
        (2 * hour, 1),
        (3 * hour, 0),
    ] {
        let went = advance(&store, &redrive, LATER + after).await.sent;
        assert_eq!(went.len(), n, "after {after} ms");
        sent.extend(went);
    }
    assert_eq!(sent, ids[..4]);
    let drained = store.redrive(&redrive.asked.id).await.unwrap().unwrap();
    assert_eq!(drained.progress.state, Stage::Draining);
}

pub async fn a_redrive_is_cancelled(store: Any) {
    graves(&store, &["a", "b", "c"]).await;
    let redrive = begin(&store, everything(), canary(1, 0), LATER).await;
    let id = redrive.asked.id.as_str();
    advance(&store, &redrive, LATER).await;
    for _ in 0..2 {
        let entry = entry("redrive.cancel", id);
        let cancelled = store.cancel_redrive(id, &entry, LATER).await.unwrap().unwrap();
        assert_eq!(cancelled.progress.state, Stage::Cancelled);
        assert_eq!(cancelled.reason.as_deref(), Some("cancelled by ann"));
        assert_eq!(cancelled.finished_at, None);
    }
    succeed(&store, 1).await;
    let finished = advance(&store, &redrive, LATER + SECOND).await;
    assert!(finished.sent.is_empty());
    assert_eq!(counts(&finished.redrive), [1, 1, 0, 0, 0]);
    assert_eq!(finished.redrive.finished_at, Some(LATER + SECOND));

    let unsent = begin(&store, everything(), Rules::default(), LATER).await;
    let id = unsent.asked.id.as_str();
    let entry = entry("redrive.cancel", id);
    let cancelled = store.cancel_redrive(id, &entry, LATER).await.unwrap().unwrap();
    assert_eq!(cancelled.finished_at, Some(LATER));
    assert_eq!(in_state(&store, State::Dead).await, 2);
    let noted = store.entries(None, 10).await.unwrap();
    let actions: Vec<_> = noted.iter().map(|entry| entry.action.as_str()).collect();
    let (begun, cancelled) = ("dead.redrive", "redrive.cancel");
    assert_eq!(actions, [cancelled, begun, cancelled, begun]);
    assert!(
        store
            .cancel_redrive("nobody", &entry, LATER)
            .await
            .unwrap()
            .is_none()
    );
}

pub async fn a_new_plan_for_the_dead(store: Any) {
    let ids = graves(&store, &["no memory"]).await;
    store
        .remember(&plan("plan-mended", OnFailure::Fail), NOW)
        .await
        .unwrap();
    let mut icons = plan("plan-icons", OnFailure::Fail);
    icons.pipeline = "icons".into();
    store.remember(&icons, NOW).await.unwrap();
    let to = |pipeline: &str, plan: &str| Wanted {
        targets: BTreeMap::from([(pipeline.to_owned(), plan.to_owned())]),
        ..everything()
    };
    let none = begin(&store, to("icons", "plan-icons"), Rules::default(), LATER).await;
    assert_eq!(none.total, 0, "of another pipeline");
    let none = advance(&store, &none, LATER).await;
    assert!(none.sent.is_empty());
    assert_eq!(none.redrive.progress.state, Stage::Done);
    for (pipeline, plan) in [("photos", "plan-nobody"), ("photos", "plan-icons")] {
        let new = NewRedrive {
            id: uuid::Uuid::now_v7().to_string(),
            wanted: to(pipeline, plan),
            ..none.redrive.asked.clone()
        };
        let refused = store
            .start_redrive(&new, &entry("dead.redrive", plan), LATER)
            .await;
        assert!(refused.is_err(), "{plan}");
    }
    assert_eq!(
        send_again(&store, to("photos", "plan-mended"), 10, LATER).await,
        ids
    );
    assert_eq!(claim_one(&store).await.plan, "plan-mended");
}

pub async fn two_servers_send_each_letter_once(store: Any) {
    let ids = graves(&store, &["a"; 30]).await;
    let begun = [
        begin(&store, everything(), canary(4, 0), LATER).await,
        begin(&store, everything(), limited(20), LATER).await,
    ];
    let step = |redrive: &RedriveView| {
        let (store, redrive) = (store.clone(), redrive.clone());
        tokio::spawn(async move { advance(&store, &redrive, LATER).await.sent })
    };
    let steps: Vec<_> = begun.iter().chain(&begun).chain(&begun).map(step).collect();
    let mut sent = Vec::new();
    for step in steps {
        sent.extend(step.await.unwrap());
    }
    let n = sent.len();
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), n, "twice");
    let mut claimed: Vec<_> = claim(&store, 100)
        .await
        .into_iter()
        .map(|job| job.lease.job)
        .collect();
    claimed.sort();
    assert_eq!(claimed, sent);
    assert!(claimed.iter().all(|job| ids.contains(job)));
    assert_eq!(in_state(&store, State::Dead).await, ids.len() - n);
    check_counters(&store).await;
}

pub async fn who_dies_later_is_no_candidate(store: Any) {
    let ids = graves(&store, &["a", "b"]).await;
    let redrive = begin(&store, everything(), Rules::default(), LATER).await;
    add_one(&store, "late").await;
    let late = kill(&store, "a", LATER + 61 * SECOND).await;
    let sent = advance(&store, &redrive, LATER + 62 * SECOND).await.sent;
    assert_eq!(sent, ids);
    assert_eq!(state(&store, &late).await, State::Dead);
}

pub async fn clocks_that_are_ahead_hide_no_letter(store: Any) {
    add_one(&store, "ahead").await;
    let ahead = kill(&store, "a", LATER + 59 * SECOND).await;
    add_one(&store, "far-ahead").await;
    let far = kill(&store, "a", LATER + 3600 * SECOND).await;
    let found = store.redrive_candidates(&everything(), 9, LATER).await.unwrap();
    assert_eq!(found.first, [ahead]);
    let named = Filter {
        ids: vec![far.clone()],
        ..Filter::default()
    };
    let found = store
        .redrive_candidates(&wanted(&named, 5), 9, LATER)
        .await
        .unwrap();
    assert_eq!(found.first, [far], "it is named");
}

pub async fn what_died_and_was_sent_by_another_is_dead_again(store: Any) {
    graves(&store, &["a"]).await;
    let first = begin(&store, everything(), Rules::default(), LATER).await;
    advance(&store, &first, LATER).await;
    kill(&store, "a", LATER + SECOND).await;
    let second = begin(&store, everything(), Rules::default(), LATER + SECOND).await;
    assert_eq!(advance(&store, &second, LATER + SECOND).await.sent.len(), 1);
    let first = advance(&store, &first, LATER + SECOND).await.redrive;
    assert_eq!(counts(&first), [1, 0, 1, 0, 0]);
    let second = advance(&store, &second, LATER + SECOND).await.redrive;
    assert_eq!(counts(&second), [1, 0, 0, 0, 1]);
}

pub async fn what_a_redrive_waits_for_is_not_forgotten(store: Any) {
    graves(&store, &["a"]).await;
    let redrive = begin(&store, everything(), Rules::default(), LATER).await;
    advance(&store, &redrive, LATER).await;
    succeed(&store, 1).await;
    assert_eq!(store.forget(LATER + SECOND, 10).await.unwrap(), 0);
    let done = advance(&store, &redrive, LATER).await.redrive;
    assert_eq!(counts(&done), [1, 1, 0, 0, 0]);
    assert_eq!(store.forget(LATER + SECOND, 10).await.unwrap(), 1);
    check_counters(&store).await;
}

pub async fn redrives_are_listed_newest_first(store: Any) {
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(
            begin(&store, everything(), Rules::default(), LATER)
                .await
                .asked
                .id,
        );
    }
    assert_eq!(store.unfinished_redrives().await.unwrap(), ids);
    let listed = async |before, limit| {
        let page = store.redrives(before, limit).await.unwrap();
        page.into_iter()
            .map(|redrive| redrive.asked.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(None, 2).await, [ids[2].clone(), ids[1].clone()]);
    assert_eq!(listed(Some(ids[1].as_str()), 2).await, [ids[0].clone()]);
    assert!(store.redrive("nobody").await.unwrap().is_none());
    assert!(store.advance_redrive("nobody", LATER).await.unwrap().is_none());
}

pub async fn the_audit_log_is_listed_newest_first(store: Any) {
    let mut noted: Vec<_> = ["breaker.trip", "dead.purge", "job.cancel"]
        .map(|action| entry(action, "some\0body"))
        .into();
    for entry in &noted {
        store.note(entry).await.unwrap();
    }
    noted.reverse();
    for entry in &mut noted {
        // No database keeps a NUL.
        entry.subject = "some\u{fffd}body".into();
    }
    assert_eq!(store.entries(None, 2).await.unwrap(), noted[..2]);
    assert_eq!(store.entries(Some(&noted[1].id), 10).await.unwrap(), noted[2..]);
}
