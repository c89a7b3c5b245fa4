//! `stopbath bench`: times a pipeline in this process, one job at a time, or the hop to an executor.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::files;
use crate::app::EngineArgs;
use crate::executor::pool::{Pool, PoolConfig};
use crate::original::Original;
use crate::runner::{self, Plugins};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The pipeline file; not with --hop.
    pipeline: Option<PathBuf>,
    /// The image; not with --hop.
    image: Option<PathBuf>,
    /// How often; three more runs come first and do not count.
    #[arg(long, default_value_t = 20)]
    runs: usize,
    /// Write the renditions of the last run here.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Time only the way to an executor and back, with an original of 2 MB.
    #[arg(long)]
    hop: bool,
    /// The output is JSON in any case.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

const WARM_UP: usize = 3;

pub(super) fn main(args: &Args) -> Result<()> {
    if args.hop {
        return hop(args);
    }
    let (Some(pipeline), Some(image)) = (&args.pipeline, &args.image) else {
        bail!("name a pipeline and an image, or give --hop");
    };
    let config = args.engine.pool_config()?;
    let library = args.engine.library(&config)?;
    let job = library.job(&library.read_pipeline(pipeline)?.plan);
    let original = std::fs::read(image).with_context(|| format!("read {}", image.display()))?;
    let plugins = Plugins::new(crate::executor::child::host(&config.cache, true)?);
    let mut times = Vec::new();
    let mut renditions = Vec::new();
    for run in 0..args.runs + WARM_UP {
        let begun = Instant::now();
        let outcome = runner::run(&job, &plugins, &original, &|_| {});
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        renditions = outcome.result?;
        if run >= WARM_UP {
            times.push(ms);
        }
    }
    if let Some(folder) = &args.output {
        files::write_renditions(folder, "bench", &renditions)?;
    }
    anstream::println!("{}", json!({ "ms": times, "renditions": renditions }));
    Ok(())
}

/// From the original's bytes in memory to the answer in memory, less what the same job takes in this process.
///
/// A pipeline without steps would be refused, so a plan is emptied instead: what is left is the digest of
/// the original. Subtracting what the *executor* took for it would hide what its memory costs to read.
fn hop(args: &Args) -> Result<()> {
    const SOURCE: &str = "pipeline: hop\nsteps:\n  - { id: photo, uses: decode }\nrenditions:\n  - { name: a.png, format: png }\n";
    let catalog = workflow::pipeline::StaticCatalog(Vec::new());
    let Ok(mut checked) = workflow::pipeline::check(SOURCE, "(hop)", &catalog) else {
        bail!("the empty pipeline does not check");
    };
    checked.plan.steps.clear();
    checked.plan.renditions.clear();
    let job = crate::library::Library::default().job(&checked.plan);
    let config = PoolConfig {
        executors: 1,
        ..args.engine.pool_config()?
    };
    let pool = Pool::start(config.clone())?;
    let plugins = Plugins::new(crate::executor::child::host(&config.cache, true)?);
    let bytes = vec![7; 2_000_000];
    let (mut total, mut alone) = (Vec::new(), Vec::new());
    for run in 0..args.runs + WARM_UP {
        let begun = Instant::now();
        let mut original = Original::new(bytes.len() as u64);
        drop(original.append(&bytes));
        let outcome = pool
            .run_blocking(job.clone(), original)
            .map_err(|why| anyhow::anyhow!("{why:?}"))?;
        let there_and_back = begun.elapsed();
        outcome.result?;
        let begun = Instant::now();
        runner::run(&job, &plugins, &bytes, &|_| {}).result?;
        if run >= WARM_UP {
            alone.push(begun.elapsed().as_secs_f64() * 1e3);
            total.push(there_and_back.as_secs_f64() * 1e3);
        }
    }
    pool.drain();
    let work = median(&alone);
    let hop: Vec<f64> = total.iter().map(|ms| ms - work).collect();
    anstream::println!(
        "{}",
        json!({ "ms": hop, "total_ms": total, "in_process_ms": alone })
    );
    Ok(())
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
