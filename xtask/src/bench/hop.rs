//! What it costs to hand an original of 2 MB to an executor and take the answer.

use std::process::Command;

use anyhow::{Context, Result};

use super::engine::milliseconds;
use super::lab::Lab;
use super::report::{Report, Row, Spread, Target};
use crate::shell;

const MOST_MS: f64 = 0.3;

pub(super) fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    let runs = if lab.quick { "50" } else { "200" };
    let data = lab.fresh_folder("data")?;
    let mut command = Command::new(&lab.stopbath);
    let answer = shell::output(
        command
            .args(["bench", "--hop", "--json", "--runs", runs, "--data"])
            .arg(data),
    )?;
    let figure = Spread::of(&milliseconds(&answer)?).context("the hop was timed")?;
    let row = Row {
        what: "to an executor and back, 2 MB".to_owned(),
        ours: format!("{:.2} ms", figure.median),
        theirs: String::new(),
        figure,
        target: Target::AtMost(MOST_MS),
        outputs: None,
    };
    report.section("Executor hop, ms", &[row]);
    Ok(())
}
