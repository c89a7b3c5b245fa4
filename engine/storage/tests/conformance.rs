//! The conformance suites: jobs in SQLite in memory, SQLite in a file and a real PostgreSQL; blobs in a folder and in S3.

#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "conformance/postgres.rs"]
mod postgres;
#[path = "conformance/s3.rs"]
mod s3;
#[path = "conformance/word.rs"]
mod word;

use std::any::Any;
use std::sync::Arc;

use storage::blobs::Blobs;
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

/// A place for blobs that nobody has used.
pub struct FreshBlobs {
    pub blobs: Blobs,
    /// What must live as long as the place.
    _keep: Box<dyn Any + Send>,
}

mod folder {
    use storage::blobs::Blobs;

    #[allow(clippy::unused_async, reason = "places that are servers take a while")]
    async fn blobs() -> super::FreshBlobs {
        let folder = tempfile::tempdir().unwrap();
        super::FreshBlobs {
            blobs: Blobs::directory(folder.path()).unwrap(),
            _keep: Box::new(folder),
        }
    }

    storage::blob_suite!(blobs);
}

mod s3_server {
    async fn blobs() -> super::FreshBlobs {
        super::FreshBlobs {
            blobs: super::s3::fresh_prefix().await,
            _keep: Box::new(()),
        }
    }

    storage::blob_suite!(blobs);
}
