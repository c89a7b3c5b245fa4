//! What the black-box tests stand on: the real binary, a client, pictures, and the memory of a process tree.
//!
//! Nothing here knows the engine. The binary and the plugins are found by `STOPBATH_BIN`,
//! `STOPBATH_PLUGINS_DIR` and `STOPBATH_FIXTURE_PLUGINS_DIR`, which `cargo xtask test` sets. A failure of the
//! harness itself is a panic: there is nobody else to tell.

mod answer;
mod command;
pub mod damage;
mod dice;
pub mod faults;
mod ledger;
mod memory;
mod multipart;
pub mod pictures;
mod postgres;
mod proxy;
mod raw;
pub mod s3;
pub mod seed;
mod server;
mod strace;
pub mod torture;

use std::path::{Path, PathBuf};

pub use answer::{Answer, Part};
pub use command::{Ran, refused_start, stopbath};
pub use ledger::{Ledger, Load, Told};
pub use memory::{Memory, Watch, children};
pub use multipart::{form, form_of};
pub use postgres::Cluster;
pub use proxy::Proxy;
pub use raw::Raw;
pub use server::{Builder, Server};

/// The binary under test.
pub fn binary() -> PathBuf {
    variable("STOPBATH_BIN")
}

/// The folder of the useful plugins' components.
pub fn plugins() -> PathBuf {
    variable("STOPBATH_PLUGINS_DIR")
}

/// The folder of the misbehaving plugins' components.
pub fn fixture_plugins() -> PathBuf {
    variable("STOPBATH_FIXTURE_PLUGINS_DIR")
}

/// The workspace's root.
pub fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// For `--store`: SQLite in this folder.
pub fn sqlite(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("jobs.db").display())
}

/// Kept between runs beside the binary, so that plugins are compiled once and not by every server.
fn data() -> PathBuf {
    binary().with_file_name("e2e-data")
}

fn variable(name: &str) -> PathBuf {
    match std::env::var_os(name) {
        Some(value) => value.into(),
        None => panic!("{name} is not set: run these tests by `cargo xtask test`"),
    }
}
