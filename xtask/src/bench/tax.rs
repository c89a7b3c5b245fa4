//! What the sandbox costs: `adjust` in it beside its own kernel natively, and a step call with nothing to do.
//!
//! The example `step_call` of `plugin-host` measures all of it in one process, in turn, and checks that both sides
//! make the same pixels with the same fuel each time.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::lab::Lab;
use super::report::{Report, Row, Spread, Target};
use crate::shell;

/// Times the native kernel that reads a frame and writes a new one, as a step does.
const MOST_TIMES: f64 = 1.35;
const MOST_MICROSECONDS: f64 = 30.0;

pub(super) fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "--quiet", "--package", "plugin-host"]);
    command.args(["--example", "step_call", "--", "--json"]);
    command.env("STOPBATH_PLUGINS_DIR", &lab.plugins);
    command.env("STEP_CALL_ROUNDS", if lab.quick { "11" } else { "41" });
    let answer = shell::output(command.current_dir(&lab.root))?;
    let answer: Value = serde_json::from_str(&answer).with_context(|| format!("read {answer:?}"))?;
    let fuel = answer["fuel"].as_array().context("an answer has `fuel`")?;
    ensure!(
        fuel.windows(2).all(|two| two[0] == two[1]),
        "the fuel differs from run to run: {fuel:?}"
    );
    ensure!(
        answer["outputs_alike"] == true,
        "the sandbox and the native kernel make different pixels"
    );
    let sandbox = times(&answer, "sandbox")?;
    let beside = |peer: &str, what: &str, target| -> Result<Row> {
        let native = times(&answer, peer)?;
        let median = |times: &[f64]| Spread::of(times).map_or(0.0, |spread| spread.median);
        Ok(Row {
            what: format!("adjust, sepia, 4000x3000, beside native {what}"),
            ours: format!("{:.1} ms", median(&sandbox)),
            theirs: format!("{:.1} ms", median(&native)),
            figure: Spread::of_ratios(&sandbox, &native).context("at least one round")?,
            target,
            outputs: None,
        })
    };
    let microseconds: Vec<f64> = times(&answer, "step_call")?.iter().map(|ms| ms * 1e3).collect();
    let figure = Spread::of(&microseconds).context("step calls were timed")?;
    let fixed = Row {
        what: "step call with nothing to do, µs".to_owned(),
        ours: format!("{:.1} µs", figure.median),
        theirs: String::new(),
        figure,
        target: Target::AtMost(MOST_MICROSECONDS),
        outputs: None,
    };
    let rows = [
        beside("native_new_frame", "into a new frame", Target::AtMost(MOST_TIMES))?,
        beside("native_in_place", "in place", Target::None)?,
        fixed,
    ];
    report.section("Plugin tax: times slower than natively", &rows);
    Ok(())
}

fn times(answer: &Value, name: &str) -> Result<Vec<f64>> {
    let times = answer[name]
        .as_array()
        .with_context(|| format!("an answer has `{name}`"))?;
    Ok(times.iter().filter_map(Value::as_f64).collect())
}
