//! `cargo xtask torture`: the kill test at length, on SQLite and on PostgreSQL, and faults from outside.

use std::process::Command;

use anyhow::Result;

use crate::project::Project;
use crate::{plugins, setup, shell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often the server is killed over SQLite.
    #[arg(long, default_value_t = 300)]
    sqlite: u32,
    /// How often the server is killed over PostgreSQL.
    #[arg(long, default_value_t = 100)]
    postgres: u32,
    /// How often each fault from outside is tried: full disks, failing calls, a database that crashes, a server that
    /// stands still, clocks that jump, S3 that does not answer.
    #[arg(long, default_value_t = 1)]
    faults: u32,
}

pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    build(project, args.faults > 0)?;
    // The kill test, too, looks at system calls.
    setup::faults()?;
    if args.sqlite > 0 {
        println!("SQLite, {} cycles", args.sqlite);
        shell::run(program(project).arg(args.sqlite.to_string()))?;
    }
    if args.postgres > 0 {
        println!("PostgreSQL, {} cycles", args.postgres);
        let mut command = program(project);
        command.arg(args.postgres.to_string());
        shell::run(over_postgres(&mut command)?)?;
    }
    if args.faults > 0 {
        println!("faults, {} rounds", args.faults);
        faults(project, args.faults)?;
    }
    Ok(())
}

fn faults(project: &Project, rounds: u32) -> Result<()> {
    let mut command = program(project);
    command.args(["faults", &rounds.to_string()]);
    command.env("STOPBATH_POSTGRES", setup::postgres()?);
    command.env("STOPBATH_S3", setup::s3(project)?);
    shell::run(&mut command)
}

/// Everything that the program needs; only faults need the plugins that misbehave.
pub(crate) fn build(project: &Project, with_fixtures: bool) -> Result<()> {
    setup::build_tools()?;
    plugins::build(project, with_fixtures)?;
    let mut build = Command::new("cargo");
    build
        .current_dir(&project.root)
        .args(["build", "--workspace", "--bins", "--examples"]);
    build.args(["--features", "imaging/reference", "--features", "storage/testing"]);
    shell::run(&mut build)
}

/// The program starts a server of its own.
pub(crate) fn over_postgres(command: &mut Command) -> Result<&mut Command> {
    Ok(command
        .arg("postgres")
        .env("STOPBATH_POSTGRES", setup::postgres()?))
}

/// The program that does the long tests.
pub(crate) fn program(project: &Project) -> Command {
    let mut command = Command::new(project.target.join("debug/examples/torture"));
    command.env("STOPBATH_BIN", project.target.join("debug/stopbath"));
    command.env("STOPBATH_PLUGINS_DIR", plugins::folder(project));
    command.env("STOPBATH_FIXTURE_PLUGINS_DIR", plugins::fixtures_folder(project));
    command
}
