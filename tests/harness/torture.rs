//! The kill test: a client keeps a ledger of all that was acknowledged, and the server is killed over and over, at
//! named places and at any time. In the end every entry of the ledger is checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use image::ImageFormat;
use serde_json::Value;

use crate::{Server, children, pictures};

const PIPELINE: &str = "steps:
  - { id: photo, uses: decode }
  - { id: small, uses: resize, with: { width: 32, height: 32 } }
renditions:
  - { name: small.png, from: small, format: png }
  - { name: small.webp, from: small, format: webp }
";

/// Where the server is made to die.
pub const PLACES: [&str; 8] = [
    "original-received",
    "original-written",
    "before-commit",
    "job-committed",
    "job-claimed",
    "renditions-made",
    "rendition-written",
    "job-settled",
];

/// How different originals can be; each size is one.
const ORIGINALS: u32 = 600;
/// One original in so many is no picture.
const POISON: u32 = 8;
const CLIENTS: usize = 4;

#[derive(Debug, Clone)]
pub struct Torture {
    pub cycles: u32,
    pub seed: u64,
    /// `--store`; SQLite in a folder of its own if there is none.
    pub store: Option<String>,
}

/// What came of it; every number that must be zero is checked already.
#[derive(Debug, Default)]
pub struct Tally {
    kills: BTreeMap<String, u32>,
    acknowledged: usize,
    unanswered: usize,
    succeeded: usize,
    poison: usize,
    redriven: usize,
    took: Duration,
}

/// Job ids and the originals that they were made of.
type Ledger = Mutex<BTreeMap<String, u32>>;

impl Torture {
    pub fn run(&self) -> Tally {
        let begun = Instant::now();
        let mut tally = Tally::default();
        let mut dice = Dice(self.seed | 1);
        let ledger = Ledger::default();
        let mut builder = Server::of([("torture", PIPELINE)]);
        if let Some(store) = &self.store {
            builder = builder.args(&["--store", store]);
        }
        let mut server = builder.start();
        let next = AtomicU32::new(0);
        for cycle in 0..self.cycles {
            let (place, environment) = plan(cycle, &mut dice);
            *tally.kills.entry(place).or_default() += 1;
            if !server.kill_and_restart(&[("STOPBATH_CRASH_AT", &environment)]) {
                // It died while it looked after the jobs of before.
                continue;
            }
            let after = Duration::from_millis(u64::from(dice.below(900) + 50));
            load(&mut server, after, dice.below(4) == 0, &next, &ledger, &mut tally);
        }
        assert!(
            server.kill_and_restart(&[]),
            "it does not come back:\n{}",
            server.log()
        );
        let ledger = ledger.into_inner().expect("no client panicked");
        tally.acknowledged = ledger.len();
        settle(&server, &mut tally);
        check(&server, &ledger, &mut tally);
        tally.took = begun.elapsed();
        tally
    }
}

/// Named places in turn, and every third cycle at any time.
fn plan(cycle: u32, dice: &mut Dice) -> (String, String) {
    if cycle % 3 == 2 {
        return ("at any time".to_owned(), String::new());
    }
    let place = PLACES[(cycle - cycle / 3) as usize % PLACES.len()];
    (place.to_owned(), format!("{place}:{}", dice.below(6) + 1))
}

