//! Named places where the process can be made to die, so that the kill test can stop it exactly there.
//!
//! `STOPBATH_CRASH_AT=job-committed:3` kills the process, as `kill -9` would, the third time it comes by.
//! Without the variable a place costs one comparison.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Every place there is, in the order of an original's way through the server.
pub const PLACES: [&str; 10] = [
    "original-received",
    "original-written",
    "job-committed",
    "job-claimed",
    "renditions-made",
    "rendition-written",
    "job-settled",
    "before-commit",
    "blob-doomed",
    "blob-deleted",
];

struct Armed {
    place: String,
    left: AtomicU32,
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

/// The process comes by `place`, and dies if it was told to.
pub fn reach(place: &str) {
    debug_assert!(PLACES.contains(&place), "{place} is not listed");
    let Some(armed) = ARMED.get_or_init(armed) else {
        return;
    };
    if armed.place == place && armed.left.fetch_sub(1, Ordering::Relaxed) == 1 {
        let me = rustix::process::getpid();
        rustix::process::kill_process(me, rustix::process::Signal::KILL).ok();
    }
}

fn armed() -> Option<Armed> {
    let text = std::env::var("STOPBATH_CRASH_AT").ok()?;
    let (place, nth) = text.split_once(':').unwrap_or((&text, "1"));
    let left = AtomicU32::new(nth.parse().unwrap_or(1));
    Some(Armed {
        place: place.to_owned(),
        left,
    })
}
