//! Originals a second that `stopbath serve` has on stable storage, with their jobs, when it answers 202.
//!
//! Originals of 3 KB, each unlike any other, from 64 callers over connections that are kept. Once with executors at
//! work on what was submitted, as usual, and once with executors that are held: then the figure is that of the
//! intake alone. Afterwards the store must have a job for every 202.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::client::{self, Until};
use super::place::{Place, fresh};
use crate::bench::alike::Likeness;
use crate::bench::memory::children;
use crate::bench::report::{Report, Row, Spread, Target};
use crate::bench::server::Server;
use crate::shell;

const CALLERS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(8);
/// A second, on SQLite.
const PROMISED: f64 = 5_000.0;

const PIPELINE: &str = "pipeline: small
steps:
  - { id: photo, uses: decode }
  - { id: tiny, from: photo, uses: resize, with: { width: 16 } }
renditions:
  - { name: tiny.jpg, from: tiny, format: jpeg, quality: 80 }
";

struct Lane {
    postgres: bool,
    held: bool,
    rounds: Vec<Round>,
}

struct Round {
    rate: f64,
    p50: f64,
    p99: f64,
    accepted: u64,
    stored: u64,
}

pub(super) fn run(place: &Place, rounds: usize, report: &mut Report) -> Result<Value> {
    let mut lanes =
        [(false, true), (false, false), (true, true), (true, false)].map(|(postgres, held)| Lane {
            postgres,
            held,
            rounds: Vec::new(),
        });
    for round in 0..rounds {
        for turn in 0..lanes.len() {
            let index = (turn + round) % lanes.len();
            let lane = &mut lanes[index];
            eprintln!("submits, round {} of {rounds}: {}", round + 1, lane.title());
            lane.rounds.push(measure(place, lane.postgres, lane.held)?);
        }
    }
    let rows = lanes.iter().map(row).collect::<Result<Vec<_>>>()?;
    let title = format!("Durable submits of 3 KB over HTTP, a second, at concurrency {CALLERS}");
    report.section(&title, &rows);
    Ok(lanes.iter().map(figures).collect())
}

impl Lane {
    fn title(&self) -> String {
        let store = if self.postgres { "PostgreSQL" } else { "SQLite" };
        let executors = if self.held { "held" } else { "at work" };
        format!("{store}, executors {executors}")
    }
}

fn measure(place: &Place, postgres: bool, held: bool) -> Result<Round> {
    let folder = place.fresh_folder("submits")?;
    let pipelines = fresh(&folder.join("pipelines"))?;
    std::fs::write(pipelines.join("small.yaml"), PIPELINE)?;
    let store = if postgres {
        place.cluster.create("submits")?;
        Some(place.cluster.url_of("submits"))
    } else {
        None
    };
    let server = start(place, &folder, store.as_deref())?;
    // Other numbers than those that count: no two originals are alike.
    let early = |n: usize, request: &mut Vec<u8>| write_submit(usize::MAX - n, request);
    let warm = client::drive(server.address, CALLERS, Until::Time(WARM_UP), 202, &early)?;
    if held {
        hold(server.id())?;
    }
    let answers = client::drive(server.address, CALLERS, Until::Time(MEASURED), 202, &write_submit)?;
    Ok(Round {
        rate: answers.rate(),
        p50: answers.percentile(50),
        p99: answers.percentile(99),
        accepted: (warm.count() + answers.count()) as u64,
        stored: stored(server.address)?,
    })
}

fn start(place: &Place, folder: &Path, store: Option<&str>) -> Result<Server> {
    let data = folder.join("data");
    Server::start(&folder.join("log"), |port| place.serve(port, &data, store))
}

/// Stops the processes that work on images.
fn hold(server: u32) -> Result<()> {
    let executors = children(server);
    if executors.is_empty() {
        bail!("the server has no executors that could be held");
    }
    let executors = executors.iter().map(u32::to_string);
    shell::run(Command::new("kill").arg("-STOP").args(executors))
}

fn write_submit(n: usize, request: &mut Vec<u8>) {
    let picture = picture(n as u64);
    let head = format!(
        "POST /v1/pipelines/small/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/bmp\r\nContent-Length: {}\r\n\r\n",
        picture.len()
    );
    request.extend_from_slice(head.as_bytes());
    request.extend_from_slice(&picture);
}

/// A BMP of 32 by 32 pixels, the first of which are `n`.
fn picture(n: u64) -> Vec<u8> {
    const SIDE: u32 = 32;
    const HEAD: u32 = 54;
    let bytes = SIDE * SIDE * 3;
    let mut picture = Vec::with_capacity((HEAD + bytes) as usize);
    picture.extend_from_slice(b"BM");
    for field in [HEAD + bytes, 0, HEAD, 40, SIDE, SIDE] {
        picture.extend_from_slice(&field.to_le_bytes());
    }
    // One plane of 24 bits a pixel.
    picture.extend_from_slice(&[1, 0, 24, 0]);
    for field in [0, bytes, 2_835, 2_835, 0, 0_u32] {
        picture.extend_from_slice(&field.to_le_bytes());
    }
    picture.extend_from_slice(&n.to_le_bytes());
    picture.extend((8..bytes).map(|at| (at * 7 % 251) as u8));
    picture
}

/// Jobs in every state.
fn stored(address: SocketAddr) -> Result<u64> {
    let counts: Value = serde_json::from_slice(&client::get(address, "/v1/counts")?)?;
    let pipeline = counts["small"].as_object().context("the pipeline has jobs")?;
    Ok(pipeline.values().filter_map(Value::as_u64).sum())
}

fn row(lane: &Lane) -> Result<Row> {
    let of = |figure: fn(&Round) -> f64| {
        let values: Vec<f64> = lane.rounds.iter().map(figure).collect();
        Spread::of(&values).context("at least one round")
    };
    let (p50, p99) = (of(|round| round.p50)?, of(|round| round.p99)?);
    let (accepted, stored) = lane
        .rounds
        .iter()
        .fold((0, 0), |(a, s), round| (a + round.accepted, s + round.stored));
    Ok(Row {
        what: lane.title(),
        ours: format!("p50 {:.1} ms, p99 {:.1} ms", p50.median, p99.median),
        theirs: String::new(),
        figure: of(|round| round.rate)?,
        target: if lane.postgres {
            Target::None
        } else {
            Target::AtLeast(PROMISED)
        },
        outputs: Some(Likeness {
            alike: accepted == stored,
            words: format!("{accepted} accepted : {stored} stored"),
        }),
    })
}

fn figures(lane: &Lane) -> Value {
    let rounds = lane.rounds.iter().map(|round| {
        json!({ "rate": round.rate, "p50_ms": round.p50, "p99_ms": round.p99,
            "accepted": round.accepted, "stored": round.stored })
    });
    json!({ "case": lane.title(), "rounds": rounds.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_whole_and_unlike() {
        assert_eq!(picture(1).len(), 54 + 3_072);
        assert_eq!(picture(1)[2..6], 3_126_u32.to_le_bytes());
        assert_ne!(picture(1), picture(2));
        let mut request = Vec::new();
        write_submit(1, &mut request);
        assert!(request.ends_with(&picture(1)));
    }
}
