//! The ends of attempts, a batch at a time.
//!
//! A settlement counts only under the lease that the job has now. Jobs, results and dead letters are written first;
//! then the breakers hear what the attempts say, and jobs that want to wait for one are parked, or go on at once if
//! it is closed by now. Breakers come last because all transactions that used a plugin queue for its row.

use std::collections::BTreeSet;

use workflow::breaker;
use workflow::job::Event;
use workflow::ports::{Blob, End, Lease, Settled, Settlement, StoredRendition};

use super::additions::Additions;
use super::blobs::Held;
use super::breakers::Bank;
use super::fault::Done;
use super::hot::Jobs;
use super::row::rows;
use super::tx::Tx;
use super::writer::Ask;

pub(super) type Settle = Ask<Settlement, Settled>;
pub(super) type Heartbeat = Ask<Vec<Lease>, Vec<Lease>>;

/// Which leases are still held; they live on. The others are the answer.
pub(super) async fn heartbeats(tx: &mut Tx<'_>, asks: &[Heartbeat], jobs: &Jobs) -> Done<Vec<Vec<Lease>>> {
    let mut beats = Vec::new();
    let mut answers = Vec::with_capacity(asks.len());
    for ask in asks {
        let held = |lease: &&Lease| jobs.get(&lease.job).is_some_and(|job| job.is_held(lease.number));
        let (alive, lost): (Vec<_>, Vec<_>) = ask.input.iter().partition(held);
        beats.extend(alive.into_iter().map(|lease| (&lease.job, ask.now)));
        answers.push(lost.into_iter().cloned().collect());
    }
    tx.each(
        "UPDATE jobs SET heartbeat_at = b_now
         FROM (SELECT value->>0 AS b_id, CAST(value->>1 AS BIGINT) AS b_now FROM rows($1)) AS b WHERE id = b_id",
        rows(&beats)?,
    )
    .await?;
    Ok(answers)
}

/// Those that nobody else has settled, each job once; `None` is stale.
pub(super) fn fresh<'a>(asks: &'a [Settle], jobs: &Jobs) -> Vec<Option<&'a Settle>> {
    let mut seen = BTreeSet::new();
    let is_fresh = |ask: &&Settle| {
        let lease = &ask.input.lease;
        let held = jobs.get(&lease.job).is_some_and(|job| job.is_held(lease.number));
        held && seen.insert(lease.job.clone())
    };
    let mut is_fresh = is_fresh;
    asks.iter().map(|ask| Some(ask).filter(&mut is_fresh)).collect()
}

/// The blobs of all renditions.
pub(super) fn blobs<'a>(fresh: &[Option<&'a Settle>]) -> impl Iterator<Item = &'a Blob> {
    fresh
        .iter()
        .flatten()
        .flat_map(|ask| renditions(&ask.input.end))
        .map(|rendition| &rendition.blob)
}

pub(super) fn renditions(end: &End) -> &[StoredRendition] {
    match end {
        End::Succeeded { renditions, .. } => renditions,
        _ => &[],
    }
}

pub(super) async fn run(
    tx: &mut Tx<'_>,
    fresh: &[Option<&Settle>],
    jobs: &mut Jobs,
    held: &Held,
) -> Done<Vec<Settled>> {
    let (answers, sound) = judge(fresh, held);
    if sound.is_empty() {
        return Ok(answers);
    }
    let stored = sound.iter().flat_map(|ask| renditions(&ask.input.end));
    tx.keep(held, stored.map(|rendition| &rendition.blob)).await?;

    let (waiting, ended): (Vec<&Settle>, Vec<&Settle>) = sound
        .iter()
        .partition(|ask| matches!(ask.input.end, End::Parked { .. }));
    let mut additions = Additions::default();
    for ask in &ended {
        if let Some(job) = jobs.get_mut(&ask.input.lease.job) {
            additions.end(ask, job, &mut tx.tally)?;
        }
    }
    tx.write_jobs(ended.iter().filter_map(|ask| jobs.get(&ask.input.lease.job)))
        .await?;
    additions.write(tx).await?;
    announce(tx, &ended, jobs).await?;
    tell_breakers(tx, &sound, &waiting, jobs).await?;
    Ok(answers)
}

/// The answers as far as they are known by now, and those that nothing speaks against.
pub(super) fn judge<'a>(fresh: &[Option<&'a Settle>], held: &Held) -> (Vec<Settled>, Vec<&'a Settle>) {
    let answers: Vec<Settled> = fresh.iter().map(|ask| answer(*ask, held)).collect();
    let sound = fresh
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| **answer == Settled::Done);
    let sound: Vec<&'a Settle> = sound.filter_map(|(ask, _)| *ask).collect();
    (answers, sound)
}

fn answer(ask: Option<&Settle>, held: &Held) -> Settled {
    let Some(ask) = ask else {
        return Settled::Stale;
    };
    let blobs = renditions(&ask.input.end).iter().map(|rendition| &rendition.blob);
    held.doomed(blobs).map_or(Settled::Done, Settled::Doomed)
}

pub(super) async fn announce(tx: &mut Tx<'_>, ended: &[&Settle], jobs: &Jobs) -> Done<()> {
    let mut all = Vec::with_capacity(ended.len());
    for &ask in ended {
        let job = jobs.get(&ask.input.lease.job);
        all.extend(job.map(|job| (job, renditions(&ask.input.end))));
    }
    tx.announce(&all).await
}

pub(super) async fn tell_breakers(
    tx: &mut Tx<'_>,
    sound: &[&Settle],
    waiting: &[&Settle],
    jobs: &mut Jobs,
) -> Done<()> {
    let mut bank = Bank::default();
    for ask in sound {
        for seen in &ask.input.observations {
            bank.want(&seen.plugin, &seen.title);
        }
        if let End::Parked { plugin } = &ask.input.end {
            bank.want(plugin, plugin);
        }
    }
    bank.open(tx).await?;
    for ask in sound {
        for seen in &ask.input.observations {
            let event = breaker::Event::Outcome {
                original: seen.original.clone(),
                ok: seen.ok,
                settings: seen.settings,
                pass: seen.pass,
            };
            bank.tell(tx, &seen.plugin, &event, ask.now).await?;
        }
    }
    for ask in waiting {
        if let (Some(job), End::Parked { plugin }) = (jobs.get_mut(&ask.input.lease.job), &ask.input.end) {
            // It may have closed since the worker looked, and then nobody would release the job.
            if bank.admits(plugin) {
                job.hear(Event::GiveBack, ask.now, &mut tx.tally);
            } else {
                job.park(plugin, ask.now, &mut tx.tally);
            }
        }
    }
    tx.write_jobs(waiting.iter().filter_map(|ask| jobs.get(&ask.input.lease.job)))
        .await?;
    bank.save(tx).await
}
