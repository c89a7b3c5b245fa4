//! Calls that fail: what is synced, written and renamed.
//!
//! While one in a few fails, the server goes on, and nothing was acknowledged that a `kill -9` could take away. While
//! each of a kind fails, nothing is acknowledged at all. It needs no restart once they succeed again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::{PATIENCE, until};
use crate::ledger::PIPELINE;
use crate::strace::{Order, RENAMES, Strace, blob_folders, database_files, is_traced, staged};
use crate::{Ledger, Server, Told};

const SYNCS: &str = "fsync,fdatasync";
const WRITES: &str = "write,pwrite64";

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
        calls: SYNCS,
        how: "error=EIO:when=3+7",
        database: false,
    },
    Fault {
        calls: SYNCS,
        how: "error=EIO:when=1+2",
        database: true,
    },
    Fault {
        calls: WRITES,
        how: "error=EIO:when=5+9",
        database: true,
    },
    Fault {
        calls: WRITES,
        how: "error=ENOSPC:when=2+5",
        database: true,
    },
    Fault {
        calls: RENAMES,
        how: "error=EIO:when=2+3",
        database: false,
    },
];

/// Jobs after each fault.
const AFTERWARDS: usize = 5;
/// Submissions while each call of a kind fails.
const REFUSED: usize = 5;

/// For so long each.
pub fn errors(each: Duration) {
    let place = Place::new();
    let mut server = place.server();
    let ledger = Ledger::small();
    for fault in &FAULTS {
        let paths = if fault.database {
            database_files(&place.database())
        } else {
            Vec::new()
        };
        let order = Order {
            calls: fault.calls,
            how: Some(fault.how.to_owned()),
            paths,
        };
        let (failed, load) = ledger.load_while(&server, || {
            let strace = Strace::attach(server.pid(), &order, &place.trace());
            std::thread::sleep(each);
            end(strace, server.pid())
        });
        load.only_refused_by(&[503, 507]);
        some_failed(&failed, &order);
        assert!(server.lives(), "it ended because {} failed", fault.calls);
        ledger.take(&server, AFTERWARDS, PATIENCE);
    }
    // Before a start clears up after it.
    assert_eq!(ledger.settle(&server, PATIENCE), 0);
    ledger.check(&server);
    assert!(server.kill_and_restart(&[]), "{}", server.log());
    assert_eq!(ledger.settle(&server, PATIENCE), 0);
    ledger.check(&server);
}

/// Every call of a kind fails, of those that must succeed before a job is acknowledged.
pub fn nothing_is_taken() {
    let place = Place::new();
    let mut server = place.server();
    let ledger = Ledger::small();
    ledger.take(&server, AFTERWARDS, PATIENCE);
    // The same original each time: its file is known by name.
    let job = ledger.newest();
    let shown = super::job(&server, &job);
    let digest = shown["original"]["digest"].as_str().expect("a digest");
    for order in orders(&place, &server.blobs(), digest) {
        assert_eq!(ledger.settle(&server, PATIENCE), 0);
        let strace = Strace::attach(server.pid(), &order, &place.trace());
        for _ in 0..REFUSED {
            match ledger.submit_again(&server, &job) {
                Told::Refused(answer) => assert!(
                    matches!(answer.status, 503 | 507),
                    "{order:?}: {}",
                    String::from_utf8_lossy(&answer.body)
                ),
                told => panic!("{order:?}: {told:?}"),
            }
        }
        some_failed(&end(strace, server.pid()), &order);
        assert!(server.lives(), "it ended because of {order:?}");
        until("it is taken again", PATIENCE, || {
            matches!(ledger.submit_again(&server, &job), Told::Taken(_))
        });
    }
    assert_eq!(ledger.settle(&server, PATIENCE), 0);
    ledger.check(&server);
}

fn orders(place: &Place, blobs: &Path, digest: &str) -> Vec<Order> {
    let file = || vec![staged(blobs, digest)];
    let database = || database_files(&place.database());
    let order = |calls, error: &str, paths| Order {
        calls,
        how: Some(format!("error={error}")),
        paths,
    };
    vec![
        order("write", "EIO", file()),
        order("write", "ENOSPC", file()),
        order(SYNCS, "EIO", file()),
        order(RENAMES, "EIO", file()),
        order(SYNCS, "EIO", blob_folders(blobs)),
        order(WRITES, "EIO", database()),
        order(WRITES, "ENOSPC", database()),
        order(SYNCS, "EIO", database()),
    ]
}

/// What was traced.
fn end(mut strace: Strace, pid: u32) -> String {
    assert!(!strace.has_ended(), "strace ended early: {}", strace.errors());
    let trace = strace.end();
    assert!(!is_traced(pid), "strace is still there");
    trace
}

fn some_failed(trace: &str, order: &Order) {
    assert!(trace.contains("(INJECTED)"), "no call failed of {order:?}");
}

/// A folder with a database that is known by its name.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder can be made"))
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("jobs.db")
    }

    fn trace(&self) -> PathBuf {
        self.0.path().join("trace")
    }

    fn server(&self) -> Server {
        Server::of([("torture", PIPELINE)])
            .store(format!("sqlite:{}", self.database().display()))
            .start()
    }
}
