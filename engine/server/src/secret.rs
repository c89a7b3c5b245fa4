//! The key that authenticates compiled plugins: made once, kept beside the cache, read by its owner only.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Reads the key; makes the folder (mode 0700) and the key where they are missing.
pub(crate) fn load(cache: &Path) -> Result<[u8; 32]> {
    let path = cache.join("key");
    match fs::read(&path) {
        Ok(bytes) => bytes
            .try_into()
            .ok()
            .with_context(|| format!("{} is not 32 bytes long; delete it", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => make(cache, &path),
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

fn make(cache: &Path, path: &Path) -> Result<[u8; 32]> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(cache)
        .with_context(|| format!("make {}", cache.display()))?;
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let mut temp = tempfile::NamedTempFile::new_in(cache)?;
    temp.write_all(&key)?;
    temp.as_file().sync_all()?;
    match temp.persist_noclobber(path) {
        Ok(_) => Ok(key),
        // Somebody else was quicker.
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => load(cache),
        Err(error) => Err(error).context("keep the new key"),
    }
}
