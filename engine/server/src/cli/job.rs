//! `stopbath job …`: hand images to a running server and follow what becomes of them.

mod fetch;
mod show;
mod submit;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::Value;

use super::client::{Client, ServerArgs, entries, escape, failure, text};
use super::style;
use super::table::{Table, moment};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a job of each image; up to 50 go together, all of them or none.
    Submit(Submit),
    /// Show one job: state, renditions, steps, results of analyzers, errors.
    Show(One),
    /// List jobs, newest first.
    List(List),
    /// End a job that has not ended yet.
    Cancel(One),
    /// Follow jobs until they have ended.
    Watch(Watch),
    /// Write what jobs made into a folder, as IMAGE-RENDITION.
    Fetch(Fetch),
}

#[derive(Debug, clap::Args)]
pub(super) struct Submit {
    /// The pipeline's name.
    pipeline: String,
    /// The images.
    #[arg(required_unless_present = "sources", value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Let the server fetch the image from here; may be given several times, instead of images.
    #[arg(long = "source", value_name = "URL", conflicts_with = "images")]
    sources: Vec<String>,
    /// Who goes first: `interactive`, or `bulk`, which lets the others pass.
    #[arg(long, default_value = "interactive", value_parser = ["interactive", "bulk"], hide_possible_values = true)]
    lane: String,
    /// The same as `--lane bulk`.
    #[arg(long)]
    bulk: bool,
    /// Makes it safe to send the same images again: they become jobs once. Requests after the first get `KEY.2` and so on.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Then follow them until they have ended.
    #[arg(long)]
    watch: bool,
    /// Then write what they made here, as IMAGE-RENDITION.
    #[arg(short, long, value_name = "DIR", requires = "watch")]
    output: Option<PathBuf>,
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
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// Only jobs in this state.
    #[arg(
        long,
        value_parser = ["queued", "running", "retry-waiting", "parked", "succeeded", "dead", "cancelled"]
    )]
    state: Option<String>,
    /// How many, the newest.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Fetch {
    /// The jobs' ids.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Where to; made where it is missing.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Watch {
    /// The jobs' ids.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Then write what they made here, as IMAGE-RENDITION.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn main(command: Command) -> Result<ExitCode> {
    match command {
        Command::Submit(args) => submit::main(&args),
        Command::Show(args) => one(&args, "", false),
        Command::Cancel(args) => one(&args, "/cancel", true),
        Command::List(args) => list(&args),
        Command::Watch(args) => {
            let client = Client::new(&args.server)?;
            watch::main(&client, &args.ids, args.server.json, args.output.as_deref())
        }
        Command::Fetch(args) => fetch(&args),
    }
}

fn path(id: &str, action: &str) -> String {
    format!("/v1/jobs/{}{action}", escape(id))
}

fn one(args: &One, action: &str, change: bool) -> Result<ExitCode> {
    let client = Client::new(&args.server)?;
    let path = path(&args.id, action);
    let request = if change {
        client.post(&path)
    } else {
        client.get(&path)
    };
    let job = client.json(request)?;
    if args.server.json {
        anstream::println!("{job:#}");
    } else {
        show::print(&job);
    }
    if change && text(&job, "state") == "succeeded" {
        anstream::eprintln!("it had succeeded before, so there was nothing to cancel");
    }
    Ok(ExitCode::SUCCESS)
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
    let mut table = Table::new(["job", "state", "pipeline", "file", "submitted", "failure"]);
    for job in entries(&page, "jobs") {
        table.row([
            text(job, "id").to_owned(),
            coloured(text(job, "state")),
            text(job, "pipeline").to_owned(),
            text(&job["original"], "filename").to_owned(),
            moment(text(job, "submitted_at")),
            failure(job),
        ]);
    }
    table.print();
    Ok(ExitCode::SUCCESS)
}

fn fetch(args: &Fetch) -> Result<ExitCode> {
    let client = Client::new(&args.server)?;
    let jobs = args.ids.iter().map(|id| client.json(client.get(&path(id, ""))));
    let written = fetch::into(&client, &jobs.collect::<Result<Vec<_>>>()?, &args.output)?;
    if args.server.json {
        anstream::println!(
            "{:#}",
            written
                .iter()
                .map(|path| path.display().to_string())
                .collect::<Value>()
        );
        return Ok(ExitCode::SUCCESS);
    }
    for path in written {
        anstream::println!("{}", path.display());
    }
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
