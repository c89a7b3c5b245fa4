//! Connections: which database an address means, how it is set up, and its schema.
//!
//! SQLite has one connection that writes and some that only read; in memory both are one and the same. The settings
//! of PostgreSQL make it plan every statement for its arguments: a plan that is right for any of them is wrong here.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions, install_default_drivers};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, AssertSqlSafe, ConnectOptions, Connection, Executor, SqlSafeStr};
use workflow::ports::{StoreError, Stored};

use super::Options;
use super::dialect::Dialect;
use super::fault::Fault;
use super::ready::{self, Ready};
use super::tx::Db;

/// How long a caller waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that was used so recently is not asked first whether it still works.
const TRUST: Duration = Duration::from_secs(1);

/// `synchronous = FULL` makes a commit durable; the rest is for speed.
const SQLITE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; \
    PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536; \
    PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864;";

const SQLITE_READER: &str = "PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY; PRAGMA query_only = ON;";

const POSTGRES_READER: &str = "SET plan_cache_mode = force_custom_plan; SET jit = off;";

/// What is written is found by key or along an index, however small the tables still are. A process that stands still
/// in the middle of a transaction does not keep its locks. A commit is on the disk when it returns, also where the
/// server's setting leaves that for later; a stronger one stays.
const POSTGRES: &str = "SET plan_cache_mode = force_custom_plan; SET jit = off; SET random_page_cost = 1.1; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
    SET idle_in_transaction_session_timeout = '15s'; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';";

pub(super) async fn open(url: &str, options: Options) -> Stored<Db> {
    install_default_drivers();
    let dialect = dialect(url)?;
    let in_memory = url == "sqlite::memory:";
    let address = match dialect {
        Dialect::Sqlite if !in_memory => sqlite_address(url)?,
        _ => url.to_owned(),
    };
    let (writers, writer, reader) = match dialect {
        Dialect::Sqlite => (1, SQLITE, SQLITE_READER),
        // Beside the writer tasks there are the transactions that are not hot.
        Dialect::Postgres => (options.writers.max(1) + 4, POSTGRES, POSTGRES_READER),
    };
    let opened = async {
        let write = pool(&address, dialect, writers, writer).await?;
        migrator(dialect)
            .run(&write)
            .await
            .map_err(|error| Fault::Sql(error.into()))?;
        let read = if in_memory {
            write.clone()
        } else {
            pool(&address, dialect, options.readers.max(1), reader).await?
        };
        Ok((write, read))
    };
    let (write, read) = opened.await.map_err(|fault: Fault| fault.told(false))?;
    let alone = dialect == Dialect::Sqlite;
    let db = Db {
        dialect,
        write,
        read,
        in_memory,
        shards: 0.into(),
        claimed: 0.into(),
        idle: false.into(),
        ready: Arc::new(Ready::new(alone)),
        tasks: Mutex::default(),
    };
    if !alone {
        ready::share(&db, url).await.map_err(|fault| fault.told(false))?;
    }
    Ok(db)
}

fn dialect(url: &str) -> Stored<Dialect> {
    match url.split(':').next() {
        Some("sqlite") => Ok(Dialect::Sqlite),
        Some("postgres" | "postgresql") => Ok(Dialect::Postgres),
        _ => Err(StoreError::Broken(
            "the address of the store begins neither with `sqlite:` nor with `postgres://`".into(),
        )),
    }
}

/// Makes the folder, and writes the path so that every character of it survives.
fn sqlite_address(url: &str) -> Stored<String> {
    let rest = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = Path::new(rest.strip_prefix("//").unwrap_or(rest));
    let unusable = |error: std::io::Error| {
        StoreError::Broken(format!("the database {} cannot be used: {error}", path.display()))
    };
    let path = std::path::absolute(path).map_err(unusable)?;
    if let Some(folder) = path.parent() {
        crate::disk::make_folder(folder).map_err(unusable)?;
    }
    let mut address = String::from("sqlite://");
    for &byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            address.push(char::from(byte));
        } else {
            address.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
    address.push_str("?mode=rwc");
    Ok(address)
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or('0')
}

async fn pool(address: &str, dialect: Dialect, most: u32, settings: &'static str) -> Result<AnyPool, Fault> {
    let options: AnyConnectOptions = address.parse()?;
    let pool = AnyPoolOptions::new()
        .max_connections(most)
        .min_connections(1)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false);
    let pool = match dialect {
        Dialect::Sqlite => pool.idle_timeout(None).max_lifetime(None),
        Dialect::Postgres => pool.before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > TRUST {
                    connection.ping().await?;
                }
                Ok(true)
            })
        }),
    };
    let pool = pool.after_connect(move |connection, _| {
        Box::pin(async move {
            connection.execute(AssertSqlSafe(settings.to_owned())).await?;
            Ok(())
        })
    });
    Ok(pool.connect_with(options.disable_statement_logging()).await?)
}

fn migrator(dialect: Dialect) -> Migrator {
    let jobs = include_str!("../../migrations/0001_jobs.sql");
    let mut all = vec![migration(1, "jobs", dialect.schema(jobs))];
    if dialect == Dialect::Postgres {
        let tuning = include_str!("../../migrations/0002_postgres.sql");
        all.push(migration(2, "postgres", tuning.to_owned()));
    }
    let webhooks = include_str!("../../migrations/0003_webhooks.sql");
    all.push(migration(3, "webhooks", dialect.schema(webhooks)));
    let redrives = include_str!("../../migrations/0004_redrives.sql");
    all.push(migration(4, "redrives", dialect.schema(redrives)));
    let claims = include_str!("../../migrations/0005_claims.sql");
    all.push(migration(5, "claims", dialect.schema(claims)));
    let replays = include_str!("../../migrations/0006_replays.sql");
    all.push(migration(6, "replays", dialect.schema(replays)));
    Migrator::with_migrations(all)
}

fn migration(version: i64, title: &'static str, text: String) -> Migration {
    let text = AssertSqlSafe(text).into_sql_str();
    Migration::new(version, title.into(), MigrationType::Simple, text, false)
}
