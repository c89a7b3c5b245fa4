//! Bytes by their digest: originals and renditions, in a local directory or in an S3-compatible store.
//!
//! A `put` that returns is durable. The same digest may be put again and again. Which blobs are needed is not
//! here: that is the store's to know (`Retention`), this only keeps and deletes.

mod fault;
mod local;
mod mark;
mod s3;

pub use fault::Unusable;
pub use mark::Mark;

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt};
use workflow::ports::{Blob, Millis, StoreError, Stored};

use fault::{failed, if_there, is_missing, no_room, unavailable};

/// The folder of components; those of blobs have names of two digits.
const COMPONENTS: &str = "components";

/// How often a place is tried before it is found unusable.
const PROBES: usize = 3;

/// A place for blobs.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// What all paths begin with.
    prefix: Path,
    /// How people call it, if it is S3.
    place: Option<String>,
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
    /// A directory, or `s3://BUCKET/PREFIX?endpoint=…&region=…` with keys from the environment
    /// (`AWS_ACCESS_KEY_ID` …), where everything else may stand, too; see `s3` for what the query may say.
    pub fn open(url: &str) -> Stored<Self> {
        if let Some(rest) = url.strip_prefix("s3://") {
            return Self::s3(rest);
        }
        match Self::folder(url) {
            Some(folder) => Self::directory(folder),
            None => Err(StoreError::Broken(
                "blobs are kept in a folder or at `s3://BUCKET/PREFIX`, and nowhere else".to_owned(),
            )),
        }
    }

    /// The local folder that such an address means, if it means one.
    pub fn folder(url: &str) -> Option<&FilePath> {
        let local = url.strip_prefix("file://").unwrap_or(url);
        (!local.contains("://")).then(|| FilePath::new(local))
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
            place: None,
            _claim: Some(Arc::new(claim)),
        })
    }

    fn s3(rest: &str) -> Stored<Self> {
        let s3::Opened { store, prefix, place } = s3::open(rest).map_err(StoreError::Broken)?;
        Ok(Self {
            store: Arc::new(store),
            prefix,
            place: Some(place),
            _claim: None,
        })
    }

    /// Writes, reads, lists and deletes something, so that a wrong bucket or wrong keys are told at the start and not
    /// by the first job. A directory has shown at its opening what it is; a store that is only full may still serve.
    pub async fn check(&self) -> Result<(), Unusable> {
        let Some(place) = &self.place else {
            return Ok(());
        };
        // A request that is not repeated by itself may fail by chance.
        let mut tried = self.probe().await;
        for _ in 1..PROBES {
            if tried.is_err() {
                tried = self.probe().await;
            }
        }
        match tried {
            Err(error) if !no_room(&error) => Err(Unusable::new(place, &error)),
            _ => Ok(()),
        }
    }

    async fn probe(&self) -> Result<(), Error> {
        // A name of its own: others may start at the same time.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("probe-{}-{}", std::process::id(), now.as_nanos());
        let path = self.prefix.clone().join(name);
        let bytes = Bytes::from_static(b"Stopbath keeps blobs here.\n");
        self.store.put(&path, bytes.into()).await?;
        self.store.get(&path).await?.bytes().await?;
        self.listed(0).await?;
        match self.store.delete(&path).await {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Durable when it returns.
    pub async fn put(&self, blob: &Blob, bytes: Bytes) -> Stored<()> {
        debug_assert_eq!(digest(&bytes), blob.digest);
        self.write(&self.path(&blob.digest)?, bytes).await
    }

    /// `None` if it is not there; an error if it is there and not what was put.
    pub async fn get(&self, blob: &Blob) -> Stored<Option<Bytes>> {
        let path = self.path(&blob.digest)?;
        let Some(found) = if_there(self.store.get(&path).await)? else {
            return Ok(None);
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

    /// Whether it is there, without a look at its bytes.
    pub async fn has(&self, blob: &Blob) -> Stored<bool> {
        let found = self.head(&self.path(&blob.digest)?).await?;
        Ok(found.is_some_and(|meta| meta.size == blob.length))
    }

    /// When it was put last, by the clock of where it lies; `None` if it is not there.
    pub async fn written_at(&self, digest: &str) -> Stored<Option<Millis>> {
        let found = self.head(&self.path(digest)?).await?;
        Ok(found.map(|meta| meta.last_modified.timestamp_millis()))
    }

    /// Gone when it returns, also if it was not there.
    pub async fn delete(&self, digest: &str) -> Stored<()> {
        match self.store.delete(&self.path(digest)?).await {
            Err(error) if !is_missing(&error) => Err(failed(&error)),
            _ => Ok(()),
        }
    }

    /// All blobs whose digest begins with this byte: a part small enough to look at in one go.
    pub async fn list(&self, first: u8) -> Stored<Vec<Listed>> {
        self.listed(first).await.map_err(|error| failed(&error))
    }

    async fn listed(&self, first: u8) -> Result<Vec<Listed>, Error> {
        let folder = self.prefix.clone().join(hex::encode([first]));
        let objects = self.store.list(Some(&folder)).try_filter_map(|meta| async move {
            let name = meta.location.filename().unwrap_or_default();
            Ok(is_digest(name).then(|| Listed {
                digest: name.to_owned(),
                written_at: meta.last_modified.timestamp_millis(),
            }))
        });
        objects.try_collect().await
    }

    /// Keeps a plugin's component, by its SHA-256 in hex. It is no blob: nothing counts who needs it, and no listing
    /// has it.
    pub async fn put_component(&self, sha256: &str, bytes: Bytes) -> Stored<()> {
        self.write(&self.component(sha256)?, bytes).await
    }

    /// What was put, or what became of it: whoever asks compares its digest.
    pub async fn get_component(&self, sha256: &str) -> Stored<Option<Bytes>> {
        self.read(&self.component(sha256)?).await
    }

    /// How many bytes the component has, if it is kept.
    pub async fn component_length(&self, sha256: &str) -> Stored<Option<u64>> {
        let found = self.head(&self.component(sha256)?).await?;
        Ok(found.map(|meta| meta.size))
    }

    fn component(&self, sha256: &str) -> Stored<Path> {
        if !is_digest(sha256) {
            return Err(StoreError::Broken(format!(
                "`{sha256}` is no digest of a component"
            )));
        }
        Ok(self.prefix.clone().join(COMPONENTS).join(sha256))
    }

    /// Puts bytes where those of another digest belong: damage, for tests.
    #[cfg(feature = "testing")]
    pub(crate) async fn plant(&self, digest: &str, bytes: Bytes) -> Stored<()> {
        self.write(&self.path(digest)?, bytes).await
    }

    async fn write(&self, path: &Path, bytes: Bytes) -> Stored<()> {
        let put = self.store.put(path, bytes.into()).await;
        put.map(drop).map_err(|error| failed(&error))
    }

    async fn read(&self, path: &Path) -> Stored<Option<Bytes>> {
        let Some(found) = if_there(self.store.get(path).await)? else {
            return Ok(None);
        };
        found.bytes().await.map(Some).map_err(|error| failed(&error))
    }

    async fn head(&self, path: &Path) -> Stored<Option<ObjectMeta>> {
        if_there(self.store.head(path).await)
    }

    /// `PREFIX/ab/abcd…`: no folder gets too large.
    fn path(&self, digest: &str) -> Stored<Path> {
        if !is_digest(digest) {
            return Err(StoreError::Broken(format!("`{digest}` is no digest of a blob")));
        }
        Ok(self.prefix.clone().join(&digest[..2]).join(digest))
    }
}

/// Whether it may name bytes here: 32 bytes in small hex digits.
pub fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn altered(blob: &Blob, how: &str) -> StoreError {
    StoreError::Broken(format!(
        "the blob {} was altered where it lies: {how}",
        blob.digest
    ))
}

#[cfg(test)]
mod tests;
