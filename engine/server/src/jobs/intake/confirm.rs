//! Whether the bytes of jobs that were committed are there, before anybody is told of them.
//!
//! They may have been cleared away between their writing and the commit, because nothing referred to them then. From the
//! commit on nobody deletes them.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use workflow::ports::{NewJob, Stored};

use super::{AGAIN, Jobs, Refused};

/// How many originals are looked for at once.
const LOOKS: usize = 16;
/// Tries to take back what was committed.
const WITHDRAWALS: u32 = 4;

impl Jobs {
    /// What was committed is there. What is sure to be missing is taken back: nobody was told of it, and who sends it
    /// again, with the same key or none, starts anew. Where nobody can look the jobs stay: their bytes were written, and
    /// they will run.
    pub(super) async fn confirm(&self, jobs: &[NewJob], last: &Bytes) -> Result<(), Refused> {
        let confirmed = self.complete(jobs, last).await?;
        if confirmed.is_err() {
            self.withdraw(jobs).await;
        }
        confirmed
    }

    /// Writes the last one anew if it is missing; the bytes of earlier ones are not at hand any more. The inner result
    /// says that something is missing for certain, the outer one that nobody could look.
    pub(super) async fn complete(&self, jobs: &[NewJob], last: &Bytes) -> Stored<Result<(), Refused>> {
        if let Some(job) = jobs.last()
            && !self.blobs.has(&job.original).await?
            && let Err(error) = self.blobs.put(&job.original, last.clone()).await
        {
            return Ok(Err(error.into()));
        }
        self.are_there(jobs).await
    }

    /// Those that were written a while ago may have been cleared away since: nothing referred to them yet.
    pub(super) async fn are_there(&self, jobs: &[NewJob]) -> Stored<Result<(), Refused>> {
        let [earlier @ .., _last] = jobs else {
            return Ok(Ok(()));
        };
        // Made before they are awaited, as each is of the same type then.
        let looks: Vec<_> = earlier.iter().map(|job| self.blobs.has(&job.original)).collect();
        let looks = stream::iter(looks).buffer_unordered(LOOKS);
        let all = looks.try_fold(true, |all, there| async move { Ok(all && there) });
        Ok(if all.await? {
            Ok(())
        } else {
            Err(Refused::Cleared(AGAIN))
        })
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
}
