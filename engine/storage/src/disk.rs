//! How much room is left, and what that means: below the soft floor nothing new is taken in, below the hard floor
//! nothing is written. A floor that was passed counts until there is a tenth more than it asks for, so that the
//! answer does not flicker.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// How much must stay free, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floors {
    pub soft: u64,
    pub hard: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Room {
    #[default]
    Enough,
    /// Work in hand goes on, nothing new comes in.
    Low,
    /// What would write waits.
    None,
}

/// The verdict, with its memory.
#[derive(Debug, Clone)]
pub struct Gauge {
    floors: Floors,
    room: Room,
}

impl Gauge {
    pub fn new(floors: Floors) -> Self {
        let room = Room::Enough;
        Self { floors, room }
    }

    /// Hears how many bytes are free.
    pub fn judge(&mut self, free: u64) -> Room {
        let above = |floor: u64, passed: bool| {
            let margin = if passed { floor / 10 } else { 0 };
            free >= floor.saturating_add(margin)
        };
        self.room = if !above(self.floors.hard, self.room == Room::None) {
            Room::None
        } else if !above(self.floors.soft, self.room >= Room::Low) {
            Room::Low
        } else {
            Room::Enough
        };
        self.room
    }

    pub fn room(&self) -> Room {
        self.room
    }
}

/// Makes a folder with all that is missing above it, and syncs what names them: a power cut takes none of it away.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let named = path.ancestors().filter(|above| !above.as_os_str().is_empty());
    let missing = named.filter(|above| !above.exists()).count();
    fs::create_dir_all(path)?;
    let path = path.canonicalize()?;
    for folder in path.ancestors().take(1 + missing.max(1)) {
        match File::open(folder) {
            Ok(folder) => folder.sync_all()?,
            // Whoever may not read it has made nothing in it just now, or cannot do more.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Bytes that a process without privileges may still write where `path` lies.
pub fn free(path: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passed_floor_counts_until_there_is_clearly_more() {
        let mut gauge = Gauge::new(Floors {
            soft: 1000,
            hard: 100,
        });
        let story = [
            (5000, Room::Enough),
            (1000, Room::Enough),
            (999, Room::Low),
            (1050, Room::Low),
            (99, Room::None),
            (105, Room::None),
            (110, Room::Low),
            (1099, Room::Low),
            (1100, Room::Enough),
            (1001, Room::Enough),
            (0, Room::None),
            (9999, Room::Enough),
        ];
        for (free, room) in story {
            assert_eq!(gauge.judge(free), room, "{free} bytes free");
        }
    }

    #[test]
    fn a_folder_is_made_with_all_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        for _ in 0..2 {
            make_folder(&deep).unwrap();
            assert!(deep.is_dir());
        }
        std::fs::write(folder.path().join("file"), b"").unwrap();
        assert!(make_folder(&folder.path().join("file/d")).is_err());
    }

    #[test]
    fn there_is_some_room_here() {
        assert!(free(Path::new("/")).is_ok());
        assert!(free(Path::new("/no/such/place")).is_err());
    }
}
