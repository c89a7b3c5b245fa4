//! Dead letters as people handle them: look, let go, send through again. Who sends which and when is in `redrives`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::any::AnyRow;
use workflow::job::{Event, State};
use workflow::ports::{
    AuditEntry, Blob, DeadGroup, DeadLetter, DeadLetters, Filter, Millis, Purged, Stored, Wanted,
};

use super::SqlStore;
use super::dead::Groups;
use super::fair::Turn;
use super::fault::Done;
use super::filter::Conditions;
use super::hot::{Hot, Jobs};
use super::row::{Read, column, texts};
use super::tx::{Tx, Work};

const LETTER: &str = "SELECT job, pipeline, plan, original, length, filename, failure, fingerprint, died_at, redrives \
    FROM dead";

/// How far the clocks of servers may be apart, in milliseconds.
const SKEW: Millis = 60_000;

#[async_trait]
impl DeadLetters for SqlStore {
    async fn groups(&self, before: Option<&str>, limit: u32) -> Stored<Vec<DeadGroup>> {
        let mut conditions = Conditions::default();
        if let Some(before) = before {
            conditions.and(
                "(last_at, fingerprint) < (SELECT last_at, fingerprint FROM dead_groups WHERE fingerprint = $)",
                before,
            );
        }
        let select = "SELECT fingerprint, pipeline, n, first_at, last_at, failure FROM dead_groups";
        let (text, args) = conditions.statement(select, "last_at DESC, fingerprint DESC", limit);
        Self::read(&self.look(&text, &args).await?, group)
    }

    async fn letter(&self, job: &str) -> Stored<Option<DeadLetter>> {
        let found = self
            .look(&format!("{LETTER} WHERE job = $1"), &[job.into()])
            .await?;
        Ok(Self::read(&found, letter)?.pop())
    }

    async fn letters(&self, filter: &Filter, before: Option<&str>, limit: u32) -> Stored<Vec<DeadLetter>> {
        let Some(mut conditions) = Self::told(conditions(filter))? else {
            return Ok(Vec::new());
        };
        if let Some(before) = before {
            conditions.and(
                "(died_at, job) < (SELECT died_at, job FROM dead WHERE job = $)",
                before,
            );
        }
        let (text, args) = conditions.statement(LETTER, "died_at DESC, job DESC", limit);
        Self::read(&self.look(&text, &args).await?, letter)
    }

    async fn purge(&self, filter: &Filter, limit: u32, entry: &AuditEntry, now: Millis) -> Stored<Purged> {
        let purge = Purge {
            filter,
            limit,
            entry,
            now,
        };
        self.db.transact(&purge).await
    }
}

/// `None` if no letter can fit.
fn conditions(filter: &Filter) -> Done<Option<Conditions>> {
    if filter.state.is_some_and(|state| state != State::Dead) {
        return Ok(None);
    }
    let mut conditions = Conditions::default();
    conditions.ids(filter, "job")?;
    if let Some(pipeline) = &filter.pipeline {
        conditions.and("pipeline = $", pipeline.as_str());
    }
    if let Some(fingerprint) = &filter.fingerprint {
        conditions.and("fingerprint = $", fingerprint.as_str());
    }
    Ok(Some(conditions))
}

/// Locks the jobs of the oldest letters that fit. There may be more of them if `limit` were found, although somebody
/// else may have taken some.
async fn lock_dead(tx: &mut Tx<'_>, conditions: Conditions, limit: u32) -> Done<(Jobs, bool)> {
    let (text, args) = conditions.statement("SELECT job FROM dead", "died_at, job", limit);
    let ids = texts(&tx.all(&text, &args).await?)?;
    let mut jobs = tx.lock(ids.iter().map(String::as_str)).await?;
    jobs.retain(|_, job| job.state == State::Dead);
    Ok((jobs, ids.len() == limit as usize))
}

/// Writes jobs whose letters were purged, and drops their originals. Nobody is told: their end was told when they died.
/// Blobs before letters, as where jobs end.
async fn let_go(tx: &mut Tx<'_>, jobs: &Jobs) -> Done<()> {
    let loose = tx.drop_originals(jobs.values()).await?;
    tx.loosen(&loose).await?;
    finish(tx, jobs).await
}

/// Takes letters away and counts their groups down.
async fn remove(tx: &mut Tx<'_>, jobs: &[&str]) -> Done<()> {
    let removed = tx
        .all(
            "DELETE FROM dead WHERE job IN (SELECT value->>0 FROM rows($1))
             RETURNING fingerprint, pipeline, failure, died_at",
            &[column(jobs.iter().copied())?],
        )
        .await?;
    let mut groups = Groups::default();
    for row in &removed {
        let (fingerprint, pipeline) = (row.text("fingerprint")?, row.text("pipeline")?);
        groups.count(
            &fingerprint,
            &pipeline,
            &row.text("failure")?,
            row.int("died_at")?,
            -1,
        );
    }
    groups.write(tx).await
}

