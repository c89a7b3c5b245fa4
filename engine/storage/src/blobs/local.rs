//! A directory as a blob store: everything is synced before it counts, and nothing half-written stays.
//!
//! `object_store` writes to `NAME#1`, syncs, renames, and syncs the directory. What is added here: folders are made
//! and synced ahead, so that no rename lands in a folder that a power cut could take away; and what a killed process
//! left half-written is removed, as soon as nobody else can be writing it.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use object_store::local::LocalFileSystem;
use rustix::fs::{FlockOperation, flock};

use crate::disk::make_folder;

/// Shared by all processes that use a directory.
#[derive(Debug)]
pub(super) struct Claim {
    _lock: File,
}

/// Half-written files of other living processes are younger.
const ABANDONED: Duration = Duration::from_hours(1);

pub(super) fn open(root: &Path) -> io::Result<(LocalFileSystem, Claim)> {
    make_folder(root)?;
    let root = root.canonicalize()?;
    let folders = (0..=255_u8).map(|first| hex::encode([first]));
    for name in folders.chain([super::COMPONENTS.to_owned()]) {
        let folder = root.join(name);
        if !folder.is_dir() {
            fs::create_dir_all(&folder)?;
        }
    }
    File::open(&root)?.sync_all()?;
    let claim = claim(&root)?;
    let store = LocalFileSystem::new_with_prefix(&root).map_err(io::Error::other)?;
    Ok((store.with_fsync(true), claim))
}

fn claim(root: &Path) -> io::Result<Claim> {
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(root.join("lock"))?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
        clear(root, Duration::ZERO)?;
    } else {
        clear(root, ABANDONED)?;
    }
    flock(&lock, FlockOperation::LockShared)?;
    Ok(Claim { _lock: lock })
}

/// Removes half-written files of at least this age.
fn clear(root: &Path, age: Duration) -> io::Result<()> {
    clear_in(root, age)?;
    for folder in fs::read_dir(root)?.filter_map(Result::ok) {
        if folder.file_type()?.is_dir() {
            clear_in(&folder.path(), age)?;
        }
    }
    Ok(())
}

fn clear_in(folder: &Path, age: Duration) -> io::Result<()> {
    let now = SystemTime::now();
    for file in fs::read_dir(folder)?.filter_map(Result::ok) {
        if !file.file_name().to_string_lossy().contains('#') || !file.file_type()?.is_file() {
            continue;
        }
        let written = file.metadata().and_then(|meta| meta.modified());
        let is_old = written.is_ok_and(|at| now.duration_since(at).unwrap_or_default() >= age);
        if is_old {
            fs::remove_file(file.path())?;
        }
    }
    Ok(())
}
