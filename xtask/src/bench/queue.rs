//! `cargo xtask bench queue`: the queue without pictures, beside queues that others use, in one run.
//!
//! Everything keeps what it acknowledged through a loss of power: SQLite with `synchronous = FULL`, PostgreSQL with
//! its own defaults, Redis with `appendfsync always`. The one that does not is shown for information. Peers run as
//! their makers advise for speed: in batches, with many jobs in hand, with connections enough.

mod client;
mod cluster;
mod contender;
mod idle;
pub(super) mod million;
mod place;
mod rates;
mod redis;
mod submits;
mod usage;

use anyhow::Result;
use clap::ValueEnum;
use serde_json::{Map, Value};

use self::place::{Place, write_down};
use super::report::Report;
use crate::project::Project;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Measure only this part.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Jobs that are enqueued one by one, and as many by the hundred; rounded up to hundreds.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    jobs: usize,
    /// Rounds; in each of them everything is measured once, in turn.
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// Measure a server that is built for release; building it takes long.
    #[arg(long)]
    release: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Jobs enqueued, claimed and completed a second.
    Rates,
    /// What a database does while there is no work.
    Idle,
    /// Jobs submitted over HTTP a second.
    Submits,
}

pub(super) fn run(project: &Project, args: &Args) -> Result<()> {
    let wanted = |part| args.only.is_none_or(|only| only == part);
    let place = Place::prepare(project, args.release)?;
    let mut report = Report::default();
    let mut figures = Map::new();
    report.say(&format!("# Queue benchmark\n\n{}", super::machine()));
    if wanted(Part::Rates) {
        let jobs = args.jobs.div_ceil(100).max(1) * 100;
        figures.insert(
            "rates".into(),
            rates::run(&place, jobs, args.rounds.max(1), &mut report)?,
        );
    }
    if wanted(Part::Idle) {
        figures.insert("idle".into(), idle::run(&place, &mut report)?);
    }
    if wanted(Part::Submits) {
        figures.insert(
            "submits".into(),
            submits::run(&place, args.rounds.max(1), &mut report)?,
        );
    }
    report.say(&format!("\nLoad average at the end: {}", super::load_average()));
    write_down(project, "queue", &report, &Value::Object(figures))
}
