//! Accepting jobs: a whole batch of submissions with a handful of statements.
//!
//! First it is decided for each submission what becomes of it, then those that are new are written together. A
//! submission is stored completely or not at all.

use std::collections::{BTreeMap, BTreeSet};

use workflow::job::State;
use workflow::ports::{Accepted, Blob, Millis, NewJob, RequestKey, Submission};

use super::blobs::Held;
use super::fair::Turn;
use super::fault::{Done, Fault};
use super::replay;
use super::row::{Read, column, rows};
use super::tally::number;
use super::tx::Tx;
use super::writer::Ask;

pub(super) type Enqueue = Ask<Submission, Accepted>;

/// Requests that came before, with their fingerprints and jobs.
type Earlier = BTreeMap<(String, String), (String, Vec<String>)>;

/// The originals of all submissions.
pub(super) fn originals(asks: &[Enqueue]) -> impl Iterator<Item = &Blob> {
    let jobs = asks.iter().flat_map(|ask| &ask.input.jobs);
    jobs.map(|job| &job.original)
}

/// `careful`: some job may be stored already, because an earlier answer got lost.
pub(super) async fn run(
    tx: &mut Tx<'_>,
    asks: &[Enqueue],
    held: &Held,
    careful: bool,
) -> Done<Vec<Accepted>> {
    if asks.is_empty() {
        return Ok(Vec::new());
    }
    let mut earlier = earlier(tx, asks).await?;
    let stored = if careful {
        stored(tx, asks).await?
    } else {
        BTreeSet::new()
    };
    let answers = decide(asks, &mut earlier, held, &stored);
    let new: Vec<&Enqueue> = asks
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| **answer == Accepted::New)
        .map(|(ask, _)| ask)
        .collect();
    tx.keep(held, originals_of(&new)).await?;
    insert_requests(tx, &new).await?;
    replay::note(tx, &replayed(asks, &answers, &earlier)).await?;
    insert_jobs(tx, &new).await?;
    Ok(answers)
}

/// Those that are answered by their key with jobs of before. Their own were stored a moment ago, and nobody else was told.
fn replayed<'a>(asks: &'a [Enqueue], answers: &[Accepted], earlier: &Earlier) -> Vec<&'a RequestKey> {
    asks.iter()
        .zip(answers)
        .filter(|(ask, answer)| matches!(answer, Accepted::Before(ids) if !ask.input.is_of(ids)))
        .filter_map(|(ask, _)| ask.input.request.as_ref())
        .filter(|request| earlier.contains_key(&key(request)))
        .collect()
}

fn decide(asks: &[Enqueue], earlier: &mut Earlier, held: &Held, stored: &BTreeSet<String>) -> Vec<Accepted> {
    let answer = |ask: &Enqueue| {
        let jobs = &ask.input.jobs;
        let ids = || jobs.iter().map(|job| job.id.clone()).collect::<Vec<_>>();
        let before = ask
            .input
            .request
            .as_ref()
            .and_then(|request| earlier.get(&key(request)));
        match (before, &ask.input.request) {
            (Some((fingerprint, ids)), Some(request)) if *fingerprint == request.fingerprint => {
                return Accepted::Before(ids.clone());
            }
            (Some(_), _) => return Accepted::Conflict,
            _ => {}
        }
        if jobs.iter().any(|job| stored.contains(&job.id)) {
            return Accepted::Before(ids());
        }
        if let Some(digest) = held.doomed(jobs.iter().map(|job| &job.original)) {
            return Accepted::Doomed(digest);
        }
        if let Some(request) = &ask.input.request {
            earlier.insert(key(request), (request.fingerprint.clone(), ids()));
        }
        Accepted::New
    };
    asks.iter().map(answer).collect()
}

fn key(request: &RequestKey) -> (String, String) {
    (request.owner.clone(), request.key.clone())
}

