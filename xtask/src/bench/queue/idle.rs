//! What a database does while a consumer waits for jobs that never come.
//!
//! All of them hear of jobs at once and look seldom: Stopbath and pg-boss listen to PostgreSQL, BullMQ blocks. Only
//! apalis has nobody to tell it across processes, and looks every second. SQLite is part of its consumer, and nobody
//! counts its statements from outside; its reads and writes of files are.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::contender::{Contender, Database};
use super::place::Place;
use super::usage::Usage;
use crate::bench::report::{Report, Row, Spread, Target};
use crate::bench::server::Server;

/// Nothing is counted yet: everybody comes to rest. A server waits until it is sure of the database's clock.
const REST: Duration = Duration::from_secs(5);
const SERVER_REST: Duration = Duration::from_mins(1);
const WATCHED: Duration = Duration::from_secs(20);

/// In a second.
struct Load {
    title: String,
    /// Transactions of PostgreSQL, commands of Redis, reads and writes of SQLite.
    asked: f64,
    database_ms: f64,
    consumer_ms: f64,
}

/// What waits for jobs, and ends with this.
enum Consumer {
    Process(Child),
    Server(Server),
}

/// Contenders with the server of each store between them, which has more to look after than a queue.
const WATCH: [(Contender, bool); 7] = [
    (Contender::Postgres, true),
    (Contender::Postgres, false),
    (Contender::PgBoss, false),
    (Contender::BullMq, false),
    (Contender::Sqlite, true),
    (Contender::Sqlite, false),
    (Contender::Apalis, false),
];

pub(super) fn run(place: &Place, report: &mut Report) -> Result<Value> {
    let mut loads = Vec::new();
    for (contender, served) in WATCH {
        eprintln!("idle: {}", title(contender, served));
        loads.push(watch(place, contender, served).with_context(|| title(contender, served))?);
    }
    let [pg_served, pg, pg_boss, bullmq, lite_served, lite, apalis] = loads.as_slice() else {
        bail!("one load for each that was watched");
    };
    let asked = |load: &Load| load.asked;
    let all = |load: &Load| load.database_ms + load.consumer_ms;
    report.section(
        "Idle: transactions a second on PostgreSQL",
        &[
            row(pg, pg_boss, asked, "/s")?,
            row(pg_served, pg_boss, asked, "/s")?,
        ],
    );
    report.section(
        "Idle: processor time of database and consumer, ms a second",
        &[
            row(pg, pg_boss, all, "ms")?,
            row(pg_served, pg_boss, all, "ms")?,
            row(pg, bullmq, all, "ms")?,
            row(lite, apalis, all, "ms")?,
            row(lite_served, apalis, all, "ms")?,
        ],
    );
    let mut rows = vec![
        [
            "idle",
            "asked of the database /s",
            "database, ms/s",
            "consumer, ms/s",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    rows.extend(loads.iter().map(|load| {
        let figures = [load.asked, load.database_ms, load.consumer_ms].map(|figure| format!("{figure:.2}"));
        std::iter::once(load.title.clone())
            .chain(figures)
            .collect::<Vec<_>>()
    }));
    report.plain("Idle, everything", &rows);
    Ok(loads.iter().map(figures).collect())
}

fn title(contender: Contender, served: bool) -> String {
    let server = if served { ", `stopbath serve`" } else { "" };
    format!("{}{server}", contender.title())
}

fn watch(place: &Place, contender: Contender, served: bool) -> Result<Load> {
    let database = contender.database(place)?;
    let consumer = if served {
        Consumer::Server(serve(place, &database)?)
    } else {
        Consumer::Process(start(&mut contender.command(place, "idle", &database))?)
    };
    std::thread::sleep(if served { SERVER_REST } else { REST });
    let asked = asked(place, &database)?;
    let (process, apart) = (consumer.id(), server_of(place, &database)?);
    let before = (Usage::of(process), apart.map(Usage::of).unwrap_or_default());
    std::thread::sleep(WATCHED);
    let consumed = Usage::of(process).since(before.0);
    let used = apart.map(Usage::of).unwrap_or_default().since(before.1);
    let asked = match apart {
        Some(_) => self::asked(place, &database)? - asked,
        None => consumed.calls,
    };
    let seconds = WATCHED.as_secs_f64();
    Ok(Load {
        title: title(contender, served),
        asked: asked / seconds,
        database_ms: used.cpu_ms / seconds,
        consumer_ms: consumed.cpu_ms / seconds,
    })
}

/// A consumer that says when it is ready.
fn start(command: &mut Command) -> Result<Child> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().context("its output is piped")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    if line.trim() != "ready" {
        drop(child.kill());
        drop(child.wait());
        bail!("the consumer says `{}`", line.trim());
    }
    Ok(child)
}

fn serve(place: &Place, database: &Database) -> Result<Server> {
    let folder = place.fresh_folder("idle-server")?;
    let data = folder.join("data");
    Server::start(&folder.join("log"), |port| {
        place.serve(port, &data, Some(database.url(place).as_str()))
    })
}

/// The database's own process, if it has one.
fn server_of(place: &Place, database: &Database) -> Result<Option<u32>> {
    Ok(match database {
        Database::File(_) => None,
        Database::Postgres(_) => Some(place.cluster.process()?),
        Database::Redis(redis) => Some(redis.id()),
    })
}

/// What it was asked so far. This question is put to another database, or is one in twenty seconds.
fn asked(place: &Place, database: &Database) -> Result<f64> {
    match database {
        Database::File(_) => Ok(0.0),
        Database::Redis(redis) => redis.commands(),
        Database::Postgres(name) => {
            let count =
                format!("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{name}'");
            Ok(place.cluster.ask("postgres", &count)?.trim().parse()?)
        }
    }
}

/// Less than the peer is the promise.
fn row(ours: &Load, peer: &Load, figure: fn(&Load) -> f64, unit: &str) -> Result<Row> {
    Ok(Row {
        what: format!("{} : {}", ours.title, peer.title),
        ours: format!("{:.2} {unit}", figure(ours)),
        theirs: format!("{:.2} {unit}", figure(peer)),
        figure: Spread::of(&[figure(ours)]).context("one figure")?,
        target: Target::Below(figure(peer)),
        outputs: None,
    })
}

fn figures(load: &Load) -> Value {
    json!({
        "contender": load.title,
        "asked_per_second": load.asked,
        "database_ms_per_second": load.database_ms,
        "consumer_ms_per_second": load.consumer_ms,
    })
}

impl Consumer {
    fn id(&self) -> u32 {
        match self {
            Self::Process(child) => child.id(),
            Self::Server(server) => server.id(),
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // A server ends by itself.
        if let Self::Process(child) = self {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
