//! Whether these blobs are this database's.
//!
//! Blobs that no job refers to are cleared away, and with another database, or an older copy of it, that would be the
//! originals of jobs it does not know. So the database has an id and counts its starts, and what it counted lies with
//! the blobs, too: what does not fit together is not served, unless somebody says that it belongs together from now
//! on. Even then only blobs that are written later are cleared away as strays.

use anyhow::{Context, Result, bail};
use storage::blobs::{Blobs, Mark};
use workflow::ports::{Identity, Millis, Retention, Start, StoreError, Stored};

/// How people call both.
pub(super) struct Names<'a> {
    pub(super) store: &'a str,
    pub(super) blobs: &'a str,
}

/// Counts the start here and there. `adopt`: blobs of another database are this one's from now on.
pub(super) async fn recognise(
    store: &impl Retention,
    blobs: &Blobs,
    names: &Names<'_>,
    adopt: bool,
    now: Millis,
) -> Result<Identity> {
    // The blobs first: servers that start at the same time count in the database before they write there.
    let mark = blobs
        .mark()
        .await
        .context("read which database the blobs belong to")?;
    let known = store.identity().await.context("read which database this is")?;
    let strange = mark.as_ref().and_then(|mark| strange(mark, known.as_ref()));
    if let Some(why) = &strange
        && !adopt
    {
        bail!(refusal(names, why));
    }
    if let Some(why) = &strange {
        tracing::warn!("the blobs are this database's from now on: {why}");
    }
    let is_new = mark.is_none() || strange.is_some();
    let start = Start {
        id: uuid::Uuid::new_v4().to_string(),
        at_least: mark.as_ref().map_or(0, |mark| mark.starts),
        strays_since: is_new.then_some(now),
    };
    let identity = match (store.begin(&start).await, known) {
        // Nothing is lost if a start is not counted, and jobs that are there can still be asked for.
        (Err(StoreError::Full(_)), Some(known)) if !is_new => return Ok(known),
        (begun, _) => begun.context("count the start in the store")?,
    };
    let mark = Mark {
        store: identity.store.clone(),
        starts: identity.starts,
    };
    match blobs.set_mark(&mark).await {
        Err(StoreError::Full(_)) if strange.is_none() => {}
        written => written.context("write which database the blobs belong to")?,
    }
    Ok(identity)
}

/// Why these blobs are not this database's, if so.
fn strange(mark: &Mark, known: Option<&Identity>) -> Option<String> {
    match known {
        None => Some("this database is new, and the blobs are not".to_owned()),
        Some(known) if known.store != mark.store => Some(format!(
            "the blobs are those of the database {}, and this one is {}",
            mark.store, known.store
        )),
        Some(known) if known.starts < mark.starts => Some(format!(
            "this database has seen {} starts, and the blobs {}, so it is an older copy",
            known.starts, mark.starts
        )),
        Some(_) => None,
    }
}

fn refusal(names: &Names<'_>, why: &str) -> String {
    format!(
        "the blobs at {} do not belong to the database {}: {why}. Originals of jobs that this database does not know would \
         be cleared away in time. Start with the database that belongs to them (`--store`), or name another place for \
         blobs (`--blobs`); if both are to belong together from now on, start once with `--adopt-blobs`",
        names.blobs, names.store
    )
}

/// Whether the blobs are still this database's: another server may have adopted them since.
pub(super) async fn are_ours(blobs: &Blobs, identity: &Identity) -> Stored<bool> {
    let mark = blobs.mark().await?;
    Ok(mark.is_none_or(|mark| mark.store == identity.store))
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage::sql::SqlStore;

    const NAMES: Names<'_> = Names {
        store: "sqlite:jobs.db",
        blobs: "/var/blobs",
    };

    async fn database() -> SqlStore {
        SqlStore::open("sqlite::memory:").await.unwrap()
    }

    async fn start(store: &SqlStore, blobs: &Blobs, adopt: bool, now: Millis) -> Result<Identity> {
        recognise(store, blobs, &NAMES, adopt, now).await
    }

    #[tokio::test]
    async fn the_same_database_is_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::directory(folder.path()).unwrap();
        let store = database().await;
        let first = start(&store, &blobs, false, 10).await.unwrap();
        assert_eq!((first.starts, first.strays_since), (1, 10));
        let again = start(&store, &blobs, true, 20).await.unwrap();
        assert_eq!(again.store, first.store);
        assert_eq!((again.starts, again.strays_since), (2, 10), "nothing was adopted");
        assert!(are_ours(&blobs, &again).await.unwrap());
    }

    #[tokio::test]
    async fn another_database_is_refused_until_it_adopts_them() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::directory(folder.path()).unwrap();
        let (one, other) = (database().await, database().await);
        let first = start(&one, &blobs, false, 10).await.unwrap();
        let refused = start(&other, &blobs, false, 20).await.unwrap_err().to_string();
        for word in ["/var/blobs", "sqlite:jobs.db", "is new", "--adopt-blobs"] {
            assert!(refused.contains(word), "{refused}");
        }
        assert!(other.identity().await.unwrap().is_none(), "nothing was counted");
        let adopted = start(&other, &blobs, true, 30).await.unwrap();
        assert_eq!(adopted.strays_since, 30);
        assert!(!are_ours(&blobs, &first).await.unwrap());
        let refused = start(&one, &blobs, false, 40).await.unwrap_err().to_string();
        assert!(
            refused.contains(&adopted.store) && refused.contains(&first.store),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn an_older_copy_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::directory(folder.path()).unwrap();
        let store = database().await;
        let first = start(&store, &blobs, false, 10).await.unwrap();
        let newer = Mark {
            store: first.store.clone(),
            starts: 7,
        };
        blobs.set_mark(&newer).await.unwrap();
        let refused = start(&store, &blobs, false, 20).await.unwrap_err().to_string();
        assert!(refused.contains("older copy"), "{refused}");
        let adopted = start(&store, &blobs, true, 30).await.unwrap();
        assert_eq!((adopted.starts, adopted.strays_since), (8, 30));
        start(&store, &blobs, false, 40).await.unwrap();
    }
}
