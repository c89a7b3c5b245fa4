//! From originals to jobs: written and synced first, then committed, then acknowledged.
//!
//! What cannot be kept safely, or not be done in time, is refused before anything is committed. Of several originals
//! only one is in memory at a time: all but the last are written as they come. Those that no job was made of are
//! cleared away as strays.

mod confirm;
mod wish;

use std::time::{Duration, Instant};

use bytes::Bytes;
use storage::disk::Room;
use storage::failpoint;
use workflow::job::State;
use workflow::ports::{Accepted, Blob, JobView, Millis, NewJob, StoreError, Submission};

use super::load::{Promise, Size};
use super::{Jobs, burial};
use crate::original::Original;
pub(crate) use wish::Wish;

/// Bytes are deleted so quickly, as a rule.
const AGAIN: Duration = Duration::from_secs(1);

/// In bytes: hashed in some ten microseconds.
const SMALL: usize = 64 << 10;

/// An original that has just come in.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) original: Original,
    pub(crate) filename: Option<String>,
}

/// An original on stable storage.
#[derive(Debug)]
pub(crate) struct Kept {
    blob: Blob,
    filename: Option<String>,
}

#[derive(Debug)]
pub(crate) enum Refused {
    /// Too little room on a disk.
    NoRoom,
    /// More work waits than is allowed; worth another try after this.
    Backlog(Duration),
    /// The idempotency key came before with something else.
    Conflict,
    /// An original was cleared away as unused at the same time, or is still being; worth another try after this.
    Cleared(Duration),
    /// The blobs belong to another database by now, which will clear away what it does not know.
    Foreign,
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

/// Durable when there is one.
#[derive(Debug, Clone)]
pub(crate) enum Ticket {
    /// The jobs as they were committed, one an original and in their order.
    New(Vec<JobView>),
    /// The same request came before, and these are its jobs.
    Before(Vec<String>),
}

impl Ticket {
    pub(crate) fn came_before(&self) -> bool {
        matches!(self, Self::Before(_))
    }

    /// The first job's id.
    pub(crate) fn first(&self) -> &str {
        let first = match self {
            Self::New(jobs) => jobs.first().map(|job| &job.id),
            Self::Before(ids) => ids.first(),
        };
        first.map_or("", String::as_str)
    }
}

impl Jobs {
    /// Everything that can be said before the originals are read; `bytes` is how many are expected. What came before
    /// needs neither room nor time: an answer that was lost is given again.
    pub(crate) async fn admit(&self, wish: &mut Wish<'_>, bytes: u64) -> Result<(), Refused> {
        self.has_blobs()?;
        if let Some(key) = &wish.key {
            wish.earlier = self.store.request(&wish.owner, key).await?;
        }
        if wish.came_before() {
            return Ok(());
        }
        self.has_room()?;
        self.has_time(wish, f64::from(self.cost(wish, bytes)))
    }

    /// Writes an original before more of the same request come. Durable when it returns, and no longer in memory. Of a
    /// request whose key came before it is there already, or it will be refused.
    pub(crate) async fn keep(&self, wish: &Wish<'_>, file: Incoming) -> Result<Kept, Refused> {
        if !wish.came_before() {
            self.has_room()?;
        }
        let (kept, bytes) = digested(file).await?;
        // The server that took it in may have ended before it had looked whether it stayed.
        if !wish.came_before() || !self.blobs.has(&kept.blob).await? {
            self.blobs.put(&kept.blob, bytes).await?;
        }
        Ok(kept)
    }

    /// Makes a job of each original, or of none.
    pub(crate) async fn submit(
        &self,
        wish: &Wish<'_>,
        kept: Vec<Kept>,
        last: Incoming,
    ) -> Result<Ticket, Refused> {
        if !wish.came_before() {
            self.has_room()?;
        }
        failpoint::reach("original-received");
        let (last, bytes) = digested(last).await?;
        let blob = last.blob.clone();
        let jobs: Vec<NewJob> = kept
            .into_iter()
            .chain([last])
            .map(|kept| self.new_job(wish, kept))
            .collect();
        let fingerprint = fingerprint(wish, &jobs);
        if let Some(ticket) = wish.answered(&fingerprint)?
            && self.still_stands(wish).await?
        {
            self.complete(&jobs, &bytes).await??;
            return Ok(ticket);
        }
        let promise = self.promise(wish, &jobs)?;
        let request = wish.request(fingerprint);
        let submission = Submission { jobs, request };
        let (begun, mut wait) = (Instant::now(), Duration::from_millis(20));
        let ticket = loop {
            let rest = self.burials.rest();
            self.blobs.put(&blob, bytes.clone()).await?;
            failpoint::reach("original-written");
            self.are_there(&submission.jobs).await??;
            self.has_blobs()?;
            let now = self.clock.now();
            match self.store.enqueue(submission.clone(), now).await? {
                // Its jobs are others, and somebody was told of them.
                Accepted::Before(ids) if !submission.is_of(&ids) => {
                    self.complete(&submission.jobs, &bytes).await??;
                    break Ticket::Before(ids);
                }
                // Its own, if the store did not hear at once that they were committed.
                Accepted::New | Accepted::Before(_) => {
                    // Of one original it is known without a look where nobody could have deleted it since.
                    let is_sure = self.alone && submission.jobs.len() == 1 && self.burials.rested(rest);
                    if !is_sure {
                        self.confirm(&submission.jobs, &bytes).await?;
                    }
                    let jobs = submission.jobs.into_iter();
                    break Ticket::New(jobs.map(|job| queued(job, now)).collect());
                }
                Accepted::Conflict => return Err(Refused::Conflict),
                Accepted::Doomed(digest) => {
                    // Being deleted at this moment. Once that is over, it is written anew.
                    let left = burial::left(self, &digest).await?;
                    if left.is_some() || digest != blob.digest || begun.elapsed() > burial::USUAL {
                        return Err(Refused::Cleared(left.unwrap_or(AGAIN)));
                    }
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(2));
                }
            }
        };
        failpoint::reach("job-committed");
        tracing::debug!(
            first = ticket.first(),
            before = ticket.came_before(),
            "jobs were accepted"
        );
        if !ticket.came_before() {
            promise.keep();
        }
        Ok(ticket)
    }

