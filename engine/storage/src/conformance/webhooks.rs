//! Webhooks: a delivery for each end that somebody wants to hear of, sent by one at a time, until it is taken.

use workflow::job::State;
use workflow::ports::{
    Delivery, DeliveryEnd, DeliveryFilter, DeliveryState, Due, End, Endpoint, Millis, NewEndpoint, Replayed,
};
use workflow::webhook::{Disabled, PATIENCE, Topic, Verdict};

use super::kit::*;
use super::redrives::{send_again, wanted};

const LEASE: i64 = 60 * SECOND;
const AGAIN: Verdict = Verdict::Again { after: 5 * SECOND };

async fn listen(store: &Any, id: &str, pipeline: Option<&str>, topics: &[Topic]) {
    let endpoint = NewEndpoint {
        id: id.into(),
        url: format!("https://{id}.example/hook"),
        pipeline: pipeline.map(Into::into),
        topics: topics.to_vec(),
        secret: format!("secret of {id}"),
    };
    store.add_endpoint(endpoint, NOW).await.unwrap();
}

async fn endpoint(store: &Any, id: &str) -> Endpoint {
    let all = store.endpoints().await.unwrap();
    all.into_iter()
        .find(|found| found.id == id)
        .expect("the endpoint")
}

async fn told(store: &Any, endpoint: &str) -> Vec<Delivery> {
    let filter = DeliveryFilter {
        endpoint: Some(endpoint.into()),
        job: None,
    };
    store.deliveries(&filter, None, 100).await.unwrap()
}

async fn due(store: &Any, endpoint: &str, now: i64) -> Vec<Due> {
    store.due(endpoint, now, now + LEASE, 10).await.unwrap()
}

