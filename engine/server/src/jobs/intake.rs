//! From an original to a job: written and synced first, then committed, then acknowledged.
//!
//! What cannot be kept safely, or not be done in time, is refused before anything is written.

use std::time::Duration;

use bytes::Bytes;
use storage::disk::Room;
use storage::failpoint;
use workflow::plan::Plan;
use workflow::ports::{Accepted, Blob, Lane, NewJob, RequestKey, StoreError, Submission};

use super::Jobs;
use crate::original::Original;

/// What the caller asks for, besides the original.
#[derive(Debug, Clone)]
pub(crate) struct Wish<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) lane: Lane,
    pub(crate) owner: String,
    pub(crate) filename: Option<String>,
    /// `Idempotency-Key`.
    pub(crate) key: Option<String>,
    pub(crate) executors: usize,
}

#[derive(Debug)]
pub(crate) enum Refused {
    /// Too little room on a disk.
    NoRoom,
    /// More work waits than is allowed; worth another try after this.
    Backlog(Duration),
    /// The idempotency key came before with something else.
    Conflict,
    Store(StoreError),
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(_) => Self::NoRoom,
            error => Self::Store(error),
        }
    }
}

/// Durable when it returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) job: String,
    /// The same request came before, and this is its job.
    pub(crate) before: bool,
}

impl Jobs {
    /// Everything that can be said before the original is read.
    pub(crate) fn admit(&self, executors: usize) -> Result<(), Refused> {
        if self.room() != Room::Enough {
            return Err(Refused::NoRoom);
        }
        let backlog = self.load.backlog(executors);
        let most = Duration::from_secs(self.args.backlog);
        match backlog.checked_sub(most) {
            Some(over) if backlog > most => Err(Refused::Backlog(over.max(Duration::from_secs(1)))),
            _ => Ok(()),
        }
    }

    pub(crate) async fn submit(&self, wish: &Wish<'_>, original: Original) -> Result<Ticket, Refused> {
        self.admit(wish.executors)?;
        failpoint::reach("original-received");
        let bytes = Bytes::from_owner(original);
        let blob = digest(bytes.clone()).await?;
        let job = self.new_job(wish, &blob);
        let id = job.id.clone();
        let request = wish.key.as_ref().map(|key| request(wish, key, &blob));
        let submission = Submission {
            jobs: vec![job],
            request,
        };
        let ticket = loop {
            self.blobs.put(&blob, bytes.clone()).await?;
            failpoint::reach("original-written");
            match self.store.enqueue(submission.clone(), self.clock.now()).await? {
                Accepted::New => {
                    break Ticket {
                        job: id,
                        before: false,
                    };
                }
                Accepted::Before(jobs) => {
                    let job = jobs.into_iter().next().unwrap_or_default();
                    break Ticket { job, before: true };
                }
                Accepted::Conflict => return Err(Refused::Conflict),
                // Being deleted at this moment. Once that is over, it is written anew.
                Accepted::Doomed(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        failpoint::reach("job-committed");
        if !ticket.before {
            self.load.took_in(&wish.plan.pipeline);
            self.work.notify_one();
        }
        Ok(ticket)
    }

    fn new_job(&self, wish: &Wish<'_>, blob: &Blob) -> NewJob {
        NewJob {
            id: uuid::Uuid::now_v7().to_string(),
            pipeline: wish.plan.pipeline.clone(),
            plan: wish.plan.digest.clone(),
            original: blob.clone(),
            lane: wish.lane,
            owner: wish.owner.clone(),
            filename: wish.filename.clone(),
            cost: self.load.cost(&wish.plan.pipeline),
        }
    }
}

/// Beside the requests, as it takes a while for a large one.
async fn digest(bytes: Bytes) -> Result<Blob, Refused> {
    let hash = move || storage::blobs::blob(&bytes);
    let hashed = tokio::task::spawn_blocking(hash).await;
    hashed.map_err(|error| Refused::Store(StoreError::Broken(error.to_string())))
}

fn request(wish: &Wish<'_>, key: &str, blob: &Blob) -> RequestKey {
    let said = format!(
        "{}\n{}\n{:?}\n{:?}",
        wish.plan.pipeline, blob.digest, wish.lane, wish.filename
    );
    RequestKey {
        owner: wish.owner.clone(),
        key: key.to_owned(),
        fingerprint: storage::blobs::digest(said.as_bytes()),
    }
}
