//! A machine whose clock jumps by an hour, either way, under a server that runs and between two starts.
//!
//! A running server counts the time by itself, so it notices nothing. One that starts an hour earlier than the times in
//! its store must not wait for that hour to come again: not with a retry, not with a breaker, not with a lost job.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use image::ImageFormat;
use tempfile::TempDir;

use super::{PATIENCE, count, job, until};
use crate::ledger::PIPELINE;
use crate::{Builder, Cluster, Ledger, Server, fixture_plugins, pictures};

const HOUR: i64 = 3600;
/// Loosely: the machine may be slow.
const MINUTES: i64 = 600;

/// Runs into its timeout, and is to be tried again minutes later.
const SLOW: &str = "retry: { attempts: 3, backoff: 10m, factor: 1, max: 10m }
steps:
  - { id: photo, uses: decode }
  - id: guest
    uses: misbehave@^1
    with: { mode: endless-loop }
    limits: { timeout: 500ms, fuel_base: 1000000000000 }
renditions:
  - { name: out.png, format: png }
";

/// Opens its plugin's breaker after three originals.
const BROKEN: &str = "steps:
  - { id: photo, uses: decode }
  - id: guest
    uses: misbehave-analyzer@^1
    with: { mode: not-json }
    breaker: { min_failures: 3, window: 10, cooldown: 5s }
";

/// So many jobs after each jump.
pub fn jumps(jobs: usize) {
    let clock = Clock::new();
    let mut server = clock.server();
    let ledger = Ledger::small();
    let begun = submitted_at(&server, &ledger, jobs);

    for hours in [1, -1] {
        clock.set(hours * HOUR);
        let at = submitted_at(&server, &ledger, jobs);
        assert!(
            later(begun, at) < MINUTES,
            "the clock of a running server jumped: {begun} to {at}"
        );
    }
    assert_eq!(ledger.settle(&server, PATIENCE), 0);

    clock.set(HOUR);
    Clock::restart(&mut server);
    let at = submitted_at(&server, &ledger, jobs);
    assert!(
        (HOUR..HOUR + MINUTES).contains(&later(begun, at)),
        "no jump: {begun} to {at}"
    );
    let retry = submit(&server, "slow", 0);
    until_it_is(&server, &retry, "retry-waiting");
    for n in 0..3 {
        until_it_is(&server, &submit(&server, "broken", n), "dead");
    }
    let parked = submit(&server, "broken", 3);
    until_it_is(&server, &parked, "parked");

    // Two hours back: all that is in the store lies ahead.
    clock.set(-HOUR);
    Clock::restart(&mut server);
    until("the retry comes although the clock went back", PATIENCE, || {
        job(&server, &retry)["attempts_failed"] == 2
    });
    until_it_is(&server, &parked, "dead");
    submitted_at(&server, &ledger, jobs);
    assert_eq!(ledger.settle(&server, PATIENCE), 0);
    ledger.check(&server);
    Clock::tidy(&server);
}

/// Two servers over one database, whose machines' clocks are an hour apart: neither takes the other for dead, and both
/// write the same times.
pub fn an_hour_apart(jobs: usize) {
    let cluster = Cluster::start();
    let blobs = TempDir::new().expect("a temporary folder can be made");
    let clock = Clock::new();
    clock.set(HOUR);
    let serve = |faked: bool| {
        let server = Server::of([("torture", PIPELINE)])
            .store(cluster.url())
            .blobs(blobs.path())
            .args(&["--heartbeat", "1"]);
        let server = if faked { clock.fake(server) } else { server };
        server.start()
    };
    let (true_one, ahead) = (serve(false), serve(true));
    let ledger = Ledger::small();
    let here = submitted_at(&true_one, &ledger, jobs);
    let there = submitted_at(&ahead, &ledger, jobs);
    assert!(
        later(here, there).min(later(there, here)) < MINUTES,
        "two times: {here} and {there}"
    );
    assert_eq!(ledger.settle(&true_one, PATIENCE), 0);

    // Two executors each, none of which moves.
    let both = [&true_one, &ahead];
    for server in both {
        server.signal_executors("STOP");
    }
    let held: Vec<String> = (0..4).map(|n| ledger.submit(both[n % 2]).taken()).collect();
    until("all are in hand", PATIENCE, || count(&ahead, "running") == 4);
    let begun = Instant::now();
    // A job is taken away after three seconds without a heartbeat.
    while begun.elapsed() < Duration::from_secs(6) {
        let running = both.map(|server| count(server, "running"));
        assert_eq!(running, [4, 4], "taken from a living one");
        std::thread::sleep(Duration::from_millis(100));
    }
    for server in both {
        server.signal_executors("CONT");
    }
    assert_eq!(ledger.settle(&ahead, PATIENCE), 0);
    for id in &held {
        assert_eq!(job(&true_one, id)["rescues"], 0, "{id}");
    }
    ledger.check(&true_one);
    Clock::tidy(&ahead);
}

