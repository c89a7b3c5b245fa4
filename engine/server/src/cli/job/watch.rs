//! A line for each job, until all have ended.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;

use super::coloured;
use crate::cli::client::{Client, escape, failure, text};

const LOOK: Duration = Duration::from_millis(300);

/// Fails if any of the jobs did not succeed.
pub(super) fn main(client: &Client, ids: &[String], json: bool) -> Result<ExitCode> {
    let screen = MultiProgress::new();
    let mut lines: Vec<(String, ProgressBar, Option<Value>)> = Vec::new();
    for id in ids {
        lines.push((id.clone(), line(&screen, json), None));
    }
    while lines.iter().any(|(_, _, end)| end.is_none()) {
        for (id, bar, end) in &mut lines {
            if end.is_some() {
                continue;
            }
            let job = client.json(client.get(&format!("/v1/jobs/{}", escape(id))))?;
            bar.set_message(said(&job));
            bar.tick();
            if matches!(text(&job, "state"), "succeeded" | "dead" | "cancelled") {
                bar.finish_and_clear();
                if json {
                    anstream::println!("{job}");
                } else {
                    anstream::println!("{}", said(&job));
                }
                *end = Some(job);
            }
        }
        if lines.iter().any(|(_, _, end)| end.is_none()) {
            std::thread::sleep(LOOK);
        }
    }
    let good = |end: &Option<Value>| end.as_ref().is_some_and(|job| text(job, "state") == "succeeded");
    Ok(if lines.iter().all(|(_, _, end)| good(end)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn line(screen: &MultiProgress, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = screen.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar
}

fn said(job: &Value) -> String {
    let name = job["original"]["filename"].as_str().unwrap_or_default();
    let why = failure(job);
    let why = if why.is_empty() { why } else { format!("  {why}") };
    format!(
        "{}  {}  {name}{why}",
        text(job, "id"),
        coloured(text(job, "state"))
    )
}
