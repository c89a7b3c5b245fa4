//! `stopbath dead …`: look at jobs that gave up, save their originals, send them through again, or let them go.

mod redrive;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::client::{Client, ServerArgs, entries, escape, failure, text};
use super::table::{Table, field, moment};
use super::{files, style};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List groups of dead letters that died of the same thing, or the letters of one group.
    List(List),
    /// Show one dead letter.
    Show(Show),
    /// Write originals and what is known of them into a folder.
    Export(Export),
    /// Send dead letters through again, and follow what becomes of them.
    Redrive(redrive::Redrive),
    /// List redrives, newest first.
    Redrives(redrive::List),
    /// Send nothing more of a redrive; what is sent goes on.
    RedriveCancel(redrive::Cancel),
    /// Let dead letters go for good, with their originals at once.
    Purge(Purge),
}

/// Which letters are meant.
#[derive(Debug, clap::Args)]
struct Selection {
    /// These jobs.
    #[arg(value_name = "JOB")]
    jobs: Vec<String>,
    /// Those of this group.
    #[arg(long)]
    group: Option<String>,
    /// Those of this pipeline.
    #[arg(long, value_name = "NAME")]
    pipeline: Option<String>,
    /// All there are.
    #[arg(long)]
    all: bool,
    /// So many at most, the oldest.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// The letters of this group.
    #[arg(long)]
    group: Option<String>,
    /// How many, the newest.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Show {
    /// The job's id.
    job: String,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Export {
    #[command(flatten)]
    selection: Selection,
    /// Where to; made where it is missing.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Purge {
    #[command(flatten)]
    selection: Selection,
    /// Only say which ones it would be.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: ServerArgs,
}

pub(super) fn main(command: Command) -> Result<ExitCode> {
    match command {
        Command::List(args) => list(&args)?,
        Command::Show(args) => show(&args)?,
        Command::Export(args) => export(&args)?,
        Command::Redrive(args) => return redrive::begin(&args),
        Command::Redrives(args) => redrive::list(&args)?,
        Command::RedriveCancel(args) => redrive::cancel(&args)?,
        Command::Purge(args) => purge(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Selection {
    /// What the server is asked for; nothing at all is asked for by mistake.
    fn body(&self) -> Result<Value> {
        if self.jobs.is_empty() && self.group.is_none() && self.pipeline.is_none() && !self.all {
            bail!("name jobs, a --group or a --pipeline, or say --all");
        }
        Ok(json!({ "jobs": self.jobs, "group": self.group, "pipeline": self.pipeline, "all": self.all }))
    }
}

fn list(args: &List) -> Result<()> {
    let client = Client::new(&args.server)?;
    let path = match &args.group {
        Some(group) => format!("/v1/dead?limit={}&group={}", args.limit, escape(group)),
        None => format!("/v1/dead/groups?limit={}", args.limit),
    };
    let answer = client.json(client.get(&path))?;
    if args.server.json {
        anstream::println!("{answer:#}");
        return Ok(());
    }
    let found = if args.group.is_some() {
        let letters = entries(&answer, "letters");
        show_letters(letters);
        letters.len()
    } else {
        let groups = entries(&answer, "groups");
        show_groups(groups);
        groups.len()
    };
    if !answer["next"].is_null() {
        anstream::eprintln!("these are the newest {found}; there may be more, --limit shows them");
    }
    Ok(())
}

fn show_letters(letters: &[Value]) {
    let mut table = Table::new(["job", "pipeline", "file", "died", "redrives", "failure"]);
    for letter in letters {
        table.row([
            text(letter, "job").to_owned(),
            text(letter, "pipeline").to_owned(),
            text(letter, "filename").to_owned(),
            moment(text(letter, "died_at")),
            letter["redrives"].to_string(),
            failure(letter),
        ]);
    }
    table.print();
}

fn show_groups(groups: &[Value]) {
    let mut table = Table::new(["group", "letters", "pipeline", "last", "failure"]);
    for group in groups {
        table.row([
            text(group, "group").to_owned(),
            group["count"].to_string(),
            text(group, "pipeline").to_owned(),
            moment(text(group, "last_at")),
            failure(group),
        ]);
    }
    table.print();
}

fn show(args: &Show) -> Result<()> {
    let client = Client::new(&args.server)?;
    let letter = client.json(client.get(&format!("/v1/dead/{}", escape(&args.job))))?;
    if args.server.json {
        anstream::println!("{letter:#}");
        return Ok(());
    }
    for (name, key) in [
        ("job", "job"),
        ("file", "filename"),
        ("pipeline", "pipeline"),
        ("group", "group"),
        ("died at", "died_at"),
        ("original", "original"),
        ("plan", "plan"),
    ] {
        field(name, text(&letter, key));
    }
    field("redrives", &letter["redrives"].to_string());
    field("failure", &style::error(failure(&letter)));
    Ok(())
}

/// The server lets go of so many at once; again, until there are no more.
fn purge(args: &Purge) -> Result<()> {
    let client = Client::new(&args.server)?;
    let mut body = args.selection.body()?;
    body["dry_run"] = args.dry_run.into();
    let mut left = args.selection.limit;
    let mut jobs = Vec::new();
    let more = loop {
        body["limit"] = left.into();
        let step = client.post("/v1/dead/purge").json(&body);
        let purged = if jobs.is_empty() {
            client.json(step)?
        } else if let Some(purged) = client.found(step)? {
            purged
        } else {
            // Others have taken the rest meanwhile.
            break false;
        };
        let some = entries(&purged, "jobs").len() as u32;
        jobs.extend(entries(&purged, "jobs").iter().cloned());
        left = left.map(|left| left - some.min(left));
        // Of a dry run the next answer would be the same.
        if args.dry_run || left == Some(0) || purged["more"] != true {
            break left != Some(0) && purged["more"] == true;
        }
    };
    if args.server.json {
        let told = json!({ "jobs": jobs, "more": more, "dry_run": args.dry_run });
        anstream::println!("{told:#}");
        return Ok(());
    }
    for job in jobs.iter().filter_map(Value::as_str) {
        anstream::println!("{job}");
    }
    let least = if more { "at least " } else { "" };
    let would = if args.dry_run { "would be " } else { "" };
    anstream::println!("{least}{} {would}purged", jobs.len());
    Ok(())
}

fn export(args: &Export) -> Result<()> {
    let client = Client::new(&args.server)?;
    let letters = selected(&client, &args.selection)?;
    std::fs::create_dir_all(&args.output).with_context(|| format!("make {}", args.output.display()))?;
    for letter in &letters {
        export_one(&client, letter, &args.output)?;
    }
    if args.server.json {
        let jobs: Vec<&str> = letters.iter().map(|letter| text(letter, "job")).collect();
        anstream::println!("{:#}", json!({ "jobs": jobs, "output": args.output }));
    } else {
        anstream::println!("{} written to {}", letters.len(), args.output.display());
    }
    Ok(())
}

fn selected(client: &Client, selection: &Selection) -> Result<Vec<Value>> {
    selection.body()?;
    if !selection.jobs.is_empty() {
        let one = |job: &String| client.json(client.get(&format!("/v1/dead/{}", escape(job))));
        return selection.jobs.iter().map(one).collect();
    }
    let mut letters = Vec::new();
    let mut before = String::new();
    loop {
        let mut path = format!("/v1/dead?limit=500{before}");
        for (name, value) in [("group", &selection.group), ("pipeline", &selection.pipeline)] {
            if let Some(value) = value {
                path = format!("{path}&{name}={}", escape(value));
            }
        }
        let page = client.json(client.get(&path))?;
        letters.extend(entries(&page, "letters").iter().cloned());
        match page["next"].as_str() {
            Some(next) => before = format!("&before={}", escape(next)),
            None => break,
        }
    }
    if letters.is_empty() && !selection.all {
        bail!("no dead letter fits");
    }
    if let Some(limit) = selection.limit {
        letters.truncate(limit as usize);
    }
    Ok(letters)
}

/// `JOB.original` and `JOB.json`, whatever the server calls the job.
fn export_one(client: &Client, letter: &Value, folder: &Path) -> Result<()> {
    let job = text(letter, "job");
    if job.is_empty() {
        bail!("the server tells of a letter without a job");
    }
    let path = format!("/v1/jobs/{}", escape(job));
    let original = client.send(client.get(&format!("{path}/original")))?.bytes()?;
    let whole = client.json(client.get(&path))?;
    let facts = json!({ "letter": letter, "job": whole });
    let name = files::plain(job);
    files::write(&folder.join(format!("{name}.original")), &original)?;
    let facts = format!("{facts:#}\n");
    files::write(&folder.join(format!("{name}.json")), facts.as_bytes())
}
