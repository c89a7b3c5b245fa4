//! Bytes by their digest: originals and renditions, in a local directory or in an S3-compatible store.
//!
//! A `put` that returns is durable. The same digest may be put again and again. Which blobs are needed is not
//! here: that is the store's to know (`Retention`), this only keeps and deletes.

mod local;

use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use workflow::ports::{Blob, Millis, StoreError, Stored};

/// A place for blobs.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// What all paths begin with.
    prefix: Path,
    /// Held as long as anybody uses the directory.
    _claim: Option<Arc<local::Claim>>,
}

/// What a listing says of one blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub digest: String,
    pub written_at: Millis,
}

/// BLAKE3, in hex.
pub fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

/// Digest and length of these bytes.
pub fn blob(bytes: &[u8]) -> Blob {
    Blob {
        digest: digest(bytes),
        length: bytes.len() as u64,
    }
}

impl Blobs {
    /// `s3://BUCKET/PREFIX` with what the environment says (`AWS_ENDPOINT`, `AWS_ACCESS_KEY_ID` …), or a directory.
    pub fn open(url: &str) -> Stored<Self> {
        match url.strip_prefix("s3://") {
            Some(rest) => Self::s3(rest),
            None => Self::directory(FilePath::new(url.strip_prefix("file://").unwrap_or(url))),
        }
    }

    /// Makes the directory where it is missing, and clears away what an earlier process did not finish.
    pub fn directory(root: &FilePath) -> Stored<Self> {
        let (store, claim) = local::open(root).map_err(|error| {
            let message = format!("the blob directory {} cannot be used: {error}", root.display());
            unavailable(message)
        })?;
        Ok(Self {
            store: Arc::new(store),
            prefix: Path::default(),
            _claim: Some(Arc::new(claim)),
        })
    }

    fn s3(rest: &str) -> Stored<Self> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let store = AmazonS3Builder::from_env().with_bucket_name(bucket).build();
        let store =
            store.map_err(|error| StoreError::Broken(format!("s3://{rest} cannot be used: {error}")))?;
        Ok(Self {
            store: Arc::new(store),
            prefix: Path::from(prefix),
            _claim: None,
        })
    }

    /// Durable when it returns.
    pub async fn put(&self, blob: &Blob, bytes: Bytes) -> Stored<()> {
        debug_assert_eq!(digest(&bytes), blob.digest);
        let path = self.path(&blob.digest)?;
        self.store
            .put(&path, bytes.into())
            .await
            .map_err(|error| failed(&error))?;
        Ok(())
    }

    /// `None` if it is not there; an error if it is there and not what was put.
    pub async fn get(&self, blob: &Blob) -> Stored<Option<Bytes>> {
        let found = match self.store.get(&self.path(&blob.digest)?).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        if found.meta.size != blob.length {
            let (is, was) = (found.meta.size, blob.length);
            return Err(altered(blob, &format!("it has {is} bytes, but {was} were put")));
        }
        let bytes = found.bytes().await.map_err(|error| failed(&error))?;
        if digest(&bytes) != blob.digest {
            return Err(altered(blob, "its bytes have another digest now"));
        }
        Ok(Some(bytes))
    }

    /// Gone when it returns, also if it was not there.
    pub async fn delete(&self, digest: &str) -> Stored<()> {
        match self.store.delete(&self.path(digest)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }

    /// All blobs whose digest begins with this byte: a part small enough to look at in one go.
    pub async fn list(&self, first: u8) -> Stored<Vec<Listed>> {
        let folder = self.prefix.clone().join(hex::encode([first]));
        let objects = self.store.list(Some(&folder)).try_filter_map(|meta| async move {
            let name = meta.location.filename().unwrap_or_default();
            Ok(is_digest(name).then(|| Listed {
                digest: name.to_owned(),
                written_at: meta.last_modified.timestamp_millis(),
            }))
        });
        objects.try_collect().await.map_err(|error| failed(&error))
    }

    /// `PREFIX/ab/abcd…`: no folder gets too large.
    fn path(&self, digest: &str) -> Stored<Path> {
        if !is_digest(digest) {
            return Err(StoreError::Broken(format!("`{digest}` is no digest of a blob")));
        }
        Ok(self.prefix.clone().join(&digest[..2]).join(digest))
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn unavailable(message: String) -> StoreError {
    StoreError::Unavailable {
        message,
        // Content-addressed: to do it again is harmless.
        maybe_done: false,
    }
}

fn altered(blob: &Blob, how: &str) -> StoreError {
    StoreError::Broken(format!(
        "the blob {} was altered where it lies: {how}",
        blob.digest
    ))
}

fn failed(error: &Error) -> StoreError {
    if disk_full(error) {
        return StoreError::Full(error.to_string());
    }
    unavailable(format!("blobs: {error}"))
}

fn disk_full(error: &Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        let full = error.downcast_ref::<std::io::Error>().is_some_and(|e| {
            matches!(
                e.kind(),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
            )
        });
        if full {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests;
