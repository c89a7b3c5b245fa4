//! The project's own commands: `cargo xtask run`, `cargo xtask test`, `cargo xtask lint`.
//!
//! Each does its own set-up first, so that a fresh machine needs nothing but rustup and a C compiler.
//! What the commands build goes into cargo's target folder and nowhere else.

mod bench;
mod lint;
mod plugins;
mod project;
mod seed;
mod serve;
mod setup;
mod shell;
mod tests;
mod torture;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    /// Set up, build everything and serve on 127.0.0.1:8080.
    Run {
        /// More arguments for `stopbath serve`.
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Set up, build everything and run every test.
    Test {
        /// Arguments for the tests themselves, such as a part of a test's name.
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Format, clippy, licences, and the rules on who may depend on whom.
    Lint,
    /// Check for the tools that the build needs, and install what may be installed.
    Setup,
    /// Build every plugin into the target folder's `plugins/`.
    Plugins,
    /// Measure Stopbath beside sharp, ipx and thumbor, or its queue beside BullMQ, pg-boss and apalis.
    Bench(bench::Args),
    /// Send thousands of images, 15 % of them poison, over a store that fails: every valid one must succeed.
    Seed(seed::Args),
    /// Kill the server hundreds of times and let everything under it fail: nothing acknowledged is lost.
    Torture(torture::Args),
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let project = project::Project::find()?;
    match command {
        Command::Run { args } => serve::run(&project, &args),
        Command::Test { args } => tests::run(&project, &args),
        Command::Lint => lint::run(&project),
        Command::Setup => setup::build_tools()
            .and_then(|()| setup::reference(&project))
            .and_then(|_| setup::postgres())
            .map(drop),
        Command::Plugins => setup::build_tools().and_then(|()| plugins::build(&project, true)),
        Command::Bench(args) => bench::run(&project, &args),
        Command::Seed(args) => seed::run(&project, &args),
        Command::Torture(args) => torture::run(&project, &args),
    }
}
