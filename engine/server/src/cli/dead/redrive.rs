//! `stopbath dead redrive` and what belongs to it: begin an operation, follow it, list all, cancel one.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use indicatif::ProgressBar;
use serde_json::Value;

use super::Selection;
use crate::cli::client::{Client, ServerArgs, entries, escape, text};
use crate::cli::table::{Table, moment};
use crate::cli::{progress, style};

const LOOK: Duration = Duration::from_millis(300);

/// What shells expect of a command that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Redrive {
    #[command(flatten)]
    selection: Selection,
    /// Through the pipelines as they are now, not the revisions that they died of.
    #[arg(long)]
    latest: bool,
    /// Through this revision: the digest of a plan.
    #[arg(long, value_name = "DIGEST", conflicts_with = "latest")]
    plan: Option<String>,
    /// So many first; the rest only when these have ended.
    #[arg(long, value_name = "N", default_value_t = 0)]
    canary: u32,
    /// So many of the canary may die again; if more do, nothing else is sent.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "canary")]
    canary_failures: u32,
    /// So many a minute.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Leave out those that were sent through so often already.
    #[arg(long, value_name = "N", default_value_t = 5)]
    most_redrives: u32,
    /// Only say how many it would be.
    #[arg(long)]
    dry_run: bool,
    /// Do not wait until all have ended.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct List {
    /// How many, the newest.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Cancel {
    /// The operation, as `dead redrives` lists it.
    id: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Fails if it was stopped or cancelled, or if not all that was sent succeeded.
pub(super) fn begin(args: &Redrive) -> Result<ExitCode> {
    let client = Client::new(&args.server)?;
    let answer = client.json(client.post("/v1/dead/redrive").json(&body(args)?))?;
    if args.dry_run {
        show_preview(&answer, args.server.json);
        return Ok(ExitCode::SUCCESS);
    }
    let redrive = if args.no_wait {
        answer
    } else {
        follow(&client, answer, args.server.json)?
    };
    show(&redrive, args.server.json);
    let good = args.no_wait || (redrive["state"] == "done" && redrive["succeeded"] == redrive["sent"]);
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn body(args: &Redrive) -> Result<Value> {
    let mut body = args.selection.body()?;
    body["limit"] = args.selection.limit.into();
    body["latest"] = args.latest.into();
    body["plan"] = args.plan.clone().into();
    body["canary"] = args.canary.into();
    body["canary_failures"] = args.canary_failures.into();
    body["rate"] = args.rate.into();
    body["most_redrives"] = args.most_redrives.into();
    body["dry_run"] = args.dry_run.into();
    Ok(body)
}

fn show_preview(answer: &Value, json: bool) {
    if json {
        anstream::println!("{answer:#}");
        return;
    }
    let jobs = entries(answer, "jobs");
    for job in jobs.iter().filter_map(Value::as_str) {
        anstream::println!("{job}");
    }
    let count = answer["count"].as_u64().unwrap_or_default();
    if count > jobs.len() as u64 {
        anstream::println!("…");
    }
    anstream::println!("{count} would be sent through again");
}

/// Until nothing more is sent, and of what was sent all has ended, unless it was stopped before.
fn follow(client: &Client, mut redrive: Value, quiet: bool) -> Result<Value> {
    let id = text(&redrive, "id").to_owned();
    on_interrupt(id.clone());
    let template = "{spinner} {bar:30} {pos}/{len} {msg} {elapsed}";
    let bar = progress::styled(ProgressBar::new(0), template, quiet);
    while !matches!(text(&redrive, "state"), "done" | "stopped" | "cancelled") {
        let count = |field: &str| redrive[field].as_u64().unwrap_or_default();
        bar.set_length(count("total"));
        bar.set_position(count("sent") - count("waiting"));
        bar.set_message(said(&redrive));
        bar.tick();
        std::thread::sleep(LOOK);
        redrive = client.json(client.get(&path(&id, "")))?;
    }
    bar.finish_and_clear();
    Ok(redrive)
}

/// The server goes on by itself; whoever stops looking should know.
fn on_interrupt(id: String) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            anstream::eprintln!("\nthe redrive goes on; `stopbath dead redrive-cancel {id}` ends it");
            std::process::exit(INTERRUPTED);
        }
    });
}

pub(super) fn list(args: &List) -> Result<()> {
    let client = Client::new(&args.server)?;
    let answer = client.json(client.get(&format!("/v1/redrives?limit={}", args.limit)))?;
    if args.server.json {
        anstream::println!("{answer:#}");
        return Ok(());
    }
    let mut table = Table::new([
        "redrive",
        "began",
        "by",
        "state",
        "sent",
        "succeeded",
        "dead again",
        "waiting",
    ]);
    for redrive in entries(&answer, "redrives") {
        table.row([
            text(redrive, "id").to_owned(),
            moment(text(redrive, "started_at")),
            text(redrive, "by").to_owned(),
            coloured(text(redrive, "state")),
            format!("{} of {}", redrive["sent"], redrive["total"]),
            redrive["succeeded"].to_string(),
            redrive["dead_again"].to_string(),
            redrive["waiting"].to_string(),
        ]);
    }
    table.print();
    Ok(())
}

pub(super) fn cancel(args: &Cancel) -> Result<()> {
    let client = Client::new(&args.server)?;
    let redrive = client.json(client.post(&path(&args.id, "/cancel")))?;
    show(&redrive, args.server.json);
    Ok(())
}

fn path(id: &str, rest: &str) -> String {
    format!("/v1/redrives/{}{rest}", escape(id))
}

fn show(redrive: &Value, json: bool) {
    if json {
        anstream::println!("{redrive:#}");
    } else {
        anstream::println!("{}  {}", text(redrive, "id"), said(redrive));
    }
}

/// All of it in one line.
fn said(redrive: &Value) -> String {
    let state = coloured(text(redrive, "state"));
    let mut parts = vec![format!("{} of {} sent", redrive["sent"], redrive["total"])];
    for (field, what) in [
        ("succeeded", "succeeded"),
        ("dead_again", "died again"),
        ("cancelled", "cancelled"),
        ("waiting", "under way"),
    ] {
        if redrive[field].as_u64() > Some(0) {
            parts.push(format!("{} {what}", redrive[field]));
        }
    }
    let reason = redrive["reason"].as_str();
    let reason = reason.map(|reason| format!("  ({reason})")).unwrap_or_default();
    format!("{state}: {}{reason}", parts.join(", "))
}

fn coloured(state: &str) -> String {
    match state {
        "done" => style::good(state),
        "stopped" => style::error(state),
        "cancelled" => style::warning(state),
        _ => state.to_owned(),
    }
}
