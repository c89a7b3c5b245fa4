//! Redrives of dead letters on their way: each takes a step every second, whoever began it, until it is finished.
//!
//! How far a step goes is the store's business, and several servers may take steps of the same one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use workflow::job::State;
use workflow::ports::{Advanced, RedriveView, Stored};

use super::Jobs;

/// While none is known here, only every so many looks ask the store.
const REST: u64 = 10;
/// Steps of one operation in a row.
const STEPS: u32 = 8;

/// What this process knows of them.
#[derive(Debug, Default)]
pub(crate) struct Redrives {
    some: AtomicBool,
    looks: AtomicU64,
}

impl Redrives {
    /// One was begun here.
    pub(crate) fn begun(&self) {
        self.some.store(true, Ordering::Relaxed);
    }
}

/// Called each second.
pub(crate) async fn advance(jobs: &Jobs) -> Stored<()> {
    let look = jobs.redrives.looks.fetch_add(1, Ordering::Relaxed);
    // Taken back before looking: one that begins meanwhile is not missed.
    let some = jobs.redrives.some.swap(false, Ordering::Relaxed);
    if !some && !look.is_multiple_of(REST) {
        return Ok(());
    }
    for id in jobs.store.unfinished_redrives().await? {
        jobs.redrives.begun();
        if let Err(error) = step(jobs, &id).await {
            tracing::error!(redrive = id, "it does not go on: {error}");
        }
    }
    Ok(())
}

/// Sends what may be sent now. `None`: there is no such operation.
pub(crate) async fn step(jobs: &Jobs, id: &str) -> Stored<Option<RedriveView>> {
    let mut found = None;
    for _ in 0..STEPS {
        let step = jobs.store.advance_redrive(id, jobs.clock.now()).await?;
        let Some(Advanced { redrive, sent }) = step else {
            break;
        };
        for job in &sent {
            jobs.tell(job, State::Queued);
        }
        found = Some(redrive);
        if sent.is_empty() {
            break;
        }
    }
    Ok(found)
}
