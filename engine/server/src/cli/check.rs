//! `stopbath check FILE…`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use workflow::pipeline::{Problem, Severity, check_within};

use super::style;
use crate::app::EngineArgs;
use crate::ceilings::CeilingArgs;
use crate::library::read_source;

#[derive(Debug, clap::Args)]
#[command(args_override_self = true, mut_args(super::one_at_a_time))]
pub(super) struct Args {
    /// Pipeline files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Problems as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    ceilings: CeilingArgs,
}

pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let config = args.engine.pool_config()?;
    let catalog = args.engine.library(&config)?.catalog();
    let ceilings = (&args.ceilings).into();
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for file in &args.files {
        let source = match read_source(file) {
            Ok(source) => source,
            Err(error) => {
                unreadable.push(format!("{}: {error}", file.display()));
                continue;
            }
        };
        let problems = match check_within(&source, &file.display().to_string(), &catalog, &ceilings) {
            Ok(checked) => checked.warnings,
            Err(problems) => problems,
        };
        if !args.json {
            show(file, &source, &problems);
        }
        found.extend(problems);
    }
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(&found)?);
    }
    for why in &unreadable {
        anstream::eprintln!("{} {why}", style::error("unreadable"));
    }
    let failed = !unreadable.is_empty() || found.iter().any(|p| p.severity == Severity::Error);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn show(file: &std::path::Path, source: &str, problems: &[Problem]) {
    for problem in problems {
        anstream::println!("{}\n", colour(problem, &problem.render(source)));
    }
    let errors = problems.iter().filter(|p| p.severity == Severity::Error).count();
    match errors {
        0 => anstream::println!("{} {}", style::good("ok"), file.display()),
        n => anstream::println!("{} {}: {n} to mend", style::error("wrong"), file.display()),
    }
}

fn colour(problem: &Problem, text: &str) -> String {
    match problem.severity {
        Severity::Error => text.replacen("error", &style::error("error"), 1),
        Severity::Warning => text.replacen("warning", &style::warning("warning"), 1),
    }
}
