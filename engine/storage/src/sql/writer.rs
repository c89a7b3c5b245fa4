//! Group commit: what waits is written together and durable together.
//!
//! Each writer task takes everything that waits, runs it in one transaction, and answers every caller after the
//! commit. While it commits the next group gathers, so that groups grow with the load. A refusal concerns its own
//! caller only. If the database refuses the group, nobody knows whose fault that is, so each part runs alone then.

use std::hash::{DefaultHasher, Hash, Hasher};
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

type Shared = Arc<Mutex<mpsc::Receiver<Op>>>;

#[derive(Debug, Clone)]
pub(super) struct Writer {
    /// For whichever writer is free.
    shared: mpsc::Sender<Op>,
    /// For one writer each. All submissions of an owner go to the same one, because two would wait for each other:
    /// both need the owner's last turn.
    own: Vec<mpsc::Sender<Op>>,
}

impl Writer {
    /// The tasks end when nobody can ask any more.
    pub(super) fn start(db: &Arc<Db>, writers: u32) -> Self {
        let (shared, waiting) = mpsc::channel(MOST_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        let tasks = match db.dialect {
            Dialect::Sqlite => 1,
            Dialect::Postgres => writers.max(1),
        };
        let start = |_| {
            let (queue, own) = mpsc::channel(MOST_WAITING);
            tokio::spawn(work(Arc::clone(db), own, Arc::clone(&waiting)));
            queue
        };
        let own = (0..tasks).map(start).collect();
        Self { shared, own }
    }

    pub(super) async fn enqueue(&self, submission: Submission, now: Millis) -> Stored<Accepted> {
        let mut hasher = DefaultHasher::new();
        submission.jobs.first().map(|job| &job.owner).hash(&mut hasher);
        let queue = &self.own[(hasher.finish() % self.own.len() as u64) as usize];
        ask(queue, Op::Enqueue, submission, now).await
    }

    pub(super) async fn ask<I, O>(&self, op: fn(Ask<I, O>) -> Op, input: I, now: Millis) -> Stored<O> {
        ask(&self.shared, op, input, now).await
    }
}

async fn ask<I, O>(queue: &mpsc::Sender<Op>, op: fn(Ask<I, O>) -> Op, input: I, now: Millis) -> Stored<O> {
    let (reply, answer) = oneshot::channel();
    let sent = queue.send(op(Ask { input, now, reply })).await;
    sent.map_err(|_| stopped(false))?;
    answer.await.map_err(|_| stopped(true))?
}

fn stopped(maybe_done: bool) -> StoreError {
    StoreError::Unavailable {
        message: "the store has stopped".into(),
        maybe_done,
    }
}

async fn work(db: Arc<Db>, mut own: mpsc::Receiver<Op>, shared: Shared) {
    loop {
        let ops = next(&mut own, &shared).await;
        if ops.is_empty() {
            return;
        }
        // In a task of its own: a panic costs one group its answers, and not the store its writer.
        let group = tokio::spawn(write(Arc::clone(&db), ops));
        if let Err(error) = group.await {
            tracing::error!(%error, "a group of writes was lost");
        }
    }
}

/// Waits for something and takes all that is there; nothing once the store is gone.
async fn next(own: &mut mpsc::Receiver<Op>, shared: &Shared) -> Vec<Op> {
    let (mut ops, mut others) = (Vec::new(), Vec::new());
    tokio::select! {
        () = gather(own, &mut ops) => {
            ops.append(&mut others);
            if let Ok(mut shared) = shared.try_lock() {
                take(&mut shared, &mut ops);
            }
        }
        () = async { gather(&mut *shared.lock().await, &mut others).await } => {
            ops.append(&mut others);
            take(own, &mut ops);
        }
    }
    ops
}

/// What came is in `ops`, also if nobody waits for the end of this.
async fn gather(queue: &mut mpsc::Receiver<Op>, ops: &mut Vec<Op>) {
    queue.recv_many(ops, MOST_TOGETHER).await;
    // Questions come in waves: those who are about to ask go first, and are not left to the next group.
    tokio::task::yield_now().await;
    take(queue, ops);
}

fn take(queue: &mut mpsc::Receiver<Op>, ops: &mut Vec<Op>) {
    while ops.len() < MOST_TOGETHER
        && let Ok(op) = queue.try_recv()
    {
        ops.push(op);
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
