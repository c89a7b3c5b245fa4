//! `stopbath breaker …`: which plugin versions are paused, and the switches for it.

use std::process::ExitCode;

use anyhow::Result;

use super::client::{Client, ServerArgs, escape, text};
use super::style;
use super::table::{Table, count, moment};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the breakers of all plugins that were ever used: since when and why they are open, and when a probe goes.
    List {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Pause a plugin until a probe succeeds.
    Trip(One),
    /// Pause a plugin until somebody clears it.
    Isolate(One),
    /// Let everything go that waits for a plugin.
    Clear(One),
    /// Let what waits for a plugin go on with its pipeline as it is now, where that no longer uses it.
    Move(One),
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// `name@version`, its name where only one version is known, or its digest.
    plugin: String,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn main(command: Command) -> Result<ExitCode> {
    match command {
        Command::List { server } => list(&server)?,
        Command::Trip(args) => act(&args, "trip")?,
        Command::Isolate(args) => act(&args, "isolate")?,
        Command::Clear(args) => act(&args, "clear")?,
        Command::Move(args) => act(&args, "move")?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(server: &ServerArgs) -> Result<()> {
    let client = Client::new(server)?;
    let breakers = client.json(client.get("/v1/breakers"))?;
    if server.json {
        anstream::println!("{breakers:#}");
        return Ok(());
    }
    let mut table = Table::new(["plugin", "state", "parked", "since", "next probe", "why"]);
    for breaker in breakers.as_array().into_iter().flatten() {
        table.row([
            text(breaker, "plugin").to_owned(),
            coloured(text(breaker, "phase")),
            breaker["parked"].to_string(),
            moment(text(breaker, "since")),
            moment(text(breaker, "next_probe_at")),
            text(breaker, "reason").to_owned(),
        ]);
    }
    table.print();
    Ok(())
}

fn act(args: &One, action: &str) -> Result<()> {
    let client = Client::new(&args.server)?;
    let path = format!("/v1/breakers/{}/{action}", escape(&args.plugin));
    let breaker = client.json(client.post(&path))?;
    if args.server.json {
        anstream::println!("{breaker:#}");
        return Ok(());
    }
    anstream::println!(
        "{} is {}, {} parked",
        text(&breaker, "plugin"),
        text(&breaker, "phase"),
        count(breaker["parked"].as_u64().unwrap_or_default(), "job")
    );
    Ok(())
}

fn coloured(phase: &str) -> String {
    match phase {
        "closed" => phase.to_owned(),
        "open" | "isolated" | "missing" => style::error(phase),
        _ => style::warning(phase),
    }
}