/// Clients submit until the server is dead; it is killed after a while if it did not die by itself.
fn load(
    server: &mut Server,
    after: Duration,
    executors_too: bool,
    next: &AtomicU32,
    ledger: &Ledger,
    tally: &mut Tally,
) {
    let dead = AtomicBool::new(false);
    let unanswered = AtomicU32::new(0);
    std::thread::scope(|threads| {
        for _ in 0..CLIENTS {
            threads.spawn(|| {
                while !dead.load(Ordering::Relaxed) {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    match server.try_post("/v1/pipelines/torture/jobs", &[], &original(n)) {
                        Some(answer) if answer.status == 202 => {
                            let id = answer.json()["id"].as_str().expect("an id").to_owned();
                            ledger.lock().expect("no client panicked").insert(id, n);
                        }
                        Some(answer) => {
                            assert_eq!(answer.status, 503, "{}", String::from_utf8_lossy(&answer.body));
                        }
                        None => {
                            unanswered.fetch_add(1, Ordering::Relaxed);
                            dead.store(true, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        let begun = Instant::now();
        while begun.elapsed() < after && !dead.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
            if executors_too && begun.elapsed() > after / 2 {
                kill(children(server.pid()).first().copied());
            }
        }
        kill(Some(server.pid()));
        dead.store(true, Ordering::Relaxed);
    });
    tally.unanswered += unanswered.load(Ordering::Relaxed) as usize;
}

fn kill(pid: Option<u32>) {
    if let Some(pid) = pid {
        let mut kill = std::process::Command::new("kill");
        drop(
            kill.args(["-KILL", &pid.to_string()])
                .stderr(std::process::Stdio::null())
                .status(),
        );
    }
}

/// Every original is of another size; some are no pictures.
fn original(n: u32) -> Vec<u8> {
    let n = n % ORIGINALS;
    match n % POISON {
        0 => format!("poison {n}").into_bytes(),
        _ => pictures::small(ImageFormat::Png, 33 + n % 60, 33 + n / 60),
    }
}

fn is_poison(n: u32) -> bool {
    (n % ORIGINALS).is_multiple_of(POISON)
}

/// Waits until every job has ended. Those that lost three workers are sent through again, as a person would.
fn settle(server: &Server, tally: &mut Tally) {
    let begun = Instant::now();
    loop {
        let counts = server.get("/v1/counts").ok().json();
        let of = |state: &str| counts["torture"][state].as_u64().unwrap_or(0);
        if of("queued") + of("running") + of("retry-waiting") + of("parked") == 0 {
            let crashed = crashed(server);
            if crashed.is_empty() {
                return;
            }
            tally.redriven += crashed.len();
            let body = serde_json::json!({ "jobs": crashed }).to_string();
            let json = [("content-type", "application/json")];
            drop(server.post("/v1/dead/redrive", &json, body.as_bytes()).ok());
        }
        assert!(
            begun.elapsed() < Duration::from_mins(5),
            "jobs do not end: {counts}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn crashed(server: &Server) -> Vec<String> {
    let letters = pages(server, "/v1/dead?limit=500", "letters");
    let crashed = letters
        .into_iter()
        .filter(|letter| letter["failure"]["kind"] == "crash");
    crashed
        .map(|letter| letter["job"].as_str().expect("an id").to_owned())
        .collect()
}

fn pages(server: &Server, path: &str, field: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut before = String::new();
    loop {
        let page = server.get(&format!("{path}{before}")).ok().json();
        all.extend(page[field].as_array().expect("a list").iter().cloned());
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => return all,
        }
    }
}

fn check(server: &Server, ledger: &BTreeMap<String, u32>, tally: &mut Tally) {
    let mut expected: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
    for (id, &n) in ledger {
        let job = server.get(&format!("/v1/jobs/{id}")).ok().json();
        let kept = server.get(&format!("/v1/jobs/{id}/original")).ok();
        assert!(
            kept.body == original(n),
            "the original of {id} is not what was sent"
        );
        if is_poison(n) {
            assert_eq!(
                (&job["state"], &job["failure"]["kind"]),
                (&"dead".into(), &"unsupported".into()),
                "{job:#}"
            );
            tally.poison += 1;
            continue;
        }
        assert_eq!(job["state"], "succeeded", "{job:#}");
        tally.succeeded += 1;
        let undisturbed = expected.entry(n % ORIGINALS).or_insert_with(|| {
            let parts = server.process("torture", &original(n)).ok().parts();
            parts
                .into_iter()
                .filter(|part| part.name.starts_with("small"))
                .map(|part| part.body)
                .collect()
        });
        let renditions = job["renditions"].as_array().expect("renditions");
        let got: Vec<Vec<u8>> = renditions
            .iter()
            .map(|r| server.get(r["href"].as_str().expect("an address")).ok().body)
            .collect();
        assert!(&got == undisturbed, "{id} is not what an undisturbed run gives");
    }
    let jobs = pages(server, "/v1/jobs?limit=500", "jobs");
    let distinct: BTreeSet<&str> = jobs.iter().filter_map(|job| job["id"].as_str()).collect();
    assert_eq!(distinct.len(), jobs.len(), "a job is listed twice");
    let counts = server.get("/v1/counts").ok().json();
    let counted: u64 = counts["torture"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, n)| n.as_u64())
        .sum();
    assert_eq!(counted, jobs.len() as u64, "the counters are wrong: {counts}");
    assert_eq!(half_written(&server.blobs()), 0, "half-written files stayed");
}

/// Files that a killed process did not finish.
pub fn half_written(blobs: &Path) -> usize {
    let entries = |folder: &Path| {
        std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
    };
    let files = entries(blobs).flat_map(|folder| entries(&folder.path()).collect::<Vec<_>>());
    files
        .filter(|file| file.file_name().to_string_lossy().contains('#'))
        .count()
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<22} kills", "killed")?;
        for (place, kills) in &self.kills {
            writeln!(f, "{place:<22} {kills}")?;
        }
        writeln!(f, "acknowledged           {}", self.acknowledged)?;
        writeln!(f, "  succeeded            {}", self.succeeded)?;
        writeln!(f, "  poison, dead         {}", self.poison)?;
        writeln!(f, "  lost                 0")?;
        writeln!(f, "sent through again     {}", self.redriven)?;
        writeln!(f, "requests cut off       {}", self.unanswered)?;
        write!(f, "in                     {:.0} s", self.took.as_secs_f32())
    }
}

/// Numbers that are the same each time for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as u32 % limit
    }
}
