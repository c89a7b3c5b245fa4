//! The server's side of the executors: a bounded queue, one thread and one child process a slot.
//!
//! A slot sends one job at a time, so when its process dies the job, the step and the original are known.
//! A job that outlives its deadline is ended by killing the process, the only way to stop native code.
//! Dead or killed processes are replaced at once; other jobs never notice.
//!
//! A job whose caller has gone is taken out of the queue, and its original with it. One that runs already is
//! let finish: its deadline is near, and a kill would cost a new process.

mod cpu;
mod process;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use workflow::failure::{Failure, FailureKind};

use super::protocol::Inspected;
use super::queue::Queue;
pub(crate) use super::queue::Refused;
use crate::original::Original;
use crate::outcome::Outcome;
use crate::runner::JobSpec;
use process::{Errand, Process};

/// How executors are made.
#[derive(Debug, Clone)]
pub(crate) struct PoolConfig {
    /// How many processes, one job each; one per core is right for throughput.
    pub(crate) executors: usize,
    /// How many jobs may wait, besides those that run, before callers are refused.
    pub(crate) queue: usize,
    /// Bytes of private writable memory that one executor may have.
    pub(crate) memory: u64,
    /// Where compiled plugins are kept.
    pub(crate) cache: PathBuf,
}

/// A running set of executors.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    slots: Vec<JoinHandle<()>>,
}

struct Shared {
    config: PoolConfig,
    queue: Queue<Ticket>,
}

struct Ticket {
    job: Box<JobSpec>,
    original: Original,
    reply: oneshot::Sender<Outcome>,
}

impl Pool {
    pub(crate) fn start(config: PoolConfig) -> anyhow::Result<Self> {
        let queue = Queue::new(config.queue + config.executors);
        let shared = Arc::new(Shared { config, queue });
        let slots = (0..shared.config.executors)
            .map(|n| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new()
                    .name(format!("executor-{n}"))
                    .spawn(move || shared.serve())
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { shared, slots })
    }

    /// Runs a job. Should the caller not wait for the end, it leaves the queue.
    pub(crate) async fn run(&self, job: JobSpec, original: Original) -> Result<Outcome, Refused> {
        // Dropped after the receiver, so it finds the ticket abandoned.
        let _sweep = Sweep(&self.shared.queue);
        Ok(self.enqueue(job, original)?.await.unwrap_or_else(|_| stopped()))
    }

    /// The same for callers that are not on a runtime.
    pub(crate) fn run_blocking(&self, job: JobSpec, original: Original) -> Result<Outcome, Refused> {
        Ok(self
            .enqueue(job, original)?
            .blocking_recv()
            .unwrap_or_else(|_| stopped()))
    }

    fn enqueue(&self, job: JobSpec, original: Original) -> Result<oneshot::Receiver<Outcome>, Refused> {
        let (reply, outcome) = oneshot::channel();
        let job = Box::new(job);
        self.shared.queue.push(Ticket { job, original, reply })?;
        Ok(outcome)
    }

    /// Jobs that wait, and executors that work.
    pub(crate) fn load(&self) -> (usize, usize) {
        self.shared.queue.load()
    }

    /// Takes nothing more, finishes what waits, ends the processes.
    pub(crate) fn drain(self) {
        self.shared.queue.close();
        for slot in self.slots {
            if slot.join().is_err() {
                tracing::error!("an executor's thread panicked");
            }
        }
    }
}

/// Takes out the tickets that nobody waits for.
struct Sweep<'a>(&'a Queue<Ticket>);

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        drop(self.0.remove(|ticket| ticket.reply.is_closed()));
    }
}

fn stopped() -> Outcome {
    let text = "the executors were stopped while the job ran";
    Outcome::failed(Failure::new(FailureKind::Crash, text))
}

/// Compiles plugins in a process of their own and says what they are.
pub(crate) struct Inspector<'a> {
    config: &'a PoolConfig,
    process: Option<Process>,
}

impl<'a> Inspector<'a> {
    pub(crate) fn new(config: &'a PoolConfig) -> Self {
        Self {
            config,
            process: None,
        }
    }

    /// A plugin that kills the process costs the next one a new process, nothing else.
    pub(crate) fn inspect(&mut self, path: &std::path::Path) -> Result<Inspected, String> {
        let mut process = match self.process.take() {
            Some(process) => process,
            None => Process::spawn(self.config, true)
                .map_err(|e| format!("no executor could be started: {e:#}"))?,
        };
        let answer = process.inspect(path)?;
        self.process = Some(process);
        answer
    }
}

impl Shared {
    /// The life of one slot.
    fn serve(&self) {
        let mut process = self.spawn();
        while let Some(ticket) = self.queue.pop() {
            if !ticket.reply.is_closed() {
                let outcome = self.attempt(&mut process, ticket.job, ticket.original);
                drop(ticket.reply.send(outcome));
            }
            self.queue.finished();
            if process.is_none() {
                process = self.spawn();
            }
        }
    }

    /// Leaves `None` behind when the process did not survive the job.
    fn attempt(&self, process: &mut Option<Process>, mut job: Box<JobSpec>, original: Original) -> Outcome {
        // A lone job may use every core; under load each executor keeps to its own.
        job.threads = (self.config.executors / self.queue.load().1.max(1)).max(1) as u32;
        let mut errand = Errand::new(job, original);
        // One that died between jobs costs nobody anything, even where that shows only when it gets the next.
        if process.as_mut().is_some_and(Process::is_gone) {
            *process = None;
        }
        let mut tries = 0;
        loop {
            let Some(mut live) = process.take().or_else(|| self.spawn()) else {
                return Outcome::failed(Failure::new(
                    FailureKind::Infrastructure,
                    "no executor could be started",
                ));
            };
            tries += 1;
            match live.run(&mut errand) {
                Ok(outcome) => {
                    *process = Some(live);
                    return Outcome {
                        kept: errand.take_kept(),
                        ..outcome
                    };
                }
                Err(failure) if tries == 1 && failure.kind == FailureKind::Crash && errand.is_untouched() => {
                }
                Err(failure) => {
                    return Outcome {
                        kept: errand.take_kept(),
                        ..Outcome::failed(failure)
                    };
                }
            }
        }
    }

    fn spawn(&self) -> Option<Process> {
        Process::spawn(&self.config, false)
            .inspect_err(|error| tracing::error!("no executor could be started: {error:#}"))
            .ok()
    }
}