async fn due_one(store: &Any, endpoint: &str, now: i64) -> Due {
    let mut all = due(store, endpoint, now).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

async fn end(store: &Any, due: &Due, verdict: Verdict, now: i64) -> bool {
    let end = DeliveryEnd {
        lease: due.lease.clone(),
        verdict,
        status: (verdict != AGAIN).then_some(200),
        error: (verdict == AGAIN).then(|| "it answers \"no\"".to_owned()),
    };
    store.settle_delivery(&end, now).await.unwrap()
}

async fn succeed(store: &Any, name: &str) -> String {
    add_one(store, name).await;
    let claimed = claim_one(store).await;
    settle(store, &claimed.lease, success(name)).await;
    claimed.lease.job
}

pub async fn ends_are_told_to_who_wants_them(store: Any) {
    let unheard = succeed(&store, "early").await;
    listen(&store, "all", None, &[]).await;
    listen(&store, "photos", Some("photos"), &[Topic::Dead, Topic::Succeeded]).await;
    listen(&store, "icons", Some("icons"), &[]).await;
    let done = succeed(&store, "cat").await;
    add_one(&store, "dog").await;
    let dead = kill(&store, "no memory", NOW + SECOND).await;
    let cancelled = add_one(&store, "bird").await;
    store.cancel(&cancelled, None, NOW + 2 * SECOND).await.unwrap();
    store.cancel(&cancelled, None, NOW + 3 * SECOND).await.unwrap();
    add_one(&store, "retried").await;
    let claimed = claim_one(&store).await;
    settle(&store, &claimed.lease, retry(NOW + SECOND)).await;

    let all = told(&store, "all").await;
    let seen: Vec<_> = all.iter().map(|d| (d.topic, d.job.as_str(), d.at)).collect();
    assert_eq!(
        seen,
        [
            (Topic::Cancelled, cancelled.as_str(), NOW + 2 * SECOND),
            (Topic::Dead, &dead, NOW + SECOND),
            (Topic::Succeeded, &done, NOW),
        ]
    );
    assert!(
        all.iter()
            .all(|d| d.state == DeliveryState::Waiting && d.due_at == Some(d.at))
    );
    let photos: Vec<_> = told(&store, "photos").await.iter().map(|d| d.topic).collect();
    assert_eq!(photos, [Topic::Dead, Topic::Succeeded]);
    assert!(told(&store, "icons").await.is_empty());
    let of_job = DeliveryFilter {
        endpoint: None,
        job: Some(done),
    };
    assert_eq!(store.deliveries(&of_job, None, 10).await.unwrap().len(), 2);
    let of_job = DeliveryFilter {
        endpoint: None,
        job: Some(unheard),
    };
    assert!(store.deliveries(&of_job, None, 10).await.unwrap().is_empty());
}

pub async fn the_ends_that_nobody_caused_are_told(store: Any) {
    listen(&store, "all", None, &[]).await;
    let job = add_one(&store, "poison").await;
    for _ in 0..3 {
        claim_one(&store).await;
        store.sweep(NOW + 1, NOW).await.unwrap();
    }
    assert_eq!(state(&store, &job).await, State::Dead);
    let all = told(&store, "all").await;
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((all[0].topic, &all[0].job), (Topic::Dead, &job));
    purge(&store, &of_state(State::Dead), 10, NOW + SECOND).await;
    assert_eq!(told(&store, "all").await, all, "its end was told when it died");
}

pub async fn what_is_told_is_the_job_as_it_was(store: Any) {
    remember(&store).await;
    listen(&store, "all", None, &[]).await;
    add_one(&store, "cat").await;
    let job = kill(&store, "no memory", NOW).await;
    send_again(&store, wanted(&of_state(State::Dead), 5), 10, NOW).await;
    let claimed = claim_one(&store).await;
    settle_at(&store, &claimed.lease, success("cat"), Vec::new(), NOW + SECOND).await;
    let all = due(&store, "all", NOW + SECOND).await;
    let [died, lived] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!((died.topic, died.ended.job.state), (Topic::Dead, State::Dead));
    assert_eq!(died.ended.job.failure, Some(failure("no memory")));
    assert!(died.ended.renditions.is_empty());
    assert_eq!(
        (lived.topic, lived.ended.job.id.as_str()),
        (Topic::Succeeded, job.as_str())
    );
    assert_eq!(lived.ended.renditions, [rendition("cat")]);
    let now = view(&store, &job).await;
    let same = |job| serde_json::to_value(job).unwrap();
    assert_eq!(same(&lived.ended.job), same(&now));
}

pub async fn a_delivery_has_one_sender(store: Any) {
    listen(&store, "all", None, &[]).await;
    for n in 0..20 {
        succeed(&store, &format!("cat{n}")).await;
    }
    assert_eq!(store.endpoints_due(NOW - 1).await.unwrap(), [""; 0]);
    assert_eq!(store.endpoints_due(NOW).await.unwrap(), ["all"]);
    let senders = (0..5).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.due("all", NOW, NOW + LEASE, 4).await.unwrap() })
    });
    let mut given = Vec::new();
    for sender in senders.collect::<Vec<_>>() {
        let some = sender.await.unwrap();
        assert!(some.len() <= 4);
        given.extend(some.into_iter().map(|due| due.lease.delivery));
    }
    // One that was locked by another at the time may have been passed over.
    while let Some(due) = due(&store, "all", NOW).await.pop() {
        given.push(due.lease.delivery);
    }
    let all = given.len();
    given.sort();
    given.dedup();
    assert_eq!(given.len(), all, "given to two");
    assert_eq!(store.endpoints_due(NOW + LEASE - 1).await.unwrap(), [""; 0]);
    assert_eq!(store.endpoints_due(NOW + LEASE).await.unwrap(), ["all"]);
}

