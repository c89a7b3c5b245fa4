//! The conformance suite against SQLite in memory, SQLite in a file, and a real PostgreSQL.

#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "conformance/postgres.rs"]
mod postgres;

use std::any::Any;
use std::sync::Arc;

use storage::sql::SqlStore;
use workflow::ports::Store;

/// A store that nobody has used.
pub struct Fresh {
    pub store: Arc<dyn Store>,
    /// What must live as long as the store.
    _keep: Box<dyn Any + Send>,
}

async fn fresh(url: &str, keep: impl Any + Send) -> Fresh {
    Fresh {
        store: Arc::new(SqlStore::open(url).await.unwrap()),
        _keep: Box::new(keep),
    }
}

mod memory {
    async fn store() -> super::Fresh {
        super::fresh("sqlite::memory:", ()).await
    }

    storage::conformance_suite!(store);
}

mod file {
    async fn store() -> super::Fresh {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a 100% odd # name?.db");
        super::fresh(&format!("sqlite:{}", path.display()), folder).await
    }

    storage::conformance_suite!(store);
}

mod postgres_server {
    async fn store() -> super::Fresh {
        super::fresh(&super::postgres::fresh_schema().await, ()).await
    }

    storage::conformance_suite!(store);
}
