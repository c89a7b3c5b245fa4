//! One test binary for all black-box tests: one link, one place to look.
//!
//! Each module is a promise of the README. Every test starts a server of its own, or none.

#![allow(clippy::unwrap_used, reason = "an unwrap in a test is a failed test")]

mod command_line;
mod damaged;
mod example_pipelines;
mod executors;
mod faults;
mod formats;
mod hostile_clients;
mod http;
mod identity;
mod jobs;
mod limits;
mod misbehaving;
mod mixed_load;
mod s3;
mod uploads;
