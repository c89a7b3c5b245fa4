//! What a client was promised: every job that was acknowledged, and its original; and the check that all was kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use image::ImageFormat;
use serde_json::Value;

use crate::{Answer, Server, pictures};

/// Infrastructure that fails for a while costs attempts; there are enough of them, and they come quickly.
pub(crate) const PIPELINE: &str = "timeout: 2m
retry: { attempts: 50, backoff: 200ms, max: 1s }
steps:
  - { id: photo, uses: decode }
  - { id: small, uses: resize, with: { width: 32, height: 32 } }
renditions:
  - { name: small.png, from: small, format: png }
  - { name: small.webp, from: small, format: webp }
";

/// How different originals can be; each size is one.
const ORIGINALS: u32 = 600;
/// One original in so many is no picture.
const POISON: u32 = 8;
const CLIENTS: usize = 4;

/// Of one pipeline, `torture`.
#[derive(Debug)]
pub struct Ledger {
    format: ImageFormat,
    asked: AtomicU32,
    /// Job ids and the originals that they were made of.
    jobs: Mutex<BTreeMap<String, u32>>,
}

/// What came back for one submission.
#[derive(Debug)]
pub enum Told {
    /// Acknowledged, under this id.
    Taken(String),
    Refused(Answer),
    /// The server died over it.
    Nothing,
}

/// What clients were told.
#[derive(Debug, Default)]
pub struct Load {
    pub taken: usize,
    /// By status.
    pub refused: BTreeMap<u16, usize>,
    pub unanswered: usize,
}

/// How acknowledged jobs ended.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) succeeded: usize,
    pub(crate) poison: usize,
}

impl Ledger {
    /// Of pictures of a few kilobytes.
    pub fn small() -> Self {
        Self::of(ImageFormat::Png)
    }

    /// Of pictures of about 180 kB.
    pub fn large() -> Self {
        Self::of(ImageFormat::Bmp)
    }

    fn of(format: ImageFormat) -> Self {
        Self {
            format,
            asked: AtomicU32::new(0),
            jobs: Mutex::default(),
        }
    }

