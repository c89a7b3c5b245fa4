//! Requests a second and peak memory: `stopbath serve` against ipx and thumbor.
//!
//! Every request asks for another width, so that no cache can answer. Peers read the original from a file and
//! are told its name; Stopbath gets its bytes with the request. For a set of renditions peers need one request
//! each, Stopbath one for all; originals are counted.

mod cases;
mod contender;

use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use anyhow::{Context, Result};

use self::cases::{CASES, Case, write_pipelines};
use self::contender::Contender;
use super::alike;
use super::lab::Lab;
use super::load;
use super::memory::Watch;
use super::report::{Report, Row, Spread, Target};
use super::server::Server;

const KINDS: [Contender; 3] = [Contender::Stopbath, Contender::Ipx, Contender::Thumbor];

/// A running server, and what was measured of it in one case.
struct Lane {
    kind: Contender,
    server: Server,
    rates: Vec<f64>,
    peak_mb: f64,
}

pub(super) fn run(lab: &Lab, report: &mut Report) -> Result<()> {
    let folder = lab.fresh_folder("http")?;
    write_pipelines(&folder.join("pipelines"))?;
    let (mut speed, mut memory) = (Vec::new(), Vec::new());
    for case in &CASES {
        let lanes = measure(lab, &folder, case)?;
        let [ours, peers @ ..] = lanes.as_slice() else {
            continue;
        };
        for (peer, target) in peers.iter().zip(case.targets) {
            speed.push(speed_row(lab, &folder, case, ours, peer, target)?);
            memory.push(memory_row(case, ours, peer)?);
        }
    }
    let title = format!(
        "HTTP: originals a second at concurrency {}, times faster than the peer",
        load::CONCURRENCY
    );
    report.section(&title, &speed);
    report.section("HTTP: peak memory of the process tree, MB", &memory);
    Ok(())
}

/// Servers start anew for each case, so that its peak is its own. All of them stand; one at a time works.
fn measure(lab: &Lab, folder: &Path, case: &Case) -> Result<Vec<Lane>> {
    let mut lanes = Vec::new();
    for kind in KINDS {
        let log = folder.join(format!("{}.log", kind.name()));
        let server = Server::start(&log, |port| kind.command(lab, folder, port))?;
        lanes.push(Lane {
            kind,
            server,
            rates: Vec::new(),
            peak_mb: 0.0,
        });
    }
    let body = case.original(lab)?;
    let counter = AtomicUsize::new(0);
    let slice = Duration::from_secs_f64(if lab.quick { 1.5 } else { 4.0 });
    let drive = |lane: &Lane| {
        let work = |n| lane.kind.requests(case, cases::width(n), &body);
        load::drive(lane.server.address, slice, &counter, &work).with_context(|| lane.kind.name().to_owned())
    };
    // The first slice warms up and is watched; watching costs time, so it does not count.
    for lane in &mut lanes {
        let watch = Watch::start(lane.server.id());
        drive(lane)?;
        lane.peak_mb = watch.peak();
    }
    for round in 0..lab.rounds {
        for place in 0..lanes.len() {
            // Who comes first changes from round to round.
            let index = (place + round) % lanes.len();
            let rate = drive(&lanes[index])?;
            lanes[index].rates.push(rate);
        }
    }
    for lane in &mut lanes {
        let watch = Watch::start(lane.server.id());
        drive(lane)?;
        lane.peak_mb = lane.peak_mb.max(watch.peak());
    }
    Ok(lanes)
}

fn speed_row(lab: &Lab, folder: &Path, case: &Case, ours: &Lane, peer: &Lane, target: f64) -> Result<Row> {
    let rate = |lane: &Lane| Spread::of(&lane.rates).map_or(0.0, |spread| spread.median);
    Ok(Row {
        what: format!("{} : {}", case.title, peer.kind.name()),
        ours: format!("{:.1} /s", rate(ours)),
        theirs: format!("{:.1} /s", rate(peer)),
        figure: Spread::of_ratios(&ours.rates, &peer.rates).context("at least one round")?,
        target: Target::AtLeast(target),
        outputs: Some(compare(lab, folder, case, ours, peer)?),
    })
}

/// Below ipx is the promise; thumbor is shown beside it.
fn memory_row(case: &Case, ours: &Lane, peer: &Lane) -> Result<Row> {
    let below = matches!(peer.kind, Contender::Ipx);
    Ok(Row {
        what: format!("{} : {}", case.title, peer.kind.name()),
        ours: format!("{:.0} MB", ours.peak_mb),
        theirs: format!("{:.0} MB", peer.peak_mb),
        figure: Spread::of(&[ours.peak_mb]).context("one peak")?,
        target: if below {
            Target::Below(peer.peak_mb)
        } else {
            Target::None
        },
        outputs: None,
    })
}

/// The outputs of both for the case's middle width.
fn compare(lab: &Lab, folder: &Path, case: &Case, ours: &Lane, peer: &Lane) -> Result<alike::Likeness> {
    let body = case.original(lab)?;
    let facts = |lane: &Lane| {
        let mut files = Vec::new();
        for (n, request) in lane.kind.requests(case, cases::MIDDLE, &body).iter().enumerate() {
            let file = folder.join(format!("{}-{n}", lane.kind.name()));
            std::fs::write(&file, load::fetch(lane.server.address, request)?)?;
            files.push(file);
        }
        let files: Vec<&Path> = files.iter().map(AsRef::as_ref).collect();
        alike::measure(lab, &lab.picture(case.picture), &files)
    };
    alike::judge(&facts(ours)?, &facts(peer)?)
}
