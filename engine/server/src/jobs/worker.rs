//! Claims jobs and runs them, as many at once as there are executors.
//!
//! Each job in hand has a lease that `upkeep` keeps alive. If it is lost, the attempt is dropped: its result would
//! not be taken any more. Told to stop, a worker claims nothing more, and gives back what it cannot finish.

mod attempt;
mod outage;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use storage::disk::Room;
use storage::failpoint;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;
use workflow::ports::{Claimed, End, Lease, Settlement};

use crate::app::App;
use outage::Outage;

/// Until a worker that could not ask for jobs asks again.
const REST: Duration = Duration::from_secs(1);

/// The jobs in this worker's hands.
#[derive(Debug, Default)]
pub(crate) struct Hands {
    held: Mutex<HashMap<Lease, AbortHandle>>,
    /// Some job was begun or ended since somebody asked.
    used: AtomicBool,
    outage: Outage,
}

impl Hands {
    pub(crate) fn leases(&self) -> Vec<Lease> {
        self.held().keys().cloned().collect()
    }

    /// Somebody else has it by now.
    pub(crate) fn drop_lost(&self, lost: &[Lease]) {
        for lease in lost {
            if let Some(attempt) = self.let_go(lease) {
                tracing::warn!(job = lease.job, "the lease was lost; the attempt is dropped");
                attempt.abort();
            }
        }
    }

    /// What came of it may have left something to do: a retry, a breaker.
    fn let_go(&self, lease: &Lease) -> Option<AbortHandle> {
        let attempt = self.held().remove(lease);
        self.used.store(true, Ordering::Relaxed);
        attempt
    }

    /// Something is in hand, or was since this was asked last.
    pub(crate) fn were_used(&self) -> bool {
        let used = self.used.swap(false, Ordering::Relaxed);
        used || !self.held().is_empty()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Lease, AbortHandle>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A job in hand, for as long as its attempt lives, however that ends: a lease that nobody works on is not kept alive.
struct InHand {
    app: Arc<App>,
    lease: Lease,
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.app.hands.let_go(&self.lease);
    }
}

/// Until `stop` says so; then what is in hand is finished, or given back after `patience`.
pub(crate) async fn work(app: Arc<App>, mut stop: watch::Receiver<bool>, patience: Duration) {
    let slots = app.executors();
    let free = Arc::new(Semaphore::new(slots));
    while !*stop.borrow() {
        let permits = tokio::select! {
            permits = take(&free) => permits,
            _ = stop.changed() => continue,
        };
        // Never dropped half-way: a job that is claimed and not begun is nobody's until its lease runs out.
        let claimed = claim(&app, permits).await;
        let rest = async {
            match claimed {
                Some(0) => app.jobs.store.arrived().await,
                Some(_) => {}
                None => tokio::time::sleep(REST).await,
            }
        };
        tokio::select! {
            () = rest => {}
            _ = stop.changed() => {}
        }
    }
    let finished = free.acquire_many(slots as u32);
    if tokio::time::timeout(patience, finished).await.is_err() {
        give_back_all(&app).await;
    }
}

/// At least one free slot, and all others that are free, too.
async fn take(free: &Arc<Semaphore>) -> Vec<OwnedSemaphorePermit> {
    let mut permits = Vec::new();
    if let Ok(permit) = Arc::clone(free).acquire_owned().await {
        permits.push(permit);
    }
    while let Ok(permit) = Arc::clone(free).try_acquire_owned() {
        permits.push(permit);
    }
    permits
}

/// How many jobs were begun; `None` if it could not be asked for any.
async fn claim(app: &Arc<App>, permits: Vec<OwnedSemaphorePermit>) -> Option<usize> {
    let jobs = &app.jobs;
    let may = jobs.room() != Room::None && !jobs.burials.are_foreign();
    if !may || app.hands.outage.lasts(Instant::now()) {
        return None;
    }
    let claimed = jobs
        .store
        .claim(&jobs.worker, permits.len() as u32, jobs.clock.now())
        .await;
    let claimed = match claimed {
        Ok(claimed) => claimed,
        Err(error) => {
            tracing::error!("no jobs could be claimed: {error}");
            return None;
        }
    };
    let n = claimed.len();
    if n > 0 {
        failpoint::reach("job-claimed");
        if let Err(error) = app.breakers.freshen(jobs).await {
            tracing::error!("the breakers could not be read: {error}");
        }
    }
    for (job, permit) in claimed.into_iter().zip(permits) {
        start(app, job, permit);
    }
    Some(n)
}

fn start(app: &Arc<App>, job: Claimed, permit: OwnedSemaphorePermit) {
    let lease = job.lease.clone();
    let held = Arc::clone(app);
    // The lock is held until the handle is in the map, so that the attempt cannot end before.
    let mut hands = app.hands.held();
    app.hands.used.store(true, Ordering::Relaxed);
    let attempt = tokio::spawn(async move {
        // Given back after the job is out of hand.
        let _permit = permit;
        let in_hand = InHand {
            app: held,
            lease: job.lease.clone(),
        };
        attempt::attempt(&in_hand.app, job).await;
    });
    hands.insert(lease, attempt.abort_handle());
}

async fn give_back_all(app: &App) {
    for lease in app.hands.leases() {
        if let Some(attempt) = app.hands.let_go(&lease) {
            attempt.abort();
        }
        let at = app.jobs.clock.now();
        let settlement = Settlement {
            lease,
            end: End::GivenBack { at },
            observations: Vec::new(),
            known: None,
        };
        if let Err(error) = app.jobs.store.settle(settlement, at).await {
            tracing::error!("a job could not be given back: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_look_after_an_end_is_not_skipped() {
        let hands = Hands::default();
        assert!(!hands.were_used());
        let lease = Lease {
            job: "a".to_owned(),
            number: 1,
        };
        let attempt = tokio::spawn(std::future::pending::<()>());
        hands.held().insert(lease.clone(), attempt.abort_handle());
        assert!(hands.were_used());
        assert!(hands.were_used(), "still in hand");
        assert!(hands.let_go(&lease).is_some());
        assert!(hands.were_used(), "it ended since");
        assert!(!hands.were_used());
        attempt.abort();
    }
}
