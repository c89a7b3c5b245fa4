//! Who refers to a blob, and who may delete it.
//!
//! A transaction that begins to refer to a blob holds the blob's row for as long as it takes; one that dooms it locks
//! the row first and looks for references then. So no job can refer to bytes that are being deleted.

use std::collections::{BTreeMap, BTreeSet};

use workflow::ports::Blob;

use super::fault::{Done, Fault};
use super::hot::Hot;
use super::row::{Read, column, rows};
use super::tx::Tx;

/// Blobs that the rest of a transaction may refer to.
#[derive(Debug, Default)]
pub(super) struct Held {
    known: BTreeSet<String>,
    doomed: BTreeSet<String>,
}

impl Held {
    /// The first of these that is being deleted.
    pub(super) fn doomed<'a>(&self, blobs: impl IntoIterator<Item = &'a Blob>) -> Option<String> {
        let mut blobs = blobs.into_iter();
        let found = blobs.find(|blob| self.doomed.contains(&blob.digest));
        found.map(|blob| blob.digest.clone())
    }
}

impl Tx<'_> {
    /// Holds those that have a row already.
    pub(super) async fn hold<'a>(&mut self, blobs: impl IntoIterator<Item = &'a Blob>) -> Done<Held> {
        let digests: BTreeSet<&str> = blobs.into_iter().map(|blob| blob.digest.as_str()).collect();
        let mut held = Held::default();
        if digests.is_empty() {
            return Ok(held);
        }
        let found = self
            .all(
                "SELECT digest, doomed FROM blobs WHERE digest IN (SELECT value->>0 FROM rows($1))
                 ORDER BY digest FOR SHARE",
                &[column(digests)?],
            )
            .await?;
        for row in found {
            let digest = row.text("digest")?;
            if row.int("doomed")? != 0 {
                held.doomed.insert(digest.clone());
            }
            held.known.insert(digest);
        }
        Ok(held)
    }

    /// Makes rows for those that have none. If one appears at this moment, it may be doomed already.
    pub(super) async fn keep<'a>(
        &mut self,
        held: &Held,
        blobs: impl IntoIterator<Item = &'a Blob>,
    ) -> Done<()> {
        let missing = blobs
            .into_iter()
            .filter(|blob| !held.known.contains(&blob.digest));
        let missing: BTreeMap<&str, u64> = missing.map(|blob| (blob.digest.as_str(), blob.length)).collect();
        let missing: Vec<_> = missing.into_iter().collect();
        let made = self
            .each(
                "INSERT INTO blobs (digest, length) SELECT value->>0, CAST(value->>1 AS BIGINT) FROM rows($1)
                 WHERE true ON CONFLICT (digest) DO NOTHING",
                rows(&missing)?,
            )
            .await?;
        if made < missing.len() as u64 {
            return Err(Fault::Race);
        }
        Ok(())
    }

    /// These jobs refer to their originals no more; to be loosened.
    pub(super) async fn drop_originals<'a>(
        &mut self,
        jobs: impl IntoIterator<Item = &'a Hot>,
    ) -> Done<BTreeSet<String>> {
        let uses: Vec<_> = jobs.into_iter().map(|job| (&job.original, &job.id)).collect();
        self.each(
            "DELETE FROM originals WHERE (digest, job) IN (SELECT value->>0, value->>1 FROM rows($1))",
            rows(&uses)?,
        )
        .await?;
        Ok(uses.into_iter().map(|(digest, _)| digest.clone()).collect())
    }

    /// Something stopped to refer to these.
    pub(super) async fn loosen(&mut self, digests: &BTreeSet<String>) -> Done<()> {
        if digests.is_empty() {
            return Ok(());
        }
        let digests = column(digests.iter().map(String::as_str))?;
        let locked = self
            .all(
                "SELECT digest FROM blobs WHERE digest IN (SELECT value->>0 FROM rows($1))
                 ORDER BY digest FOR UPDATE",
                &[digests],
            )
            .await?;
        let locked = column(super::row::texts(&locked)?.iter().map(String::as_str))?;
        self.each(
            "UPDATE blobs SET loose = 1 WHERE digest IN (SELECT value->>0 FROM rows($1))",
            locked,
        )
        .await?;
        Ok(())
    }
}
