//! A person ends a job, in whatever state it is.
//!
//! A worker that runs it notices with its next heartbeat, and what it settles is stale. A dead letter goes with its
//! job.

use async_trait::async_trait;
use workflow::job::{Event, State};
use workflow::ports::{AuditEntry, Millis};

use super::fault::Done;
use super::letters;
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
        let was = job.state;
        if job.hear(Event::Cancel, self.now, &mut tx.tally) {
            if was == State::Dead {
                letters::remove(tx, &[self.job]).await?;
            }
            tx.write_jobs([&*job]).await?;
            tx.announce(&[(&*job, &[])]).await?;
            if let Some(entry) = self.entry {
                tx.note(entry).await?;
            }
        }
        Ok(Some(job.state))
    }
}
