//! Jobs as the server makes them, and results as its workers give them.

use serde_json::json;
use storage::sql::SqlStore;
use tokio::task::JoinHandle;
use workflow::ports::{
    Accepted, Blob, Claimed, End, Lane, Millis, NewJob, Queue as _, Settled, Settlement, StoredRendition,
    Submission,
};

use crate::Failed;

pub(crate) fn job(pipeline: &str) -> NewJob {
    let id = uuid::Uuid::now_v7().to_string();
    NewJob {
        original: blob(&id, 2_000_000),
        id,
        pipeline: pipeline.into(),
        plan: format!("{:0>64}", 5),
        lane: Lane::Interactive,
        owner: "bench".into(),
        filename: Some("holiday.jpg".into()),
        cost: 100,
    }
}

pub(crate) async fn enqueue(store: &SqlStore, jobs: Vec<NewJob>, now: Millis) -> Result<(), Failed> {
    let submission = Submission { jobs, request: None };
    match store.enqueue(submission, now).await? {
        Accepted::New => Ok(()),
        other => Err(format!("new jobs were not taken as such: {other:?}").into()),
    }
}

pub(crate) async fn settle(store: &SqlStore, claimed: Claimed, end: End, now: Millis) -> Result<(), Failed> {
    let settlement = Settlement {
        lease: claimed.lease,
        end,
        observations: Vec::new(),
        known: None,
    };
    match store.settle(settlement, now).await? {
        Settled::Done => Ok(()),
        other => Err(format!("a job could not be settled: {other:?}").into()),
    }
}

/// Waits for all of them.
pub(crate) async fn join(calls: Vec<JoinHandle<Result<(), Failed>>>) -> Result<(), Failed> {
    for call in calls {
        call.await??;
    }
    Ok(())
}

pub(crate) fn success(claimed: &Claimed) -> End {
    let rendition = StoredRendition {
        name: "thumb".into(),
        blob: blob(&claimed.lease.job, 20_000),
        media_type: "image/webp".into(),
        width: 320,
        height: 240,
        key: claimed.original.digest.clone(),
    };
    End::Succeeded {
        renditions: vec![rendition],
        report: json!({ "steps": [{ "id": "decode", "ms": 12 }, { "id": "thumb", "ms": 5 }] }),
    }
}

/// As long as a digest in hex; another one for another length.
fn blob(name: &str, length: u64) -> Blob {
    let name = format!("{length}{}", name.replace('-', ""));
    Blob {
        digest: format!("{name:0>64}"),
        length,
    }
}
