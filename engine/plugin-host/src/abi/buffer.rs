//! Memory for the pixels of a frame that is being made.
//!
//! A large frame costs a page fault for every 4 KiB that is written for the first time, together more than the
//! writing itself. Huge pages make that 512 times fewer; where the system has none, it is as before.

use std::io;
use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use memmap2::MmapMut;

/// From so many bytes on, a mapping of its own; below, it would cost more than it saves.
const LARGE: usize = 4 << 20;

pub(crate) enum Buffer {
    Small(Vec<u8>),
    Large(MmapMut),
}

impl Buffer {
    /// All zero. An error when the process may not have that much memory.
    pub(crate) fn new(bytes: usize) -> io::Result<Self> {
        if bytes < LARGE {
            return Ok(Self::Small(vec![0; bytes]));
        }
        let map = MmapMut::map_anon(bytes)?;
        // Only advice: a kernel without huge pages refuses it, and small ones do.
        #[cfg(target_os = "linux")]
        drop(map.advise(memmap2::Advice::HugePage));
        Ok(Self::Large(map))
    }

    pub(crate) fn freeze(self) -> Bytes {
        match self {
            Self::Small(bytes) => Bytes::from(bytes),
            Self::Large(map) => Bytes::from_owner(map),
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Large(map) => map,
        }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Large(map) => map,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_are_zeroed_and_keep_what_is_written() {
        for bytes in [0, 1, LARGE - 1, LARGE, LARGE + 4097] {
            let mut buffer = Buffer::new(bytes).unwrap();
            assert!(buffer.iter().all(|byte| *byte == 0));
            buffer.fill(7);
            let frozen = buffer.freeze();
            assert_eq!(frozen.len(), bytes);
            assert!(frozen.iter().all(|byte| *byte == 7));
        }
    }

    #[test]
    fn too_much_is_an_error_and_not_the_end() {
        assert!(Buffer::new(1 << 60).is_err());
    }
}
