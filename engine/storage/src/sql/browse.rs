//! Looking at jobs: by key or along an index, never by counting.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::any::AnyRow;
use workflow::job::State;
use workflow::ports::{
    AttemptError, Blob, Browse, Filter, JobResult, JobView, Millis, Stored, StoredRendition,
};

use super::SqlStore;
use super::dialect::Dialect;
use super::fault::Done;
use super::filter::Conditions;
use super::hot::state;
use super::row::Read;
use super::tally::lane;

const VIEW: &str = "SELECT id, jobs.state AS state, pipeline, plan, original, length, lane, owner, filename, errors, \
    rescues, submitted_at, started_at, finished_at, due_at, worker, COALESCE(title, parked_on) AS parked_for, failure \
    FROM jobs LEFT JOIN breakers ON plugin = parked_on";

#[async_trait]
impl Browse for SqlStore {
    async fn job(&self, id: &str) -> Stored<Option<JobView>> {
        let found = self.look(&format!("{VIEW} WHERE id = $1"), &[id.into()]).await?;
        Ok(Self::read(&found, view)?.pop())
    }

    async fn result(&self, id: &str) -> Stored<Option<JobResult>> {
        let found = self
            .look("SELECT body FROM reports WHERE job = $1", &[id.into()])
            .await?;
        let Some(report) = Self::read(&found, |row| row.json("body"))?.pop() else {
            return Ok(None);
        };
        let found = self
            .look(
                "SELECT name, blob, length, media_type, width, height, step_key FROM renditions WHERE job = $1
                 ORDER BY name",
                &[id.into()],
            )
            .await?;
        let renditions = Self::read(&found, rendition)?;
        Ok(Some(JobResult { renditions, report }))
    }

    async fn errors(&self, id: &str) -> Stored<Vec<AttemptError>> {
        let found = self
            .look(
                "SELECT at, worker, failure FROM errors WHERE job = $1 ORDER BY lease",
                &[id.into()],
            )
            .await?;
        Self::read(&found, |row| {
            Ok(AttemptError {
                at: row.int("at")?,
                worker: row.text("worker")?,
                failure: row.json("failure")?,
            })
        })
    }

    async fn keeps_original(&self, id: &str) -> Stored<bool> {
        let kept =
            "SELECT job FROM originals WHERE (digest, job) IN (SELECT original, id FROM jobs WHERE id = $1)";
        self.any(kept, &[id.into()]).await
    }

    async fn jobs(&self, filter: &Filter, before: Option<&str>, limit: u32) -> Stored<Vec<JobView>> {
        let pieces = self.pieces(filter).await?;
        if let [(pipeline, state)] = pieces.as_slice() {
            let conditions = Self::told(conditions(filter, pipeline.as_deref(), *state, before))?;
            return self.views(conditions, limit).await;
        }
        // Of several pieces only the ids are merged, which the index alone has: a whole row is many times as much.
        let mut ids = Vec::new();
        for (pipeline, state) in pieces {
            let conditions = Self::told(conditions(filter, pipeline.as_deref(), state, before))?;
            let (text, args) = conditions.statement("SELECT id FROM jobs", "id DESC", limit);
            ids.extend(Self::read(&self.look(&text, &args).await?, |row| row.text("id"))?);
        }
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.truncate(limit as usize);
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let these = Filter {
            ids,
            ..Filter::default()
        };
        self.views(Self::told(conditions(&these, None, None, None))?, limit)
            .await
    }

    async fn counts(&self) -> Stored<BTreeMap<String, BTreeMap<State, u64>>> {
        let found = self
            .look(
                "SELECT pipeline, state, CAST(SUM(n) AS BIGINT) AS n FROM counters GROUP BY pipeline, state",
                &[],
            )
            .await?;
        let mut counts: BTreeMap<String, BTreeMap<State, u64>> = BTreeMap::new();
        for (pipeline, state, n) in Self::read(&found, |row| {
            Ok((row.text("pipeline")?, state(row)?, row.size("n")?))
        })? {
            if n > 0 {
                counts.entry(pipeline).or_default().insert(state, n);
            }
        }
        Ok(counts)
    }

