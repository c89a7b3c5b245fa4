//! What must be so: some of it at any time, all of it after every job has ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::{Ends, Ledger, is_poison, pages};
use crate::dice::Dice;
use crate::seed::originals::{MOST, shows};
use crate::{Server, pictures};

/// Of so many jobs at most the renditions are compared with those of an undisturbed run, byte by byte. All others show
/// which original they were made of.
const COMPARED: usize = 1_000;

impl Ledger {
    /// Every promise, after all jobs have ended: originals are what was sent, each job has its one end, renditions
    /// are what an undisturbed run gives, nothing is doubled, nothing half-written stayed.
    pub(crate) fn check(&self, server: &Server) -> Ends {
        let mut ends = Ends::default();
        let jobs = self.held().clone();
        let every = jobs.len().div_ceil(COMPARED).max(1);
        for (at, (id, &n)) in jobs.iter().enumerate() {
            let job = server.get(&format!("/v1/jobs/{id}")).ok().json();
            let kept = server.get(&format!("/v1/jobs/{id}/original")).ok();
            self.is_what_was_sent(id, n, &kept.body);
            ends.rescues += job["rescues"].as_u64().expect("a number");
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
            let got = renditions(server, &job);
            for rendition in &got {
                let picture = pictures::read(rendition);
                assert!(
                    shows(&picture, n % MOST),
                    "a rendition of {id} shows another original"
                );
            }
            if at.is_multiple_of(every) {
                let undisturbed = undisturbed(server, &kept.body);
                assert!(got == undisturbed, "{id} is not what an undisturbed run gives");
            }
        }
        self.check_lists(server);
        let left = half_written(&server.blobs());
        assert!(left.is_empty(), "half-written files stayed: {left:?}");
        ends
    }

    /// Originals of all that was acknowledged since the last time, and of so many others. Those that it did not come to
    /// before the server died are looked at the next time. How many there were.
    pub(crate) fn check_some(&self, server: &Server, others: u32, dice: &mut Dice) -> usize {
        let mut ids = std::mem::take(&mut *self.fresh.lock().expect("no client panicked"));
        let fresh = ids.len();
        let jobs = self.held().clone();
        let all: Vec<&String> = jobs.keys().collect();
        if !all.is_empty() {
            let any = || all[dice.below(all.len() as u32) as usize].clone();
            ids.extend(std::iter::repeat_with(any).take(others as usize));
        }
        for (at, id) in ids.iter().enumerate() {
            // Ended by a person since.
            let Some(&n) = jobs.get(id) else {
                continue;
            };
            let Some(kept) = server.try_get(&format!("/v1/jobs/{id}/original")) else {
                let missed = ids.iter().take(fresh).skip(at).cloned();
                self.fresh.lock().expect("no client panicked").extend(missed);
                return at;
            };
            self.is_what_was_sent(id, n, &kept.ok().body);
        }
        ids.len()
    }

    pub(super) fn is_what_was_sent(&self, id: &str, n: u32, kept: &[u8]) {
        assert!(
            kept == self.original(n),
            "the original of {id} is not what was sent"
        );
    }

    /// Each job of the list, acknowledged or not, has told `endpoint` of one end, and of one more each time that it was
    /// sent through again. Deliveries are written with the end that they tell of.
    pub(crate) fn check_ends(&self, server: &Server, endpoint: &str) {
        let path = format!("/v1/webhooks/{endpoint}/deliveries?limit=500");
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for delivery in pages(server, &path, "deliveries") {
            let job = delivery["job"].as_str().expect("an id").to_owned();
            *told.entry(job).or_default() += 1;
        }
        let redriven = self.redriven.lock().expect("no client panicked");
        let jobs = pages(server, "/v1/jobs?limit=500&pipeline=torture", "jobs");
        for job in &jobs {
            let id = job["id"].as_str().expect("an id");
            let ends = 1 + redriven.get(id).copied().unwrap_or(0);
            assert_eq!(told.remove(id), Some(ends), "how often it ended: {job:#}");
        }
        assert!(told.is_empty(), "ends of jobs that are not there: {told:?}");
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
}

fn renditions(server: &Server, job: &Value) -> Vec<Vec<u8>> {
    let renditions = job["renditions"].as_array().expect("renditions");
    let bytes = |rendition: &Value| {
        server
            .get(rendition["href"].as_str().expect("an address"))
            .ok()
            .body
    };
    renditions.iter().map(bytes).collect()
}

fn undisturbed(server: &Server, original: &[u8]) -> Vec<Vec<u8>> {
    let parts = server.process("torture", original).ok().parts();
    parts
        .into_iter()
        .filter(|part| part.name.starts_with("small"))
        .map(|part| part.body)
        .collect()
}

/// One for `check_ends`. Nobody answers there; what counts is how often it was to be told.
pub(crate) fn endpoint(server: &Server) -> String {
    let added = server.post_json("/v1/webhooks", &json!({ "url": "http://127.0.0.1:9/" }));
    assert_eq!(added.status, 201, "{}", String::from_utf8_lossy(&added.body));
    added.json()["id"].as_str().expect("an id").to_owned()
}

/// Files that a writer did not finish, and when they were written.
pub(crate) fn half_written(blobs: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let deeper = entries(blobs).flat_map(|folder| entries(&folder.path()).collect::<Vec<_>>());
    let files = entries(blobs).chain(deeper);
    let half_written = files.filter(|file| file.file_name().to_string_lossy().contains('#'));
    half_written
        .filter_map(|file| Some((file.path(), file.metadata().ok()?.modified().ok()?)))
        .collect()
}
