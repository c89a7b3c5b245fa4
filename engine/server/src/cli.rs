//! The command line: what there is, and the way to it.

mod audit;
mod bench;
mod breaker;
mod check;
mod client;
mod dead;
mod explain;
mod files;
mod job;
mod plugin;
mod progress;
mod replay;
mod run;
mod serve;
pub(crate) mod style;
mod table;
mod webhook;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

use crate::executor::child;
use crate::telemetry::{self, LogFormat};

/// Image pipelines of sandboxed plugins and native codecs.
#[derive(Debug, Parser)]
#[command(name = "stopbath", version, max_term_width = 100)]
struct Cli {
    /// How log lines look: `auto` (pretty on a terminal, JSON elsewhere), `pretty` or `json`.
    #[arg(
        long,
        global = true,
        env = "STOPBATH_LOG_FORMAT",
        value_enum,
        default_value_t = LogFormat::Auto,
        hide_possible_values = true,
        help_heading = "Logging"
    )]
    log_format: LogFormat,
    /// Of the commands that talk to a server: they know the option themselves, this is for those who write it first.
    #[arg(
        long = "server",
        id = "server",
        global = true,
        value_name = "URL",
        hide = true
    )]
    _server: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a pipeline over images.
    Run(run::Args),
    /// Check pipeline files: every problem at once, with its position.
    Check(check::Args),
    /// Serve the HTTP API.
    Serve(Box<serve::Args>),
    /// Show what a pipeline does to an image, and why.
    Explain(explain::Args),
    /// Run a job of a server again here, and keep what every step made.
    Replay(replay::Args),
    /// Hand images to a running server, and follow what becomes of them.
    #[command(subcommand)]
    Job(job::Command),
    /// Look at jobs that gave up, and send them through again.
    #[command(subcommand)]
    Dead(dead::Command),
    /// See and switch the breakers of plugins.
    #[command(subcommand)]
    Breaker(breaker::Command),
    /// Say who is told of the ends of jobs, and look at what was sent.
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// List what was done: redrives, purges, switched breakers, changed webhooks, cancelled jobs.
    Audit(audit::Args),
    /// Look into plugins, and try them.
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Print the JSON Schema of pipeline files.
    Schema,
    /// Print completions for a shell.
    Completions { shell: clap_complete::Shell },
    /// Time a pipeline in this process, one job at a time.
    #[command(hide = true)]
    Bench(bench::Args),
    /// Work for the server that started this process.
    #[command(hide = true)]
    Executor(child::Args),
}

pub(crate) fn run() -> Result<ExitCode> {
    let cli = Cli::parse();
    let done = |result: Result<()>| result.map(|()| ExitCode::SUCCESS);
    telemetry::start(
        cli.log_format,
        if matches!(cli.command, Command::Serve(_)) {
            "info"
        } else {
            "warn"
        },
    );
    match cli.command {
        Command::Serve(args) => done(serve::main(&args)),
        Command::Run(args) => run::main(&args),
        Command::Check(args) => check::main(&args),
        Command::Explain(args) => explain::main(&args),
        Command::Replay(args) => replay::main(&args),
        Command::Job(command) => job::main(command),
        Command::Dead(command) => dead::main(command),
        Command::Breaker(command) => breaker::main(command),
        Command::Webhook(command) => webhook::main(command),
        Command::Audit(args) => audit::main(&args),
        Command::Plugin(command) => plugin::main(command),
        Command::Bench(args) => done(bench::main(&args)),
        Command::Executor(args) => done(child::main(&args)),
        Command::Schema => {
            anstream::println!("{:#}", workflow::schema::json_schema());
            Ok(ExitCode::SUCCESS)
        }
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut shown(), "stopbath", &mut text);
            match std::io::stdout().write_all(&text) {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
                _ => Ok(ExitCode::SUCCESS),
            }
        }
    }
}

/// For commands that have one image at a time in hand: these options are taken, and mean nothing.
fn one_at_a_time(arg: clap::Arg) -> clap::Arg {
    let hidden = arg.is_hide_set() || matches!(arg.get_id().as_str(), "executors" | "queue");
    arg.hide(hidden)
}

/// The command without what is hidden.
fn shown() -> clap::Command {
    let whole = Cli::command();
    let hidden: Vec<String> = whole
        .get_subcommands()
        .filter(|command| command.is_hide_set())
        .map(|command| command.get_name().to_owned())
        .collect();
    let visible: Vec<clap::Command> = whole
        .get_subcommands()
        .filter(|command| !hidden.contains(&command.get_name().to_owned()))
        .cloned()
        .collect();
    let base = clap::Command::new("stopbath").args(whole.get_arguments().cloned());
    base.subcommands(visible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_server_may_be_named_before_the_command_or_behind_it() {
        for line in [
            "stopbath --server there job list",
            "stopbath job --server there list",
            "stopbath job list --server there",
            "stopbath --server there audit",
        ] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert!(
                format!("{:?}", cli.command).contains(r#"server: "there""#),
                "{cli:?}"
            );
        }
    }
}
