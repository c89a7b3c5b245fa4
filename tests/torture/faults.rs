//! Faults from outside at length; a broken promise is a panic, which ends it.

use std::time::{Duration, Instant};

use e2e::faults::disk::{Layout, below_the_floors, without_floors};
use e2e::faults::{clock, database, gc, io, lease, order};
use e2e::s3::storm;

use crate::SEED;

/// In MiB.
const DISK: u64 = 48;
/// Kills while bytes are deleted.
const DELETIONS: u32 = 60;
/// Outages of S3.
const STORMS: u32 = 20;

pub(crate) fn faults(rounds: u32) {
    for round in 1..=rounds {
        println!("round {round} of {rounds}");
        for layout in [Layout::Database, Layout::Blobs, Layout::Both] {
            timed("a full disk, with floors", || below_the_floors(layout, DISK));
            timed("a full disk, without floors", || without_floors(layout, DISK));
        }
        timed("calls that fail", || io::errors(Duration::from_secs(10)));
        timed("calls that all fail", io::nothing_is_taken);
        timed("the order of calls", order::of_one_submission);
        timed("a database that crashes", || database::blows(20));
        timed("a server that stands still", || lease::late_results(4));
        timed("deletions that are cut off", || gc::deletions(DELETIONS, SEED));
        timed("a clock that jumps", || clock::jumps(50));
        timed("S3 in bad weather", || println!("{}", storm(STORMS, SEED)));
        timed("two clocks", || clock::an_hour_apart(50));
    }
}

fn timed(what: &str, scenario: impl FnOnce()) {
    let begun = Instant::now();
    scenario();
    println!("{what:<28} held, {:.0} s", begun.elapsed().as_secs_f32());
}
