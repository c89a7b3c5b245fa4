//! `stopbath breaker …`: which plugin versions are paused, and the switches for it.

use std::process::ExitCode;

use anyhow::Result;
use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;

use super::client::{Client, ServerArgs, escape, text};
use super::style;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the breakers of all plugins that were ever used.
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
    /// `name@version`, or its digest.
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
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_header(["plugin", "state", "parked"]);
    for breaker in breakers.as_array().into_iter().flatten() {
        let closed = breaker["closed"] == true;
        let state = if closed {
            "closed".to_owned()
        } else {
            style::error("open")
        };
        table.add_row([
            text(breaker, "plugin").to_owned(),
            state,
            breaker["parked"].to_string(),
        ]);
    }
    anstream::println!("{table}");
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
    let state = if breaker["closed"] == true {
        "closed"
    } else {
        "open"
    };
    anstream::println!(
        "{} is {state}, {} jobs parked",
        text(&breaker, "plugin"),
        breaker["parked"]
    );
    Ok(())
}
