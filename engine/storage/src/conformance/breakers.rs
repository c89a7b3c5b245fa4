//! Breakers: what they hear from settlements, and what becomes of the jobs.

use std::collections::BTreeMap;

use workflow::breaker::Event;
use workflow::job::State;
use workflow::plan::OnFailure;
use workflow::ports::{Claimed, End, Observation, Settled};

use super::kit::*;

/// Enqueues, claims and settles `n` jobs of different originals.
async fn run(store: &Any, prefix: &str, n: usize, ok: bool) {
    add(store, jobs(n, |n| job(&format!("{prefix}{n}")))).await;
    for claimed in claim(store, n as u32).await {
        outcome(store, &claimed, ok, NOW).await;
    }
}

async fn outcome(store: &Any, claimed: &Claimed, ok: bool, now: i64) {
    let digest = &claimed.original.digest;
    let end = if ok { success(digest) } else { death("it traps") };
    let observed = vec![seen(digest, ok, claimed.pass)];
    assert_eq!(
        settle_at(store, &claimed.lease, end, observed, now).await,
        Settled::Done
    );
}

async fn passes(store: &Any, want: u32) -> Vec<Claimed> {
    let claimed = claim(store, want).await;
    assert!(claimed.iter().all(|claimed| claimed.pass));
    claimed
}

pub async fn a_breaker_parks_and_lets_go_in_cohorts(store: Any) {
    remember(&store).await;
    run(&store, "bad", 4, false).await;
    add(&store, jobs(60, |n| job(&format!("n{n}")))).await;
    let last = claim_one(&store).await;
    let waiting = claim_one(&store).await;
    settle(&store, &waiting.lease, retry(NOW + SECOND)).await;
    assert_eq!(phase(&store).await, "closed");
    outcome(&store, &last, false, NOW).await;

    assert_eq!(phase(&store).await, "open");
    assert_eq!(
        (parked(&store).await, in_state(&store, State::Parked).await),
        (59, 59)
    );
    assert!(claim(&store, 100).await.is_empty());
    let shown = view(&store, &waiting.lease.job).await;
    assert_eq!(shown.parked_for.as_deref(), Some("blur@1.0.0"));
    assert_eq!(shown.due_at, None);
    check_counters(&store).await;

    store.tick(NOW + 29 * SECOND).await.unwrap();
    assert!(claim(&store, 100).await.is_empty());
    let mut now = NOW + 31 * SECOND;
    store.tick(now).await.unwrap();
    let mut sizes = Vec::new();
    while parked(&store).await > 0 {
        let cohort = passes(&store, 100).await;
        sizes.push(cohort.len());
        assert!(sizes.len() < 20, "{sizes:?}");
        check_counters(&store).await;
        for claimed in cohort {
            outcome(&store, &claimed, true, now).await;
        }
        now += SECOND;
        store.tick(now).await.unwrap();
    }
    let rest = claim(&store, 100).await;
    sizes.push(rest.len());
    assert_eq!(sizes.iter().sum::<usize>(), 59, "{sizes:?}");
    assert!(
        sizes.len() > 3 && sizes[0] == 3 && sizes[2] > sizes[1],
        "{sizes:?}"
    );
    let failed_before = rest.iter().any(|claimed| claimed.lease.job == waiting.lease.job);
    assert!(failed_before, "it tells less about the plugin than the others");
    for claimed in rest {
        outcome(&store, &claimed, true, now).await;
    }
    store.tick(now + SECOND).await.unwrap();
    assert_eq!(phase(&store).await, "closed");
    check_counters(&store).await;
}

