//! Reads a file that a folder holds or a person names, when it is a regular one and not too large.
//!
//! A pipe would be waited at for ever, and a device may have no end. Originals are read elsewhere: they may
//! come from a pipe.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The whole file, of at most so many bytes.
pub(crate) fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    check(&std::fs::metadata(path)?, limit)?;
    // It may be another file by now, and opening a pipe waits for who writes to it.
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    let about = file.metadata()?;
    check(&about, limit)?;
    let mut bytes = Vec::with_capacity(about.len() as usize);
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(too_large(limit));
    }
    Ok(bytes)
}

/// The same for text.
pub(crate) fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read(path, limit)?)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not text in UTF-8"))
}

fn check(about: &Metadata, limit: u64) -> io::Result<()> {
    if about.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder"));
    }
    if !about.is_file() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    if about.len() > limit {
        return Err(too_large(limit));
    }
    Ok(())
}

fn too_large(limit: u64) -> io::Error {
    let text = format!("it is larger than {} MiB", limit >> 20);
    io::Error::new(ErrorKind::FileTooLarge, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn why(path: &Path) -> String {
        read(path, MIB).unwrap_err().to_string()
    }

    #[test]
    fn what_has_no_end_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        assert_eq!(why(&pipe), "it is not a regular file");
        assert_eq!(why(Path::new("/dev/zero")), "it is not a regular file");
        assert_eq!(why(folder.path()), "it is a folder");
    }

    #[test]
    fn the_size_is_judged_before_anything_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(why(&path), "it is larger than 1 MiB");
        std::fs::write(&path, vec![b'a'; MIB as usize]).unwrap();
        assert_eq!(read_text(&path, MIB).unwrap().len() as u64, MIB);
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(read_text(&path, MIB).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
