//! `stopbath run PIPELINE.yaml IMAGE… -o DIR`: several images at once, each in its own walls.
//!
//! One that fails does not stop the others; the exit code says whether any did.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Result;
use indicatif::ProgressBar;
use serde::Serialize;
use workflow::failure::{Failure, FailureKind};

use super::table::Table;
use super::{files, progress, style};
use crate::app::EngineArgs;
use crate::executor::pool::Pool;
use crate::outcome::{Outcome, Report};
use crate::runner::JobSpec;

#[derive(Debug, clap::Args)]
#[command(args_override_self = true)]
pub(super) struct Args {
    /// The pipeline file.
    pipeline: PathBuf,
    /// The images.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Where the renditions go, as IMAGE-RENDITION; made where it is missing.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Also keep what every step made, as PNG, JSON or bytes, in a folder for each image.
    #[arg(long, value_name = "DIR")]
    keep_steps: Option<PathBuf>,
    /// The summary as JSON, with the report of every step.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

/// One line of the summary.
#[derive(Debug, Serialize)]
struct Line {
    image: PathBuf,
    files: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    report: Report,
}

pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let config = args.engine.pool_config()?;
    let library = args.engine.library(&config)?;
    let pipeline = library.read_pipeline(&args.pipeline)?;
    let mut job = library.job(&pipeline.plan);
    job.keep_steps = args.keep_steps.is_some();
    let workers = config.executors.min(args.images.len());
    let pool = Pool::start(crate::executor::pool::PoolConfig {
        executors: workers,
        ..config
    })?;
    let begun = Instant::now();
    let lines = run_all(args, &job, &pool, workers);
    pool.drain();
    let failed = lines.iter().filter(|line| line.failure.is_some()).count();
    if args.json {
        anstream::println!("{}", serde_json::to_string_pretty(&lines)?);
    } else {
        summary(&lines, failed, begun);
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn run_all(args: &Args, job: &JobSpec, pool: &Pool, workers: usize) -> Vec<Line> {
    let quiet = args.json || args.images.len() < 2;
    let bar = ProgressBar::new(args.images.len() as u64);
    let bar = progress::styled(bar, "{bar:30} {pos}/{len} {eta} {msg}", quiet);
    let stems = files::stems(&args.images, &files::endings(&job.plan));
    let next = AtomicUsize::new(0);
    let work = || {
        let mut lines = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(image) = args.images.get(index) else {
                break;
            };
            bar.set_message(image.display().to_string());
            lines.push((index, one(image, &stems[index], args, job, pool)));
            bar.inc(1);
        }
        lines
    };
    let mut lines: Vec<(usize, Line)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().unwrap_or_default())
            .collect()
    });
    bar.finish_and_clear();
    lines.sort_by_key(|(index, _)| *index);
    lines.into_iter().map(|(_, line)| line).collect()
}

fn one(image: &Path, stem: &str, args: &Args, job: &JobSpec, pool: &Pool) -> Line {
    let outcome = match files::original(image, job.plan.limits.max_bytes) {
        Ok(original) => pool.run_blocking(job.clone(), original).unwrap_or_else(|why| {
            let text = format!("not taken: {why:?}");
            Outcome::failed(Failure::new(FailureKind::Infrastructure, text))
        }),
        Err(failure) => Outcome::failed(failure),
    };
    let output = &args.output;
    let infrastructure =
        |error: anyhow::Error| Failure::new(FailureKind::Infrastructure, format!("{error:#}"));
    // Also where the job failed: they show how far it came.
    let steps = args.keep_steps.as_ref().map_or(Ok(()), |folder| {
        let written = files::write_steps(&folder.join(stem), &outcome.kept);
        written.map(drop).map_err(infrastructure)
    });
    let written = outcome.result.and_then(|renditions| {
        steps?;
        let mut written = files::write_renditions(output, stem, &renditions).map_err(infrastructure)?;
        if !outcome.report.analyses.is_empty() {
            let path = output.join(format!("{stem}.json"));
            let json =
                serde_json::to_vec_pretty(&outcome.report.analyses).map_err(|e| infrastructure(e.into()))?;
            files::write(&path, &json).map_err(infrastructure)?;
            written.push(path);
        }
        Ok(written)
    });
    let (files, failure) = match written {
        Ok(files) => (files, None),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    Line {
        image: image.to_owned(),
        files,
        failure,
        report: outcome.report,
    }
}

fn summary(lines: &[Line], failed: usize, begun: Instant) {
    let mut table = Table::new(["image", "ms", "result"]);
    for line in lines {
        let (image, ms) = (line.image.display().to_string(), format!("{:.1}", line.report.ms));
        if let Some(failure) = &line.failure {
            table.row([image, ms, style::error(failure.kind.name())]);
            continue;
        }
        for file in &line.files {
            table.row([image.clone(), ms.clone(), file.display().to_string()]);
        }
    }
    table.print();
    for line in lines {
        if let Some(failure) = &line.failure {
            let failed = style::error("failed");
            anstream::println!("{failed} {}: {failure}", line.image.display());
        }
    }
    let good = style::good(format!("{} done", lines.len() - failed));
    let bad = if failed == 0 {
        String::new()
    } else {
        format!(", {}", style::error(format!("{failed} failed")))
    };
    anstream::println!("{good}{bad} in {:.2} s", begun.elapsed().as_secs_f32());
}
