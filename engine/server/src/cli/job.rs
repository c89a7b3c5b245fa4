//! `stopbath job …`: hand images to a running server and follow what becomes of them.

mod submit;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use serde_json::Value;

use super::client::{Client, ServerArgs, entries, escape, failure, text};
use super::style;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a job of each image; up to 50 go together, all of them or none.
    Submit(Submit),
    /// Show one job: state, renditions, steps, errors.
    Show(One),
    /// List jobs, newest first.
    List(List),
    /// End a job that has not ended yet.
    Cancel(One),
    /// Follow jobs until they have ended.
    Watch(Watch),
}

#[derive(Debug, clap::Args)]
pub(super) struct Submit {
    /// The pipeline's name.
    pipeline: String,
    /// The images.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Let interactive jobs go first.
    #[arg(long)]
    bulk: bool,
    /// Then follow them until they have ended.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// The job's id.
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// Only jobs of this pipeline.
    #[arg(long)]
    pipeline: Option<String>,
    /// Only jobs in this state.
    #[arg(long)]
    state: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 20)]
    limit: u32,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Watch {
    /// The jobs' ids.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn main(command: Command) -> Result<ExitCode> {
    match command {
        Command::Submit(args) => submit::main(&args),
        Command::Show(args) => one(&args, "", false),
        Command::Cancel(args) => one(&args, "/cancel", true),
        Command::List(args) => list(&args),
        Command::Watch(args) => watch::main(&Client::new(&args.server)?, &args.ids, args.server.json),
    }
}

fn one(args: &One, action: &str, change: bool) -> Result<ExitCode> {
    let client = Client::new(&args.server)?;
    let path = format!("/v1/jobs/{}{action}", escape(&args.id));
    let request = if change {
        client.post(&path)
    } else {
        client.get(&path)
    };
    let job = client.json(request)?;
    if args.server.json {
        anstream::println!("{job:#}");
    } else {
        show(&job);
    }
    Ok(ExitCode::SUCCESS)
}

fn show(job: &Value) {
    let line = |name: &str, value: &str| {
        if !value.is_empty() {
            anstream::println!("{name:>12}  {value}");
        }
    };
    line("job", text(job, "id"));
    line("state", &coloured(text(job, "state")));
    line("pipeline", text(job, "pipeline"));
    line("lane", text(job, "lane"));
    line(
        "original",
        &format!(
            "{} bytes  {}",
            job["original"]["length"],
            text(&job["original"], "digest")
        ),
    );
    for field in [
        "submitted_at",
        "started_at",
        "finished_at",
        "due_at",
        "parked_for",
        "worker",
    ] {
        line(&field.replace('_', " "), text(job, field));
    }
    line("failure", &style::error(failure(job)));
    for rendition in entries(job, "renditions") {
        let size = format!("{}x{}", rendition["width"], rendition["height"]);
        line(
            "rendition",
            &format!(
                "{}  {size}  {} bytes",
                text(rendition, "name"),
                rendition["length"]
            ),
        );
    }
    for step in entries(&job["report"], "steps") {
        let took = step["ms"].as_f64().unwrap_or_default();
        line(
            "step",
            &format!("{}  {}  {took:.1} ms", text(step, "id"), text(step, "uses")),
        );
    }
    for error in entries(job, "errors") {
        line("error", &format!("{}  {}", text(error, "at"), failure(error)));
    }
}

fn list(args: &List) -> Result<ExitCode> {
    let client = Client::new(&args.server)?;
    let mut path = format!("/v1/jobs?limit={}", args.limit);
    for (name, value) in [("pipeline", &args.pipeline), ("state", &args.state)] {
        if let Some(value) = value {
            path = format!("{path}&{name}={}", escape(value));
        }
    }
    let page = client.json(client.get(&path))?;
    if args.server.json {
        anstream::println!("{page:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table
        .load_style(UTF8_HORIZONTAL_ONLY)
        .set_header(["job", "state", "pipeline", "submitted", "failure"]);
    for job in entries(&page, "jobs") {
        table.add_row([
            text(job, "id").to_owned(),
            text(job, "state").to_owned(),
            text(job, "pipeline").to_owned(),
            text(job, "submitted_at").to_owned(),
            failure(job),
        ]);
    }
    anstream::println!("{table}");
    Ok(ExitCode::SUCCESS)
}

fn coloured(state: &str) -> String {
    match state {
        "succeeded" => style::good(state),
        "dead" => style::error(state),
        "parked" | "retry-waiting" => style::warning(state),
        _ => state.to_owned(),
    }
}
