//! `cargo xtask test`: every test there is, with all that they need.
//!
//! Everything native is built in one go and with one profile: what `--bins --tests` builds here is what
//! `cargo test` then runs, so no dependency is compiled twice.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use crate::project::Project;
use crate::shell::phase;
use crate::{plugins, setup, shell};

pub(crate) fn run(project: &Project, args: &[String]) -> Result<()> {
    let begun = Instant::now();
    phase("set-up", setup::build_tools)?;
    let python = phase("reference pictures", || setup::reference(project))?;
    let postgres = phase("PostgreSQL", setup::postgres)?;
    let s3 = phase("S3 server", || setup::s3(project))?;
    phase("tools for faults", setup::faults)?;
    phase("plugins", || plugins::build(project, true))?;
    phase("build", || {
        shell::run(cargo(project, "build").args(["--bins", "--tests"]))
    })?;
    phase("tests", || {
        let mut command = cargo(project, "test");
        command.env("STOPBATH_BIN", project.target.join("debug/stopbath"));
        command.env("STOPBATH_PLUGINS_DIR", plugins::folder(project));
        command.env("STOPBATH_FIXTURE_PLUGINS_DIR", plugins::fixtures_folder(project));
        command.env("STOPBATH_PYTHON", &python);
        command.env("STOPBATH_POSTGRES", &postgres);
        command.env("STOPBATH_S3", &s3);
        // Tests that name no data folder stay out of the user's own.
        command.env("STOPBATH_DATA", project.target.join("test-data"));
        shell::run(
            // The tests that need built components are ignored elsewhere; here all is built.
            command
                .args(["--no-fail-fast", "--", "--include-ignored"])
                .args(args),
        )
    })?;
    eprintln!("every test passed; {:.0} s in all", begun.elapsed().as_secs_f32());
    Ok(())
}

fn cargo(project: &Project, verb: &str) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(&project.root).args([verb, "--workspace"]);
    // Switched on only where a second implementation is at hand, as it is here.
    if project
        .package("imaging")
        .is_some_and(|imaging| imaging.features.iter().any(|f| f == "reference"))
    {
        command.args(["--features", "imaging/reference"]);
    }
    command.args(["--features", "storage/testing"]);
    command
}
