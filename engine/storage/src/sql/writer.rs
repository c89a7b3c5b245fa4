//! Group commit: what waits is written together and durable together.
//!
//! Each writer task takes everything that waits, runs it in one transaction, and answers every caller after the
//! commit. While it commits the next group gathers, so that groups grow with the load. A refusal concerns its own
//! caller only. If the database refuses the group, nobody knows whose fault that is, so each part runs alone then.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};
use workflow::ports::{
    Accepted, Claimed, Lease, Millis, Settled, Settlement, StoreError, Stored, Submission,
};

use super::batch::{Answers, Batch};
use super::claim::Want;
use super::dialect::Dialect;
use super::tx::Db;

/// A question that waits for its answer.
#[derive(Debug)]
pub(super) struct Ask<I, O> {
    pub(super) input: I,
    pub(super) now: Millis,
    reply: oneshot::Sender<Stored<O>>,
}

#[derive(Debug)]
pub(super) enum Op {
    Enqueue(Ask<Submission, Accepted>),
    Claim(Ask<Want, Vec<Claimed>>),
    Heartbeat(Ask<Vec<Lease>, Vec<Lease>>),
    Settle(Ask<Settlement, Settled>),
}

/// Questions that may wait; more callers than this are held up.
const MOST_WAITING: usize = 4_096;

/// Questions in one transaction.
const MOST_TOGETHER: usize = 512;

type Waiting = Arc<Mutex<mpsc::Receiver<Op>>>;

#[derive(Debug, Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Op>,
}

impl Writer {
    /// The tasks end when nobody can ask any more.
    pub(super) fn start(db: &Arc<Db>, writers: u32) -> Self {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        let tasks = match db.dialect {
            Dialect::Sqlite => 1,
            Dialect::Postgres => writers.max(1),
        };
        for _ in 0..tasks {
            tokio::spawn(work(Arc::clone(db), Arc::clone(&waiting)));
        }
        Self { queue }
    }

    pub(super) async fn ask<I, O>(&self, op: fn(Ask<I, O>) -> Op, input: I, now: Millis) -> Stored<O> {
        let (reply, answer) = oneshot::channel();
        let sent = self.queue.send(op(Ask { input, now, reply })).await;
        sent.map_err(|_| stopped(false))?;
        answer.await.map_err(|_| stopped(true))?
    }
}

fn stopped(maybe_done: bool) -> StoreError {
    StoreError::Unavailable {
        message: "the store has stopped".into(),
        maybe_done,
    }
}

async fn work(db: Arc<Db>, waiting: Waiting) {
    loop {
        let mut ops = Vec::new();
        let taken = waiting.lock().await.recv_many(&mut ops, MOST_TOGETHER).await;
        if taken == 0 {
            return;
        }
        // In a task of its own: a panic costs one group its answers, and not the store its writer.
        let group = tokio::spawn(write(Arc::clone(&db), ops));
        if let Err(error) = group.await {
            tracing::error!(%error, "a group of writes was lost");
        }
    }
}

async fn write(db: Arc<Db>, ops: Vec<Op>) {
    let batch = Batch::of(ops);
    match db.transact(&batch).await {
        Ok(answers) => batch.answer(answers),
        Err(error @ StoreError::Broken(_)) => {
            tracing::debug!(%error, "a group is written one by one");
            for op in batch.ops() {
                write_alone(&db, op).await;
            }
        }
        Err(error) => batch.fail(&error),
    }
}

async fn write_alone(db: &Db, op: Op) {
    let mut batch = Batch::of(vec![op]);
    batch.careful = true;
    match db.transact(&batch).await {
        Ok(answers) => batch.answer(answers),
        Err(error) => batch.fail(&error),
    }
}

impl Batch {
    fn answer(self, answers: Answers) {
        reply(self.enqueues, answers.enqueues);
        reply(self.claims, answers.claims);
        reply(self.heartbeats, answers.heartbeats);
        reply(self.settles, answers.settles);
    }

    fn fail(self, error: &StoreError) {
        fail(self.enqueues, error);
        fail(self.claims, error);
        fail(self.heartbeats, error);
        fail(self.settles, error);
    }
}

/// A caller that has gone away misses nothing.
fn reply<I, O>(asks: Vec<Ask<I, O>>, answers: Vec<O>) {
    for (ask, answer) in asks.into_iter().zip(answers) {
        ask.reply.send(Ok(answer)).ok();
    }
}

fn fail<I, O>(asks: Vec<Ask<I, O>>, error: &StoreError) {
    for ask in asks {
        ask.reply.send(Err(error.clone())).ok();
    }
}
