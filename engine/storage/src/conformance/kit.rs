//! Short ways to make jobs, bring them somewhere, and ask what became of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use workflow::breaker;
use workflow::failure::{Failure, FailureKind};
use workflow::job::State;
use workflow::pipeline::PluginKind;
use workflow::plan::{Action, CallLimits, Fallback, Input, OnFailure, Plan, PlannedPlugin, PlannedStep};
use workflow::ports::{
    Accepted, Blob, Claimed, End, Filter, JobView, Lane, Lease, Millis, NewJob, Observation, RequestKey,
    Settled, Settlement, Store, StoredRendition, Submission,
};

pub(super) type Any = Arc<dyn Store>;

pub(super) const NOW: Millis = 1_700_000_000_000;
pub(super) const SECOND: Millis = 1_000;
pub(super) const BURIER: &str = "burier";

pub(super) fn job(name: &str) -> NewJob {
    NewJob {
        id: uuid::Uuid::now_v7().to_string(),
        pipeline: "photos".into(),
        plan: "plan-photos".into(),
        original: blob(name),
        lane: Lane::Interactive,
        owner: "ann".into(),
        filename: Some(format!("{name}.jpg")),
        cost: 100,
    }
}

pub(super) fn blob(name: &str) -> Blob {
    Blob {
        digest: format!("digest-{name}"),
        length: 1_234,
    }
}

pub(super) fn jobs(n: usize, make: impl Fn(usize) -> NewJob) -> Vec<NewJob> {
    (0..n).map(make).collect()
}

pub(super) fn request(key: &str, fingerprint: &str) -> RequestKey {
    RequestKey {
        owner: "ann".into(),
        key: key.into(),
        fingerprint: fingerprint.into(),
    }
}

pub(super) async fn submit(store: &Any, jobs: Vec<NewJob>, request: Option<RequestKey>) -> Accepted {
    let submission = Submission { jobs, request };
    store.enqueue(submission, NOW).await.unwrap()
}

/// Enqueues jobs that must be new, and gives back their ids.
pub(super) async fn add(store: &Any, jobs: Vec<NewJob>) -> Vec<String> {
    let ids = jobs.iter().map(|job| job.id.clone()).collect();
    assert_eq!(submit(store, jobs, None).await, Accepted::New);
    ids
}

pub(super) async fn add_one(store: &Any, name: &str) -> String {
    add(store, vec![job(name)]).await.remove(0)
}

pub(super) async fn claim(store: &Any, want: u32) -> Vec<Claimed> {
    store.claim("worker", want, NOW).await.unwrap()
}

pub(super) async fn claim_one(store: &Any) -> Claimed {
    let mut jobs = claim(store, 1).await;
    jobs.pop().expect("a job to claim")
}

pub(super) async fn settle(store: &Any, lease: &Lease, end: End) -> Settled {
    settle_at(store, lease, end, Vec::new(), NOW).await
}

pub(super) async fn settle_at(
    store: &Any,
    lease: &Lease,
    end: End,
    observations: Vec<Observation>,
    now: Millis,
) -> Settled {
    let settlement = Settlement {
        lease: lease.clone(),
        end,
        observations,
        known: None,
    };
    store.settle(settlement, now).await.unwrap()
}

pub(super) fn success(name: &str) -> End {
    End::Succeeded {
        renditions: vec![rendition(name)],
        report: json!({"steps": [{"id": "thumb", "ms": 3}]}),
    }
}

pub(super) fn rendition(name: &str) -> StoredRendition {
    StoredRendition {
        name: "thumb".into(),
        blob: blob(&format!("{name}-thumb")),
        media_type: "image/webp".into(),
        width: 320,
        height: 240,
        key: format!("key-{name}"),
    }
}

pub(super) fn failure(message: &str) -> Failure {
    Failure::new(FailureKind::Trap, message).at_step("blur")
}

pub(super) fn death(message: &str) -> End {
    End::Dead {
        failure: failure(message),
        report: json!({"failed": "blur"}),
    }
}

pub(super) fn retry(at: Millis) -> End {
    End::Retry {
        at,
        failure: Failure::new(FailureKind::Infrastructure, "the disk is busy"),
        rescue: false,
    }
}

/// Claims and buries one job that waits.
pub(super) async fn kill(store: &Any, message: &str, now: Millis) -> String {
    let claimed = claim_one(store).await;
    assert_eq!(
        settle_at(store, &claimed.lease, death(message), Vec::new(), now).await,
        Settled::Done
    );
    claimed.lease.job
}

