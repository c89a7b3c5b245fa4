//! Telling who sends a request again what became of the first one.
//!
//! Whoever is told of jobs relies on them, so the same transaction notes that somebody was told: from then on `withdraw`
//! leaves them alone.

use std::collections::BTreeSet;

use async_trait::async_trait;
use workflow::ports::{Earlier, RequestKey};

use super::fault::{Done, Fault};
use super::row::{Read, rows};
use super::tx::{Tx, Work};

pub(super) struct Replay<'a> {
    pub(super) owner: &'a str,
    pub(super) key: &'a str,
}

#[async_trait]
impl Work for Replay<'_> {
    type Out = Option<Earlier>;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Option<Earlier>> {
        let found = tx
            .all(
                "UPDATE requests SET replayed = 1 WHERE owner = $1 AND request_key = $2 RETURNING fingerprint, jobs",
                &[self.owner.into(), self.key.into()],
            )
            .await?;
        let Some(row) = found.first() else {
            return Ok(None);
        };
        Ok(Some(Earlier {
            fingerprint: row.text("fingerprint")?,
            jobs: row.json("jobs")?,
        }))
    }
}

/// All of these are answered with jobs of before. One that was withdrawn since it was read is not among them.
pub(super) async fn note(tx: &mut Tx<'_>, requests: &[&RequestKey]) -> Done<()> {
    let keys: BTreeSet<_> = requests
        .iter()
        .map(|request| (&request.owner, &request.key))
        .collect();
    let keys: Vec<_> = keys.into_iter().collect();
    // In the order of the keys, so that transactions cannot wait in a circle.
    tx.each(
        "SELECT owner FROM requests WHERE (owner, request_key) IN (SELECT value->>0, value->>1 FROM rows($1))
         ORDER BY owner, request_key FOR UPDATE",
        rows(&keys)?,
    )
    .await?;
    let noted = tx
        .each(
            "UPDATE requests SET replayed = 1
             WHERE (owner, request_key) IN (SELECT value->>0, value->>1 FROM rows($1))",
            rows(&keys)?,
        )
        .await?;
    if noted < keys.len() as u64 {
        return Err(Fault::Race);
    }
    Ok(())
}