    /// How many jobs were acknowledged.
    pub fn len(&self) -> usize {
        self.held().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The job that was acknowledged last.
    pub fn newest(&self) -> String {
        let jobs = self.held();
        jobs.keys().next_back().expect("an acknowledged job").clone()
    }

    /// A person has ended this job, so nothing more is promised.
    pub fn strike_out(&self, job: &str) {
        assert!(self.held().remove(job).is_some(), "{job} was never acknowledged");
    }

    /// Another original each time.
    pub fn submit(&self, server: &Server) -> Told {
        let n = self.asked.fetch_add(1, Ordering::Relaxed);
        match server.try_post("/v1/pipelines/torture/jobs", &[], &self.original(n)) {
            Some(answer) if answer.status == 202 => {
                let id = answer.json()["id"].as_str().expect("an id").to_owned();
                self.held().insert(id.clone(), n);
                Told::Taken(id)
            }
            Some(answer) => Told::Refused(answer),
            None => Told::Nothing,
        }
    }

    /// Several clients submit, each until `enough` holds for what it was told.
    pub fn load_until(&self, server: &Server, enough: impl Fn(&Told) -> bool + Sync) -> Load {
        let load = Mutex::new(Load::default());
        std::thread::scope(|threads| {
            for _ in 0..CLIENTS {
                threads.spawn(|| {
                    loop {
                        let told = self.submit(server);
                        load.lock().expect("no client panicked").note(&told);
                        if enough(&told) {
                            break;
                        }
                        if matches!(told, Told::Refused(_)) {
                            std::thread::sleep(Duration::from_millis(10));
                        }
                    }
                });
            }
        });
        load.into_inner().expect("no client panicked")
    }

    /// Several clients submit while something else is done.
    pub fn load_while<T>(&self, server: &Server, act: impl FnOnce() -> T) -> (T, Load) {
        let over = AtomicBool::new(false);
        std::thread::scope(|threads| {
            let is_over = |_: &Told| over.load(Ordering::Relaxed);
            let load = threads.spawn(move || self.load_until(server, is_over));
            let done = {
                let _end = SetOnDrop(&over);
                act()
            };
            (done, load.join().expect("no client panicked"))
        })
    }

    /// So many more are acknowledged; what is refused meanwhile is sent again.
    pub fn take(&self, server: &Server, more: usize, patience: Duration) {
        let (begun, enough) = (Instant::now(), self.len() + more);
        while self.len() < enough {
            match self.submit(server) {
                Told::Taken(_) => {}
                Told::Refused(answer) => {
                    let text = String::from_utf8_lossy(&answer.body).into_owned();
                    assert!(begun.elapsed() < patience, "nothing is taken: {text}");
                    std::thread::sleep(Duration::from_millis(50));
                }
                Told::Nothing => panic!("the server is gone:\n{}", server.log()),
            }
        }
    }

    /// Waits until every job has ended. Those that lost three workers are sent through again, as a person would; how
    /// many those were.
    pub fn settle(&self, server: &Server, patience: Duration) -> usize {
        let begun = Instant::now();
        let mut redriven = 0;
        loop {
            let counts = server.get("/v1/counts").ok().json();
            let of = |state: &str| counts["torture"][state].as_u64().unwrap_or(0);
            if of("queued") + of("running") + of("retry-waiting") + of("parked") == 0 {
                let crashed = crashed(server);
                if crashed.is_empty() {
                    return redriven;
                }
                redriven += crashed.len();
                let body = serde_json::json!({ "jobs": crashed }).to_string();
                let json = [("content-type", "application/json")];
                let begun = server.post("/v1/dead/redrive", &json, body.as_bytes());
                assert_eq!(begun.status, 202, "{}", String::from_utf8_lossy(&begun.body));
            }
            assert!(begun.elapsed() < patience, "jobs do not end: {counts}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Every promise, after all jobs have ended: originals are what was sent, each job has its one end, renditions
    /// are what an undisturbed run gives, nothing is doubled, nothing half-written stayed.
    pub(crate) fn check(&self, server: &Server) -> Ends {
        let mut ends = Ends::default();
        let mut expected: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
        for (id, &n) in self.held().iter() {
            let job = server.get(&format!("/v1/jobs/{id}")).ok().json();
            let kept = server.get(&format!("/v1/jobs/{id}/original")).ok();
            assert!(
                kept.body == self.original(n),
                "the original of {id} is not what was sent"
            );
            if is_poison(n) {
                assert_eq!(
                    (&job["state"], &job["failure"]["kind"]),
                    (&"dead".into(), &"unsupported".into()),
                    "{job:#}"
                );
                ends.poison += 1;
                continue;
            }
            assert_eq!(job["state"], "succeeded", "{job:#}");
            ends.succeeded += 1;
            let undisturbed = expected
                .entry(n % ORIGINALS)
                .or_insert_with(|| undisturbed(server, &self.original(n)));
            let renditions = job["renditions"].as_array().expect("renditions");
            let got: Vec<Vec<u8>> = renditions
                .iter()
                .map(|r| server.get(r["href"].as_str().expect("an address")).ok().body)
                .collect();
            assert!(&got == undisturbed, "{id} is not what an undisturbed run gives");
        }
        self.check_lists(server);
        assert_eq!(half_written(&server.blobs()), 0, "half-written files stayed");
        ends
    }

    fn check_lists(&self, server: &Server) {
        let jobs = pages(server, "/v1/jobs?limit=500&pipeline=torture", "jobs");
        let distinct: BTreeSet<&str> = jobs.iter().filter_map(|job| job["id"].as_str()).collect();
        assert_eq!(distinct.len(), jobs.len(), "a job is listed twice");
        let asked = self.asked.load(Ordering::Relaxed) as usize;
        assert!(jobs.len() <= asked, "a submission made two jobs");
        for id in self.held().keys() {
            assert!(distinct.contains(id.as_str()), "{id} is not listed");
        }
        let counts = server.get("/v1/counts").ok().json();
        let counted: u64 = counts["torture"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(_, n)| n.as_u64())
            .sum();
        assert_eq!(counted, jobs.len() as u64, "the counters are wrong: {counts}");
    }

    /// Every original is of another size; some are no pictures.
    fn original(&self, n: u32) -> Vec<u8> {
        let n = n % ORIGINALS;
        let (width, height) = (n % 60, n / 60);
        match self.format {
            _ if is_poison(n) => format!("poison {n}").into_bytes(),
            ImageFormat::Png => pictures::small(ImageFormat::Png, 33 + width, 33 + height),
            format => pictures::small(format, 260 + width, 200 + height),
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.jobs.lock().expect("no client panicked")
    }
}

impl Load {
    fn note(&mut self, told: &Told) {
        match told {
            Told::Taken(_) => self.taken += 1,
            Told::Refused(answer) => *self.refused.entry(answer.status).or_default() += 1,
            Told::Nothing => self.unanswered += 1,
        }
    }

    /// Refusals are of these kinds only, and every request was answered.
    pub fn only_refused_by(&self, statuses: &[u16]) {
        let known = self.refused.keys().all(|status| statuses.contains(status));
        assert!(known && self.unanswered == 0, "{self:?}");
    }
}

/// Also when what is done panics, or the clients would go on for ever.
pub(crate) struct SetOnDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn is_poison(n: u32) -> bool {
    (n % ORIGINALS).is_multiple_of(POISON)
}

fn undisturbed(server: &Server, original: &[u8]) -> Vec<Vec<u8>> {
    let parts = server.process("torture", original).ok().parts();
    parts
        .into_iter()
        .filter(|part| part.name.starts_with("small"))
        .map(|part| part.body)
        .collect()
}

fn crashed(server: &Server) -> Vec<String> {
    let letters = pages(server, "/v1/dead?limit=500&pipeline=torture", "letters");
    let crashed = letters
        .into_iter()
        .filter(|letter| letter["failure"]["kind"] == "crash");
    crashed
        .map(|letter| letter["job"].as_str().expect("an id").to_owned())
        .collect()
}

pub(crate) fn pages(server: &Server, path: &str, field: &str) -> Vec<Value> {
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

/// Files that a writer did not finish.
pub(crate) fn half_written(blobs: &Path) -> usize {
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