pub async fn a_probe_that_fails_opens_it_again(store: Any) {
    remember(&store).await;
    run(&store, "bad", 5, false).await;
    assert_eq!(phase(&store).await, "open");
    add(&store, jobs(20, |n| job(&format!("n{n}")))).await;
    store.tick(NOW).await.unwrap();
    store.tick(NOW + 31 * SECOND).await.unwrap();
    let probes = passes(&store, 100).await;
    assert_eq!(probes.len(), 3);
    for claimed in &probes {
        outcome(&store, claimed, false, NOW + 32 * SECOND).await;
    }
    assert_eq!(phase(&store).await, "open");
    assert_eq!(
        (parked(&store).await, in_state(&store, State::Parked).await),
        (17, 17)
    );
    check_counters(&store).await;
}

pub async fn one_poison_opens_nothing(store: Any) {
    remember(&store).await;
    add(&store, jobs(100, |_| job("poison"))).await;
    for claimed in claim(&store, 100).await {
        outcome(&store, &claimed, false, NOW).await;
    }
    assert_eq!(phase(&store).await, "closed");
    let breaker = store.breakers().await.unwrap().remove(0);
    assert_eq!((breaker.breaker.originals(), breaker.breaker.failures()), (1, 1));
    assert_eq!(breaker.title, "blur@1.0.0");
    assert_eq!(store.groups(None, 100).await.unwrap()[0].count, 100);
}

pub async fn a_person_trips_isolates_and_clears(store: Any) {
    remember(&store).await;
    assert!(store.tell("blur", &Event::Trip, NOW).await.unwrap().is_none());
    run(&store, "good", 1, true).await;
    add(&store, jobs(10, |n| job(&format!("n{n}")))).await;
    let told = store.tell("blur", &Event::Trip, NOW).await.unwrap().unwrap();
    assert_eq!(told.phase().name(), "open");
    assert_eq!(parked(&store).await, 10);
    store.tell("blur", &Event::Isolate, NOW).await.unwrap();
    store.tick(NOW + 3_600 * SECOND).await.unwrap();
    assert_eq!(
        (phase(&store).await.as_str(), parked(&store).await),
        ("isolated", 10)
    );
    store.tell("blur", &Event::Clear, NOW).await.unwrap();
    assert_eq!(
        (phase(&store).await.as_str(), parked(&store).await),
        ("closed", 0)
    );
    let free = claim(&store, 100).await;
    assert_eq!(free.len(), 10);
    assert!(free.iter().all(|claimed| !claimed.pass));
    check_counters(&store).await;
}

/// The worker that claimed the first job finds no component: nobody counts that as a failure, and who needs it waits.
pub async fn what_needs_a_missing_component_waits_until_it_is_found(store: Any) {
    remember(&store).await;
    store
        .remember(&plan("plan-lucky", OnFailure::Skip), NOW)
        .await
        .unwrap();
    let ids = add(&store, jobs(3, |n| job(&format!("n{n}")))).await;
    let first = claim_one(&store).await;
    let waiting = claim_one(&store).await;
    settle(&store, &waiting.lease, retry(NOW + SECOND)).await;
    let mut lucky = job("lucky");
    lucky.plan = "plan-lucky".into();
    add(&store, vec![lucky]).await;

    let missing = Event::Missing {
        what: "blur@1.0.0 (abc)".into(),
    };
    assert!(store.tell("blur", &missing, NOW).await.unwrap().is_none());
    store.add_breaker("blur", "blur@1.0.0").await.unwrap();
    let told = store.tell("blur", &missing, NOW).await.unwrap().unwrap();
    assert!(told.reason().unwrap().contains("install blur@1.0.0 (abc) again"));
    settle(&store, &first.lease, End::GivenBack { at: NOW }).await;
    store.tick(NOW + 3_600 * SECOND).await.unwrap();
    assert_eq!(
        (phase(&store).await.as_str(), parked(&store).await),
        ("missing", 3)
    );
    let shown = view(&store, &first.lease.job).await;
    assert_eq!(
        (shown.parked_for.as_deref(), shown.errors),
        (Some("blur@1.0.0"), 0)
    );
    let free = claim(&store, 100).await;
    assert_eq!(free.len(), 1, "it can do without");
    assert_eq!(free[0].plan, "plan-lucky");

    store.tell("blur", &Event::Found, NOW).await.unwrap();
    assert_eq!(
        (phase(&store).await.as_str(), parked(&store).await),
        ("closed", 0)
    );
    let mut found: Vec<_> = claim(&store, 100).await;
    found.sort_by(|a, b| a.lease.job.cmp(&b.lease.job));
    let found: Vec<_> = found.iter().map(|job| &job.lease.job).collect();
    assert_eq!(found, ids.iter().collect::<Vec<_>>());
    check_counters(&store).await;
}

