//! What must be so once all jobs have ended, and once more after the plugin was mended.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::originals::{Sort, original, shows};
use super::tally::Tally;
use super::{PIPELINE, wait_for};
use crate::ledger::pages;
use crate::{Server, stopbath};

/// Thousands of letters must not look like thousands of troubles.
const MOST_GROUPS: usize = 20;

type Accepted = BTreeMap<u32, String>;

/// Every original has the end that its sort demands, and nothing else is there.
pub(super) fn ends(server: &Server, accepted: &Accepted, tally: &mut Tally) {
    let letters = letters(server);
    for (&n, id) in accepted {
        let sort = Sort::of(n);
        let ends = tally.ends.entry(sort).or_default();
        ends.sent += 1;
        match verdict(server, n, id, letters.get(id), sort.dies_of()) {
            Ok(()) if sort.dies_of().is_some() => ends.dead += 1,
            Ok(()) => ends.succeeded += 1,
            Err(text) => tally.wrong.push(text),
        }
    }
    lists(server, accepted, letters.len(), tally);
    let groups = groups(server);
    for group in &groups {
        let failure = &group["failure"];
        let text = |key: &str| failure[key].as_str().unwrap_or_default();
        tally
            .groups
            .push((count(group), format!("{}: {}", text("kind"), text("message"))));
    }
    let grouped: u64 = groups.iter().map(count).sum();
    if groups.len() > MOST_GROUPS || grouped != letters.len() as u64 {
        tally.wrong.push(format!(
            "{} letters stand in {} groups of {grouped}",
            letters.len(),
            groups.len()
        ));
    }
}

/// The command line sends those through again that died of the plugin, and they succeed.
pub(super) fn redrive(server: &Server, accepted: &Accepted, tally: &mut Tally) {
    let before = letters(server).len();
    for group in groups(server) {
        if group["failure"]["kind"] == "trap" {
            let name = group["group"].as_str().expect("a name");
            let redrive = ["dead", "redrive", "--group", name, "--latest"];
            let address = ["--server", server.url()];
            drop(stopbath(redrive.iter().chain(&address)).ok());
            tally.redriven += count(&group) as usize;
        }
    }
    wait_for(server, accepted.len(), || 0);
    let letters = letters(server);
    for (&n, id) in accepted.iter().filter(|(n, _)| Sort::of(**n) == Sort::Traps) {
        match verdict(server, n, id, letters.get(id), None) {
            Ok(()) => tally.redriven_succeeded += 1,
            Err(text) => tally.wrong.push(text),
        }
    }
    let repaired = tally.of(Sort::Traps).dead;
    if tally.redriven != repaired || tally.redriven_succeeded != repaired {
        tally.wrong.push(format!(
            "of {repaired} that died of the plugin {} were redriven",
            tally.redriven
        ));
    }
    lists(server, accepted, before.saturating_sub(repaired), tally);
}

/// What is wrong with one of them.
fn verdict(
    server: &Server,
    n: u32,
    id: &str,
    letter: Option<&Value>,
    dies_of: Option<&str>,
) -> Result<(), String> {
    let what = format!("original {n}, {}, job {id}", Sort::of(n).name());
    match (letter, dies_of) {
        (None, None) => {
            let rendition = server.get(&format!("/v1/jobs/{id}/renditions/small.png"));
            if rendition.status != 200 {
                return Err(format!("{what}: no rendition, and no dead letter"));
            }
            let is_its_own = shows(&rendition.picture(), n);
            is_its_own
                .then_some(())
                .ok_or_else(|| format!("{what}: another's rendition"))
        }
        (Some(letter), Some(kind)) if letter["failure"]["kind"] == kind => {
            let kept = server.get(&format!("/v1/jobs/{id}/original"));
            let is_whole = kept.status == 200 && kept.body == original(n);
            is_whole
                .then_some(())
                .ok_or_else(|| format!("{what}: its original was not kept"))
        }
        (letter, dies_of) => {
            let failure = letter.map(|letter| letter["failure"].to_string());
            Err(format!(
                "{what}: dead letter {}, expected {}",
                failure.as_deref().unwrap_or("none"),
                dies_of.unwrap_or("none")
            ))
        }
    }
}

/// No job is doubled or lost, and the counters agree.
fn lists(server: &Server, accepted: &Accepted, dead: usize, tally: &mut Tally) {
    let jobs = pages(server, "/v1/jobs?limit=500", "jobs");
    let listed: BTreeSet<&str> = jobs.iter().filter_map(|job| job["id"].as_str()).collect();
    let promised: BTreeSet<&str> = accepted.values().map(String::as_str).collect();
    if listed != promised || jobs.len() != accepted.len() {
        let (jobs, accepted) = (jobs.len(), accepted.len());
        tally.wrong.push(format!(
            "{jobs} jobs are listed, {} of them different; {accepted} were accepted",
            listed.len()
        ));
    }
    let counts = server.get("/v1/counts").ok().json();
    let of = |state: &str| counts[PIPELINE][state].as_u64().unwrap_or(0) as usize;
    if of("dead") != dead || of("succeeded") != accepted.len().saturating_sub(dead) {
        tally
            .wrong
            .push(format!("the counters are wrong with {dead} dead: {counts}"));
    }
}

/// Dead letters by job.
fn letters(server: &Server) -> BTreeMap<String, Value> {
    let letters = pages(server, "/v1/dead?limit=500", "letters").into_iter();
    let by_job = letters.map(|letter| (letter["job"].as_str().expect("an id").to_owned(), letter));
    by_job.collect()
}

fn groups(server: &Server) -> Vec<Value> {
    pages(server, "/v1/dead/groups?limit=500", "groups")
}

fn count(group: &Value) -> u64 {
    group["count"].as_u64().unwrap_or(0)
}
