//! The hot row of a job: locked and read, changed by the transition table, written back.
//!
//! This is the one place where a job that exists changes its state, but for `claim` and `success`, which are one
//! statement each. What is not a row of `workflow::job::TRANSITIONS` changes nothing here.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use sqlx::any::AnyRow;
use workflow::failure::Failure;
use workflow::job::{self, Event, State};
use workflow::ports::{Lane, Millis};

use super::fault::{Done, Fault};
use super::row::{Arg, Read, column, rows};
use super::tally::{self, Tally};
use super::tx::Tx;

/// The fields are the columns, in the order of [`READ`].
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Hot {
    pub(super) id: String,
    pub(super) state: State,
    pub(super) pipeline: String,
    pub(super) plan: String,
    /// Digest.
    pub(super) original: String,
    /// Of the original, in bytes.
    pub(super) length: u64,
    #[serde(deserialize_with = "lane")]
    pub(super) lane: Lane,
    pub(super) owner: String,
    pub(super) filename: Option<String>,
    pub(super) turn: i64,
    pub(super) cost: u32,
    pub(super) lease: i64,
    pub(super) worker: Option<String>,
    pub(super) heartbeat_at: Option<Millis>,
    pub(super) due_at: Option<Millis>,
    pub(super) errors: u32,
    pub(super) rescues: u32,
    pub(super) redrives: u32,
    #[serde(deserialize_with = "truth")]
    pub(super) pass: bool,
    pub(super) parked_on: Option<String>,
    pub(super) submitted_at: Millis,
    pub(super) started_at: Option<Millis>,
    pub(super) finished_at: Option<Millis>,
    /// JSON.
    pub(super) failure: Option<String>,
}

/// Rows under lock, by id.
pub(super) type Jobs = BTreeMap<String, Hot>;

const READ: &str = "SELECT all[id, state, pipeline, plan, original, length, lane, owner, filename, turn, cost, lease, \
    worker, heartbeat_at, due_at, errors, rescues, redrives, pass, parked_on, submitted_at, started_at, finished_at, failure] \
    AS jobs FROM";

fn lane<'de, D: Deserializer<'de>>(value: D) -> Result<Lane, D::Error> {
    Ok(tally::lane(i64::deserialize(value)?))
}

fn truth<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    Ok(i64::deserialize(value)? != 0)
}

impl Hot {
    /// Goes on to the next state and counts it; `false` if the event means nothing in this one.
    pub(super) fn hear(&mut self, event: Event, now: Millis, tally: &mut Tally) -> bool {
        let Some(next) = job::after(self.state, event) else {
            return false;
        };
        tally.count(&self.pipeline, self.state, -1);
        tally.count(&self.pipeline, next, 1);
        if let Some(plugin) = self.parked_on.take() {
            tally.park(&plugin, -1);
        }
        self.state = next;
        self.due_at = None;
        self.heartbeat_at = None;
        self.finished_at = next.is_end().then_some(now);
        true
    }

    /// Waits for the breaker of this plugin from now on.
    pub(super) fn park(&mut self, plugin: &str, now: Millis, tally: &mut Tally) -> bool {
        let parked = self.hear(Event::Park, now, tally);
        if parked {
            tally.park(plugin, 1);
            self.parked_on = Some(plugin.to_owned());
            self.pass = false;
        }
        parked
    }

    pub(super) fn fail(&mut self, failure: &Failure) -> Done<()> {
        self.failure = Some(serde_json::to_string(failure)?);
        Ok(())
    }

    /// This worker's, under this lease.
    pub(super) fn is_held(&self, lease: i64) -> bool {
        self.state == State::Running && self.lease == lease
    }
}

/// The column `state`.
pub(super) fn state(row: &AnyRow) -> Done<State> {
    let name = row.text("state")?;
    name.parse()
        .map_err(|error| Fault::Data(format!("a job is broken: {error}")))
}

impl Tx<'_> {
    /// Locks jobs in the order of their ids, so that transactions cannot wait in a circle.
    pub(super) async fn lock<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>) -> Done<Jobs> {
        let ids = column(ids)?;
        self.lock_where(
            "WHERE id IN (SELECT value->>0 FROM rows($1)) ORDER BY id FOR UPDATE",
            &[ids],
        )
        .await
    }

    /// The condition says how to lock.
    pub(super) async fn lock_where(&mut self, condition: &str, args: &[Arg]) -> Done<Jobs> {
        if matches!(args, [Arg::Text(none)] if none == "[]") {
            return Ok(Jobs::new());
        }
        let statement = format!("{READ} (SELECT * FROM jobs {condition}) AS found");
        let mut jobs = Jobs::new();
        for row in self.all(&statement, args).await? {
            let found: Vec<Hot> = row.json("jobs")?;
            jobs.extend(found.into_iter().map(|job| (job.id.clone(), job)));
        }
        Ok(jobs)
    }

    /// Writes back everything that may have changed.
    pub(super) async fn write_jobs<'a>(&mut self, jobs: impl IntoIterator<Item = &'a Hot>) -> Done<()> {
        let changed: Vec<_> = jobs.into_iter().map(columns).collect();
        self.each(WRITE, rows(&changed)?).await?;
        Ok(())
    }
}

const WRITE: &str = "UPDATE jobs SET
        state = b_state, plan = b_plan, turn = b_turn, heartbeat_at = b_heartbeat_at, due_at = b_due_at,
        errors = b_errors, rescues = b_rescues, redrives = b_redrives, pass = b_pass, parked_on = b_parked_on,
        finished_at = b_finished_at, failure = b_failure
    FROM (SELECT
        value->>0 AS b_id, value->>1 AS b_state, value->>2 AS b_plan, CAST(value->>3 AS BIGINT) AS b_turn,
        CAST(value->>4 AS BIGINT) AS b_heartbeat_at, CAST(value->>5 AS BIGINT) AS b_due_at,
        CAST(value->>6 AS BIGINT) AS b_errors, CAST(value->>7 AS BIGINT) AS b_rescues,
        CAST(value->>8 AS BIGINT) AS b_redrives, CAST(value->>9 AS BIGINT) AS b_pass,
        value->>10 AS b_parked_on, CAST(value->>11 AS BIGINT) AS b_finished_at, value->>12 AS b_failure
        FROM rows($1)) AS b
    WHERE id = b_id";

fn columns(job: &Hot) -> impl serde::Serialize + '_ {
    (
        &job.id,
        job.state.name(),
        &job.plan,
        job.turn,
        job.heartbeat_at,
        job.due_at,
        job.errors,
        job.rescues,
        job.redrives,
        u8::from(job.pass),
        &job.parked_on,
        job.finished_at,
        &job.failure,
    )
}