fn originals_of<'a>(asks: &'a [&'a Enqueue]) -> impl Iterator<Item = &'a Blob> {
    jobs_of(asks).map(|(job, _)| &job.original)
}

fn jobs_of<'a>(asks: &'a [&'a Enqueue]) -> impl Iterator<Item = (&'a NewJob, Millis)> {
    asks.iter()
        .flat_map(|ask| ask.input.jobs.iter().map(move |job| (job, ask.now)))
}

async fn earlier(tx: &mut Tx<'_>, asks: &[Enqueue]) -> Done<Earlier> {
    let requests = asks.iter().filter_map(|ask| ask.input.request.as_ref());
    let keys: Vec<_> = requests.map(|request| (&request.owner, &request.key)).collect();
    if keys.is_empty() {
        return Ok(Earlier::new());
    }
    let found = tx
        .all(
            "SELECT owner, request_key, fingerprint, jobs FROM requests
             WHERE (owner, request_key) IN (SELECT value->>0, value->>1 FROM rows($1))",
            &[rows(&keys)?],
        )
        .await?;
    let requests = found.iter().map(|row| {
        let key = (row.text("owner")?, row.text("request_key")?);
        Ok((key, (row.text("fingerprint")?, row.json("jobs")?)))
    });
    requests.collect()
}

async fn stored(tx: &mut Tx<'_>, asks: &[Enqueue]) -> Done<BTreeSet<String>> {
    let ids = asks
        .iter()
        .flat_map(|ask| &ask.input.jobs)
        .map(|job| job.id.as_str());
    let found = tx
        .all(
            "SELECT id FROM jobs WHERE id IN (SELECT value->>0 FROM rows($1))",
            &[column(ids)?],
        )
        .await?;
    Ok(super::row::texts(&found)?.into_iter().collect())
}

/// Whoever stored the same key at this moment was first, so everything is decided again.
async fn insert_requests(tx: &mut Tx<'_>, new: &[&Enqueue]) -> Done<()> {
    let mut requests = Vec::new();
    for ask in new {
        let Some(request) = &ask.input.request else {
            continue;
        };
        let ids: Vec<_> = ask.input.jobs.iter().map(|job| job.id.as_str()).collect();
        let first = ids.first().copied().unwrap_or_default();
        let all = serde_json::to_string(&ids)?;
        let RequestKey {
            owner,
            key,
            fingerprint,
        } = request;
        requests.push((owner, key, fingerprint, first, all, ask.now));
    }
    requests.sort();
    let made = tx
        .each(
            "INSERT INTO requests (owner, request_key, fingerprint, job, jobs, at)
             SELECT value->>0, value->>1, value->>2, value->>3, value->>4, CAST(value->>5 AS BIGINT) FROM rows($1)
             WHERE true ON CONFLICT (owner, request_key) DO NOTHING",
            rows(&requests)?,
        )
        .await?;
    if made < requests.len() as u64 {
        return Err(Fault::Race);
    }
    Ok(())
}

async fn insert_jobs(tx: &mut Tx<'_>, new: &[&Enqueue]) -> Done<()> {
    let jobs: Vec<_> = jobs_of(new).collect();
    let wanted: Vec<_> = jobs.iter().map(|(job, _)| turn(job)).collect();
    let turns = tx.turns(&wanted).await?;
    for (job, _) in &jobs {
        tx.tally.count(&job.pipeline, State::Queued, 1);
    }
    let jobs: Vec<_> = jobs.into_iter().zip(turns).collect();
    let values: Vec<_> = jobs.iter().map(columns).collect();
    tx.each(INSERT, rows(&values)?).await?;
    let uses: Vec<_> = jobs
        .iter()
        .map(|((job, _), _)| (&job.original.digest, &job.id))
        .collect();
    tx.each(
        "INSERT INTO originals (digest, job) SELECT value->>0, value->>1 FROM rows($1)",
        rows(&uses)?,
    )
    .await?;
    Ok(())
}

fn turn(job: &NewJob) -> Turn<'_> {
    Turn {
        owner: &job.owner,
        lane: job.lane,
        cost: job.cost,
    }
}

const INSERT: &str = "INSERT INTO jobs
    (id, pipeline, plan, original, length, lane, owner, filename, turn, cost, submitted_at, state)
    SELECT value->>0, value->>1, value->>2, value->>3, CAST(value->>4 AS BIGINT), CAST(value->>5 AS BIGINT),
        value->>6, value->>7, CAST(value->>8 AS BIGINT), CAST(value->>9 AS BIGINT), CAST(value->>10 AS BIGINT),
        'queued'
    FROM rows($1)";

fn columns<'a>(((job, now), turn): &((&'a NewJob, Millis), i64)) -> impl serde::Serialize + use<'a> {
    (
        &job.id,
        &job.pipeline,
        &job.plan,
        &job.original.digest,
        job.original.length,
        number(job.lane),
        &job.owner,
        &job.filename,
        *turn,
        job.cost,
        *now,
    )
}
