//! Redis, which one of the benchmark's peers keeps its jobs in.

use anyhow::{Result, bail};

use crate::shell;

/// Makes sure that `redis-server` and `redis-cli` are there.
pub(crate) fn redis() -> Result<()> {
    let there = || shell::works("redis-server", &["--version"]) && shell::works("redis-cli", &["--version"]);
    if there() || (super::apt_install(&["redis-server"])? && there()) {
        return Ok(());
    }
    bail!(
        "the benchmark needs Redis; install with `apt-get install redis-server`, `dnf install redis` or `brew install redis`"
    )
}