pub async fn failures_are_sent_again_until_one_is_taken(store: Any) {
    listen(&store, "all", None, &[]).await;
    succeed(&store, "cat").await;
    let first = due_one(&store, "all", NOW).await;
    assert!(end(&store, &first, AGAIN, NOW + 1).await);
    let sick = endpoint(&store, "all").await;
    assert_eq!((sick.failing_since, sick.disabled_at), (Some(NOW + 1), None));
    assert!(due(&store, "all", NOW + 5 * SECOND).await.is_empty(), "not yet");
    let listed = told(&store, "all").await.remove(0);
    assert_eq!((listed.failures, listed.due_at), (1, Some(NOW + 1 + 5 * SECOND)));
    assert_eq!(
        (listed.status, listed.error.as_deref()),
        (None, Some("it answers \"no\""))
    );

    let later = NOW + 10 * SECOND;
    let second = due_one(&store, "all", later).await;
    assert_eq!(
        (second.failures, &second.lease.delivery),
        (1, &first.lease.delivery)
    );
    assert!(end(&store, &second, Verdict::Delivered, later).await);
    let well = endpoint(&store, "all").await;
    assert_eq!((well.failing_since, well.delivered_at), (None, Some(later)));
    let listed = told(&store, "all").await.remove(0);
    assert_eq!((listed.state, listed.due_at), (DeliveryState::Delivered, None));
    assert_eq!(
        (listed.tried_at, listed.status, listed.error),
        (Some(later), Some(200), None)
    );
    assert!(due(&store, "all", later + 10 * LEASE).await.is_empty());
}

pub async fn a_clock_that_was_set_back_puts_no_delivery_off(store: Any) {
    listen(&store, "all", None, &[]).await;
    for name in ["cat", "dog", "bird"] {
        succeed(&store, name).await;
    }
    let all = due(&store, "all", NOW).await;
    let [tried, meant, held] = &all[..] else {
        panic!("{all:?}");
    };
    succeed(&store, "cow").await;
    let back = NOW - 3_600 * SECOND;
    let later = Verdict::Again { after: 600 * SECOND };
    assert!(end(&store, tried, AGAIN, NOW).await);
    assert!(end(&store, meant, later, back).await);

    store.make_due(Millis::MAX, back).await.unwrap();
    assert_eq!(store.endpoints_due(back).await.unwrap(), [""; 0]);
    store.make_due(back + 900 * SECOND, back).await.unwrap();
    assert!(
        end(&store, held, Verdict::Delivered, back).await,
        "it is still its sender's"
    );
    let now = due(&store, "all", back).await;
    assert_eq!(now.len(), 2, "{now:?}");
    let retried = now.iter().find(|due| due.failures == 1);
    assert_eq!(retried.unwrap().lease.delivery, tried.lease.delivery);
    let listed = told(&store, "all").await;
    let listed = listed.iter().find(|found| found.id == meant.lease.delivery);
    assert_eq!(listed.unwrap().due_at, Some(back + 600 * SECOND));
}

pub async fn an_old_sender_changes_nothing(store: Any) {
    listen(&store, "all", None, &[]).await;
    succeed(&store, "cat").await;
    let slow = due_one(&store, "all", NOW).await;
    let quick = due_one(&store, "all", NOW + LEASE).await;
    assert!(!end(&store, &slow, Verdict::Gone, NOW + LEASE).await);
    assert_eq!(endpoint(&store, "all").await.failing_since, None);
    assert!(end(&store, &quick, Verdict::Delivered, NOW + LEASE).await);
    assert!(!end(&store, &quick, AGAIN, NOW + LEASE).await, "settled twice");
}

pub async fn who_is_gone_is_sent_nothing(store: Any) {
    listen(&store, "all", None, &[]).await;
    listen(&store, "other", None, &[]).await;
    succeed(&store, "cat").await;
    succeed(&store, "dog").await;
    let both = due(&store, "all", NOW).await;
    assert!(end(&store, &both[0], Verdict::Gone, NOW + 1).await);
    let gone = endpoint(&store, "all").await;
    assert_eq!(
        (gone.disabled_at, gone.disabled),
        (Some(NOW + 1), Some(Disabled::Gone))
    );
    assert!(
        !end(&store, &both[1], Verdict::Delivered, NOW + 1).await,
        "too late"
    );
    succeed(&store, "bird").await;
    let all = told(&store, "all").await;
    assert_eq!(all.len(), 2, "nothing new for who is gone");
    assert!(all.iter().all(|d| d.state == DeliveryState::Failed), "{all:?}");
    assert_eq!(store.endpoints_due(NOW + LEASE).await.unwrap(), ["other"]);
    assert!(due(&store, "all", NOW + LEASE).await.is_empty());
    let again = store.replay(&all[0].id, NOW).await.unwrap();
    assert_eq!(again, Replayed::Disabled);

    assert!(store.enable_endpoint("all").await.unwrap());
    assert!(!store.enable_endpoint("nobody").await.unwrap());
    let back = endpoint(&store, "all").await;
    assert_eq!(
        (back.disabled_at, back.disabled, back.failing_since),
        (None, None, None)
    );
    assert_eq!(store.replay(&all[0].id, NOW).await.unwrap(), Replayed::Due);
    due_one(&store, "all", NOW).await;
}

