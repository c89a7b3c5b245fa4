//! Deleting bytes that nothing refers to: one burier's at a time, never fresh ones, and none of another database.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use storage::blobs::Listed;
use storage::failpoint;
use tokio::sync::Mutex;
use workflow::ports::{BURIAL, Millis, StoreError, Stored};

use super::Jobs;
use super::identity::{self, Owner};
use crate::clock::wall;

/// How many blobs go in one step, so that others get to the database in between.
const AT_ONCE: u32 = 500;
/// So many are deleted at the same time, and their rows go together.
const GROUP: usize = 16;
/// Half of the time for which the marks hold: the rest is for a deletion that is under way.
const HOLD: Duration = Duration::from_millis(BURIAL as u64 / 2);
/// A time of writing that lies further ahead was told by a clock that has been set back since.
const AHEAD: Millis = 600_000;
/// Bytes without a row are given this many times the grace to get one.
const STRAY: Millis = 60;
/// How many of the 256 parts of the blobs a round looks at: all within an hour.
const PARTS: usize = 5;
/// Who waits for somebody else's deletion waits for so long.
pub(super) const USUAL: Duration = Duration::from_secs(15);
/// For a round to end when the server stops.
const STOP: Duration = Duration::from_secs(2);

/// What the rounds of a process share.
#[derive(Debug, Default)]
pub(crate) struct Burials {
    /// Held during a round.
    under_way: Mutex<()>,
    rounds: AtomicUsize,
    /// Groups whose deletion was begun, and those of them that are through for certain.
    begun: AtomicUsize,
    ended: AtomicUsize,
    stopped: AtomicBool,
    foreign: AtomicBool,
}

impl Burials {
    /// The blobs are another database's by now. What is put there may be deleted at any time.
    pub(crate) fn are_foreign(&self) -> bool {
        self.foreign.load(Ordering::Relaxed)
    }

    /// If nothing is being deleted by this process now; `rested` then says whether that has stayed so.
    pub(super) fn rest(&self) -> Option<usize> {
        // In this order: one that begins in between is not taken for one that is through.
        let ended = self.ended.load(Ordering::SeqCst);
        let begun = self.begun.load(Ordering::SeqCst);
        (begun == ended).then_some(begun)
    }

    pub(super) fn rested(&self, since: Option<usize>) -> bool {
        since.is_some() && self.rest() == since
    }

    fn are_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

pub(super) async fn round(jobs: &Jobs) -> Stored<()> {
    let _under_way = jobs.burials.under_way.lock().await;
    if jobs.burials.are_stopped() {
        return Ok(());
    }
    let owner = identity::owner(&*jobs.store, &jobs.blobs, &jobs.identity).await?;
    let is_ours = owner == Owner::Us;
    jobs.burials
        .foreign
        .store(owner == Owner::Another, Ordering::Relaxed);
    if !is_ours {
        tracing::error!("{owner}; none is deleted");
        return Ok(());
    }
    let mut round = Round { jobs, counted: false };
    loop {
        let (at, begun) = (wall(), Instant::now());
        let now = jobs.clock.now();
        let digests = jobs.store.doom(&jobs.worker, AT_ONCE, now).await?;
        let full = digests.len() == AT_ONCE as usize;
        let all_gone = round.bury(Marked { digests, at, begun }).await?;
        // What stayed would come again at once.
        if !full || !all_gone {
            break;
        }
    }
    round
        .strays(jobs.burials.rounds.fetch_add(1, Ordering::Relaxed))
        .await
}

/// Lets the round end that is under way, if it does so soon, and leaves what it did not come to to others. Nothing is
/// freed under a deletion that still runs.
pub(super) async fn stop(jobs: &Jobs) {
    jobs.burials.stopped.store(true, Ordering::Relaxed);
    let freed = async {
        let _none = jobs.burials.under_way.lock().await;
        jobs.store.release(Some(&jobs.worker)).await
    };
    match tokio::time::timeout(STOP, freed).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!("marks of bytes to delete could not be freed: {error}"),
        Err(_) => tracing::warn!("bytes are still being deleted; other servers leave them alone for a while"),
    }
}

/// How long a marked blob stays somebody's at most, where that takes longer than usual: he may be gone.
pub(super) async fn left(jobs: &Jobs, digest: &str) -> Stored<Option<Duration>> {
    let Some(until) = jobs.store.doomed_until(digest).await? else {
        return Ok(None);
    };
    let left = until.saturating_sub(jobs.clock.now());
    let is_usual = left > BURIAL - USUAL.as_millis() as Millis;
    Ok((!is_usual).then(|| Duration::from_millis(left.max(1_000) as u64)))
}

/// What was marked, and when.
struct Marked {
    digests: Vec<String>,
    /// By the clock of those who write bytes, as nothing else can be compared with theirs.
    at: Millis,
    begun: Instant,
}

struct Round<'a> {
    jobs: &'a Jobs,
    /// It has been counted that this round deletes something.
    counted: bool,
}

