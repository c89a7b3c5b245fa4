//! Which database this is, and how often a server was started on it.
//!
//! Servers may start at the same time: the first one gives the id, and the others count after it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::any::AnyRow;
use workflow::ports::{Identity, Start};

use super::fault::{Done, Fault};
use super::row::Read;
use super::tx::{Tx, Work};

pub(super) const ALL: &str = "SELECT name, value FROM meta";

/// What the rows of `ALL` say; `None` if there is no id yet.
pub(super) fn read(found: &[AnyRow]) -> Done<Option<Identity>> {
    let mut all = BTreeMap::new();
    for row in found {
        all.insert(row.text("name")?, row.text("value")?);
    }
    let Some(store) = all.remove("store") else {
        return Ok(None);
    };
    Ok(Some(Identity {
        store,
        starts: number(&all, "starts")?.try_into().unwrap_or_default(),
        strays_since: number(&all, "strays_since")?,
    }))
}

/// Nothing is zero.
fn number(all: &BTreeMap<String, String>, name: &str) -> Done<i64> {
    let Some(text) = all.get(name) else {
        return Ok(0);
    };
    let broken =
        |error: std::num::ParseIntError| Fault::Data(format!("`{name}` of the database is broken: {error}"));
    text.parse().map_err(broken)
}

pub(super) struct Begin<'a> {
    pub(super) start: &'a Start,
}

#[async_trait]
impl Work for Begin<'_> {
    type Out = Identity;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Identity> {
        let start = self.start;
        // Waits for another first start, if there is one at this moment.
        tx.run(
            "INSERT INTO meta (name, value) VALUES ('store', $1) ON CONFLICT (name) DO NOTHING",
            &[start.id.as_str().into()],
        )
        .await?;
        let found = tx.all(&format!("{ALL} ORDER BY name FOR UPDATE"), &[]).await?;
        let Some(mut identity) = read(&found)? else {
            return Err(Fault::Race);
        };
        identity.starts = identity.starts.max(start.at_least) + 1;
        set(tx, "starts", &identity.starts.to_string()).await?;
        if let Some(since) = start.strays_since {
            identity.strays_since = identity.strays_since.max(since);
            set(tx, "strays_since", &identity.strays_since.to_string()).await?;
        }
        Ok(identity)
    }
}

async fn set(tx: &mut Tx<'_>, name: &str, value: &str) -> Done<()> {
    tx.run(
        "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        &[name.into(), value.into()],
    )
    .await?;
    Ok(())
}