pub async fn who_only_fails_is_disabled(store: Any) {
    listen(&store, "all", None, &[]).await;
    succeed(&store, "cat").await;
    let first = due_one(&store, "all", NOW).await;
    assert!(end(&store, &first, AGAIN, NOW).await);
    let late = NOW + PATIENCE;
    let last = due_one(&store, "all", late).await;
    assert!(end(&store, &last, AGAIN, late).await);
    let tired = endpoint(&store, "all").await;
    assert_eq!(
        (tired.disabled_at, tired.disabled),
        (Some(late), Some(Disabled::Failing))
    );
    assert_eq!(told(&store, "all").await[0].state, DeliveryState::Failed);
}

pub async fn deliveries_are_listed_and_replayed(store: Any) {
    listen(&store, "all", None, &[]).await;
    for n in 0..3 {
        add_one(&store, &format!("cat{n}")).await;
        let claimed = claim_one(&store).await;
        settle_at(
            &store,
            &claimed.lease,
            success(&format!("cat{n}")),
            Vec::new(),
            NOW + n,
        )
        .await;
    }
    let all = told(&store, "all").await;
    let filter = DeliveryFilter::default();
    let page = store.deliveries(&filter, None, 2).await.unwrap();
    assert_eq!(page, all[..2]);
    let rest = store.deliveries(&filter, Some(&page[1].id), 2).await.unwrap();
    assert_eq!(rest, all[2..]);

    for due in due(&store, "all", NOW + 9).await {
        assert!(end(&store, &due, Verdict::GivenUp, NOW + 9).await);
    }
    assert_eq!(store.replay("nothing", NOW).await.unwrap(), Replayed::Unknown);
    assert_eq!(store.replay(&all[1].id, NOW + 10).await.unwrap(), Replayed::Due);
    let again = due_one(&store, "all", NOW + 10).await;
    assert_eq!((again.lease.delivery, again.failures), (all[1].id.clone(), 0));
}

pub async fn a_secret_is_replaced_slowly(store: Any) {
    listen(&store, "all", None, &[]).await;
    succeed(&store, "cat").await;
    assert_eq!(due_one(&store, "all", NOW).await.secrets, ["secret of all"]);
    let until = NOW + 3 * LEASE;
    assert!(store.rotate_secret("all", "new", until).await.unwrap());
    assert!(!store.rotate_secret("nobody", "new", until).await.unwrap());
    let both = due_one(&store, "all", NOW + LEASE).await.secrets;
    assert_eq!(both, ["new", "secret of all"]);
    assert_eq!(due_one(&store, "all", until).await.secrets, ["new"]);
}

pub async fn deliveries_go_with_their_job_or_endpoint(store: Any) {
    listen(&store, "all", None, &[]).await;
    listen(&store, "other", None, &[]).await;
    let job = succeed(&store, "cat").await;
    assert!(store.remove_endpoint("other").await.unwrap());
    assert!(!store.remove_endpoint("other").await.unwrap());
    assert!(told(&store, "other").await.is_empty());
    let held = due_one(&store, "all", NOW).await;
    assert_eq!(store.forget(NOW + SECOND, 10).await.unwrap(), 1);
    assert!(store.job(&job).await.unwrap().is_none());
    assert!(told(&store, "all").await.is_empty());
    assert!(!end(&store, &held, Verdict::Delivered, NOW).await);
    add_one(&store, "given back").await;
    let claimed = claim_one(&store).await;
    settle(&store, &claimed.lease, End::GivenBack { at: NOW }).await;
    assert!(told(&store, "all").await.is_empty());
}
