//! The bytes of an original in flight: a file in memory that can be handed to an executor as it is.
//!
//! Nobody in this process reads them back.

use std::fs::File;
use std::io::{self, Write};

use rustix::fs::{MemfdFlags, memfd_create};

/// An original that grows chunk by chunk up to a limit.
pub(crate) struct Original {
    file: File,
    length: u64,
    limit: u64,
}

/// Why a chunk was not taken.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// More than this many bytes.
    TooLarge(u64),
    Io(io::Error),
}

impl Original {
    pub(crate) fn new(limit: u64) -> io::Result<Self> {
        let fd = memfd_create("original", MemfdFlags::CLOEXEC)?;
        Ok(Self {
            file: File::from(fd),
            length: 0,
            limit,
        })
    }

    pub(crate) fn append(&mut self, chunk: &[u8]) -> Result<(), AppendError> {
        self.length += chunk.len() as u64;
        if self.length > self.limit {
            return Err(AppendError::TooLarge(self.limit));
        }
        self.file.write_all(chunk).map_err(AppendError::Io)
    }

    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    pub(crate) fn into_file(self) -> File {
        self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_at_its_limit() {
        let mut original = Original::new(4).unwrap();
        original.append(b"abc").unwrap();
        assert!(matches!(original.append(b"de"), Err(AppendError::TooLarge(4))));
    }
}