    async fn oldest_waiting(&self) -> Stored<Option<Millis>> {
        // Ids sort by time.
        let found = self
            .look(
                "SELECT MIN((SELECT submitted_at FROM jobs
                             WHERE jobs.pipeline = known.pipeline AND state = 'queued' ORDER BY id LIMIT 1)) AS oldest
                 FROM (SELECT DISTINCT pipeline FROM counters WHERE state = 'queued') AS known",
                &[],
            )
            .await?;
        Ok(Self::read(&found, |row| row.maybe_int("oldest"))?.pop().flatten())
    }

    async fn now(&self) -> Stored<Option<Millis>> {
        if self.db.dialect == Dialect::Sqlite {
            return Ok(None);
        }
        let found = self
            .look(
                "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now",
                &[],
            )
            .await?;
        Ok(Self::read(&found, |row| row.int("now"))?.pop())
    }
}

impl SqlStore {
    /// Newest first.
    async fn views(&self, conditions: Conditions, limit: u32) -> Stored<Vec<JobView>> {
        let (text, args) = conditions.statement(VIEW, "id DESC", limit);
        Self::read(&self.look(&text, &args).await?, view)
    }

    /// Jobs in one state of one pipeline stand together in an index. So a question about one of the two is a question
    /// about each value of the other, and all answers together are sorted.
    async fn pieces(&self, filter: &Filter) -> Stored<Vec<(Option<String>, Option<State>)>> {
        let pipeline = filter.pipeline.clone();
        if !filter.ids.is_empty() {
            return Ok(vec![(pipeline, filter.state)]);
        }
        match (pipeline, filter.state) {
            (Some(pipeline), None) => {
                let pieces = State::ALL.map(|state| (Some(pipeline.clone()), Some(state)));
                Ok(pieces.to_vec())
            }
            (None, Some(state)) => {
                let known = "SELECT DISTINCT pipeline FROM counters WHERE state = $1";
                let found = self.look(known, &[state.name().into()]).await?;
                Self::read(&found, |row| Ok((Some(row.text("pipeline")?), Some(state))))
            }
            piece => Ok(vec![piece]),
        }
    }
}

fn conditions(
    filter: &Filter,
    pipeline: Option<&str>,
    state: Option<State>,
    before: Option<&str>,
) -> Done<Conditions> {
    let mut conditions = Conditions::default();
    conditions.ids(filter, "id")?;
    if let Some(pipeline) = pipeline {
        conditions.and("pipeline = $", pipeline);
    }
    if let Some(state) = state {
        conditions.and("jobs.state = $", state.name());
    }
    if let Some(fingerprint) = &filter.fingerprint {
        conditions.and(
            "id IN (SELECT job FROM dead WHERE fingerprint = $)",
            fingerprint.as_str(),
        );
    }
    if let Some(before) = before {
        conditions.and("id < $", before);
    }
    Ok(conditions)
}

fn view(row: &AnyRow) -> Done<JobView> {
    let failure = row.maybe_text("failure")?;
    Ok(JobView {
        id: row.text("id")?,
        state: state(row)?,
        pipeline: row.text("pipeline")?,
        plan: row.text("plan")?,
        original: Blob {
            digest: row.text("original")?,
            length: row.size("length")?,
        },
        lane: lane(row.int("lane")?),
        owner: row.text("owner")?,
        filename: row.maybe_text("filename")?,
        errors: row.count("errors")?,
        rescues: row.count("rescues")?,
        submitted_at: row.int("submitted_at")?,
        started_at: row.maybe_int("started_at")?,
        finished_at: row.maybe_int("finished_at")?,
        due_at: row.maybe_int("due_at")?,
        worker: row.maybe_text("worker")?,
        parked_for: row.maybe_text("parked_for")?,
        failure: failure.map(|json| serde_json::from_str(&json)).transpose()?,
    })
}

fn rendition(row: &AnyRow) -> Done<StoredRendition> {
    Ok(StoredRendition {
        name: row.text("name")?,
        blob: Blob {
            digest: row.text("blob")?,
            length: row.size("length")?,
        },
        media_type: row.text("media_type")?,
        width: row.count("width")?,
        height: row.count("height")?,
        key: row.text("step_key")?,
    })
}
