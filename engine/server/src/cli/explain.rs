//! `stopbath explain PIPELINE IMAGE`: the plan, what each step did, and why.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use workflow::plan::{Input, Plan};

use super::table::Table;
use super::{files, style};
use crate::app::EngineArgs;
use crate::executor::pool::{Pool, PoolConfig};
use crate::outcome::{Outcome, StepReport};
use crate::runner;

#[derive(Debug, clap::Args)]
#[command(args_override_self = true, mut_args(super::one_at_a_time))]
pub(super) struct Args {
    /// The pipeline file.
    pipeline: PathBuf,
    /// The image.
    image: PathBuf,
    /// Also write the renditions and what every step made here.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let config = args.engine.pool_config()?;
    let library = args.engine.library(&config)?;
    let pipeline = library.read_pipeline(&args.pipeline)?;
    let mut job = library.job(&pipeline.plan);
    job.keep_steps = args.output.is_some();
    let original = files::original(&args.image, job.plan.limits.max_bytes)?;
    let pool = Pool::start(PoolConfig {
        executors: 1,
        ..config
    })?;
    let outcome = pool
        .run_blocking(job, original)
        .map_err(|why| anyhow::anyhow!("the job was not taken: {why:?}"))?;
    pool.drain();
    if let (Some(folder), Ok(renditions)) = (&args.output, &outcome.result) {
        let stem = files::stems(std::slice::from_ref(&args.image), &[]).remove(0);
        files::write_renditions(folder, &stem, renditions)?;
        for kept in &outcome.kept {
            let name = format!("{stem}-step-{}.{}", kept.report.id, kept.ending);
            files::write(&folder.join(name), &kept.bytes)?;
        }
    }
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(&outcome)?);
    } else {
        show(&pipeline.plan, &outcome);
    }
    Ok(if outcome.result.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// All of the plan, in its order, and beside it what came of each part.
fn show(plan: &Plan, outcome: &Outcome) {
    let mut table = Table::new(["step", "from", "uses", "gives", "ms", "fuel", "memory"]);
    for (id, from, uses) in parts(plan) {
        let id = id.to_owned();
        let Some(done) = outcome.report.steps.iter().find(|step| step.id == id) else {
            let nothing = String::new;
            table.row([
                id,
                from,
                uses,
                "not run".to_owned(),
                nothing(),
                nothing(),
                nothing(),
            ]);
            continue;
        };
        table.row([
            id,
            from,
            done.uses.clone(),
            done.output.clone(),
            format!("{:.2}", done.ms),
            done.fuel.map_or(String::new(), thousands),
            done.memory.map_or(String::new(), |m| format!("{} KiB", m >> 10)),
        ]);
    }
    table.print();
    outcome.report.steps.iter().for_each(why);
    for (step, json) in &outcome.report.analyses {
        anstream::println!("{step} = {json}");
    }
    match &outcome.result {
        Ok(_) => anstream::println!("{} in {:.1} ms", style::good("done"), outcome.report.ms),
        Err(failure) => anstream::println!("{} {failure}", style::error("failed")),
    }
}

/// Name, input and use of every step and rendition.
fn parts(plan: &Plan) -> Vec<(&str, String, String)> {
    let name = |step: usize| plan.steps[step].id.clone();
    let steps = plan.steps.iter().map(|step| {
        let from = match step.input {
            Input::Original => "original".to_owned(),
            Input::Step(step) => name(step),
        };
        (step.id.as_str(), from, runner::uses(&step.action))
    });
    let renditions = plan
        .renditions
        .iter()
        .map(|rendition| (rendition.name.as_str(), name(rendition.from), "encode".to_owned()));
    steps.chain(renditions).collect()
}

fn why(step: &StepReport) {
    for note in &step.notes {
        anstream::println!("{} {note}", style::dim(format!("{}:", step.id)));
    }
    for line in &step.logs {
        anstream::println!("{} {line}", style::dim(format!("{} log:", step.id)));
    }
    if let Some(skipped) = &step.skipped {
        anstream::println!(
            "{} passed over: {skipped}",
            style::warning(format!("{}:", step.id))
        );
    }
}

pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!(super::thousands(12_345_678), "12 345 678");
        assert_eq!(super::thousands(100), "100");
    }
}
