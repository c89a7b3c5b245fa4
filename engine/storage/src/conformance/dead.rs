//! Dead letters: grouped, listed, let go, sent through again.

use workflow::job::State;
use workflow::ports::Filter;

use super::kit::*;
use super::redrives::{entry, send_again, wanted};

/// Jobs that died one second apart, oldest first.
pub(super) async fn graves(store: &Any, messages: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for (n, message) in (0_i64..).zip(messages) {
        add_one(store, &format!("grave{n}")).await;
        ids.push(kill(store, message, NOW + n * SECOND).await);
    }
    ids
}

pub async fn the_dead_are_grouped(store: Any) {
    graves(
        &store,
        &[
            "row 1 is missing",
            "row 22 is missing",
            "no memory",
            "row 3 is missing",
        ],
    )
    .await;
    let groups = store.groups(None, 100).await.unwrap();
    let told: Vec<_> = groups
        .iter()
        .map(|group| (group.count, group.first_at, group.last_at))
        .collect();
    let (second, third) = (NOW + 2 * SECOND, NOW + 3 * SECOND);
    assert_eq!(told, [(3, NOW, third), (1, second, second)]);
    assert_eq!(groups[0].failure.message, "row 3 is missing");
    assert_eq!(groups[0].pipeline, "photos");
    let of_group = Filter {
        fingerprint: Some(groups[0].fingerprint.clone()),
        ..Filter::default()
    };
    let first = store.groups(None, 1).await.unwrap().remove(0).fingerprint;
    let rest = store.groups(Some(&first), 10).await.unwrap();
    assert_eq!((first, rest.len()), (groups[0].fingerprint.clone(), 1));
    assert_eq!(rest[0].fingerprint, groups[1].fingerprint);
    assert_eq!(store.letters(&of_group, None, 10).await.unwrap().len(), 3);
    assert_eq!(store.jobs(&of_group, None, 10).await.unwrap().len(), 3);
    check_counters(&store).await;
}

pub async fn letters_are_listed_newest_first(store: Any) {
    let mut ids = graves(&store, &["a", "b", "c", "d", "e"]).await;
    ids.reverse();
    let all = Filter::default();
    let page = store.letters(&all, None, 2).await.unwrap();
    assert_eq!(
        page.iter().map(|letter| &letter.job).collect::<Vec<_>>(),
        [&ids[0], &ids[1]]
    );
    let rest = store.letters(&all, Some(&ids[1]), 10).await.unwrap();
    assert_eq!(
        rest.iter().map(|letter| &letter.job).collect::<Vec<_>>(),
        [&ids[2], &ids[3], &ids[4]]
    );
    let other = Filter {
        pipeline: Some("icons".into()),
        ..Filter::default()
    };
    assert!(store.letters(&other, None, 10).await.unwrap().is_empty());
    let letter = store.letter(&ids[4]).await.unwrap().unwrap();
    assert_eq!(
        (letter.original, letter.died_at, letter.redrives),
        (blob("grave0"), NOW, 0)
    );
    assert_eq!(letter.failure, failure("a"));
    assert!(store.letter("nobody").await.unwrap().is_none());
    let result = store.result(&ids[4]).await.unwrap().unwrap();
    assert_eq!(result.report["failed"], "blur");
}

pub async fn purged_letters_are_cancelled(store: Any) {
    let ids = graves(&store, &["no memory", "no memory", "odd", "no memory"]).await;
    let group = store.letter(&ids[0]).await.unwrap().unwrap().fingerprint;
    let filter = Filter {
        fingerprint: Some(group.clone()),
        ..Filter::default()
    };
    assert_eq!(purge(&store, &filter, 2, NOW).await, ids[..2]);
    let noted = store.entries(None, 10).await.unwrap();
    assert_eq!((noted.len(), &noted[0].detail["letters"]), (1, &2.into()));
    assert_eq!(state(&store, &ids[0]).await, State::Cancelled);
    let groups = store.groups(None, 100).await.unwrap();
    assert_eq!(
        groups
            .iter()
            .find(|found| found.fingerprint == group)
            .unwrap()
            .count,
        1
    );
    check_counters(&store).await;
    let entry = entry("dead.purge", "all");
    let left = store.purge(&filter, 1, &entry, NOW).await.unwrap();
    assert_eq!(
        (&left.jobs[..], left.more),
        (&ids[3..], true),
        "as many as were wanted"
    );
    assert_eq!(store.groups(None, 100).await.unwrap().len(), 1);
    assert!(purge(&store, &filter, 10, NOW).await.is_empty());
    assert!(purge(&store, &of_state(State::Queued), 10, NOW).await.is_empty());
    let noted = store.entries(None, 10).await.unwrap();
    assert_eq!(noted.len(), 2, "nothing was let go, so nothing is noted");
    check_counters(&store).await;
}

pub async fn the_dead_are_sent_again(store: Any) {
    let ids = graves(&store, &["no memory", "odd", "no memory"]).await;
    let sent = send_again(&store, wanted(&Filter::default(), 5), 2, NOW + 9 * SECOND).await;
    assert_eq!(sent, ids[..2], "oldest first");
    let shown = view(&store, &ids[0]).await;
    assert_eq!((shown.state, shown.errors, shown.rescues), (State::Queued, 0, 0));
    assert_eq!(shown.finished_at, None);
    assert_eq!(
        shown.failure,
        Some(failure("no memory")),
        "what it died of last time"
    );
    assert!(store.letter(&ids[0]).await.unwrap().is_none());
    assert_eq!(store.groups(None, 100).await.unwrap().len(), 1);
    assert_eq!(store.errors(&ids[0]).await.unwrap().len(), 1);
    check_counters(&store).await;
    let mut again: Vec<_> = claim(&store, 10)
        .await
        .into_iter()
        .map(|job| job.lease.job)
        .collect();
    again.sort();
    assert_eq!(again, ids[..2]);
    check_counters(&store).await;
}

pub async fn too_many_redrives_are_refused(store: Any) {
    add_one(&store, "cat").await;
    let id = kill(&store, "no memory", NOW).await;
    let young = wanted(&Filter::default(), 2);
    for redrives in 0..2 {
        assert_eq!(store.letter(&id).await.unwrap().unwrap().redrives, redrives);
        assert_eq!(send_again(&store, young.clone(), 10, NOW).await.len(), 1);
        kill(&store, "no memory", NOW).await;
    }
    assert!(send_again(&store, young.clone(), 10, NOW).await.is_empty());
    assert_eq!(state(&store, &id).await, State::Dead);
    assert_eq!(store.errors(&id).await.unwrap().len(), 3);
    check_counters(&store).await;
}