/// A clock for the server alone.
struct Clock {
    folder: TempDir,
}

impl Clock {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let clock = Self { folder };
        clock.set(0);
        clock
    }

    /// So many seconds from the true time.
    fn set(&self, seconds: i64) {
        // In one step: it is read all the time.
        let new = self.folder.path().join("new");
        fs::write(&new, format!("{seconds:+}\n")).expect("a file can be written");
        fs::rename(new, self.file()).expect("a file can be renamed");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }

    fn server(&self) -> Server {
        let server = Server::of([("torture", PIPELINE), ("slow", SLOW), ("broken", BROKEN)]);
        self.fake(server.plugins(fixture_plugins())).start()
    }

    fn fake(&self, server: Builder) -> Builder {
        let file = self.file();
        server
            .env("LD_PRELOAD", text(&library()))
            .env("FAKETIME_TIMESTAMP_FILE", text(&file))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("NO_FAKE_STAT", "1")
    }

    fn restart(server: &mut Server) {
        Self::tidy(server);
        assert!(server.kill_and_restart(&[]), "{}", server.log());
    }

    /// A killed process leaves shared memory of the library behind, and another may get its number.
    fn tidy(server: &Server) {
        for name in ["faketime_shm", "sem.faketime_sem"] {
            drop(fs::remove_file(format!("/dev/shm/{name}_{}", server.pid())));
        }
    }
}

/// libfaketime, for programs with threads; Debian keeps libraries in a folder for each architecture.
fn library() -> PathBuf {
    let name = "faketime/libfaketimeMT.so.1";
    let below = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = below.map(|entry| entry.path()).collect();
    folders.extend(["/usr/lib", "/usr/lib64", "/usr/local/lib"].map(PathBuf::from));
    let found = folders.iter().map(|folder| folder.join(name));
    let mut found = found.filter(|library| library.is_file());
    found
        .next()
        .expect("the tests need libfaketime: apt-get install faketime")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Submits so many, and says when the store saw the last of them, in seconds of its day.
fn submitted_at(server: &Server, ledger: &Ledger, jobs: usize) -> i64 {
    ledger.take(server, jobs.saturating_sub(1), PATIENCE);
    let job = job(server, &ledger.submit(server).taken());
    let at = job["submitted_at"].as_str().expect("a time");
    let number = |from: usize| at[from..from + 2].parse::<i64>().expect("RFC 3339");
    (number(11) * 60 + number(14)) * 60 + number(17)
}

/// Seconds from one time of day to the next like the other.
fn later(from: i64, to: i64) -> i64 {
    (to - from).rem_euclid(24 * HOUR)
}

fn submit(server: &Server, pipeline: &str, n: u32) -> String {
    let photo = pictures::small(ImageFormat::Png, 40 + n, 30);
    let taken = server.post(&format!("/v1/pipelines/{pipeline}/jobs"), &[], &photo);
    assert_eq!(taken.status, 202, "{}", String::from_utf8_lossy(&taken.body));
    taken.json()["id"].as_str().expect("an id").to_owned()
}

fn until_it_is(server: &Server, id: &str, state: &str) {
    until(&format!("{id} is {state}"), PATIENCE, || {
        job(server, id)["state"] == *state
    });
}
