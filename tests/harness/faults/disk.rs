//! A disk that runs full: below the floors new jobs are refused, without floors writes fail. Nothing that was
//! acknowledged is lost, and when there is room again the server goes on by itself.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tempfile::TempDir;

use super::{PATIENCE, count, job, until};
use crate::ledger::PIPELINE;
use crate::{Ledger, Server, Told, sqlite};

/// What lies on the disk that runs full. That of PostgreSQL is not among it: PostgreSQL guards its own, and what it
/// answers then is one of the errors that `database` and the conformance suite have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    Database,
    Blobs,
    Both,
}

/// Refusals that show that the disk is full in earnest.
const REFUSALS: usize = 20;
/// Jobs after there is room again.
const AFTERWARDS: usize = 20;

/// A disk of so many MiB, a quarter of it below the soft floor and a twelfth below the hard one. 24 at least.
pub fn below_the_floors(layout: Layout, mib: u64) {
    let Some(mut disk) = Disk::mount(mib) else {
        return;
    };
    let (soft, hard) = (mib / 4, mib / 12);
    let mut server = layout.server(&disk, soft, hard, 1);
    let ledger = Ledger::large();
    let letter = dead_letter(&server, &ledger);

    // The only executor stands still, so what is acknowledged stays in the queue.
    server.signal_executors("STOP");
    disk.leave(soft + 2);
    let load = ledger.load_until(&server, |told| match told {
        Told::Refused(answer) => {
            assert_eq!((answer.status, answer.problem().as_str()), (507, "no-room"));
            assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|s| s > 0));
            true
        }
        _ => false,
    });
    load.only_refused_by(&[507]);
    assert!(load.taken >= 3, "{load:?}");
    disk.leave(hard / 2);

    let newest = ledger.newest();
    assert!(!server.get("/v1/jobs").ok().json()["jobs"][0]["id"].is_null());
    assert_eq!(job(&server, &newest)["state"], "queued");
    drop(server.get(&format!("/v1/jobs/{newest}/original")).ok());
    let cancelled = server.post(&format!("/v1/jobs/{newest}/cancel"), &[], &[]).ok();
    assert_eq!(cancelled.json()["state"], "cancelled");
    ledger.strike_out(&newest);
    purge(&server, &letter);

    server.signal_executors("CONT");
    until("work in hand ends", PATIENCE, || count(&server, "running") == 0);
    assert!(
        count(&server, "queued") > 0,
        "jobs were begun below the hard floor"
    );
    assert!(matches!(ledger.submit(&server), Told::Refused(answer) if answer.status == 507));

    disk.grow(mib * 4);
    ledger.take(&server, AFTERWARDS, PATIENCE);
    assert_eq!(ledger.settle(&server, PATIENCE), 0);
    ledger.check(&server);
    assert!(server.lives());
}

/// The same disk and no floors: writes fail, at any place.
pub fn without_floors(layout: Layout, mib: u64) {
    let Some(mut disk) = Disk::mount(mib) else {
        return;
    };
    let mut server = layout.server(&disk, 0, 0, 2);
    let ledger = Ledger::large();
    disk.leave(2);
    let refused = AtomicUsize::new(0);
    let load = ledger.load_until(&server, |told| match told {
        Told::Refused(_) => refused.fetch_add(1, Ordering::Relaxed) >= REFUSALS,
        Told::Taken(_) => refused.load(Ordering::Relaxed) >= REFUSALS,
        Told::Nothing => true,
    });
    load.only_refused_by(&[503, 507]);
    assert!(load.refused.contains_key(&507) && load.taken > 0, "{load:?}");
    assert!(server.lives(), "it ended because the disk is full");
    drop(server.get(&format!("/v1/jobs/{}/original", ledger.newest())).ok());

    disk.grow(mib * 4);
    ledger.take(&server, AFTERWARDS, PATIENCE);
    assert_eq!(ledger.settle(&server, PATIENCE), 0);
    ledger.check(&server);
    assert!(server.kill_and_restart(&[]), "{}", server.log());
    ledger.check(&server);
}