pub async fn newcomers_are_parked_by_the_tick(store: Any) {
    remember(&store).await;
    run(&store, "bad", 5, false).await;
    add(&store, jobs(10, |n| job(&format!("n{n}")))).await;
    let early = claim_one(&store).await;
    let end = End::Parked {
        plugin: "blur".into(),
    };
    assert_eq!(settle(&store, &early.lease, end).await, Settled::Done);
    assert_eq!(parked(&store).await, 1);
    store.tick(NOW + SECOND).await.unwrap();
    assert_eq!(parked(&store).await, 10);
    assert!(store.errors(&early.lease.job).await.unwrap().is_empty());
    check_counters(&store).await;
}

/// The worker looked while the breaker was open, and it closed before the worker said so.
pub async fn a_job_parked_too_late_goes_on(store: Any) {
    remember(&store).await;
    let id = add_one(&store, "cat").await;
    let claimed = claim_one(&store).await;
    let end = End::Parked {
        plugin: "blur".into(),
    };
    assert_eq!(settle(&store, &claimed.lease, end).await, Settled::Done);
    assert_eq!(state(&store, &id).await, State::Queued);
    assert_eq!(parked(&store).await, 0);
    check_counters(&store).await;
}

pub async fn who_has_a_stand_in_is_not_parked(store: Any) {
    remember(&store).await;
    store
        .remember(&plan("plan-lucky", stand_in()), NOW)
        .await
        .unwrap();
    run(&store, "bad", 4, false).await;
    add_one(&store, "n").await;
    let last = claim_one(&store).await;
    let lucky = jobs(5, |n| {
        let mut job = job(&format!("lucky{n}"));
        job.plan = "plan-lucky".into();
        job
    });
    add(&store, lucky).await;
    add_one(&store, "unlucky").await;
    outcome(&store, &last, false, NOW).await;
    assert_eq!(phase(&store).await, "open");
    assert_eq!((parked(&store).await, claim(&store, 10).await.len()), (1, 5));
}

/// A step and what stands in for it are both paused; when either is well again, the job goes.
pub async fn who_can_do_with_either_waits_for_one(store: Any) {
    remember(&store).await;
    store
        .remember(&plan("plan-lucky", stand_in()), NOW)
        .await
        .unwrap();
    add_one(&store, "good").await;
    let claimed = claim_one(&store).await;
    let spare = Observation {
        plugin: "old-blur".into(),
        title: "old-blur@1.0.0".into(),
        ..seen("digest-good", true, false)
    };
    let observed = vec![seen("digest-good", true, false), spare];
    settle_at(&store, &claimed.lease, success("good"), observed, NOW).await;
    for plugin in ["blur", "old-blur"] {
        store.tell(plugin, &Event::Isolate, NOW).await.unwrap();
    }
    let mut lucky = job("lucky");
    lucky.plan = "plan-lucky".into();
    add(&store, vec![lucky, job("unlucky")]).await;
    let waits = claim_one(&store).await;
    assert_eq!(waits.plan, "plan-lucky");
    let end = End::Parked {
        plugin: "blur".into(),
    };
    assert_eq!(settle(&store, &waits.lease, end).await, Settled::Done);
    store.tick(NOW + SECOND).await.unwrap();
    assert_eq!(parked(&store).await, 2);
    assert!(claim(&store, 10).await.is_empty());

    store.tell("old-blur", &Event::Clear, NOW).await.unwrap();
    store.tick(NOW + 2 * SECOND).await.unwrap();
    let goes = claim(&store, 10).await;
    let goes: Vec<_> = goes.iter().map(|job| (&job.lease.job, job.pass)).collect();
    assert_eq!(
        goes,
        [(&waits.lease.job, false)],
        "the other needs what is paused"
    );
    assert_eq!(
        (parked(&store).await, phase(&store).await.as_str()),
        (1, "isolated")
    );
    check_counters(&store).await;
}

