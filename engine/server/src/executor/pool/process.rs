//! One executor process, as the server sees it.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use workflow::failure::{Failure, FailureKind};

use super::PoolConfig;
use super::cpu::{self, CpuLimit};
use crate::executor::memory::Outbox;
use crate::executor::protocol::{Inspected, Request, Response, broken, receive_response, send_request};
use crate::original::Original;
use crate::outcome::{Kept, Outcome};
use crate::runner::JobSpec;

/// A new process must be ready by then.
const START: Duration = Duration::from_secs(20);
/// Compiling and asking a plugin may take this long.
const INSPECT: Duration = Duration::from_mins(2);
/// An executor that can still speak ends a job by itself before the server kills it.
const GRACE: Duration = Duration::from_millis(500);
/// An executor gets no more time than this for making a file of what one step made.
const LONGEST_KEEPING: Duration = Duration::from_mins(1);
/// What all steps of a job may leave in memory, in bytes.
const MOST_KEPT: u64 = 4 << 30;

/// A job on its way to a process.
pub(super) struct Errand {
    request: Request,
    /// Let go once a step has begun.
    original: Option<Original>,
    limit: Duration,
    cpu: Duration,
    deadline: Instant,
    /// What the steps made; `None` if the job does not ask for it.
    kept: Option<Vec<Kept>>,
}

impl Errand {
    pub(super) fn new(job: Box<JobSpec>, original: Original) -> Self {
        let limit = job.timeout();
        let cpu = Duration::from_millis(job.plan.max_cpu_ms);
        let length = original.bytes().len() as u64;
        let kept = job.keep_steps.then(Vec::new);
        Self {
            request: Request::Run { job, length },
            original: Some(original),
            limit,
            cpu,
            deadline: Instant::now() + limit,
            kept,
        }
    }

    /// What the steps made so far.
    pub(super) fn take_kept(&mut self) -> Vec<Kept> {
        self.kept.take().unwrap_or_default()
    }

    /// False if nobody asked for it, or if it is out of place.
    fn keep(&mut self, kept: Kept) -> bool {
        let Request::Run { job, .. } = &self.request else {
            return false;
        };
        let steps = job.plan.steps.len();
        let Some(all) = &mut self.kept else {
            return false;
        };
        let total: u64 = all.iter().chain([&kept]).map(|one| one.length).sum();
        let again = all.iter().any(|one| one.place == kept.place);
        if kept.place >= steps || again || total > MOST_KEPT {
            return false;
        }
        self.deadline += Duration::from_micros(kept.spent).min(LONGEST_KEEPING);
        all.push(kept);
        true
    }

    /// No step of it has begun, so it may be run again.
    pub(super) fn is_untouched(&self) -> bool {
        self.original.is_some()
    }
}

pub(super) struct Process {
    child: Child,
    socket: BufReader<TimedReader>,
    outbox: Outbox,
}

impl Process {
    /// Starts a process and waits until it is confined. A compiling one may write to the cache.
    pub(super) fn spawn(config: &PoolConfig, compile: bool) -> Result<Self> {
        let (socket, theirs) = UnixStream::pair().context("make a socket pair")?;
        // Not by its name: that may be another version by now, or gone.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg("executor")
            .arg("--cache")
            .arg(&config.cache)
            .arg("--memory")
            .arg(config.memory.to_string());
        if compile {
            command.arg("--compile");
        }
        command
            .env_clear()
            .envs(std::env::var("STOPBATH_LOG").map(|v| ("STOPBATH_LOG", v)));
        let child = command
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .spawn()
            .context("start the process")?;
        // One that no longer listens must not hold up its slot.
        socket.set_write_timeout(Some(START))?;
        let deadline = Instant::now() + START;
        let mut process = Self {
            child,
            socket: BufReader::new(TimedReader {
                socket,
                deadline,
                cpu: None,
            }),
            outbox: Outbox::default(),
        };
        match process.receive(deadline) {
            Ok(Response::Ready) => Ok(process),
            Ok(_) => anyhow::bail!("it began with the wrong message"),
            Err(error) => Err(error).context("it did not get ready"),
        }
    }

