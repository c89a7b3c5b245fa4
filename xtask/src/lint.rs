//! `cargo xtask lint`: what a reviewer should not have to look for.
//!
//! Every check runs, even after one failed, so that one run shows everything.

mod deny;
mod direction;
mod size;

use std::process::Command;

use anyhow::{Result, bail};

use crate::project::Project;
use crate::shell::phase;
use crate::{setup, shell};

pub(crate) fn run(project: &Project) -> Result<()> {
    setup::build_tools()?;
    let cargo = |args: &[&str]| shell::run(Command::new("cargo").current_dir(&project.root).args(args));
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--features",
        "storage/testing",
        "--",
        "-Dwarnings",
    ];
    let results = [
        phase("format", || cargo(&["fmt", "--all", "--check"])),
        phase("file sizes", || size::check(project)),
        phase("dependency direction", || direction::check(project)),
        phase("clippy", || cargo(&clippy)),
        phase("licences and sources", || deny::check(project)),
    ];
    let failures: Vec<String> = results
        .into_iter()
        .filter_map(Result::err)
        .map(|e| format!("{e:#}"))
        .collect();
    if !failures.is_empty() {
        bail!("{}", failures.join("\n"));
    }
    eprintln!("every check passed");
    Ok(())
}
