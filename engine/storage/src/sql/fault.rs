//! What can go wrong in a transaction, and what the caller is told.
//!
//! A fault that another try may mend is one of five: busy, a deadlock, a serialization failure, a race that the code
//! itself noticed, and a connection that was lost before its commit. Everything else goes up as a `StoreError` with
//! its class.

use sqlx::error::DatabaseError;
use workflow::ports::StoreError;

pub(super) type Done<T> = Result<T, Fault>;

#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// Somebody else was faster; the transaction must run again from its start.
    #[error("another transaction came between")]
    Race,
    /// A row or an argument that cannot be.
    #[error("{0}")]
    Data(String),
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Data(error.to_string())
    }
}

impl Fault {
    /// The same transaction may work now.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Race => true,
            Self::Sql(sqlx::Error::Database(error)) => is_busy(error.as_ref()),
            _ => false,
        }
    }

    /// The connection is gone, and with it all that was not committed; another one may work now.
    pub(super) fn is_lost_connection(&self) -> bool {
        match self {
            Self::Sql(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => true,
            Self::Sql(sqlx::Error::Database(error)) => {
                // Ended by a person, or by a server that stops or crashes.
                let ended = ["57P01", "57P02", "25P03", "08006"];
                postgres(error.as_ref()).is_some_and(|code| ended.contains(&code.as_str()))
            }
            _ => false,
        }
    }

    /// For the caller. `maybe_done`: it happened while committing.
    pub(super) fn told(&self, maybe_done: bool) -> StoreError {
        let message = self.to_string();
        match self {
            Self::Sql(sqlx::Error::Database(error)) if is_full(error.as_ref()) => StoreError::Full(message),
            _ if self.is_outage() => StoreError::Unavailable { message, maybe_done },
            _ => StoreError::Broken(message),
        }
    }

    /// Neither the statement nor its arguments are to blame.
    fn is_outage(&self) -> bool {
        match self {
            Self::Race => true,
            Self::Data(_) => false,
            Self::Sql(sqlx::Error::Database(error)) => is_down(error.as_ref()),
            Self::Sql(error) => matches!(
                error,
                sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::Protocol(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
                    | sqlx::Error::BeginFailed
            ),
        }
    }
}

/// SQLite's primary result code; `None` for PostgreSQL, whose codes have five characters.
fn sqlite(error: &dyn DatabaseError) -> Option<u32> {
    let code = error.code()?;
    let number = code.parse::<u32>().ok().filter(|_| code.len() < 5)?;
    Some(number & 0xff)
}

fn postgres(error: &dyn DatabaseError) -> Option<String> {
    let code = error.code()?;
    (code.len() == 5).then(|| code.into_owned())
}

/// `SQLITE_BUSY` and `SQLITE_LOCKED`; a serialization failure and a deadlock of PostgreSQL.
fn is_busy(error: &dyn DatabaseError) -> bool {
    matches!(sqlite(error), Some(5 | 6)) || matches!(postgres(error).as_deref(), Some("40001" | "40P01"))
}

/// `SQLITE_FULL`; `disk_full` of PostgreSQL.
fn is_full(error: &dyn DatabaseError) -> bool {
    sqlite(error) == Some(13) || postgres(error).as_deref() == Some("53100")
}

/// It is not the statement's fault: I/O, permissions and memory of SQLite; connections, resources, shutdown, locks,
/// a standby and I/O of PostgreSQL.
fn is_down(error: &dyn DatabaseError) -> bool {
    let lost = ["08", "25006", "53", "55", "57", "58"];
    is_busy(error)
        || matches!(sqlite(error), Some(3 | 7 | 8 | 10 | 14))
        || postgres(error).is_some_and(|code| lost.iter().any(|class| code.starts_with(class)))
}
