//! `cargo xtask bench`: Stopbath beside its peers, in one run, on the same machine and pictures.
//!
//! Peers come from their registries and run at their best. Everything is measured in turn, round after round,
//! so that a busy moment meets all alike; ratios are taken within a round. Outputs are compared with a reference
//! first: times at unequal quality or size say nothing. Targets stand beside each case.

mod alike;
mod engine;
mod hop;
mod http;
mod lab;
mod load;
mod memory;
mod queue;
mod report;
mod server;
mod tax;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;

use self::lab::Lab;
use self::report::Report;
use crate::plugins;
use crate::project::Project;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    jobs: Option<Jobs>,
    /// Measure only this part.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Rounds; in each of them everything is measured once, in turn.
    #[arg(long, value_name = "N")]
    runs: Option<usize>,
    /// Fewer and shorter rounds: under three minutes, and noisier.
    #[arg(long)]
    quick: bool,
    /// Write the tables here too.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// Benchmarks of the job store, instead of those of pictures.
#[derive(Debug, clap::Subcommand)]
enum Jobs {
    /// The queue alone, against BullMQ, pg-boss and apalis at equal durability; idle load; submits over HTTP.
    Queue(queue::Args),
    /// How quickly a million jobs are looked at.
    Million(queue::million::Args),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// One picture at a time, against sharp.
    Engine,
    /// Requests a second and memory, against ipx and thumbor.
    Http,
    /// A plugin against the same code natively.
    Tax,
    /// The way to an executor and back.
    Hop,
}

pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    match &args.jobs {
        Some(Jobs::Queue(args)) => return queue::run(project, args),
        Some(Jobs::Million(args)) => return queue::million::run(project, args),
        None => {}
    }
    let wanted = |part| args.only.is_none_or(|only| only == part);
    let rounds = args.runs.unwrap_or(if args.quick { 2 } else { 5 }).max(1);
    if wanted(Part::Tax) {
        plugins::build(project, false)?;
    }
    let lab = Lab::prepare(project, rounds, args.quick)?;
    let mut report = Report::default();
    report.say(&format!("# Benchmark\n\n{}", machine()));
    if wanted(Part::Engine) {
        engine::run(&lab, &mut report)?;
    }
    if wanted(Part::Hop) {
        hop::run(&lab, &mut report)?;
    }
    if wanted(Part::Http) {
        http::run(&lab, &mut report)?;
    }
    if wanted(Part::Tax) {
        tax::run(&lab, &mut report)?;
    }
    report.say(&format!("\nLoad average at the end: {}", load_average()));
    if let Some(file) = &args.markdown {
        std::fs::write(file, report.text()).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

/// What a reader must know to weigh the figures.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or(": unknown");
    let model = model.trim_start_matches(['\t', ' ', ':']);
    format!(
        "{cores} cores, {model}. Load average at the start: {}",
        load_average()
    )
}

fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
