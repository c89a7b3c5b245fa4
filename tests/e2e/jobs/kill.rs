//! `kill -9` at named places and at any time: what was acknowledged is there, ends once, and nothing half-made stays.

use std::collections::BTreeMap;
use std::path::Path;

use e2e::{Server, pictures};
use image::ImageFormat;

use super::{THUMB, submit, wait_for_end};

/// Where the process is made to die, and how often it comes by before.
const PLACES: [(&str, u32); 8] = [
    ("original-received", 3),
    ("original-written", 3),
    ("before-commit", 4),
    ("job-committed", 3),
    ("job-claimed", 2),
    ("renditions-made", 2),
    ("rendition-written", 2),
    ("job-settled", 2),
];

fn photo(n: u32) -> Vec<u8> {
    pictures::small(ImageFormat::Png, 40 + n, 30)
}

#[test]
fn nothing_acknowledged_is_lost_wherever_it_dies() {
    let mut server = Server::of([("thumb", THUMB)]).start();
    let mut ledger: BTreeMap<String, u32> = BTreeMap::new();
    let mut n = 0;
    for (place, nth) in PLACES {
        server.kill_and_restart(&[("STOPBATH_CRASH_AT", &format!("{place}:{nth}"))]);
        let mut died = false;
        for _ in 0..40 {
            n += 1;
            match server.try_post("/v1/pipelines/thumb/jobs", &[], &photo(n % 200)) {
                Some(answer) if answer.status == 202 => {
                    ledger.insert(answer.json()["id"].as_str().unwrap().to_owned(), n % 200);
                }
                Some(answer) => panic!("{}", String::from_utf8_lossy(&answer.body)),
                None => {
                    died = true;
                    break;
                }
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert!(died, "it never came by `{place}`");
        server.restart(&[]);
    }
    for (id, n) in &ledger {
        let job = wait_for_end(&server, id);
        assert_eq!(job["state"], "succeeded", "{job:#}");
        let original = server.get(job["original"]["href"].as_str().unwrap()).ok();
        assert_eq!(original.body, photo(*n), "the original is what was sent");
        let rendition = server.get(job["renditions"][0]["href"].as_str().unwrap()).ok();
        assert_eq!(rendition.body, server.process("thumb", &original.body).ok().body);
    }
    assert_eq!(half_written(&server.blobs()), 0);
    submit(&server, "thumb", &photo(0));
}

fn half_written(folder: &Path) -> usize {
    let folders = std::fs::read_dir(folder).unwrap().filter_map(Result::ok);
    let files = folders.filter_map(|f| std::fs::read_dir(f.path()).ok()).flatten();
    files.filter(|f| f.as_ref().unwrap().file_name().to_string_lossy().contains('#')).count()
}
