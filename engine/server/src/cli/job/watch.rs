//! Follows jobs until all have ended, also across a restart of the server.
//!
//! One job is followed by its events, and looked at where they break off. Several are looked at in turn, below a bar that
//! tells how many have ended.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use indicatif::ProgressBar;
use reqwest::blocking::Response;
use serde_json::Value;

use super::{coloured, fetch, path};
use crate::cli::client::{Client, entries, failure, text};
use crate::cli::progress;
use crate::cli::table::count;

const LOOK: Duration = Duration::from_millis(300);
/// A stream of events is asked for anew after this, as a server that is gone cannot say so.
const STREAM: Duration = Duration::from_mins(1);
/// How long a server may be away.
const PATIENCE: Duration = Duration::from_mins(5);

/// Fails if any of the jobs did not succeed. With a folder, fetches there what they made.
pub(super) fn main(client: &Client, ids: &[String], json: bool, output: Option<&Path>) -> Result<ExitCode> {
    // A server that is not there, or a job that it does not know, is an error now; later it may be a restart.
    let jobs = ids.iter().map(|id| client.json(client.get(&path(id, ""))));
    let jobs = jobs.collect::<Result<Vec<_>>>()?;
    let ended = match &jobs[..] {
        [job] => vec![one(client, job, json)?],
        _ => several(client, jobs, json)?,
    };
    let good = |job: &Value| text(job, "state") == "succeeded";
    if let Some(folder) = output {
        // Events tell less of a job than the server knows of it.
        let made = ended.iter().filter(|job| good(job));
        let made = made.map(|job| client.json(client.get(&path(text(job, "id"), ""))));
        let written = fetch::into(client, &made.collect::<Result<Vec<_>>>()?, folder)?;
        if !json {
            anstream::println!("{} in {}", count(written.len() as u64, "file"), folder.display());
        }
    }
    Ok(if ended.iter().all(good) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn one(client: &Client, job: &Value, json: bool) -> Result<Value> {
    let line = bar(ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}", json);
    line.set_message(said(job));
    let job = followed(client, job, &line)?;
    line.finish_and_clear();
    end(&job, json);
    Ok(job)
}

/// The job at its end.
fn followed(client: &Client, job: &Value, line: &ProgressBar) -> Result<Value> {
    let mut job = job.clone();
    let path = path(text(&job, "id"), "");
    let mut heard = Instant::now();
    while !has_ended(&job) {
        let request = client.get(&format!("{path}/events")).timeout(STREAM);
        if let Some(stream) = Client::reach(request)? {
            for told in events(stream) {
                line.set_message(said(&told));
                heard = Instant::now();
                job = told;
            }
        }
        if has_ended(&job) {
            break;
        }
        if let Some(now) = look(client, &path)? {
            line.set_message(said(&now));
            heard = Instant::now();
            job = now;
            std::thread::sleep(LOOK);
        } else {
            wait(heard, line)?;
        }
    }
    Ok(job)
}

/// In the order in which they ended.
fn several(client: &Client, jobs: Vec<Value>, json: bool) -> Result<Vec<Value>> {
    let all = ProgressBar::new(jobs.len() as u64);
    let all = bar(all, "{wide_bar} {pos} of {len} ended  {msg}  {elapsed}", json);
    let (mut left, mut done, mut heard) = (jobs, Vec::new(), Instant::now());
    loop {
        let (mut ended, open): (Vec<_>, Vec<_>) = left.into_iter().partition(has_ended);
        for job in &ended {
            all.suspend(|| end(job, json));
            all.inc(1);
        }
        done.append(&mut ended);
        if open.is_empty() {
            break;
        }
        all.set_message(states(&open));
        std::thread::sleep(LOOK);
        left = Vec::with_capacity(open.len());
        for job in open {
            if let Some(now) = look(client, &path(text(&job, "id"), ""))? {
                heard = Instant::now();
                left.push(now);
            } else {
                wait(heard, &all)?;
                left.push(job);
            }
        }
    }
    all.finish_and_clear();
    Ok(done)
}

/// `None` while the server is away.
fn look(client: &Client, path: &str) -> Result<Option<Value>> {
    let answer = Client::reach(client.get(path))?;
    // One that breaks off is none.
    Ok(answer.and_then(|answer| answer.json().ok()))
}

/// A moment, if the server was not away for too long already.
fn wait(heard: Instant, line: &ProgressBar) -> Result<()> {
    if heard.elapsed() > PATIENCE {
        bail!("the server has not answered for {} s", PATIENCE.as_secs());
    }
    line.set_message("the server does not answer; waiting for it");
    std::thread::sleep(LOOK);
    Ok(())
}

/// The jobs of a stream of events, until it ends or breaks off.
fn events(stream: Response) -> impl Iterator<Item = Value> {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.filter_map(|line| event(&line))
}

fn event(line: &str) -> Option<Value> {
    serde_json::from_str(line.strip_prefix("data:")?).ok()
}

/// Prints a job at its end.
fn end(job: &Value, json: bool) {
    if json {
        anstream::println!("{job}");
    } else {
        anstream::println!("{}", said(job));
    }
}

fn has_ended(job: &Value) -> bool {
    matches!(text(job, "state"), "succeeded" | "dead" | "cancelled")
}

fn bar(bar: ProgressBar, template: &str, quiet: bool) -> ProgressBar {
    let bar = progress::styled(bar, template, quiet);
    if !quiet {
        bar.enable_steady_tick(LOOK);
    }
    bar
}

/// `3 queued, 1 running`.
fn states(jobs: &[Value]) -> String {
    let mut counts = BTreeMap::new();
    for job in jobs {
        *counts.entry(text(job, "state")).or_insert(0) += 1;
    }
    let each = counts.iter().map(|(state, n)| format!("{n} {state}"));
    each.collect::<Vec<_>>().join(", ")
}

fn said(job: &Value) -> String {
    let name = job["original"]["filename"].as_str().unwrap_or_default();
    let state = coloured(text(job, "state"));
    let mut said = format!("{}  {state}  {name}", text(job, "id"));
    let mut say = |text: String| {
        if !text.is_empty() {
            said.push_str("  ");
            said.push_str(&text);
        }
    };
    if let Some(plugin) = job["parked_for"].as_str() {
        say(format!("until {plugin} works again"));
    }
    if let Some(due) = job["due_at"].as_str() {
        say(format!("until {due}"));
    }
    let steps = entries(&job["report"], "steps").len();
    if steps > 0 {
        let ms = job["report"]["ms"].as_f64().unwrap_or_default();
        say(format!("{} in {ms:.0} ms", count(steps as u64, "step")));
    }
    say(failure(job));
    said
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_told_from_the_rest_of_the_stream() {
        assert_eq!(
            event(r#"data: {"state":"queued"}"#),
            Some(json!({"state": "queued"}))
        );
        assert_eq!(
            event(r#"data:{"state":"queued"}"#),
            Some(json!({"state": "queued"}))
        );
        for other in ["event: job", ":", "", "data: broken {"] {
            assert_eq!(event(other), None, "{other}");
        }
    }

    #[test]
    fn a_line_says_why_a_job_waits() {
        let parked = json!({"id": "j", "state": "queued", "parked_for": "blur@1.0.0"});
        assert_eq!(said(&parked), "j  queued    until blur@1.0.0 works again");
        let jobs = ["queued", "running", "queued"].map(|state| json!({ "state": state }));
        assert_eq!(states(&jobs), "2 queued, 1 running");
    }
}