pub(super) fn seen(original: &str, ok: bool, pass: bool) -> Observation {
    Observation {
        plugin: "blur".into(),
        title: "blur@1.0.0".into(),
        original: original.into(),
        ok,
        pass,
        settings: breaker::Settings::default(),
    }
}

pub(super) async fn view(store: &Any, id: &str) -> JobView {
    store.job(id).await.unwrap().expect("the job to be there")
}

pub(super) async fn state(store: &Any, id: &str) -> State {
    view(store, id).await.state
}

pub(super) fn of_state(state: State) -> Filter {
    Filter {
        state: Some(state),
        ..Filter::default()
    }
}

pub(super) async fn in_state(store: &Any, state: State) -> usize {
    store.jobs(&of_state(state), None, 10_000).await.unwrap().len()
}

pub(super) async fn parked(store: &Any) -> u64 {
    let all = store.breakers().await.unwrap();
    all.iter()
        .find(|view| view.plugin == "blur")
        .map_or(0, |view| view.parked)
}

pub(super) async fn phase(store: &Any) -> String {
    let all = store.breakers().await.unwrap();
    let view = all
        .iter()
        .find(|view| view.plugin == "blur")
        .expect("the breaker of blur");
    view.breaker.phase().name().to_owned()
}

/// What is counted must be what there is.
pub(super) async fn check_counters(store: &Any) {
    let mut counted: BTreeMap<String, BTreeMap<State, u64>> = BTreeMap::new();
    let mut waiting: BTreeMap<String, u64> = BTreeMap::new();
    for job in store.jobs(&Filter::default(), None, 100_000).await.unwrap() {
        *counted
            .entry(job.pipeline)
            .or_default()
            .entry(job.state)
            .or_default() += 1;
        if let Some(title) = job.parked_for {
            *waiting.entry(title).or_default() += 1;
        }
    }
    assert_eq!(store.counts().await.unwrap(), counted);
    for breaker in store.breakers().await.unwrap() {
        let there = waiting.get(&breaker.title).copied().unwrap_or_default();
        assert_eq!(breaker.parked, there, "parked for {}", breaker.title);
    }
    let letters = store.letters(&Filter::default(), None, 100_000).await.unwrap();
    let mut groups: BTreeMap<String, u64> = BTreeMap::new();
    for letter in &letters {
        *groups.entry(letter.fingerprint.clone()).or_default() += 1;
    }
    let told = store.groups(None, 100).await.unwrap();
    let told: BTreeMap<_, _> = told
        .into_iter()
        .map(|group| (group.fingerprint, group.count))
        .collect();
    assert_eq!(told, groups);
    let dead: u64 = counted
        .values()
        .filter_map(|states| states.get(&State::Dead))
        .sum();
    assert_eq!(letters.len() as u64, dead);
}

/// Lets go of letters, and gives back whose.
pub(super) async fn purge(store: &Any, filter: &Filter, limit: u32, now: Millis) -> Vec<String> {
    let entry = super::redrives::entry("dead.purge", "all");
    store.purge(filter, limit, &entry, now).await.unwrap().jobs
}

/// A plan of one step, `blur`.
pub(super) fn plan(digest: &str, on_failure: OnFailure) -> Plan {
    Plan {
        pipeline: "photos".into(),
        digest: digest.into(),
        limits: workflow::limits::InputLimits::default(),
        input_types: Vec::new(),
        max_cpu_ms: 10_000,
        timeout_ms: 60_000,
        retry: workflow::pipeline::Retry::default(),
        steps: vec![PlannedStep {
            id: "blur".into(),
            action: Action::Plugin(plugin("blur")),
            input: Input::Original,
            on_failure,
            breaker: None,
            key_seed: "seed".into(),
        }],
        renditions: Vec::new(),
        analyses: Vec::new(),
    }
}

pub(super) fn stand_in() -> OnFailure {
    OnFailure::Fallback(Fallback::Plugin {
        plugin: Box::new(plugin("old-blur")),
        key_seed: "seed".into(),
    })
}

fn plugin(name: &str) -> PlannedPlugin {
    PlannedPlugin {
        name: name.into(),
        version: semver::Version::new(1, 0, 0),
        digest: name.into(),
        kind: PluginKind::Filter,
        params: json!({}),
        limits: CallLimits::default(),
        banded: false,
        media_types: Vec::new(),
    }
}

/// The plan that `job` refers to.
pub(super) async fn remember(store: &Any) {
    store
        .remember(&plan("plan-photos", OnFailure::Fail), NOW)
        .await
        .unwrap();
}
