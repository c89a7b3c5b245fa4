//! System calls of a running process that are watched, fail, or kill it, by `strace`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::signal;

const PATIENCE: Duration = Duration::from_mins(1);

/// System calls that rename; no kernel has all of them.
pub(crate) const RENAMES: &str = "?rename,?renameat,renameat2";

/// What `strace` is to do.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// System calls, separated by commas.
    pub(crate) calls: &'static str,
    /// As in `inject=CALLS:…`; they are only watched if there is none.
    pub(crate) how: Option<String>,
    /// Only those on these paths, or on all if there are none.
    pub(crate) paths: Vec<PathBuf>,
}

/// Lets the process go when dropped.
#[derive(Debug)]
pub(crate) struct Strace {
    child: Child,
    trace: PathBuf,
}

impl Strace {
    /// Of all threads, not of other processes. The process may be killed before this returns, if it is to be.
    pub(crate) fn attach(pid: u32, order: &Order, trace: &Path) -> Self {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-y", "-p", &pid.to_string()]);
        strace.args(["-e", &format!("trace={}", order.calls)]);
        if let Some(how) = &order.how {
            strace.args(["-e", &format!("inject={}:{how}", order.calls)]);
        }
        for path in &order.paths {
            strace.arg("-P").arg(path);
        }
        // It says how it resolved a path that is not there yet.
        strace.arg("-o").arg(trace).stderr(Stdio::piped());
        let child = strace
            .spawn()
            .expect("strace can be started: apt-get install strace");
        let mut strace = Self {
            child,
            trace: trace.to_owned(),
        };
        let begun = Instant::now();
        while !is_traced(pid) && !has_died(pid) {
            assert!(
                !strace.has_ended() || has_died(pid),
                "strace cannot attach to the server: {}",
                strace.errors()
            );
            assert!(begun.elapsed() < PATIENCE, "strace does not attach");
            std::thread::sleep(Duration::from_millis(5));
        }
        strace
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_some())
    }

    /// Once it has ended.
    pub(crate) fn errors(&mut self) -> String {
        let mut said = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            drop(std::io::Read::read_to_string(&mut errors, &mut said));
        }
        said.trim().to_owned()
    }

    /// Lets the process go; what was traced.
    pub(crate) fn end(self) -> String {
        let trace = self.trace.clone();
        drop(self);
        fs::read_to_string(trace).unwrap_or_default()
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        signal("TERM", &[self.child.id()]);
        drop(self.child.wait());
    }
}

/// Whether somebody traces this process.
pub(crate) fn is_traced(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|tracer| tracer.trim() != "0")
}

/// Whether this child has ended, and only waits to be asked how.
pub(crate) fn has_died(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    matches!(state, None | Some('Z' | 'X'))
}

/// The same within a second: its connections may be gone a moment before it is.
pub(crate) fn dies_soon(pid: u32) -> bool {
    let begun = Instant::now();
    while !has_died(pid) && begun.elapsed() < Duration::from_secs(1) {
        std::thread::sleep(Duration::from_millis(1));
    }
    has_died(pid)
}

/// The database's files that are written and synced: itself and its log.
pub(crate) fn database_files(database: &Path) -> Vec<PathBuf> {
    let database = database.canonicalize().expect("the database is there");
    let mut log = database.clone().into_os_string();
    log.push("-wal");
    vec![database, log.into()]
}

/// The 256 folders of a local store of blobs.
pub(crate) fn blob_folders(blobs: &Path) -> Vec<PathBuf> {
    let blobs = blobs.canonicalize().expect("the blobs are there");
    (0..=255_u8)
        .map(|first| blobs.join(format!("{first:02x}")))
        .collect()
}

/// Where a blob is written before it is renamed.
pub(crate) fn staged(blobs: &Path, digest: &str) -> PathBuf {
    let blobs = blobs.canonicalize().expect("the blobs are there");
    blobs.join(&digest[..2]).join(format!("{digest}#1"))
}
