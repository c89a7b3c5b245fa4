//! The port `Redrives`: operations that send dead letters through again.
//!
//! A step is one transaction that holds the operation's row, so that several servers may take steps of the same one.
//! What it sent has a row in `redrive_jobs` until it is known how that ended. A job that has one is not forgotten, and
//! one whose number of redrives has grown since then died and was sent by somebody else.

mod advance;

use async_trait::async_trait;
use sqlx::any::AnyRow;
use workflow::ports::{
    Advanced, AuditEntry, Candidates, Millis, NewRedrive, RedriveView, Redrives, Stored, Wanted,
};
use workflow::redrive::Progress;

use super::SqlStore;
use super::fault::{Done, Fault};
use super::filter::Conditions;
use super::letters::candidates;
use super::row::{Arg, Read, rows, texts};
use super::tx::{Tx, Work};
use advance::Advance;

const VIEW: &str = "SELECT asked, progress, total, reason, started_at, finished_at FROM redrives";

#[async_trait]
impl Redrives for SqlStore {
    async fn redrive_candidates(&self, wanted: &Wanted, first: u32, now: Millis) -> Stored<Candidates> {
        let Some(conditions) = Self::told(candidates(wanted, now))? else {
            return Ok(Candidates::default());
        };
        let (text, args) = counted(conditions.clone());
        let counts = Self::read(&self.look(&text, &args).await?, count)?;
        let (text, args) = conditions.statement("SELECT job FROM dead", "died_at, job", first);
        Ok(Candidates {
            by_pipeline: counts.into_iter().collect(),
            first: Self::read(&self.look(&text, &args).await?, |row| row.text("job"))?,
        })
    }

    async fn start_redrive(&self, new: &NewRedrive, entry: &AuditEntry, now: Millis) -> Stored<RedriveView> {
        self.db.transact(&Start { new, entry, now }).await
    }

    async fn redrives(&self, before: Option<&str>, limit: u32) -> Stored<Vec<RedriveView>> {
        let mut conditions = Conditions::default();
        if let Some(before) = before {
            conditions.and("id < $", before);
        }
        let (text, args) = conditions.statement(VIEW, "id DESC", limit);
        Self::read(&self.look(&text, &args).await?, view)
    }

    async fn redrive(&self, id: &str) -> Stored<Option<RedriveView>> {
        let found = self.look(&format!("{VIEW} WHERE id = $1"), &[id.into()]).await?;
        Ok(Self::read(&found, view)?.pop())
    }

    async fn unfinished_redrives(&self) -> Stored<Vec<String>> {
        let found = self
            .look(
                "SELECT id FROM redrives WHERE finished_at IS NULL ORDER BY id",
                &[],
            )
            .await?;
        Self::read(&found, |row| row.text("id"))
    }

    async fn advance_redrive(&self, id: &str, now: Millis) -> Stored<Option<Advanced>> {
        self.db.transact(&Advance { id, now }).await
    }

    async fn cancel_redrive(&self, id: &str, entry: &AuditEntry, now: Millis) -> Stored<Option<RedriveView>> {
        self.db.transact(&Cancel { id, entry, now }).await
    }
}

struct Start<'a> {
    new: &'a NewRedrive,
    entry: &'a AuditEntry,
    now: Millis,
}

#[async_trait]
impl Work for Start<'_> {
    type Out = RedriveView;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<RedriveView> {
        self.check_targets(tx).await?;
        let rules = &self.new.rules;
        let mut total = 0;
        if let Some(conditions) = candidates(&self.new.wanted, self.now)? {
            let (text, args) = counted(conditions);
            for row in &tx.all(&text, &args).await? {
                total += count(row)?.1;
            }
        }
        let redrive = RedriveView {
            asked: self.new.clone(),
            progress: Progress::begin(rules, self.now),
            total: rules.limit.map_or(total, |limit| total.min(limit)),
            reason: None,
            started_at: self.now,
            finished_at: None,
        };
        tx.run(
            "INSERT INTO redrives (id, asked, progress, total, started_at) VALUES ($1, $2, $3, $4, $5)",
            &[
                self.new.id.as_str().into(),
                serde_json::to_string(self.new)?.as_str().into(),
                serde_json::to_string(&redrive.progress)?.as_str().into(),
                i64::try_from(redrive.total).unwrap_or(i64::MAX).into(),
                self.now.into(),
            ],
        )
        .await?;
        tx.note(self.entry).await?;
        Ok(redrive)
    }
}