pub async fn parked_jobs_that_go_are_not_counted(store: Any) {
    remember(&store).await;
    run(&store, "bad", 5, false).await;
    let ids = add(&store, jobs(4, |n| job(&format!("n{n}")))).await;
    store.tick(NOW).await.unwrap();
    assert_eq!(parked(&store).await, 4);
    for id in &ids[..3] {
        assert_eq!(store.cancel(id, None, NOW).await.unwrap(), Some(State::Cancelled));
    }
    assert_eq!(parked(&store).await, 1);
    check_counters(&store).await;
}

/// A healed version is there, and the jobs that waited for the broken one go on with it.
pub async fn parked_jobs_go_on_with_another_plan(store: Any) {
    remember(&store).await;
    let healed = plan("plan-healed", OnFailure::Skip);
    store.remember(&healed, NOW).await.unwrap();
    run(&store, "bad", 5, false).await;
    let ids = add(&store, jobs(4, |n| job(&format!("n{n}")))).await;
    store.tick(NOW).await.unwrap();
    assert_eq!(parked(&store).await, 4);
    let to = |pipeline: &str, plan: &str| BTreeMap::from([(pipeline.to_owned(), plan.to_owned())]);
    for (plans, why) in [
        (to("icons", "plan-healed"), "another pipeline's jobs"),
        (to("photos", "plan-photos"), "they have it already"),
        (to("photos", "plan-nobody"), "nobody knows it"),
        (BTreeMap::new(), "nothing to go on with"),
    ] {
        let moved = store.replan("blur", &plans, 10, NOW).await.unwrap();
        assert!(moved.is_empty(), "{why}");
    }
    assert_eq!(parked(&store).await, 4);
    let healed = to("photos", "plan-healed");
    assert!(
        store
            .replan("sharpen", &healed, 10, NOW)
            .await
            .unwrap()
            .is_empty()
    );

    let moved = store.replan("blur", &healed, 3, NOW).await.unwrap();
    assert_eq!(moved, ids[..3], "oldest first");
    assert_eq!((parked(&store).await, phase(&store).await.as_str()), (1, "open"));
    check_counters(&store).await;
    store.tick(NOW + SECOND).await.unwrap();
    let claimed = claim(&store, 10).await;
    assert_eq!(
        claimed.len(),
        3,
        "the breaker is still open, and concerns them no more"
    );
    for job in claimed {
        assert_eq!(
            (job.plan.as_str(), job.pass, job.errors),
            ("plan-healed", false, 0)
        );
        assert_eq!(
            settle(&store, &job.lease, success(&job.original.digest)).await,
            Settled::Done
        );
    }
    assert_eq!(store.replan("blur", &healed, 10, NOW).await.unwrap(), ids[3..]);
    assert!(store.replan("blur", &healed, 10, NOW).await.unwrap().is_empty());
    check_counters(&store).await;
}

pub async fn a_breaker_may_come_before_the_first_job(store: Any) {
    store.add_breaker("blur", "blur@1.0.0").await.unwrap();
    store.tell("blur", &Event::Isolate, NOW).await.unwrap();
    store.add_breaker("blur", "another name").await.unwrap();
    let all = store.breakers().await.unwrap();
    assert_eq!((all.len(), all[0].title.as_str()), (1, "blur@1.0.0"));
    assert_eq!(phase(&store).await, "isolated");
}
