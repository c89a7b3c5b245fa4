//! Faults from outside: full disks, calls that fail, a database that goes away, processes that stand still, clocks that
//! jump.
//!
//! Each scenario takes its size as an argument, keeps a ledger of what was acknowledged while things go wrong, and
//! panics where a promise is broken. They have short forms among the tests; `cargo xtask torture` does them at length.

pub mod clock;
pub mod database;
pub mod disk;
pub mod gc;
pub mod io;
pub mod lease;
pub mod order;

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Server;

/// For jobs to end, and for a server to be as it was.
const PATIENCE: Duration = Duration::from_mins(1);

/// Asks again and again until it is so.
fn until(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < patience, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn job(server: &Server, id: &str) -> Value {
    server.get(&format!("/v1/jobs/{id}")).ok().json()
}

/// Jobs of `torture` in this state.
fn count(server: &Server, state: &str) -> u64 {
    let counts = server.get("/v1/counts").ok().json();
    counts["torture"][state].as_u64().unwrap_or(0)
}
