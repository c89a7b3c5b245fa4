//! A person ends a job that has not ended yet.
//!
//! A worker that runs it notices with its next heartbeat, and what it settles is stale. What died has
//! ended: its letter is purged, or sent through again.

use async_trait::async_trait;
use workflow::job::{Event, State};
use workflow::ports::{AuditEntry, Millis};

use super::fault::Done;
use super::tx::{Tx, Work};

pub(super) struct Cancel<'a> {
    pub(super) job: &'a str,
    pub(super) entry: Option<&'a AuditEntry>,
    pub(super) now: Millis,
}

#[async_trait]
impl Work for Cancel<'_> {
    type Out = Option<State>;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Option<State>> {
        let mut jobs = tx.lock([self.job]).await?;
        let Some(job) = jobs.values_mut().next() else {
            return Ok(None);
        };
        if job.hear(Event::Cancel, self.now, &mut tx.tally) {
            tx.write_jobs([&*job]).await?;
            tx.announce(&[(&*job, &[])]).await?;
            if let Some(entry) = self.entry {
                tx.note(entry).await?;
            }
        }
        Ok(Some(job.state))
    }
}
