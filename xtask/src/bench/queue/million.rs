//! `cargo xtask bench million`: how quickly a million jobs are looked at, over HTTP, on both stores.
//!
//! The store is filled through the operations that end jobs in earnest. Pages, filters, single jobs, counts and dead
//! letters are then asked for, one request at a time and four at a time; ids differ from request to request.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::client::{self, Until};
use super::cluster::Cluster;
use super::place::{self, write_down};
use crate::bench::report::Report;
use crate::bench::server::Server;
use crate::project::Project;
use crate::{setup, shell};

#[derive(Debug, clap::Args)]
pub(in crate::bench) struct Args {
    /// Jobs that the store is filled with.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    jobs: usize,
    /// Requests of each kind.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    requests: usize,
    /// Measure a server that is built for release; building it takes long.
    #[arg(long)]
    release: bool,
}

/// Of a hundred requests ninety-nine take less, in milliseconds.
const MOST: f64 = 50.0;

/// What is asked for; `{job}` and `{dead}` are ids.
const ASKED: [&str; 15] = [
    "/v1/jobs?limit=50",
    "/v1/jobs?limit=50&pipeline=photos",
    "/v1/jobs?limit=50&state=succeeded",
    "/v1/jobs?limit=50&state=dead",
    "/v1/jobs?limit=50&state=cancelled",
    "/v1/jobs?limit=50&state=parked",
    "/v1/jobs?limit=50&pipeline=photos&state=succeeded",
    "/v1/jobs?limit=50&before={job}",
    "/v1/jobs?limit=50&state=cancelled&before={job}",
    "/v1/jobs/{job}",
    "/v1/counts",
    "/v1/dead/groups",
    "/v1/dead?limit=50",
    "/v1/dead?limit=50&pipeline=photos&before={dead}",
    "/v1/dead/{dead}",
];

pub(in crate::bench) fn run(project: &Project, args: &Args) -> Result<()> {
    let folder = place::fresh(&project.target.join("bench/million"))?;
    let stopbath = place::stopbath(project, args.release)?;
    let filler = place::queue_bench(project)?;
    let mut report = Report::default();
    report.say(&format!("# {} jobs\n\n{}", args.jobs, crate::bench::machine()));
    let mut figures = Map::new();
    let sqlite = format!("sqlite:{}", folder.join("jobs.db").display());
    let cluster = Cluster::start(&setup::postgres()?, &folder.join("postgres"))?;
    for (title, store) in [("SQLite", sqlite), ("PostgreSQL", cluster.url())] {
        let ids = fill(&filler, &store, args.jobs)?;
        let log = folder.join(format!("{title}.log"));
        let data = folder.join(title).join("data");
        let server = Server::start(&log, |port| {
            place::serve(&stopbath, port, &data, Some(store.as_str()))
        })?;
        let timed = look(server.address, &ids, args.requests)?;
        report.plain(
            &format!("{title}: ms, and whether p99 is below {MOST}"),
            &rows(&timed),
        );
        figures.insert(title.into(), timed.iter().map(Timed::figures).collect());
    }
    write_down(project, "million", &report, &Value::Object(figures))
}

/// Ids of some of the jobs.
struct Ids {
    jobs: Vec<String>,
    dead: Vec<String>,
}

fn fill(filler: &Path, store: &str, jobs: usize) -> Result<Ids> {
    eprintln!("filling {store}");
    let mut command = Command::new(filler);
    let answer = shell::output(command.args(["fill", store, &jobs.to_string()]))?;
    let mut answer: Value = serde_json::from_str(&answer)?;
    Ok(Ids {
        jobs: serde_json::from_value(answer["jobs"].take()).context("ids of jobs")?,
        dead: serde_json::from_value(answer["dead"].take()).context("ids of dead letters")?,
    })
}

struct Timed {
    asked: &'static str,
    concurrency: usize,
    p50: f64,
    p99: f64,
    most: f64,
}

fn look(address: SocketAddr, ids: &Ids, requests: usize) -> Result<Vec<Timed>> {
    let mut timed = Vec::new();
    for asked in ASKED {
        for concurrency in [1, 4] {
            let write = |n: usize, request: &mut Vec<u8>| client::write_get(&path(asked, ids, n), request);
            let until = Until::Requests(requests);
            let answers = client::drive(address, concurrency, until, 200, &write).context(asked)?;
            timed.push(Timed {
                asked,
                concurrency,
                p50: answers.percentile(50),
                p99: answers.percentile(99),
                most: answers.percentile(100),
            });
        }
    }
    Ok(timed)
}

/// Ids are taken from all over, not one after the other.
fn path(asked: &str, ids: &Ids, n: usize) -> String {
    const STRIDE: usize = 617;
    let id = |ids: &[String]| {
        let place = n.wrapping_mul(STRIDE) % ids.len().max(1);
        ids.get(place).cloned().unwrap_or_default()
    };
    asked
        .replace("{job}", &id(&ids.jobs))
        .replace("{dead}", &id(&ids.dead))
}

fn rows(timed: &[Timed]) -> Vec<Vec<String>> {
    let head = ["request", "at a time", "p50", "p99", "most", ""];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(timed.iter().map(|timed| {
        let verdict = if timed.p99 < MOST { "reached" } else { "MISSED" };
        vec![
            timed.asked.to_owned(),
            timed.concurrency.to_string(),
            format!("{:.1}", timed.p50),
            format!("**{:.1}**", timed.p99),
            format!("{:.1}", timed.most),
            verdict.to_owned(),
        ]
    }));
    rows
}

impl Timed {
    fn figures(&self) -> Value {
        json!({ "request": self.asked, "concurrency": self.concurrency,
            "p50_ms": self.p50, "p99_ms": self.p99, "max_ms": self.most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_put_into_paths() {
        let ids = Ids {
            jobs: vec!["a".to_owned(), "b".to_owned()],
            dead: vec!["c".to_owned()],
        };
        assert_eq!(path("/v1/jobs/{job}", &ids, 1), "/v1/jobs/b");
        assert_eq!(path("/v1/dead?before={dead}", &ids, 5), "/v1/dead?before=c");
        assert_eq!(path("/v1/counts", &ids, 5), "/v1/counts");
    }
}
