//! What a client was promised: every job that was acknowledged, and its original; `check` says whether it was kept.
//!
//! No two originals are alike, and neither are their renditions: what is there before it is written cannot be missed.

mod check;
mod gc;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use image::ImageFormat;
use serde_json::{Value, json};

use crate::seed::originals::{MOST, drawn};
use crate::{Answer, Server, pictures};

pub(crate) use check::{endpoint, half_written};

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

/// Widths of pictures are multiples of it.
const COLUMNS: u32 = 8;
/// One original in so many is no picture.
const POISON: u32 = 8;
const CLIENTS: usize = 4;

/// Of one pipeline, `torture`.
#[derive(Debug)]
pub struct Ledger {
    format: ImageFormat,
    /// The number of the next original.
    next: AtomicU32,
    /// Submissions, acknowledged or not.
    asked: AtomicU32,
    /// Job ids and the originals that they were made of.
    jobs: Mutex<BTreeMap<String, u32>>,
    /// Acknowledged, and not looked at since.
    fresh: Mutex<Vec<String>>,
    /// How often jobs were sent through again.
    redriven: Mutex<BTreeMap<String, usize>>,
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
    /// How often a worker was lost with one of them.
    pub(crate) rescues: u64,
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
            next: AtomicU32::new(0),
            asked: AtomicU32::new(0),
            jobs: Mutex::default(),
            fresh: Mutex::default(),
            redriven: Mutex::default(),
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
        self.send(server, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The original of a job that was acknowledged, once more.
    pub(crate) fn submit_again(&self, server: &Server, job: &str) -> Told {
        let n = self.held().get(job).copied();
        self.send(server, n.expect("an acknowledged job"))
    }

    fn send(&self, server: &Server, n: u32) -> Told {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match server.try_post("/v1/pipelines/torture/jobs", &[], &self.original(n)) {
            Some(answer) if answer.status == 202 => {
                let id = answer.json()["id"].as_str().expect("an id").to_owned();
                self.held().insert(id.clone(), n);
                self.fresh.lock().expect("no client panicked").push(id.clone());
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

    /// Several clients submit until the server is dead, which one of them finds or another says. As long as it lives
    /// it refuses nothing but for trouble of its own.
    pub(crate) fn load_until_dead(&self, server: &Server, dead: &AtomicBool) -> Load {
        let load = self.load_until(server, |told| told.is_over(dead));
        assert!(load.refused.keys().all(|status| *status == 503), "{load:?}");
        load
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
                self.redrive(server, crashed, patience);
            }
            assert!(begun.elapsed() < patience, "jobs do not end: {counts}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Returns when all are on their way.
    fn redrive(&self, server: &Server, jobs: Vec<String>, patience: Duration) {
        let answer = server.post_json("/v1/dead/redrive", &json!({ "jobs": jobs }));
        assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
        let (begun, href) = (Instant::now(), answer.json()["href"].clone());
        let href = href.as_str().expect("an address");
        loop {
            let redrive = server.get(href).ok().json();
            assert_eq!(redrive["total"], jobs.len(), "{redrive:#}");
            if redrive["sent"] == redrive["total"] {
                break;
            }
            assert!(begun.elapsed() < patience, "letters are not sent: {redrive:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut redriven = self.redriven.lock().expect("no client panicked");
        for job in jobs {
            *redriven.entry(job).or_default() += 1;
        }
    }

    /// The same bytes for the same number, others for any other; some are no pictures.
    fn original(&self, n: u32) -> Vec<u8> {
        if is_poison(n) {
            return format!("poison {n}").into_bytes();
        }
        let more = n / MOST * COLUMNS;
        let width = if self.format == ImageFormat::Png { 64 } else { 280 };
        pictures::encode(&drawn(n % MOST, width + more), self.format)
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, u32>> {
        self.jobs.lock().expect("no client panicked")
    }
}

impl Told {
    /// The id, where anything else is a broken promise.
    pub(crate) fn taken(self) -> String {
        match self {
            Self::Taken(id) => id,
            told => panic!("not taken: {told:?}"),
        }
    }

    /// Whether the server is dead, as this says or others found.
    pub(crate) fn is_over(&self, dead: &AtomicBool) -> bool {
        if matches!(self, Self::Nothing) {
            dead.store(true, Ordering::Relaxed);
        }
        dead.load(Ordering::Relaxed)
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
    n.is_multiple_of(POISON)
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
