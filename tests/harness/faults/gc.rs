//! Deletions that are cut off: jobs are forgotten as soon as they have ended, and the server is killed again and again
//! while it deletes the bytes that nothing refers to any more, and as the same bytes come in once more.
//!
//! What has not ended and what is dead keeps its original through all of it. In the end nothing else is left.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{PATIENCE, count, until};
use crate::command::signal;
use crate::dice::Dice;
use crate::ledger::{PIPELINE, pages};
use crate::strace::dies_soon;
use crate::{Ledger, Server, Told};

/// Before the bytes are deleted, before their rows are, and before a submission counts.
const PLACES: [&str; 3] = ["blob-doomed", "blob-deleted", "original-written"];
/// Between rounds of deletions, and until bytes are old, in milliseconds.
const GRACE: &str = "50";
/// For it to come by its place.
const A_WHILE: Duration = Duration::from_secs(3);
/// Of so many submissions by one client one is a purge instead.
const PURGES: u32 = 8;

/// The server is killed so often.
pub fn deletions(cycles: u32, seed: u64) {
    let mut server = Server::of([("torture", PIPELINE)])
        .args(&["--heartbeat", "1", "--keep", "0"])
        .env("STOPBATH_GRACE_MS", GRACE)
        .start();
    let (ledger, mut dice) = (Ledger::small(), Dice::new(seed));
    // How often it died there by itself.
    let mut deaths: BTreeMap<&str, u32> = BTreeMap::new();
    for cycle in 0..cycles {
        let place = PLACES[cycle as usize % PLACES.len()];
        let crash = format!("{place}:{}", dice.below(3) + 1);
        let mut by_itself = true;
        if server.kill_and_restart(&[("STOPBATH_CRASH_AT", &crash)]) {
            ledger.check_unforgotten(&server);
            by_itself = load(&server, &ledger, &mut dice);
        }
        server.end();
        *deaths.entry(place).or_default() += u32::from(by_itself);
    }
    assert!(
        server.kill_and_restart(&[]),
        "it does not come back:\n{}",
        server.log()
    );
    ledger.check_unforgotten(&server);
    ledger.settle(&server, PATIENCE);
    until("all that succeeded is forgotten", PATIENCE, || {
        count(&server, "succeeded") + count(&server, "cancelled") == 0
    });
    ledger.check_unforgotten(&server);
    only_letters_are_left(&server);
    assert!(
        deaths.values().all(|n| *n > 0),
        "it never died where it was to die: {deaths:?}"
    );
}

/// Clients submit originals, new ones and those of before, and purge letters, until it is dead. Whether it died by
/// itself.
fn load(server: &Server, ledger: &Ledger, dice: &mut Dice) -> bool {
    let dead = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let clients = threads.spawn(|| ledger.load_until_dead(server, &dead));
        threads.spawn(|| {
            while !dead.load(Ordering::Relaxed) {
                if !again(server, ledger, dice) {
                    dead.store(true, Ordering::Relaxed);
                }
            }
        });
        let begun = Instant::now();
        while begun.elapsed() < A_WHILE && !dead.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Its connections may be gone a moment before it is.
        let by_itself = dead.load(Ordering::Relaxed) && dies_soon(server.pid());
        signal("KILL", &[server.pid()]);
        dead.store(true, Ordering::Relaxed);
        clients.join().expect("no client panicked");
        by_itself
    })
}

/// False if the server is gone.
fn again(server: &Server, ledger: &Ledger, dice: &mut Dice) -> bool {
    let Some(job) = ledger.any(dice) else {
        return true;
    };
    if dice.below(PURGES) > 0 {
        return !matches!(ledger.submit_again(server, &job), Told::Nothing);
    }
    // Nothing more is promised, whether the answer comes through or not.
    let Some(letter) = ledger.give_up_poison() else {
        return true;
    };
    let body = serde_json::json!({ "jobs": [letter] }).to_string();
    let json = [("content-type", "application/json")];
    server
        .try_post("/v1/dead/purge", &json, body.as_bytes())
        .is_some()
}

/// Strays, too, are found in time.
fn only_letters_are_left(server: &Server) {
    let letters = pages(server, "/v1/dead?limit=500&pipeline=torture", "letters");
    let original = |letter: &serde_json::Value| letter["original"].as_str().expect("a digest").to_owned();
    let originals: BTreeSet<String> = letters.iter().map(original).collect();
    until("only the originals of letters are left", PATIENCE, || {
        blobs(&server.blobs()) == originals
    });
}

fn blobs(folder: &Path) -> BTreeSet<String> {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let parts = entries(folder).filter(|part| part.file_name().len() == 2);
    let files = parts.flat_map(|part| entries(&part.path()).collect::<Vec<_>>());
    files
        .map(|file| file.file_name().to_string_lossy().into_owned())
        .collect()
}