impl Start<'_> {
    async fn check_targets(&self, tx: &mut Tx<'_>) -> Done<()> {
        let targets: Vec<_> = self.new.wanted.targets.iter().collect();
        if targets.is_empty() {
            return Ok(());
        }
        let known = tx
            .all(
                "SELECT pipeline FROM plans WHERE (pipeline, digest) IN (SELECT value->>0, value->>1 FROM rows($1))",
                &[rows(&targets)?],
            )
            .await?;
        let known = texts(&known)?;
        match targets.iter().find(|(pipeline, _)| !known.contains(pipeline)) {
            Some((pipeline, plan)) => Err(Fault::Data(format!(
                "the plan {plan} of the pipeline `{pipeline}` is not in the store"
            ))),
            None => Ok(()),
        }
    }
}

struct Cancel<'a> {
    id: &'a str,
    entry: &'a AuditEntry,
    now: Millis,
}

#[async_trait]
impl Work for Cancel<'_> {
    type Out = Option<RedriveView>;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Option<RedriveView>> {
        let Some(mut redrive) = lock(tx, self.id).await? else {
            return Ok(None);
        };
        if redrive.progress.cancel() {
            redrive.reason = Some(format!("cancelled by {}", self.entry.who));
            save(tx, &mut redrive, self.now).await?;
            tx.note(self.entry).await?;
        }
        Ok(Some(redrive))
    }
}

async fn lock(tx: &mut Tx<'_>, id: &str) -> Done<Option<RedriveView>> {
    let found = tx
        .all(&format!("{VIEW} WHERE id = $1 FOR UPDATE"), &[id.into()])
        .await?;
    found.first().map(view).transpose()
}

/// Writes what became of it, and forgets its jobs when all of them have ended.
async fn save(tx: &mut Tx<'_>, redrive: &mut RedriveView, now: Millis) -> Done<()> {
    let id = redrive.asked.id.as_str();
    if redrive.progress.is_finished() {
        redrive.finished_at = Some(now);
        tx.run("DELETE FROM redrive_jobs WHERE redrive = $1", &[id.into()])
            .await?;
    }
    let progress = serde_json::to_string(&redrive.progress)?;
    tx.each(
        "UPDATE redrives SET progress = b_progress, reason = b_reason, finished_at = b_finished_at
         FROM (SELECT value->>0 AS b_id, value->>1 AS b_progress, value->>2 AS b_reason,
             CAST(value->>3 AS BIGINT) AS b_finished_at FROM rows($1)) AS b
         WHERE id = b_id",
        rows(&[(id, progress, &redrive.reason, redrive.finished_at)])?,
    )
    .await?;
    Ok(())
}

fn counted(conditions: Conditions) -> (String, Vec<Arg>) {
    conditions.grouped("SELECT pipeline, COUNT(*) AS n FROM dead", "pipeline")
}

fn count(row: &AnyRow) -> Done<(String, u64)> {
    Ok((row.text("pipeline")?, row.size("n")?))
}

fn view(row: &AnyRow) -> Done<RedriveView> {
    Ok(RedriveView {
        asked: row.json("asked")?,
        progress: row.json("progress")?,
        total: row.size("total")?,
        reason: row.maybe_text("reason")?,
        started_at: row.int("started_at")?,
        finished_at: row.maybe_int("finished_at")?,
    })
}
