//! The memory through which originals reach an executor: the server writes it, the executor only reads it.
//!
//! Both sides keep it mapped from job to job, so that an original costs one copy and no new pages. Each
//! executor has its own; its seals let nobody resize it and nobody but the server write to it. What a
//! hostile executor gains from it is weighed in decision 0004.
#![expect(unsafe_code, reason = "maps shared memory; each block says why it is sound")]

use std::fs::File;
use std::io;

use memmap2::{Mmap, MmapMut};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};

/// No less is ever mapped; pages that no original reaches are never allocated.
const LEAST: usize = 4 << 20;
/// More is given back after the job that needed it.
const KEPT: usize = 16 << 20;

/// The server's end.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Option<MmapMut>);

/// The executor's end.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Option<Mmap>);

impl Outbox {
    /// Lays an original ready. A file comes back when the executor has to map new memory for it.
    pub(crate) fn put(&mut self, original: &[u8]) -> io::Result<Option<File>> {
        let fits = |map: &&mut MmapMut| map.len() >= original.len();
        if let Some(map) = self.0.as_mut().filter(fits) {
            map[..original.len()].copy_from_slice(original);
            return Ok(None);
        }
        let (file, mut map) = new(original.len().max(LEAST).next_multiple_of(LEAST))?;
        map[..original.len()].copy_from_slice(original);
        self.0 = Some(map);
        Ok(Some(file))
    }

    /// To be called after each job, as the executor does at its end.
    pub(crate) fn tidy(&mut self) {
        self.0.take_if(|map| map.len() > KEPT);
    }
}

impl Inbox {
    pub(crate) fn renew(&mut self, file: &File) -> io::Result<()> {
        // SAFETY: the seals keep the file at its size. Only the server writes to it, and never while a job
        // runs, which is as long as `original` is borrowed.
        self.0 = Some(unsafe { Mmap::map(file) }?);
        Ok(())
    }

    /// The original that was laid ready last.
    pub(crate) fn original(&self, length: u64) -> io::Result<&[u8]> {
        self.0
            .as_ref()
            .and_then(|map| map.get(..usize::try_from(length).ok()?))
            .ok_or_else(|| io::Error::other(format!("no {length} bytes are shared with the server")))
    }

    pub(crate) fn tidy(&mut self) {
        self.0.take_if(|map| map.len() > KEPT);
    }
}

/// Mapped here before it is sealed: afterwards nobody can map it for writing.
fn new(size: usize) -> io::Result<(File, MmapMut)> {
    let file = File::from(memfd_create(
        "original",
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )?);
    ftruncate(&file, size as u64)?;
    // SAFETY: nobody else has the file yet, and the seals keep others from writing to it or shrinking it.
    let map = unsafe { MmapMut::map_mut(&file) }?;
    fcntl_add_seals(
        &file,
        SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE | SealFlags::SEAL,
    )?;
    Ok((file, map))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn originals_follow_each_other_through_the_same_memory() {
        let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
        assert!(inbox.original(1).is_err());
        inbox.renew(&outbox.put(b"a long one").unwrap().unwrap()).unwrap();
        assert_eq!(inbox.original(10).unwrap(), b"a long one");
        assert!(outbox.put(b"short").unwrap().is_none());
        assert_eq!(inbox.original(5).unwrap(), b"short");
        assert!(inbox.original(u64::MAX).is_err());
    }

    #[test]
    fn a_large_original_is_not_kept() {
        let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
        inbox
            .renew(&outbox.put(&vec![1; KEPT + 1]).unwrap().unwrap())
            .unwrap();
        outbox.tidy();
        inbox.tidy();
        assert!(inbox.original(1).is_err());
        assert!(outbox.put(b"next").unwrap().is_some());
    }

    #[test]
    fn nobody_but_the_server_writes_or_resizes() {
        let file = Outbox::default().put(b"original").unwrap().unwrap();
        assert!((&file).write_all(b"x").is_err());
        assert!(file.set_len(0).is_err());
        assert!(file.set_len(1 << 30).is_err());
        // SAFETY: it must fail, so nothing is mapped.
        assert!(unsafe { MmapMut::map_mut(&file) }.is_err());
    }
}
