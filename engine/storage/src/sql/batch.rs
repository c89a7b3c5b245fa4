//! One group of the group commit: everything that waited, in one transaction.
//!
//! The order inside is the order of locks, the same in every transaction: jobs, blobs, requests, owners, dead
//! letters, deliveries, breakers, counters. Two exceptions: blobs that are there already are shared first in `success`;
//! and the rows of new renditions come after owners, which matters only where one is at this moment submitted as an
//! original, and then the database ends one of the two transactions and it runs again. Claims come after enqueues, so
//! that a job may be accepted and handed out in one commit.

use std::collections::BTreeSet;

use async_trait::async_trait;
use workflow::ports::{Accepted, Claimed, Lease, Settled};

use super::claim::{self, Claim};
use super::enqueue::{self, Enqueue};
use super::fault::Done;
use super::hot::Jobs;
use super::settle::{self, Heartbeat, Settle};
use super::success;
use super::tx::{Tx, Work};
use super::writer::Op;

#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) enqueues: Vec<Enqueue>,
    pub(super) claims: Vec<Claim>,
    pub(super) heartbeats: Vec<Heartbeat>,
    pub(super) settles: Vec<Settle>,
    /// An argument is suspected; look before writing.
    pub(super) careful: bool,
}

/// In the order of the questions.
pub(super) struct Answers {
    pub(super) enqueues: Vec<Accepted>,
    pub(super) claims: Vec<Vec<Claimed>>,
    pub(super) heartbeats: Vec<Vec<Lease>>,
    pub(super) settles: Vec<Settled>,
}

impl Batch {
    pub(super) fn of(ops: Vec<Op>) -> Self {
        let mut batch = Self::default();
        for op in ops {
            batch.add(op);
        }
        batch
    }

    fn add(&mut self, op: Op) {
        match op {
            Op::Enqueue(ask) => self.enqueues.push(ask),
            Op::Claim(ask) => self.claims.push(ask),
            Op::Heartbeat(ask) => self.heartbeats.push(ask),
            Op::Settle(ask) => self.settles.push(ask),
        }
    }

    pub(super) fn ops(self) -> Vec<Op> {
        let enqueues = self.enqueues.into_iter().map(Op::Enqueue);
        let claims = self.claims.into_iter().map(Op::Claim);
        let heartbeats = self.heartbeats.into_iter().map(Op::Heartbeat);
        let settles = self.settles.into_iter().map(Op::Settle);
        enqueues.chain(claims).chain(heartbeats).chain(settles).collect()
    }

    /// Jobs that a worker says something about.
    fn named(&self) -> BTreeSet<&str> {
        let beats = self.heartbeats.iter().flat_map(|ask| &ask.input);
        let settled = self.settles.iter().map(|ask| &ask.input.lease);
        beats.chain(settled).map(|lease| lease.job.as_str()).collect()
    }
}

#[async_trait]
impl Work for Batch {
    type Out = Answers;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Answers> {
        // Most groups are like this one.
        let smooth = self.heartbeats.is_empty() && success::are_all(&self.settles);
        let (mut jobs, fresh): (Jobs, Vec<Option<&Settle>>) = if smooth {
            (Jobs::new(), self.settles.iter().map(Some).collect())
        } else {
            let jobs = tx.lock(self.named()).await?;
            let fresh = settle::fresh(&self.settles, &jobs);
            (jobs, fresh)
        };
        let heartbeats = settle::heartbeats(tx, &self.heartbeats, &jobs).await?;
        let blobs = enqueue::originals(&self.enqueues).chain(settle::blobs(&fresh));
        let held = tx.hold(blobs).await?;
        let written = if smooth {
            Some(success::write(tx, &fresh, &held).await?)
        } else {
            None
        };
        let enqueues = enqueue::run(tx, &self.enqueues, &held, self.careful).await?;
        let claims = claim::run(tx, &self.claims).await?;
        let settles = match written {
            Some(written) => success::add(tx, written, &held).await?,
            None => settle::run(tx, &fresh, &mut jobs, &held).await?,
        };
        Ok(Answers {
            enqueues,
            claims,
            heartbeats,
            settles,
        })
    }
}