struct Purge<'a> {
    filter: &'a Filter,
    limit: u32,
    entry: &'a AuditEntry,
    now: Millis,
}

#[async_trait]
impl Work for Purge<'_> {
    type Out = Purged;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Purged> {
        let Some(conditions) = conditions(self.filter)? else {
            return Ok(Purged::default());
        };
        let (mut jobs, more) = lock_dead(tx, conditions, self.limit).await?;
        for job in jobs.values_mut() {
            job.hear(Event::Purge, self.now, &mut tx.tally);
        }
        let_go(tx, &jobs).await?;
        if !jobs.is_empty() {
            let mut entry = self.entry.clone();
            if let Some(detail) = entry.detail.as_object_mut() {
                detail.insert("letters".to_owned(), jobs.len().into());
            }
            tx.note(&entry).await?;
        }
        let jobs = jobs.into_keys().collect();
        Ok(Purged { jobs, more })
    }
}

/// Letters that may be sent through again; `None` if none can. Those that are named may have died at any time, and of the
/// others those that died until then, as clocks have it.
pub(super) fn candidates(wanted: &Wanted, died_until: Millis) -> Done<Option<Conditions>> {
    let Some(mut conditions) = conditions(&wanted.filter)? else {
        return Ok(None);
    };
    conditions.and("redrives < $", wanted.most);
    if wanted.filter.ids.is_empty() {
        conditions.and("died_at <= $", died_until.saturating_add(SKEW));
    }
    if !wanted.targets.is_empty() {
        let pipelines = column(wanted.targets.keys().map(String::as_str))?;
        conditions.and("pipeline IN (SELECT value->>0 FROM rows($))", pipelines);
    }
    Ok(Some(conditions))
}

/// Sends up to `limit` letters through again, oldest first, at the plan of their pipeline if there is one in `targets`.
/// Gives back which, and whether there may be more.
pub(super) async fn send_again(
    tx: &mut Tx<'_>,
    conditions: Conditions,
    targets: &BTreeMap<String, String>,
    limit: u32,
    now: Millis,
) -> Done<(Jobs, bool)> {
    let (mut jobs, more) = lock_dead(tx, conditions, limit).await?;
    let wanted: Vec<_> = jobs.values().map(turn).collect();
    let turns = tx.turns(&wanted).await?;
    for (job, turn) in jobs.values_mut().zip(turns) {
        job.hear(Event::Redrive, now, &mut tx.tally);
        job.turn = turn;
        (job.errors, job.rescues, job.pass) = (0, 0, false);
        job.redrives += 1;
        if let Some(plan) = targets.get(&job.pipeline) {
            plan.clone_into(&mut job.plan);
        }
    }
    // What the attempt that failed said is no result of the next one.
    tx.each(
        "DELETE FROM reports WHERE job IN (SELECT value->>0 FROM rows($1))",
        column(jobs.keys().map(String::as_str))?,
    )
    .await?;
    finish(tx, &jobs).await?;
    Ok((jobs, more))
}

fn turn(job: &Hot) -> Turn<'_> {
    Turn {
        owner: &job.owner,
        lane: job.lane,
        cost: job.cost,
    }
}

/// Writes jobs that are dead no longer.
pub(super) async fn finish(tx: &mut Tx<'_>, jobs: &Jobs) -> Done<()> {
    tx.write_jobs(jobs.values()).await?;
    let ids: Vec<&str> = jobs.keys().map(String::as_str).collect();
    remove(tx, &ids).await
}

fn group(row: &AnyRow) -> Done<DeadGroup> {
    Ok(DeadGroup {
        fingerprint: row.text("fingerprint")?,
        pipeline: row.text("pipeline")?,
        count: row.size("n")?,
        first_at: row.int("first_at")?,
        last_at: row.int("last_at")?,
        failure: row.json("failure")?,
    })
}

fn letter(row: &AnyRow) -> Done<DeadLetter> {
    Ok(DeadLetter {
        job: row.text("job")?,
        pipeline: row.text("pipeline")?,
        plan: row.text("plan")?,
        original: Blob {
            digest: row.text("original")?,
            length: row.size("length")?,
        },
        filename: row.maybe_text("filename")?,
        failure: row.json("failure")?,
        fingerprint: row.text("fingerprint")?,
        died_at: row.int("died_at")?,
        redrives: row.count("redrives")?,
    })
}
