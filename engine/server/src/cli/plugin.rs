//! `stopbath plugin inspect FILE` and `stopbath plugin run FILE IMAGE --with '{…}'`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Subcommand;
use workflow::pipeline::PluginKind;

use super::{files, style};
use crate::app::EngineArgs;
use crate::executor::pool::{Inspector, Pool, PoolConfig};
use crate::executor::protocol::Inspected;
use crate::library::{self, Library};
use crate::outcome::Outcome;
use crate::trial;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check a component and show what it says of itself.
    Inspect {
        /// The component (*.wasm).
        file: PathBuf,
        /// The manifest as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        engine: EngineArgs,
    },
    /// Run a plugin alone over an image, in the real sandbox.
    Run(RunArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// The component (*.wasm).
    file: PathBuf,
    /// The image.
    image: PathBuf,
    /// The step's params as JSON.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    with: String,
    /// The step's limits, as under `limits:` in a pipeline.
    #[arg(long, value_name = "YAML", default_value = "{}")]
    limits: String,
    /// Where the result goes: a PNG, the encoder's bytes, or the analyzer's JSON. Default: JSON to the terminal.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The report of the run as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

pub(super) fn main(command: Command) -> Result<ExitCode> {
    match command {
        Command::Inspect { file, json, engine } => inspect(&file, json, &engine.pool_config()?),
        Command::Run(args) => run(&args),
    }
}

fn inspect(file: &Path, json: bool, config: &PoolConfig) -> Result<ExitCode> {
    let inspected = look_into(file, config)?;
    if json {
        anstream::println!("{}", serde_json::to_string_pretty(&inspected)?);
        return Ok(ExitCode::SUCCESS);
    }
    let manifest = &inspected.manifest;
    anstream::println!("{} {}", style::good("fits"), library::title(&inspected));
    anstream::println!("{}", manifest.description);
    anstream::println!(
        "kind:   {:?}{}",
        manifest.kind,
        if manifest.banded { ", banded" } else { "" }
    );
    anstream::println!("digest: {}", inspected.digest);
    if !manifest.media_types.is_empty() {
        anstream::println!("types:  {}", manifest.media_types.join(", "));
    }
    anstream::println!("params: {:#}", manifest.params_schema);
    Ok(ExitCode::SUCCESS)
}

fn look_into(file: &Path, config: &PoolConfig) -> Result<Inspected> {
    match Inspector::new(config).inspect(&std::path::absolute(file)?) {
        Ok(inspected) => Ok(inspected),
        Err(message) => bail!("{} is not a plugin that fits: {message}", file.display()),
    }
}

fn run(args: &RunArgs) -> Result<ExitCode> {
    let config = args.engine.pool_config()?;
    let inspected = look_into(&args.file, &config)?;
    if let Err(error) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&args.with) {
        bail!("--with must be a JSON object such as '{{\"amount\": 1}}': {error}");
    }
    let info = library::info(&inspected);
    let plan = trial::plan(&info, &args.with, &args.limits).map_err(|problems| {
        let text: Vec<String> = problems.iter().map(|p| p.message.clone()).collect();
        anyhow::anyhow!("--with does not fit the plugin: {}", text.join("; "))
    })?;
    let library = Library {
        plugins: vec![library::Installed {
            path: std::path::absolute(&args.file)?,
            inspected,
        }],
        ..Library::default()
    };
    let original = files::original(&args.image, plan.limits.max_bytes)?;
    let pool = Pool::start(PoolConfig {
        executors: 1,
        ..config
    })?;
    let outcome = pool
        .run_blocking(library.job(&plan), original)
        .map_err(|why| anyhow::anyhow!("the job was not taken: {why:?}"))?;
    pool.drain();
    finish(args, info.kind, &outcome)
}

fn finish(args: &RunArgs, kind: PluginKind, outcome: &Outcome) -> Result<ExitCode> {
    let json = outcome
        .report
        .analyses
        .get(trial::STEP)
        .map(|json| format!("{json:#}\n"));
    match (&args.output, &outcome.result, &json) {
        (Some(path), Ok(_), Some(json)) => files::write(path, json.as_bytes())?,
        (Some(path), Ok(renditions), None) => {
            if let Some(rendition) = renditions.first() {
                files::write(path, &rendition.bytes)?;
            }
        }
        (None, Ok(_), Some(json)) if !args.json => anstream::print!("{json}"),
        _ => {}
    }
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(outcome)?);
    } else if let Some(step) = outcome.report.steps.iter().find(|s| s.id == trial::STEP) {
        step.logs.iter().for_each(|line| anstream::eprintln!("{line}"));
        let fuel = step.fuel.unwrap_or(0);
        let memory = step.memory.unwrap_or(0) >> 10;
        anstream::eprintln!(
            "{kind:?} {}: {:.2} ms, {fuel} fuel, {memory} KiB, {}",
            step.uses,
            step.ms,
            step.output
        );
    }
    match &outcome.result {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(_) if args.json => Ok(ExitCode::FAILURE),
        Err(failure) => bail!("{failure}"),
    }
}
