//! One picture at a time, original in memory to rendition in memory: Stopbath's plan against sharp.
//!
//! sharp runs with one thread and with one for each core; the faster of the two counts. Its operation cache is off.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::alike;
use super::lab::Lab;
use super::report::{Report, Row, Spread, Target};
use crate::shell;

struct Case {
    picture: &'static str,
    width: u32,
    /// Exact height; by the picture's proportions when there is none.
    height: Option<u32>,
    format: &'static str,
    target: f64,
}

const CASES: [Case; 6] = [
    Case {
        picture: "2725x2225",
        width: 720,
        height: Some(588),
        format: "jpeg",
        target: 1.4,
    },
    Case {
        picture: "2725x2225",
        width: 400,
        height: None,
        format: "jpeg",
        target: 1.35,
    },
    Case {
        picture: "4000x3000",
        width: 1200,
        height: None,
        format: "jpeg",
        target: 1.2,
    },
    Case {
        picture: "4000x3000",
        width: 400,
        height: None,
        format: "jpeg",
        target: 1.0,
    },
    Case {
        picture: "6000x4000",
        width: 400,
        height: None,
        format: "jpeg",
        target: 1.1,
    },
    Case {
        picture: "2725x2225",
        width: 720,
        height: Some(588),
        format: "webp",
        target: 1.3,
    },
];

pub(super) fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    let folder = lab.fresh_folder("engine")?;
    let mut rows = Vec::new();
    for case in &CASES {
        rows.push(case.measure(lab, &folder)?);
    }
    report.section("Engine: one picture at a time, times faster than sharp", &rows);
    Ok(())
}

/// Times in the JSON that `stopbath bench` and `sharp.mjs` print.
pub(super) fn milliseconds(answer: &str) -> Result<Vec<f64>> {
    let line = answer.trim_end().lines().last().unwrap_or_default();
    let answer: Value = serde_json::from_str(line).with_context(|| format!("read {line:?}"))?;
    let times = answer["ms"].as_array().context("an answer has `ms`")?;
    Ok(times.iter().filter_map(Value::as_f64).collect())
}

impl Case {
    fn measure(&self, lab: &Lab, folder: &Path) -> Result<Row> {
        let pipeline = folder.join("case.yaml");
        std::fs::write(&pipeline, self.yaml())?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (mut ours, mut one, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..lab.rounds {
            // Who comes first changes from round to round.
            if round % 2 == 0 {
                ours.push(self.stopbath(lab, folder, &pipeline)?);
            }
            one.push(self.sharp(lab, folder, 1)?);
            all.push(self.sharp(lab, folder, cores)?);
            if round % 2 == 1 {
                ours.push(self.stopbath(lab, folder, &pipeline)?);
            }
        }
        let median = |times: &[f64]| Spread::of(times).map_or(f64::INFINITY, |spread| spread.median);
        let best = |times: &[f64]| Spread::of(times).map_or(f64::INFINITY, |spread| spread.min);
        let (theirs, threads) = if median(&all) < median(&one) {
            (all, cores)
        } else {
            (one, 1)
        };
        let files = [self.our_file(folder), self.their_file(folder)];
        let facts = alike::measure(lab, &lab.picture(self.picture), &[&files[0], &files[1]])?;
        let (a, b) = facts.split_at(1);
        Ok(Row {
            what: self.name(),
            ours: format!("{:.1} ms, best {:.1}", median(&ours), best(&ours)),
            theirs: format!(
                "{:.1} ms, best {:.1}, threads {threads}",
                median(&theirs),
                best(&theirs)
            ),
            figure: Spread::of_ratios(&theirs, &ours).context("at least one round")?,
            target: Target::AtLeast(self.target),
            outputs: Some(alike::judge(a, b)?),
        })
    }

    /// Median time of one run of `stopbath bench`.
    fn stopbath(&self, lab: &Lab, folder: &Path, pipeline: &Path) -> Result<f64> {
        let mut command = Command::new(&lab.stopbath);
        command.arg("bench").arg(pipeline).arg(lab.picture(self.picture));
        command
            .args(["--json", "--runs", &runs(lab).to_string(), "-o"])
            .arg(folder.join("ours"));
        command.arg("--data").arg(folder.join("data"));
        middle(&shell::output(&mut command)?)
    }

    fn sharp(&self, lab: &Lab, folder: &Path, threads: usize) -> Result<f64> {
        let job = json!({
            "image": lab.picture(self.picture), "width": self.width, "height": self.height, "format": self.format,
            "quality": 80, "threads": threads, "runs": runs(lab), "output": self.their_file(folder),
        });
        middle(&shell::output(lab.node("sharp.mjs").arg(job.to_string()))?)
    }

    fn yaml(&self) -> String {
        let size = match self.height {
            Some(height) => format!("width: {}, height: {height}, fit: fill", self.width),
            None => format!("width: {}", self.width),
        };
        format!(
            "pipeline: bench\nsteps:\n  - {{ id: photo, uses: decode }}\n  - {{ id: small, uses: resize, with: {{ {size} }} }}\nrenditions:\n  - {{ name: {}, from: small, format: {}, quality: 80 }}\n",
            self.file_name(),
            self.format
        )
    }

    fn name(&self) -> String {
        let height = self
            .height
            .map_or_else(|| " wide".to_owned(), |height| format!("x{height}"));
        format!("{} -> {}{height} {}", self.picture, self.width, self.format)
    }

    fn file_name(&self) -> &'static str {
        if self.format == "webp" {
            "small.webp"
        } else {
            "small.jpg"
        }
    }

    fn our_file(&self, folder: &Path) -> PathBuf {
        folder.join("ours").join(format!("bench-{}", self.file_name()))
    }

    fn their_file(&self, folder: &Path) -> PathBuf {
        folder.join("theirs").with_extension(self.format)
    }
}

fn runs(lab: &Lab) -> usize {
    if lab.quick { 6 } else { 12 }
}

fn middle(answer: &str) -> Result<f64> {
    Ok(Spread::of(&milliseconds(answer)?)
        .context("at least one run was timed")?
        .median)
}
