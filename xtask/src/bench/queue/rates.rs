//! Jobs a second: enqueued one a call, enqueued a hundred a call, and claimed and completed with their results kept.
//!
//! Each contender starts with an empty database in each round. One that has not kept all results did not do the work.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::contender::Contender;
use super::place::Place;
use crate::bench::alike::Likeness;
use crate::bench::report::{Report, Row, Spread, Target};
use crate::shell;

/// What one run of a contender says, in jobs a second.
struct Rates {
    single: f64,
    batch: f64,
    work: f64,
    /// Jobs that have ended and still have their results.
    kept: usize,
}

struct Lane {
    contender: Contender,
    rounds: Vec<Rates>,
}

type Part = (&'static str, fn(&Rates) -> f64);

const PARTS: [Part; 3] = [
    ("enqueue, one a call, 64 callers", |rates| rates.single),
    ("enqueue, 100 a call", |rates| rates.batch),
    ("claim and complete, in batches", |rates| rates.work),
];

/// Ours, the peer, and whether to be ahead was promised.
const PAIRS: [(Contender, Contender, Target); 5] = [
    (Contender::Sqlite, Contender::Apalis, Target::AtLeast(1.0)),
    (Contender::Postgres, Contender::PgBoss, Target::AtLeast(1.0)),
    (Contender::Sqlite, Contender::BullMq, Target::AtLeast(1.0)),
    (Contender::Postgres, Contender::BullMq, Target::AtLeast(1.0)),
    (Contender::Sqlite, Contender::BullMqLazy, Target::None),
];

/// Claimed and completed a second on PostgreSQL.
const PROMISED: f64 = 8_000.0;

pub(super) fn run(place: &Place, jobs: usize, rounds: usize, report: &mut Report) -> Result<Value> {
    let mut lanes = Contender::ALL.map(|contender| Lane {
        contender,
        rounds: Vec::new(),
    });
    for round in 0..rounds {
        for turn in 0..lanes.len() {
            // Who comes first changes from round to round.
            let lane = &mut lanes[(turn + round) % Contender::ALL.len()];
            eprintln!("round {} of {rounds}: {}", round + 1, lane.contender.title());
            lane.rounds.push(measure(place, lane.contender, jobs)?);
        }
    }
    let lane = |contender: Contender| lanes.iter().find(|lane| lane.contender == contender);
    for (title, part) in PARTS {
        let mut rows = Vec::new();
        for (ours, peer, target) in PAIRS {
            let (ours, peer) = (lane(ours).context("ours")?, lane(peer).context("the peer")?);
            rows.push(row(ours, peer, part, target, jobs)?);
        }
        report.section(&format!("{title}: jobs a second, times the peer's"), &rows);
    }
    report.section(
        "Claim and complete on PostgreSQL, jobs a second",
        &[promise(lane(Contender::Postgres).context("ours")?)?],
    );
    Ok(lanes.iter().map(figures).collect())
}

fn measure(place: &Place, contender: Contender, jobs: usize) -> Result<Rates> {
    let database = contender.database(place)?;
    let mut command = contender.command(place, "run", &database);
    let answer = shell::output(command.arg(contender.jobs(jobs).to_string()))?;
    let answer: Value = serde_json::from_str(&answer)?;
    let number = |name: &str| {
        answer[name]
            .as_f64()
            .with_context(|| format!("{} says `{name}`", contender.title()))
    };
    Ok(Rates {
        single: number("single")?,
        batch: number("batch")?,
        work: number("work")?,
        kept: number("kept")? as usize,
    })
}

fn row(ours: &Lane, peer: &Lane, part: fn(&Rates) -> f64, target: Target, jobs: usize) -> Result<Row> {
    let values = |lane: &Lane| lane.rounds.iter().map(part).collect::<Vec<_>>();
    let (a, b) = (values(ours), values(peer));
    let shown =
        |values: &[f64]| Spread::of(values).map_or_else(String::new, |s| format!("{:.0} /s", s.median));
    let kept = |lane: &Lane| lane.rounds.iter().map(|rates| rates.kept).min().unwrap_or(0);
    Ok(Row {
        what: format!("{} : {}", ours.contender.title(), peer.contender.title()),
        ours: shown(&a),
        theirs: shown(&b),
        figure: Spread::of_ratios(&a, &b).context("at least one round")?,
        target,
        outputs: Some(Likeness {
            alike: [ours, peer]
                .iter()
                .all(|lane| kept(lane) == 2 * lane.contender.jobs(jobs)),
            words: format!("{} : {} results kept", kept(ours), kept(peer)),
        }),
    })
}

fn promise(lane: &Lane) -> Result<Row> {
    let values: Vec<f64> = lane.rounds.iter().map(|rates| rates.work).collect();
    let figure = Spread::of(&values).context("at least one round")?;
    Ok(Row {
        what: lane.contender.title().to_owned(),
        ours: format!("{:.0} /s", figure.median),
        theirs: String::new(),
        figure,
        target: Target::AtLeast(PROMISED),
        outputs: None,
    })
}

fn figures(lane: &Lane) -> Value {
    let rounds = lane.rounds.iter().map(|rates| {
        json!({ "single": rates.single, "batch": rates.batch, "work": rates.work, "kept": rates.kept })
    });
    json!({ "contender": lane.contender.title(), "rounds": rounds.collect::<Vec<_>>() })
}