impl Layout {
    fn server(self, disk: &Disk, soft: u64, hard: u64, executors: u32) -> Server {
        let (soft, hard) = (soft.to_string(), hard.to_string());
        let mut builder = Server::of([("torture", PIPELINE)]).executors(executors).args(&[
            "--soft-floor",
            &soft,
            "--hard-floor",
            &hard,
        ]);
        if self != Self::Blobs {
            builder = builder.store(sqlite(disk.path()));
        }
        if self != Self::Database {
            builder = builder.blobs(disk.path().join("blobs"));
        }
        builder.start()
    }
}

/// The first original of a ledger is no picture.
fn dead_letter(server: &Server, ledger: &Ledger) -> String {
    let letter = ledger.submit(server).taken();
    until("it becomes a dead letter", PATIENCE, || {
        job(server, &letter)["state"] == "dead"
    });
    ledger.strike_out(&letter);
    letter
}

fn purge(server: &Server, letter: &str) {
    let purged = server
        .post_json("/v1/dead/purge", &json!({ "jobs": [letter] }))
        .ok();
    assert_eq!(purged.json()["jobs"], json!([letter]));
}

/// A small disk in memory, and a file on it that takes away room.
#[derive(Debug)]
struct Disk {
    folder: TempDir,
    ballast: u64,
}

const MIB: u64 = 1 << 20;

impl Disk {
    /// `None` only where the environment says that nothing can be mounted here.
    fn mount(mib: u64) -> Option<Self> {
        if std::env::var_os("STOPBATH_NO_MOUNT").is_some() {
            eprintln!("STOPBATH_NO_MOUNT is set: no disk runs full");
            return None;
        }
        let folder = TempDir::new().expect("a temporary folder can be made");
        let size = format!("size={mib}m");
        let refused = mount(&["-t", "tmpfs", "-o", &size, "stopbath-test"], folder.path());
        assert!(
            refused.is_empty(),
            "a small disk cannot be mounted: {refused}\nRun the tests as root, or set STOPBATH_NO_MOUNT=1 to leave out \
             those that need a disk of their own."
        );
        Some(Self { folder, ballast: 0 })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn grow(&self, mib: u64) {
        let refused = mount(&["-o", &format!("remount,size={mib}m")], self.path());
        assert!(refused.is_empty(), "the disk cannot grow: {refused}");
    }

    /// Lets so many MiB be free, not more and not less.
    fn leave(&mut self, mib: u64) {
        let wanted = (self.ballast + self.free()).saturating_sub(mib * MIB);
        let file = File::options()
            .create(true)
            .append(true)
            .open(self.path().join("ballast"));
        let mut file = file.expect("the ballast can be opened");
        if wanted < self.ballast {
            file.set_len(wanted).expect("the ballast can be cut");
        }
        let more = wanted.saturating_sub(self.ballast);
        file.write_all(&vec![0_u8; more as usize])
            .expect("there is room for the ballast");
        self.ballast = wanted;
    }

    /// In bytes.
    fn free(&self) -> u64 {
        let mut stat = Command::new("stat");
        stat.args(["--file-system", "--format", "%a %S"]).arg(self.path());
        let said = stat.output().expect("stat can be started").stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        let mut numbers = said.split_whitespace().map(str::parse::<u64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(blocks)), Some(Ok(size))) => blocks * size,
            _ => panic!("stat says `{said}`"),
        }
    }
}

/// What it says if it fails.
fn mount(arguments: &[&str], folder: &Path) -> String {
    let done = Command::new("mount").args(arguments).arg(folder).output();
    match done {
        Ok(done) if done.status.success() => String::new(),
        Ok(done) => format!("mount failed: {}", String::from_utf8_lossy(&done.stderr).trim()),
        Err(error) => format!("mount cannot be started: {error}"),
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that is about to end may still hold files on it.
        drop(
            Command::new("umount")
                .arg("--lazy")
                .arg(self.folder.path())
                .status(),
        );
    }
}
