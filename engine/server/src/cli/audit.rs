//! `stopbath audit`: what people did to a running server.

use std::process::ExitCode;

use anyhow::Result;
use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;

use super::client::{Client, ServerArgs, entries, text};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// How many entries, the newest.
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let client = Client::new(&args.server)?;
    let answer = client.json(client.get(&format!("/v1/audit?limit={}", args.limit)))?;
    if args.server.json {
        anstream::println!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_header(["at", "who", "action", "subject", "detail"]);
    for entry in entries(&answer, "entries") {
        table.add_row([
            text(entry, "at").to_owned(),
            text(entry, "who").to_owned(),
            text(entry, "action").to_owned(),
            text(entry, "subject").to_owned(),
            entry["detail"].to_string(),
        ]);
    }
    anstream::println!("{table}");
    Ok(ExitCode::SUCCESS)
}