    fn has_blobs(&self) -> Result<(), Refused> {
        if self.burials.are_foreign() {
            Err(Refused::Foreign)
        } else {
            Ok(())
        }
    }

    fn has_room(&self) -> Result<(), Refused> {
        if self.room() == Room::Enough {
            Ok(())
        } else {
            Err(Refused::NoRoom)
        }
    }

    fn has_time(&self, wish: &Wish<'_>, cost: f64) -> Result<(), Refused> {
        let limit = Duration::from_secs(self.args.backlog);
        let wait = self.load.keeps_out(cost, wish.lane, limit, wish.executors);
        wait.map_or(Ok(()), |wait| Err(Refused::Backlog(wait)))
    }

    /// Counts them as work from now on.
    fn promise(&self, wish: &Wish<'_>, jobs: &[NewJob]) -> Result<Promise<'_>, Refused> {
        let cost = jobs.iter().map(|job| f64::from(job.cost)).sum();
        let limit = Duration::from_secs(self.args.backlog);
        let taken = self.load.take_in(cost, wish.lane, limit, wish.executors);
        taken.map_err(Refused::Backlog)
    }

    /// What the key of this wish stands for is what `admit` was told. Jobs that ended well may have been forgotten since.
    async fn still_stands(&self, wish: &Wish<'_>) -> Result<bool, Refused> {
        let Some(key) = &wish.key else {
            return Ok(false);
        };
        Ok(self.store.request(&wish.owner, key).await? == wish.earlier)
    }

    fn new_job(&self, wish: &Wish<'_>, kept: Kept) -> NewJob {
        NewJob {
            id: uuid::Uuid::now_v7().to_string(),
            pipeline: wish.plan.pipeline.clone(),
            plan: wish.plan.digest.clone(),
            cost: self.cost(wish, kept.blob.length),
            original: kept.blob,
            lane: wish.lane,
            owner: wish.owner.clone(),
            filename: kept.filename,
        }
    }

    fn cost(&self, wish: &Wish<'_>, bytes: u64) -> u32 {
        self.load.cost(&wish.plan.pipeline, Size::new(wish.plan, bytes))
    }
}

/// Beside the requests, as it takes a while for a large one; a small one takes less than the way to another thread.
async fn digested(file: Incoming) -> Result<(Kept, Bytes), Refused> {
    let bytes = Bytes::from_owner(file.original);
    let blob = if bytes.len() <= SMALL {
        storage::blobs::blob(&bytes)
    } else {
        let bytes = bytes.clone();
        let hashed = tokio::task::spawn_blocking(move || storage::blobs::blob(&bytes)).await;
        hashed.map_err(|error| Refused::Store(StoreError::Broken(error.to_string())))?
    };
    let filename = file.filename;
    Ok((Kept { blob, filename }, bytes))
}

/// What the store would say of it now.
fn queued(job: NewJob, now: Millis) -> JobView {
    JobView {
        id: job.id,
        state: State::Queued,
        pipeline: job.pipeline,
        plan: job.plan,
        original: job.original,
        lane: job.lane,
        owner: job.owner,
        filename: job.filename,
        errors: 0,
        rescues: 0,
        submitted_at: now,
        started_at: None,
        finished_at: None,
        due_at: None,
        worker: None,
        parked_for: None,
        failure: None,
    }
}

fn fingerprint(wish: &Wish<'_>, jobs: &[NewJob]) -> String {
    let originals = jobs
        .iter()
        .map(|job| (job.original.digest.as_str(), job.filename.as_deref()));
    wish.fingerprint(&originals.collect::<Vec<_>>())
}
