//! Compiled plugins on disk, so that a start costs a mapping and not a compilation.
//!
//! Compiled code is native code, so nothing is loaded that this server did not write: the folder is ours
//! alone, and a keyed BLAKE3 hash over code and manifest is checked first. Whatever fails, recompile.

#![expect(
    unsafe_code,
    reason = "mapping compiled code is unsafe by nature; it is authenticated before"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::manifest::Manifest;

/// Raised when the rules for plugins change, so that what was let in under the old ones is judged again.
const RULES: u32 = 3;

pub(crate) struct Cache {
    dir: PathBuf,
    key: [u8; 32],
    writes: bool,
    /// It has been said that nothing can be kept.
    warned: AtomicBool,
}

/// What lies beside the code.
#[derive(Serialize, Deserialize)]
struct Entry {
    /// The manifest as JSON text: what is authenticated is what is read back, to the byte.
    manifest: String,
    /// Keyed hash of the code and the manifest.
    mac: String,
}

impl Cache {
    pub(crate) fn new(dir: PathBuf, key: [u8; 32], writes: bool) -> Self {
        Self {
            dir,
            key,
            writes,
            warned: AtomicBool::new(false),
        }
    }

    pub(crate) fn get(&self, engine: &Engine, digest: &str) -> Option<(Component, Manifest)> {
        let path = self.code_path(engine, digest);
        let entry: Entry = serde_json::from_slice(&std::fs::read(path.with_extension("json")).ok()?).ok()?;
        let code = std::fs::read(&path).ok()?;
        if self.mac(digest, &code, &entry.manifest) != entry.mac {
            tracing::warn!(
                plugin = digest,
                "a compiled plugin in the cache is not what was written; recompiling"
            );
            return None;
        }
        drop(code);
        // SAFETY: the bytes were written by this server's own compiler, which the keyed hash proves; the folder
        // is open to this user alone and files in it are replaced by rename, never changed in place.
        let component = unsafe { Component::deserialize_file(engine, &path) }.ok()?;
        Some((component, serde_json::from_str(&entry.manifest).ok()?))
    }

    /// Failing to write, be it that the disk is full, costs later compilations and nothing else.
    pub(crate) fn put(&self, engine: &Engine, digest: &str, component: &Component, manifest: &Manifest) {
        if !self.writes {
            return;
        }
        if let Err(error) = self.try_put(engine, digest, component, manifest)
            && !self.warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                folder = %self.dir.display(),
                "compiled plugins cannot be kept, so they are compiled again and again: {error}"
            );
        }
    }

    fn try_put(
        &self,
        engine: &Engine,
        digest: &str,
        component: &Component,
        manifest: &Manifest,
    ) -> wasmtime::Result<()> {
        let code = component.serialize()?;
        let json = |error: serde_json::Error| wasmtime::Error::msg(error.to_string());
        let manifest = serde_json::to_string(manifest).map_err(json)?;
        let mac = self.mac(digest, &code, &manifest);
        let entry = serde_json::to_vec(&Entry { manifest, mac }).map_err(json)?;
        let path = self.code_path(engine, digest);
        write_whole(&self.dir, &path, &code)?;
        write_whole(&self.dir, &path.with_extension("json"), &entry)?;
        Ok(())
    }

    /// The name holds everything that the code depends on.
    fn code_path(&self, engine: &Engine, digest: &str) -> PathBuf {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        RULES.hash(&mut hasher);
        self.dir.join(format!("{digest}-{:016x}.code", hasher.finish()))
    }

    fn mac(&self, digest: &str, code: &[u8], manifest: &str) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(digest.as_bytes());
        hasher.update(&(code.len() as u64).to_le_bytes());
        hasher.update(code);
        hasher.update(manifest.as_bytes());
        hasher.finalize().to_hex().to_string()
    }
}

fn write_whole(dir: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut temp = tempfile::NamedTempFile::new_in(dir)?;
    temp.write_all(bytes)?;
    temp.as_file().sync_all()?;
    temp.persist(path)?;
    Ok(())
}
