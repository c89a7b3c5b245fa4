//! Which database the blobs belong to, written beside them.
//!
//! Whoever clears away what no job refers to must know that these are its own blobs: with another database, or an
//! older copy of it, the originals of other jobs look like garbage.

use bytes::Bytes;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use workflow::ports::{StoreError, Stored};

use super::Blobs;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The database's id.
    pub store: String,
    /// How often servers had been started on it then.
    pub starts: u64,
}

impl Blobs {
    /// `None` if no server ever kept blobs here.
    pub async fn mark(&self) -> Stored<Option<Mark>> {
        let path = self.mark_path();
        let Some(bytes) = self.read(&path).await? else {
            return Ok(None);
        };
        let broken = |error: serde_json::Error| StoreError::Broken(format!("`{path}` of the blobs: {error}"));
        serde_json::from_slice(&bytes).map(Some).map_err(broken)
    }

    pub async fn set_mark(&self, mark: &Mark) -> Stored<()> {
        let text = serde_json::to_vec(mark).map_err(|error| StoreError::Broken(error.to_string()))?;
        self.write(&self.mark_path(), Bytes::from(text)).await
    }

    fn mark_path(&self) -> Path {
        self.prefix.clone().join("store.json")
    }
}