impl Round<'_> {
    /// Whether nothing stayed. One that cannot be deleted does not keep the others, and is tried again when its mark no
    /// longer holds.
    async fn bury(&mut self, marked: Marked) -> Stored<bool> {
        if marked.digests.is_empty() {
            return Ok(true);
        }
        failpoint::reach("blob-doomed");
        let jobs = self.jobs;
        if let Err(error) = self.count().await {
            // Nothing is deleted, so nobody has to wait for it.
            jobs.store.release(Some(&jobs.worker)).await?;
            return Err(error);
        }
        let (mut spared, mut failed, mut left) = (0, 0, marked.digests.len());
        for group in marked.digests.chunks(GROUP) {
            if marked.begun.elapsed() > HOLD || jobs.burials.are_stopped() {
                break;
            }
            left -= group.len();
            let mut gone = Vec::new();
            for (digest, removed) in remove(jobs, group, marked.at).await {
                match removed {
                    Ok(true) => gone.push(digest.to_owned()),
                    Ok(false) => spared += 1,
                    Err(error) => {
                        if failed == 0 {
                            tracing::error!(
                                digest,
                                "bytes that nothing refers to cannot be deleted: {error}"
                            );
                        }
                        failed += 1;
                    }
                }
            }
            if !gone.is_empty() {
                failpoint::reach("blob-deleted");
                jobs.store.buried(&jobs.worker, &gone).await?;
            }
        }
        if failed > 0 || left > 0 {
            let marked = marked.digests.len();
            tracing::warn!(
                marked,
                failed,
                left,
                "not all bytes that nothing refers to were deleted"
            );
        }
        Ok(spared == 0 && failed == 0 && left == 0)
    }

    /// A copy of the database from before this round knows jobs that it will have no bytes of, or will take new bytes for
    /// strays: it is found out, as it has counted less.
    async fn count(&mut self) -> Stored<()> {
        if self.counted {
            return Ok(());
        }
        let jobs = self.jobs;
        let owner = identity::count(&*jobs.store, &jobs.blobs, &jobs.identity).await?;
        if owner != Owner::Us {
            jobs.store.release(Some(&jobs.worker)).await?;
            return Err(StoreError::Broken(format!("{owner}; none is deleted")));
        }
        self.counted = true;
        Ok(())
    }

    /// Bytes that were written for a job that was then never committed. Each round looks at a part of all.
    async fn strays(&mut self, round: usize) -> Stored<()> {
        let first = round * PARTS;
        for part in first..first + PARTS {
            match self.jobs.blobs.list((part % 256) as u8).await {
                Ok(listed) => {
                    for blob in listed {
                        self.stray(blob).await?;
                    }
                }
                Err(error) => tracing::error!("a part of the blobs cannot be listed: {error}"),
            }
        }
        Ok(())
    }

    async fn stray(&mut self, blob: Listed) -> Stored<()> {
        let jobs = self.jobs;
        let (at, begun, grace) = (wall(), Instant::now(), jobs.grace());
        // Older ones may be another database's.
        let may_be_ours = blob.written_at > jobs.identity.strays_since.saturating_add(grace);
        if !may_be_ours || blob.written_at >= at - STRAY * grace || jobs.burials.are_stopped() {
            return Ok(());
        }
        let digest = &blob.digest;
        let now = jobs.clock.now();
        if jobs.store.doom_stray(&jobs.worker, digest, now).await? {
            tracing::info!(
                digest,
                written_at = blob.written_at,
                "a stray is cleared away: no job refers to it"
            );
            let digests = vec![digest.clone()];
            self.bury(Marked { digests, at, begun }).await?;
        }
        Ok(())
    }
}

/// What became of each.
async fn remove<'a>(jobs: &Jobs, group: &'a [String], marked_at: Millis) -> Vec<(&'a str, Stored<bool>)> {
    jobs.burials.begun.fetch_add(1, Ordering::SeqCst);
    // Made before they are awaited, as each is of the same type then.
    let removals: Vec<_> = group
        .iter()
        .map(|digest| remove_one(jobs, digest, marked_at))
        .collect();
    let removed: Vec<(_, Stored<bool>)> = stream::iter(removals).buffer_unordered(GROUP).collect().await;
    // One that failed, or was given up, may still come to pass: then this process never rests again.
    if removed.iter().all(|(_, removed)| removed.is_ok()) {
        jobs.burials.ended.fetch_add(1, Ordering::SeqCst);
    }
    removed
}

async fn remove_one<'a>(jobs: &Jobs, digest: &'a str, marked_at: Millis) -> (&'a str, Stored<bool>) {
    (digest, try_to_remove(jobs, digest, marked_at).await)
}

/// False if it was spared, as somebody has just put it.
async fn try_to_remove(jobs: &Jobs, digest: &str, marked_at: Millis) -> Stored<bool> {
    let written = jobs.blobs.written_at(digest).await?;
    // It may be put at any time until it is deleted.
    let fresh = marked_at - jobs.grace()..=marked_at + AHEAD;
    if written.is_some_and(|at| fresh.contains(&at)) {
        jobs.store.spare(&jobs.worker, digest).await?;
        return Ok(false);
    }
    if written.is_some() {
        jobs.blobs.delete(digest).await?;
    }
    Ok(true)
}
