//! `stopbath replay JOB`: the same original through the same plan with the same plugins, here, and every picture on
//! the way kept.
//!
//! It runs in an executor as confined as the server's. `past` is what the server knows of the job, `verdict`
//! whether the replay ended as the job did.

mod past;
mod verdict;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use serde_json::{Value, json};

use super::client::{Client, ServerArgs, failure, text};
use super::explain::thousands;
use super::table::Table;
use super::{files, style};
use crate::app::EngineArgs;
use crate::executor::pool::{Pool, PoolConfig};
use crate::library::Library;
use crate::original::Original;
use crate::outcome::{Outcome, StepReport};
use crate::runner;
use past::Past;
use verdict::Verdict;

#[derive(Debug, clap::Args)]
#[command(args_override_self = true, mut_args(super::one_at_a_time))]
pub(super) struct Args {
    /// The job's id.
    job: String,
    /// Where the original, what every step made, the renditions and `report.json` go; default: `replay-JOB`.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let client = Client::new(&args.server)?;
    let past = Past::fetch(&client, &args.job)?;
    let folder = match &args.output {
        Some(folder) => folder.clone(),
        None => PathBuf::from(files::plain(&format!("replay-{}", args.job))),
    };
    is_free(&folder, text(&past.job, "id"))?;
    let outcome = run(args, &client, &past)?;
    let verdict = Verdict::new(&past.job, &outcome);
    let files = write(&folder, &past, &outcome)?;
    let report = json!({
        "job": past.job["id"],
        "pipeline": past.job["pipeline"],
        "plan": past.plan.digest,
        "state": past.job["state"],
        "same": verdict.same,
        "verdict": verdict.lines,
        "failure": outcome.result.as_ref().err(),
        "report": outcome.report,
        "files": files,
    });
    files::write(&folder.join("report.json"), format!("{report:#}").as_bytes())?;
    if args.server.json {
        anstream::println!("{report:#}");
    } else {
        show(&past, &outcome, &files);
        anstream::println!("all of it is in {}", folder.display());
        if let (Err(failed), false) = (&outcome.result, verdict.ended) {
            anstream::println!("it ends with {failed}");
        }
        say(&past.job, &verdict);
    }
    Ok(if verdict.same {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Files of two jobs in one folder are a puzzle; those of the same job are replaced.
fn is_free(folder: &Path, job: &str) -> Result<()> {
    let before = std::fs::read(folder.join("report.json")).unwrap_or_default();
    let before: Value = serde_json::from_slice(&before).unwrap_or_default();
    match before["job"].as_str() {
        Some(other) if other != job => bail!(
            "{} holds the replay of job {other}; name another folder with -o",
            folder.display()
        ),
        _ => Ok(()),
    }
}

fn run(args: &Args, client: &Client, past: &Past) -> Result<Outcome> {
    let config = args.engine.pool_config()?;
    // Of what is installed only what the job uses is read: to compile all of it takes long.
    let library = Library::default();
    let data = args.engine.data_folder()?;
    let installed = args.engine.plugins.clone();
    let installed = installed.unwrap_or_else(|| data.join("plugins"));
    past.complete(client, &library, &config, [&installed, &data.join("components")])?;
    let mut job = library.job(&past.plan);
    job.keep_steps = true;
    job.paused = past.paused();
    let mut original = Original::new(past.original.len() as u64);
    let taken = original.append(&past.original);
    taken.map_err(|error| anyhow!("the original does not fit into memory: {error:?}"))?;
    let pool = Pool::start(PoolConfig {
        executors: 1,
        ..config
    })?;
    let outcome = pool.run_blocking(job, original);
    let outcome = outcome.map_err(|why| anyhow!("the job was not taken: {why:?}"))?;
    pool.drain();
    Ok(outcome)
}

/// The files of steps and renditions, by name; beside them lies the original.
fn write(folder: &Path, past: &Past, outcome: &Outcome) -> Result<BTreeMap<String, PathBuf>> {
    files::write(&folder.join(past.original_name()), &past.original)?;
    let mut written = BTreeMap::new();
    for (place, path) in files::write_steps(folder, &outcome.kept)? {
        let step = past.plan.steps.get(place);
        written.extend(step.map(|step| (step.id.clone(), path)));
    }
    for rendition in outcome.renditions() {
        let path = folder.join("renditions").join(files::plain(&rendition.name));
        files::write(&path, &rendition.bytes)?;
        written.insert(rendition.name.clone(), path);
    }
    Ok(written)
}

fn show(past: &Past, outcome: &Outcome, files: &BTreeMap<String, PathBuf>) {
    let mut table = Table::new(["step", "uses", "size", "ms", "fuel", "file"]);
    let steps = past.plan.steps.iter();
    let steps = steps.map(|step| (&step.id, runner::uses(&step.action)));
    let renditions = past.plan.renditions.iter();
    let renditions = renditions.map(|rendition| (&rendition.name, "encode".to_owned()));
    for (id, uses) in steps.chain(renditions) {
        let file = files.get(id).map(|path| path.display().to_string());
        let file = file.unwrap_or_default();
        let row = match reported(outcome, id) {
            Some(done) => [
                id.clone(),
                done.uses.clone(),
                done.output.clone(),
                format!("{:.2}", done.ms),
                done.fuel.map(thousands).unwrap_or_default(),
                file,
            ],
            None => [
                id.clone(),
                uses,
                "not run".to_owned(),
                String::new(),
                String::new(),
                file,
            ],
        };
        table.row(row);
    }
    table.print();
}

/// An executor that died left no report, but what it said before.
fn reported<'o>(outcome: &'o Outcome, id: &str) -> Option<&'o StepReport> {
    let kept = outcome.kept.iter().map(|kept| &kept.report);
    outcome.report.steps.iter().chain(kept).find(|step| step.id == id)
}

fn say(job: &Value, verdict: &Verdict) {
    let why = failure(job);
    if text(job, "state") == "dead" {
        anstream::println!("the job is a dead letter: {}", style::error(why));
    } else if !why.is_empty() {
        anstream::println!("the job is {}, after {}", text(job, "state"), style::warning(why));
    }
    for line in &verdict.lines {
        anstream::println!("{line}");
    }
    if !verdict.ended {
        return;
    }
    if verdict.same {
        anstream::println!("{}", style::good("same as the job"));
    } else {
        anstream::println!("{}", style::error("not the same as the job"));
    }
}
