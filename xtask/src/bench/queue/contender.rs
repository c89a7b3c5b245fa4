//! Who takes part, where each keeps its jobs, and how it is called.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::place::Place;
use super::redis::Redis;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    Sqlite,
    Postgres,
    /// apalis on SQLite.
    Apalis,
    /// pg-boss on the same PostgreSQL.
    PgBoss,
    /// BullMQ on Redis that syncs before it answers.
    BullMq,
    /// The same, but what was acknowledged within the last second may be lost.
    BullMqLazy,
}

/// The database of a contender, with nothing in it.
pub(super) enum Database {
    File(PathBuf),
    Postgres(&'static str),
    Redis(Redis),
}

impl Contender {
    pub(super) const ALL: [Self; 6] = [
        Self::Sqlite,
        Self::Postgres,
        Self::Apalis,
        Self::PgBoss,
        Self::BullMq,
        Self::BullMqLazy,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "Stopbath on SQLite",
            Self::Postgres => "Stopbath on PostgreSQL",
            Self::Apalis => "apalis on SQLite",
            Self::PgBoss => "pg-boss on PostgreSQL",
            Self::BullMq => "BullMQ on Redis, synced always",
            Self::BullMqLazy => "BullMQ on Redis, synced every second (not durable)",
        }
    }

    /// Of `all` jobs, those that it is given. apalis completes a job the more slowly the more of them there are, so fewer
    /// show it at its best, and end within minutes.
    pub(super) fn jobs(self, all: usize) -> usize {
        match self {
            Self::Apalis => (all / 1_000).max(1) * 100,
            _ => all,
        }
    }

    pub(super) fn database(self, place: &Place) -> Result<Database> {
        let postgres = |name: &'static str| -> Result<Database> {
            place.cluster.create(name)?;
            Ok(Database::Postgres(name))
        };
        let file = |name: &str| -> Result<Database> {
            let folder = place.fresh_folder(name)?;
            Ok(Database::File(folder.join("jobs.db")))
        };
        let redis = |sync: &str| -> Result<Database> {
            let redis = Redis::start(&place.fresh_folder("redis")?, sync)?;
            Ok(Database::Redis(redis))
        };
        match self {
            Self::Sqlite => file("sqlite"),
            Self::Apalis => file("apalis-sqlite"),
            Self::Postgres => postgres("stopbath"),
            Self::PgBoss => postgres("pgboss"),
            Self::BullMq => redis("always"),
            Self::BullMqLazy => redis("everysec"),
        }
    }

    /// `mode` is `run` or `idle`.
    pub(super) fn command(self, place: &Place, mode: &str, database: &Database) -> Command {
        match self {
            Self::Sqlite | Self::Postgres => {
                let mut command = Command::new(&place.queue_bench);
                command.arg(mode).arg(database.url(place));
                command
            }
            Self::Apalis => {
                let mut command = Command::new(&place.apalis);
                command
                    .arg(mode)
                    .arg(database.url(place).trim_start_matches("sqlite:"));
                command
            }
            Self::PgBoss => {
                let mut command = place.node("pgboss.mjs");
                command.arg(mode).arg(place.cluster.folder()).arg("pgboss");
                command
            }
            Self::BullMq | Self::BullMqLazy => {
                let mut command = place.node("bullmq.mjs");
                command.arg(mode).arg(database.url(place));
                command
            }
        }
    }
}

impl Database {
    /// A path where no URL is wanted.
    pub(super) fn url(&self, place: &Place) -> String {
        match self {
            Self::File(file) => format!("sqlite:{}", file.display()),
            Self::Postgres(name) => place.cluster.url_of(name),
            Self::Redis(redis) => redis.socket().display().to_string(),
        }
    }
}
