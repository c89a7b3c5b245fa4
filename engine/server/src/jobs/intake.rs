//! From originals to jobs: written and synced first, then committed, then acknowledged.
//!
//! What cannot be kept safely, or not be done in time, is refused before anything is committed. Of several originals
//! only one is in memory at a time: all but the last are written as they come. Those that no job was made of are
//! cleared away as strays.

mod wish;

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use storage::disk::Room;
use storage::failpoint;
use workflow::job::State;
use workflow::ports::{Accepted, Blob, JobView, Millis, NewJob, StoreError, Submission};

use super::Jobs;
use super::load::{Promise, Size};
use crate::original::Original;
pub(crate) use wish::Wish;

/// How many originals are looked for at once.
const LOOKS: usize = 16;
/// So long somebody may take to delete bytes that are to be written anew.
const BURIAL: Duration = Duration::from_secs(15);
/// Tries to take back what was committed.
const WITHDRAWALS: u32 = 4;

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
    /// An original was cleared away as unused at the same time, or is still being.
    Cleared,
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
        if wish.came_before() {
            return Ok(digested(file).await?.0);
        }
        self.has_room()?;
        let (kept, bytes) = digested(file).await?;
        self.blobs.put(&kept.blob, bytes).await?;
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
        if let Some(ticket) = wish.answered(&fingerprint)? {
            // The server that took it in may have ended before it had looked. Where nobody can look, it was there.
            if matches!(self.blobs.has(&blob).await, Ok(false)) {
                self.blobs.put(&blob, bytes).await?;
            }
            return Ok(ticket);
        }
        let promise = self.promise(wish, &jobs)?;
        let request = wish.request(fingerprint);
        let submission = Submission { jobs, request };
        let (begun, mut wait) = (Instant::now(), Duration::from_millis(20));
        let ticket = loop {
            self.blobs.put(&blob, bytes.clone()).await?;
            failpoint::reach("original-written");
            self.are_there(&submission.jobs).await?;
            let now = self.clock.now();
            match self.store.enqueue(submission.clone(), now).await? {
                Accepted::New => {
                    self.confirm(&submission.jobs, &bytes).await?;
                    let jobs = submission.jobs.into_iter();
                    break Ticket::New(jobs.map(|job| queued(job, now)).collect());
                }
                Accepted::Before(ids) => {
                    self.confirm(&submission.jobs, &bytes).await?;
                    break Ticket::Before(ids);
                }
                Accepted::Conflict => return Err(Refused::Conflict),
                // Being deleted at this moment. Once that is over, it is written anew.
                Accepted::Doomed(digest) if digest == blob.digest && begun.elapsed() < BURIAL => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(2));
                }
                Accepted::Doomed(_) => return Err(Refused::Cleared),
            }
        };
        failpoint::reach("job-committed");
        if !ticket.came_before() {
            promise.keep();
        }
        Ok(ticket)
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

    /// What was committed is there, or it is taken back: nobody was told of it, and who sends it again, with the same
    /// key or none, starts anew. Nothing is taken back from an earlier request, as its jobs are others.
    async fn confirm(&self, jobs: &[NewJob], last: &Bytes) -> Result<(), Refused> {
        let checked = self.still_there(jobs, last).await;
        if checked.is_err() {
            self.withdraw(jobs).await;
        }
        checked
    }

    async fn withdraw(&self, jobs: &[NewJob]) {
        let ids: Vec<String> = jobs.iter().map(|job| job.id.clone()).collect();
        let mut wait = Duration::from_millis(100);
        for _ in 0..WITHDRAWALS {
            match self.store.withdraw(&ids, self.clock.now()).await {
                Ok(()) => return,
                Err(error) => tracing::error!("jobs without their originals cannot be taken back: {error}"),
            }
            tokio::time::sleep(wait).await;
            wait *= 4;
        }
    }

    /// Bytes may have been cleared away between their writing and the commit, because nothing referred to them then.
    /// From the commit on nobody deletes them, so the last one is written anew. The bytes of earlier ones are not at
    /// hand any more.
    async fn still_there(&self, jobs: &[NewJob], last: &Bytes) -> Result<(), Refused> {
        if let Some(job) = jobs.last()
            && !self.blobs.has(&job.original).await?
        {
            self.blobs.put(&job.original, last.clone()).await?;
        }
        self.are_there(jobs).await
    }

    /// Those that were written a while ago may have been cleared away since: nothing referred to them yet.
    async fn are_there(&self, jobs: &[NewJob]) -> Result<(), Refused> {
        let [earlier @ .., _last] = jobs else {
            return Ok(());
        };
        // Made before they are awaited, as each is of the same type then.
        let looks: Vec<_> = earlier.iter().map(|job| self.blobs.has(&job.original)).collect();
        let looks = stream::iter(looks).buffer_unordered(LOOKS);
        let all = looks.try_fold(true, |all, there| async move { Ok(all && there) });
        if all.await? { Ok(()) } else { Err(Refused::Cleared) }
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

/// Beside the requests, as it takes a while for a large one.
async fn digested(file: Incoming) -> Result<(Kept, Bytes), Refused> {
    let bytes = Bytes::from_owner(file.original);
    let hash = {
        let bytes = bytes.clone();
        move || storage::blobs::blob(&bytes)
    };
    let hashed = tokio::task::spawn_blocking(hash).await;
    let blob = hashed.map_err(|error| Refused::Store(StoreError::Broken(error.to_string())))?;
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
