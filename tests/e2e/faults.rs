//! Faults from outside, in short: a full disk, calls that fail, a database that crashes, a server that stands still, a
//! clock that jumps. `cargo xtask torture` does the same at length.

use std::time::Duration;

use e2e::faults::disk::{Layout, below_the_floors, without_floors};
use e2e::faults::{clock, database, gc, io, lease, order};

/// In MiB.
const DISK: u64 = 24;

#[test]
fn below_the_floors_new_jobs_are_refused_and_the_rest_goes_on() {
    for layout in [Layout::Database, Layout::Blobs, Layout::Both] {
        below_the_floors(layout, DISK);
    }
}

#[test]
fn a_full_disk_of_the_database_loses_nothing() {
    without_floors(Layout::Database, DISK);
}

#[test]
fn a_full_disk_of_the_blobs_loses_nothing() {
    without_floors(Layout::Blobs, DISK);
}

#[test]
fn a_full_disk_of_both_loses_nothing() {
    without_floors(Layout::Both, DISK);
}

#[test]
fn calls_that_fail_lose_nothing_and_need_no_restart() {
    io::errors(Duration::from_secs(1));
}

#[test]
fn nothing_is_taken_while_calls_that_make_it_durable_fail() {
    io::nothing_is_taken();
}

#[test]
fn all_is_written_and_synced_before_it_is_acknowledged() {
    order::of_one_submission();
}

#[test]
fn a_database_that_crashes_loses_nothing() {
    database::blows(2);
}

#[test]
fn a_result_after_the_lease_is_not_taken() {
    lease::late_results(1);
}

#[test]
fn nobody_waits_for_a_clock_that_went_back() {
    clock::jumps(4);
}

#[test]
fn servers_whose_clocks_differ_take_nothing_from_each_other() {
    clock::an_hour_apart(4);
}

#[test]
fn deletions_that_are_cut_off_take_nothing_that_is_needed() {
    gc::deletions(6, 9);
}
