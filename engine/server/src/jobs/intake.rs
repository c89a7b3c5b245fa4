//! From originals to jobs: written and synced first, then committed, then acknowledged.
//!
//! What cannot be kept safely, or not be done in time, is refused before anything is committed. Of several originals
//! only one is in memory at a time: all but the last are written as they come. Those that no job was made of are
//! cleared away as strays.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use storage::disk::Room;
use storage::failpoint;
use workflow::job::State;
use workflow::plan::Plan;
use workflow::ports::{Accepted, Blob, JobView, Lane, Millis, NewJob, RequestKey, StoreError, Submission};

use super::Jobs;
use super::load::Size;
use crate::original::Original;

/// How many originals are looked for at once.
const LOOKS: usize = 16;

/// What the caller asks for, besides the originals.
#[derive(Debug, Clone)]
pub(crate) struct Wish<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) lane: Lane,
    pub(crate) owner: String,
    /// `Idempotency-Key`.
    pub(crate) key: Option<String>,
    pub(crate) executors: usize,
}

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
    /// An original that was written before the last one was cleared away as unused at the same time.
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
    /// Everything that can be said before the originals are read; `bytes` is how many are expected.
    pub(crate) fn admit(&self, wish: &Wish<'_>, bytes: u64) -> Result<(), Refused> {
        self.has_room()?;
        self.has_time(wish, f64::from(self.cost(wish, bytes)))
    }

    /// Writes an original before more of the same request come. Durable when it returns, and no longer in memory.
    pub(crate) async fn keep(&self, file: Incoming) -> Result<Kept, Refused> {
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
        self.has_room()?;
        failpoint::reach("original-received");
        let (last, bytes) = digested(last).await?;
        let blob = last.blob.clone();
        let jobs: Vec<NewJob> = kept
            .into_iter()
            .chain([last])
            .map(|kept| self.new_job(wish, kept))
            .collect();
        let cost: f64 = jobs.iter().map(|job| f64::from(job.cost)).sum();
        self.has_time(wish, cost)?;
        let request = wish.key.as_ref().map(|key| request(wish, key, &jobs));
        let submission = Submission { jobs, request };
        let ticket = loop {
            self.blobs.put(&blob, bytes.clone()).await?;
            failpoint::reach("original-written");
            self.are_there(&submission.jobs).await?;
            let now = self.clock.now();
            match self.store.enqueue(submission.clone(), now).await? {
                Accepted::New => {
                    self.still_there(&submission.jobs, &bytes).await?;
                    let jobs = submission.jobs.into_iter();
                    break Ticket::New(jobs.map(|job| queued(job, now)).collect());
                }
                Accepted::Before(ids) => {
                    self.still_there(&submission.jobs, &bytes).await?;
                    break Ticket::Before(ids);
                }
                Accepted::Conflict => return Err(Refused::Conflict),
                // Being deleted at this moment. Once that is over, it is written anew.
                Accepted::Doomed(digest) if digest == blob.digest => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Accepted::Doomed(_) => return Err(Refused::Cleared),
            }
        };
        failpoint::reach("job-committed");
        if !ticket.came_before() {
            self.load.took_in(cost);
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

    /// Bytes may have been cleared away between their writing and the commit, because nothing referred to them then.
    /// From the commit on nobody deletes them, so the last one is written anew. The bytes of earlier ones are not at
    /// hand any more; that their jobs are cancelled is no loss, as nobody was told of them.
    async fn still_there(&self, jobs: &[NewJob], last: &Bytes) -> Result<(), Refused> {
        if let Some(job) = jobs.last()
            && !self.blobs.has(&job.original).await?
        {
            self.blobs.put(&job.original, last.clone()).await?;
        }
        let checked = self.are_there(jobs).await;
        if matches!(checked, Err(Refused::Cleared)) {
            for job in jobs {
                self.store.cancel(&job.id, self.clock.now()).await?;
            }
        }
        checked
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

fn request(wish: &Wish<'_>, key: &str, jobs: &[NewJob]) -> RequestKey {
    let mut said = wish.plan.pipeline.clone();
    for job in jobs {
        let each = format!("\n{}\n{:?}\n{:?}", job.original.digest, job.lane, job.filename);
        said.push_str(&each);
    }
    RequestKey {
        owner: wish.owner.clone(),
        key: key.to_owned(),
        fingerprint: storage::blobs::digest(said.as_bytes()),
    }
}
