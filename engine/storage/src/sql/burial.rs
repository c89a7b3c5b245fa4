//! Blobs that are to be deleted: who does it, and when they are gone.
//!
//! A blob is marked, then its bytes are deleted, then its row goes. A mark is one burier's: two that deleted the same
//! bytes, one of them late, could take those that somebody has put anew in between. What a burier did not finish in
//! time is another's.

use async_trait::async_trait;
use workflow::ports::{BURIAL, Millis};

use super::fault::Done;
use super::row::{Arg, Read, column, texts};
use super::tx::{Tx, Work};

pub(super) const UNWANTED: &str =
    "SELECT digest FROM (SELECT digest FROM blobs WHERE loose = 1 ORDER BY digest LIMIT 1) AS loose
    UNION ALL SELECT digest FROM
        (SELECT digest FROM blobs WHERE doomed = 1 AND doomed_at NOT BETWEEN $1 AND $2
         ORDER BY digest LIMIT 1) AS doomed";

/// Who marked a blob at a time between these still has it. The later one is for clocks that were set back.
pub(super) fn held(now: Millis) -> [Arg; 2] {
    [
        now.saturating_sub(BURIAL).into(),
        now.saturating_add(BURIAL).into(),
    ]
}

pub(super) struct Doom<'a> {
    pub(super) burier: &'a str,
    pub(super) limit: u32,
    pub(super) now: Millis,
}

#[async_trait]
impl Work for Doom<'_> {
    type Out = Vec<String>;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Vec<String>> {
        let [from, to] = held(self.now);
        let left = tx
            .all(
                "SELECT digest FROM blobs WHERE doomed = 1 AND doomed_at NOT BETWEEN $1 AND $2
                 ORDER BY digest LIMIT $3 FOR UPDATE SKIP LOCKED",
                &[from, to, self.limit.into()],
            )
            .await?;
        let mut found = texts(&left)?;
        let taken = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let rest = self.limit.saturating_sub(taken);
        let loose = tx
            .all(
                "SELECT digest FROM blobs WHERE loose = 1 AND doomed = 0 ORDER BY digest LIMIT $1
                 FOR UPDATE SKIP LOCKED",
                &[rest.into()],
            )
            .await?;
        found.extend(texts(&loose)?);
        // Another statement, so that it sees what was committed before the locks were given.
        let marked = tx
            .all(
                "UPDATE blobs SET loose = 0, doomed_by = $2, doomed_at = $3, doomed = CASE
                     WHEN EXISTS (SELECT 1 FROM originals WHERE originals.digest = blobs.digest) THEN 0
                     WHEN EXISTS (SELECT 1 FROM renditions WHERE blob = blobs.digest) THEN 0
                     ELSE 1 END
                 WHERE digest IN (SELECT value->>0 FROM rows($1)) RETURNING digest, doomed",
                &[
                    column(found.iter().map(String::as_str))?,
                    self.burier.into(),
                    self.now.into(),
                ],
            )
            .await?;
        let mut doomed = Vec::new();
        for row in &marked {
            if row.int("doomed")? == 1 {
                doomed.push(row.text("digest")?);
            }
        }
        doomed.sort();
        Ok(doomed)
    }
}

/// Bytes that no row knows get one that is marked.
pub(super) const STRAY: &str =
    "INSERT INTO blobs (digest, length, doomed, doomed_by, doomed_at) VALUES ($1, 0, 1, $2, $3)
     ON CONFLICT (digest) DO NOTHING";

pub(super) const BURIED: &str = "DELETE FROM blobs WHERE doomed = 1 AND doomed_by = $2
     AND digest IN (SELECT value->>0 FROM rows($1))";

pub(super) const SPARED: &str =
    "UPDATE blobs SET doomed = 0, loose = 1 WHERE digest = $1 AND doomed = 1 AND doomed_by = $2";

/// Marks of nobody's time are anybody's to take.
pub(super) const FREED: &str = "UPDATE blobs SET doomed_at = 0 WHERE doomed = 1";

pub(super) const FREED_BY_ITS_BURIER: &str =
    "UPDATE blobs SET doomed_at = 0 WHERE doomed = 1 AND doomed_by = $1";
