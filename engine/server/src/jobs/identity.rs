//! Whether these blobs are this database's.
//!
//! Blobs that no job refers to are cleared away, and with another database, or an older copy of it, that would be the
//! originals of jobs it does not know. So the database has an id and counts its starts, and what it counted lies with
//! the blobs, too: what does not fit together is not served, unless somebody says that it belongs together from now
//! on. Even then only blobs that are written later are cleared away as strays. Rounds of deletions are counted as well,
//! so that a copy from before one is found out, whenever the last start was.

use std::fmt;

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
    match blobs.set_mark(&mark_of(&identity)).await {
        Err(StoreError::Full(_)) if strange.is_none() => {}
        written => written.context("write which database the blobs belong to")?,
    }
    Ok(identity)
}

fn mark_of(identity: &Identity) -> Mark {
    Mark {
        store: identity.store.clone(),
        starts: identity.starts,
    }
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
            "this database has counted {} starts and deletions, and the blobs {}, so it is an older copy",
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

/// Whose the blobs are by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// This database's.
    Us,
    /// Another server has adopted them since.
    Another,
    /// This database's as it was before somebody put an older copy in its place.
    Newer,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Us => "the blobs are this database's",
            Self::Another => {
                "the blobs are another database's now, which adopted them, so no jobs are taken in or run; stop this \
                 server, or give it blobs of its own (`--blobs`)"
            }
            Self::Newer => {
                "the database is an older copy than the blobs belong to; put the newer one back, or start again with \
                 `--adopt-blobs`"
            }
        })
    }
}

pub(super) async fn owner(
    store: &(impl Retention + ?Sized),
    blobs: &Blobs,
    ours: &Identity,
) -> Stored<Owner> {
    // The blobs first: whoever counts does so in the database before he writes there.
    let Some(mark) = blobs.mark().await? else {
        return Ok(Owner::Us);
    };
    if mark.store != ours.store {
        return Ok(Owner::Another);
    }
    let known = store.identity().await?;
    let is_known = known.is_some_and(|known| known.store == mark.store && known.starts >= mark.starts);
    Ok(if is_known { Owner::Us } else { Owner::Newer })
}

/// Counts a round of deletions here and there, before its first, if the blobs are still ours.
pub(super) async fn count(
    store: &(impl Retention + ?Sized),
    blobs: &Blobs,
    ours: &Identity,
) -> Stored<Owner> {
    let owner = owner(store, blobs, ours).await?;
    if owner != Owner::Us {
        return Ok(owner);
    }
    let round = Start {
        id: ours.store.clone(),
        at_least: 0,
        strays_since: None,
    };
    let identity = store.begin(&round).await?;
    match blobs.set_mark(&mark_of(&identity)).await {
        // A full disk is no reason not to delete.
        Err(StoreError::Full(_)) => Ok(Owner::Us),
        written => written.map(|()| Owner::Us),
    }
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
        assert_eq!(owner(&store, &blobs, &again).await.unwrap(), Owner::Us);
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
        assert_eq!(owner(&one, &blobs, &first).await.unwrap(), Owner::Another);
        assert_eq!(count(&one, &blobs, &first).await.unwrap(), Owner::Another);
        assert_eq!(one.identity().await.unwrap().unwrap().starts, first.starts);
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

    #[tokio::test]
    async fn a_copy_from_before_a_deletion_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::directory(folder.path()).unwrap();
        let store = database().await;
        let ours = start(&store, &blobs, false, 10).await.unwrap();
        let before = mark_of(&ours);
        assert_eq!(count(&store, &blobs, &ours).await.unwrap(), Owner::Us);
        let now = store.identity().await.unwrap().unwrap();
        assert_eq!((now.starts, now.strays_since), (2, 10));
        let mark = blobs.mark().await.unwrap().unwrap();
        assert_eq!(mark, mark_of(&now));
        assert!(before.starts < mark.starts, "a copy of then counts less");
        let newer = Mark { starts: 3, ..mark };
        blobs.set_mark(&newer).await.unwrap();
        assert_eq!(count(&store, &blobs, &ours).await.unwrap(), Owner::Newer);
        assert_eq!(blobs.mark().await.unwrap().unwrap(), newer);
    }
}
