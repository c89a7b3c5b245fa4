//! Deleting bytes that nothing refers to: one burier's at a time, never fresh ones, and none of another database.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use storage::blobs::Listed;
use workflow::ports::{BURIAL, Millis, Stored};

use super::{Jobs, identity};
use crate::clock::wall;

/// How many blobs go in one step, so that others get to the database in between.
const AT_ONCE: u32 = 500;
/// So many rows go together, after their bytes.
const GROUP: usize = 20;
/// Half of the time for which the marks hold: the rest is for a deletion that is under way.
const HOLD: Duration = Duration::from_millis(BURIAL as u64 / 2);
/// Bytes that were put so shortly before they were marked, or since then, are about to be referred to again. Clocks
/// may differ by as much.
const FRESH: Millis = 60_000;
/// Bytes without a row are given this time to get one.
const STRAY: Millis = 3_600_000;
/// How many of the 256 parts of the blobs a round looks at: all within an hour.
const PARTS: usize = 5;

/// What was marked, and when.
struct Marked {
    digests: Vec<String>,
    /// By the clock of those who write bytes, as nothing else can be compared with theirs.
    at: Millis,
    begun: Instant,
}

pub(super) async fn round(jobs: &Jobs) -> Stored<()> {
    if !identity::are_ours(&jobs.blobs, &jobs.identity).await? {
        tracing::error!("the blobs are another database's now, so none is deleted");
        return Ok(());
    }
    loop {
        let (at, begun) = (wall(), Instant::now());
        let now = jobs.clock.now();
        let digests = jobs.store.doom(&jobs.worker, AT_ONCE, now).await?;
        let full = digests.len() == AT_ONCE as usize;
        let all_gone = bury(jobs, Marked { digests, at, begun }).await?;
        // What stayed would come again at once.
        if !full || !all_gone {
            break;
        }
    }
    strays(jobs, jobs.rounds.fetch_add(1, Ordering::Relaxed)).await
}

/// Whether nothing stayed. One that cannot be deleted does not keep the others, and is tried again when its mark no
/// longer holds.
async fn bury(jobs: &Jobs, marked: Marked) -> Stored<bool> {
    let (mut spared, mut failed) = (0, 0);
    let mut late = false;
    for group in marked.digests.chunks(GROUP) {
        let mut gone = Vec::new();
        for digest in group {
            late = marked.begun.elapsed() > HOLD;
            if late {
                break;
            }
            match remove(jobs, digest, marked.at).await {
                Ok(true) => gone.push(digest.clone()),
                Ok(false) => spared += 1,
                Err(error) => {
                    if failed == 0 {
                        tracing::error!(digest, "bytes that nothing refers to cannot be deleted: {error}");
                    }
                    failed += 1;
                }
            }
        }
        if !gone.is_empty() {
            jobs.store.buried(&jobs.worker, &gone).await?;
        }
        if late {
            break;
        }
    }
    if failed > 0 || late {
        let marked = marked.digests.len();
        tracing::warn!(
            marked,
            failed,
            late,
            "not all bytes that nothing refers to were deleted"
        );
    }
    Ok(spared == 0 && failed == 0 && !late)
}

/// False if it was spared, as somebody has just put it.
async fn remove(jobs: &Jobs, digest: &str, marked_at: Millis) -> Stored<bool> {
    let written = jobs.blobs.written_at(digest).await?;
    if written.is_some_and(|at| at > marked_at - FRESH) {
        jobs.store.spare(&jobs.worker, digest).await?;
        return Ok(false);
    }
    if written.is_some() {
        jobs.blobs.delete(digest).await?;
    }
    Ok(true)
}

/// Bytes that were written for a job that was then never committed. Each round looks at a part of all.
async fn strays(jobs: &Jobs, round: usize) -> Stored<()> {
    let first = round * PARTS;
    for part in first..first + PARTS {
        match jobs.blobs.list((part % 256) as u8).await {
            Ok(listed) => {
                for blob in listed {
                    stray(jobs, blob).await?;
                }
            }
            Err(error) => tracing::error!("a part of the blobs cannot be listed: {error}"),
        }
    }
    Ok(())
}

async fn stray(jobs: &Jobs, blob: Listed) -> Stored<()> {
    let (at, begun) = (wall(), Instant::now());
    // Older ones may be another database's.
    let may_be_ours = blob.written_at > jobs.identity.strays_since.saturating_add(FRESH);
    if !may_be_ours || blob.written_at >= at - STRAY {
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
        bury(jobs, Marked { digests, at, begun }).await?;
    }
    Ok(())
}
