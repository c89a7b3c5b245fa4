//! Calls that fail under load: what is synced, written and renamed. The server goes on without a restart once they
//! succeed again, and nothing was acknowledged that a `kill -9` could take away.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{PATIENCE, until};
use crate::command::signal;
use crate::ledger::PIPELINE;
use crate::{Ledger, Server};

/// System calls, and how some of them are to fail.
struct Fault {
    calls: &'static str,
    how: &'static str,
    /// Only those on the database's files; sockets are written to, too.
    database: bool,
}

/// Calls are counted for each thread.
const FAULTS: [Fault; 5] = [
    Fault {
        calls: "fsync,fdatasync",
        how: "error=EIO:when=3+7",
        database: false,
    },
    Fault {
        calls: "fsync,fdatasync",
        how: "error=EIO:when=1+2",
        database: true,
    },
    Fault {
        calls: "write,pwrite64",
        how: "error=EIO:when=5+9",
        database: true,
    },
    Fault {
        calls: "write,pwrite64",
        how: "error=ENOSPC:when=2+5",
        database: true,
    },
    Fault {
        calls: "?rename,?renameat,renameat2",
        how: "error=EIO:when=2+3",
        database: false,
    },
];

/// Jobs after each fault.
const AFTERWARDS: usize = 5;

/// For so long each.
pub fn errors(each: Duration) {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let database = folder.path().join("jobs.db");
    let mut server = Server::of([("torture", PIPELINE)])
        .store(format!("sqlite:{}", database.display()))
        .start();
    let ledger = Ledger::small();
    for (n, fault) in FAULTS.iter().enumerate() {
        let trace = folder.path().join(format!("trace-{n}"));
        let ((), load) = ledger.load_while(&server, || fault.strike(server.pid(), each, &database, &trace));
        load.only_refused_by(&[503, 507]);
        let failed = fs::read_to_string(&trace).unwrap_or_default();
        assert!(failed.contains("(INJECTED)"), "no call of {} failed", fault.calls);
        assert!(server.lives(), "it ended because {} failed", fault.calls);
        ledger.take(&server, AFTERWARDS, PATIENCE);
    }
    assert!(server.kill_and_restart(&[]), "{}", server.log());
    assert_eq!(ledger.settle(&server, PATIENCE), 0);
    ledger.check(&server);
}

impl Fault {
    /// Makes calls of a running process fail for a while.
    fn strike(&self, pid: u32, long: Duration, database: &Path, trace: &Path) {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-p", &pid.to_string()]);
        strace.args(["-e", &format!("trace={}", self.calls)]);
        strace.args(["-e", &format!("inject={}:{}", self.calls, self.how)]);
        if self.database {
            for file in files(database) {
                strace.arg("-P").arg(file);
            }
        }
        let child = strace.arg("-o").arg(trace).stderr(Stdio::piped()).spawn();
        let mut strace = Strace(child.expect("strace can be started: apt-get install strace"));
        until("strace is attached", PATIENCE, || {
            assert!(
                !strace.has_ended(),
                "strace cannot attach to the server: {}",
                strace.errors()
            );
            is_traced(pid)
        });
        std::thread::sleep(long);
        assert!(!strace.has_ended(), "strace ended early: {}", strace.errors());
        drop(strace);
        assert!(!is_traced(pid), "strace is still there");
    }
}

/// The database and its log.
fn files(database: &Path) -> [PathBuf; 2] {
    let database = database.canonicalize().expect("the database is there");
    let mut log = database.clone().into_os_string();
    log.push("-wal");
    [database, log.into()]
}

/// Lets the process go when dropped.
struct Strace(Child);

impl Strace {
    fn has_ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|ended| ended.is_some())
    }

    /// Once it has ended.
    fn errors(&mut self) -> String {
        let mut said = String::new();
        if let Some(mut errors) = self.0.stderr.take() {
            drop(std::io::Read::read_to_string(&mut errors, &mut said));
        }
        said.trim().to_owned()
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        signal("TERM", &[self.0.id()]);
        drop(self.0.wait());
    }
}

/// Whether somebody traces this process.
fn is_traced(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|tracer| tracer.trim() != "0")
}