    /// Whether it has ended while nobody looked.
    pub(super) fn is_gone(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// An error means that the process is gone.
    pub(super) fn run(&mut self, errand: &mut Errand) -> Result<Outcome, Failure> {
        let mut step = None;
        self.socket.get_mut().cpu = CpuLimit::start(self.child.id(), errand.cpu);
        if let Err(error) = self.send_job(errand) {
            return Err(self.post_mortem(&error, step, errand.limit));
        }
        loop {
            match self.receive(errand.deadline + GRACE) {
                Ok(Response::Done(outcome)) => {
                    self.outbox.tidy();
                    return Ok(*outcome);
                }
                Ok(Response::Step(id)) => {
                    errand.original = None;
                    step = Some(id).filter(|id| !id.is_empty());
                }
                Ok(Response::Kept(kept)) => {
                    if let Some(cpu) = &mut self.socket.get_mut().cpu {
                        cpu.allowed += Duration::from_micros(kept.spent).min(LONGEST_KEEPING);
                    }
                    if !errand.keep(*kept) {
                        return Err(broken(&io::Error::other("a message out of turn")));
                    }
                }
                Ok(_) => return Err(broken(&io::Error::other("a message out of turn"))),
                Err(error) => return Err(self.post_mortem(&error, step, errand.limit)),
            }
        }
    }

    fn send_job(&mut self, errand: &Errand) -> io::Result<()> {
        let original = errand.original.as_ref().map_or(&[][..], Original::bytes);
        let memory = self.outbox.put(original)?;
        self.send(&errand.request, memory.as_ref())
    }

    /// The outer error means that the process is gone.
    pub(super) fn inspect(&mut self, path: &Path) -> Result<Result<Inspected, String>, String> {
        let request = Request::Inspect {
            path: path.to_owned(),
        };
        self.send(&request, None).map_err(|e| e.to_string())?;
        match self.receive(Instant::now() + INSPECT) {
            Ok(Response::Inspected(answer)) => Ok(*answer),
            Ok(_) => Err("the compiler sent a message out of turn".to_owned()),
            Err(error) => {
                let failure = self.post_mortem(&error, None, INSPECT);
                Err(format!("compiling it failed: {}", failure.message))
            }
        }
    }

    fn send(&self, request: &Request, memory: Option<&File>) -> io::Result<()> {
        send_request(&self.socket.get_ref().socket, request, memory)
    }

    fn receive(&mut self, deadline: Instant) -> io::Result<Response> {
        self.socket.get_mut().deadline = deadline;
        receive_response(&mut self.socket)
    }

    /// Kills what is left of the process and says how it ended.
    fn post_mortem(&mut self, error: &io::Error, step: Option<String>, limit: Duration) -> Failure {
        let cpu = self.socket.get_ref().cpu.as_ref().filter(|cpu| cpu.is_spent());
        let late = matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock);
        let failure = if let (true, Some(cpu)) = (late, cpu) {
            let text = format!(
                "the job used more than {:.1} s of processor time; raise `input.max_cpu` if it needs more",
                cpu.allowed.as_secs_f32()
            );
            Failure::new(FailureKind::Timeout, text)
        } else if late {
            let text = format!(
                "the job was ended by force after {:.1} s; raise `timeout` if it needs more",
                limit.as_secs_f32()
            );
            Failure::new(FailureKind::Timeout, text)
        } else if error.kind() == io::ErrorKind::InvalidData {
            broken(error)
        } else {
            let status = wait_briefly(&mut self.child);
            Failure::new(
                FailureKind::Crash,
                format!("the executor died: {}", describe(status)),
            )
        };
        match step {
            Some(id) => failure.at_step(&id),
            None => failure,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only when the process has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The socket has closed, so the process is about to end.
fn wait_briefly(child: &mut Child) -> Option<ExitStatus> {
    for _ in 0..100 {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

fn describe(status: Option<ExitStatus>) -> String {
    match status.map(|s| (s.signal(), s.code())) {
        Some((Some(6), _)) => "aborted (signal 6), most often because memory ran out".to_owned(),
        Some((Some(9), _)) => {
            "killed (signal 9), by a person or because the machine ran out of memory".to_owned()
        }
        Some((Some(11), _)) => "segmentation fault (signal 11)".to_owned(),
        Some((Some(signal), _)) => format!("signal {signal}"),
        Some((None, Some(code))) => format!("exit code {code}"),
        _ => "it closed its connection".to_owned(),
    }
}

/// Reads until a point in time, however many reads it takes, or until the processor time is spent.
struct TimedReader {
    socket: UnixStream,
    deadline: Instant,
    cpu: Option<CpuLimit>,
}

impl Read for TimedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.cpu.as_ref().is_some_and(CpuLimit::is_spent) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let wait = if self.cpu.is_some() {
                left.min(cpu::LOOK)
            } else {
                left
            };
            self.socket.set_read_timeout(Some(wait))?;
            match self.socket.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }
}
