//! `cargo xtask run`: from nothing to a server.

use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result};

use crate::project::Project;
use crate::{plugins, setup, shell};

pub(crate) fn run(project: &Project, args: &[String]) -> Result<()> {
    setup::build_tools()?;
    shell::phase("plugins", || plugins::build(project, false))?;
    let build = ["build", "--release", "--package", "server"];
    shell::phase("server", || {
        shell::run(Command::new("cargo").current_dir(&project.root).args(build))
    })?;
    let mut server = Command::new(project.target.join("release/stopbath"));
    server
        .arg("serve")
        .arg("--pipelines")
        .arg(project.root.join("pipelines"));
    server.arg("--plugins").arg(plugins::folder(project)).args(args);
    server.env(
        "STOPBATH_EXAMPLE",
        project.root.join("tests/fixtures/images/coffee.jpg"),
    );
    // Becomes the server, so that signals reach it and nothing else.
    Err(server.exec()).context("start the server")
}
