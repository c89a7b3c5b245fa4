//! How and where the server is made to die: each kind in turn.

use std::path::Path;
use std::time::Duration;

use crate::Server;
use crate::dice::Dice;
use crate::strace::{Order, RENAMES, Strace, blob_folders, database_files, staged};

/// Where the server kills itself.
pub const PLACES: [&str; 8] = [
    "original-received",
    "original-written",
    "before-commit",
    "job-committed",
    "job-claimed",
    "renditions-made",
    "rendition-written",
    "job-settled",
];

/// For it to come by its place.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same where each system call is looked at.
const SLOWLY: Duration = Duration::from_secs(15);

/// System calls at whose beginning it is killed: what came before is done, and they are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// A blob is renamed: it is written and synced.
    Rename,
    /// The folder of a blob is synced: it has its name.
    FolderSync,
    /// A blob is synced: it is written.
    FileSync,
    /// The log of SQLite is synced: a commit is written.
    LogSync,
}

#[derive(Debug)]
pub(super) enum Death {
    /// The harness kills it.
    AnyTime,
    /// It kills itself when it comes by for this time.
    Place(&'static str, u32),
    /// It is killed before this one of a thread's calls.
    Call(Call, u32),
}

/// Of ten deaths one is before a system call, three are at any time, six at named places.
#[derive(Debug)]
pub(super) struct Deaths {
    calls: &'static [Call],
    places_so_far: usize,
    calls_so_far: usize,
}

impl Deaths {
    /// PostgreSQL's log is its own affair.
    pub(super) fn of(sqlite: bool) -> Self {
        const ALL: &[Call] = &[Call::Rename, Call::FolderSync, Call::FileSync, Call::LogSync];
        Self {
            calls: if sqlite { ALL } else { &ALL[..3] },
            places_so_far: 0,
            calls_so_far: 0,
        }
    }

    pub(super) fn next(&mut self, cycle: u32, dice: &mut Dice) -> Death {
        if cycle % 10 == 9 {
            let call = self.calls[self.calls_so_far % self.calls.len()];
            self.calls_so_far += 1;
            // Threads that write blobs come and go.
            let most = if call == Call::LogSync { 6 } else { 2 };
            return Death::Call(call, dice.below(most) + 1);
        }
        if cycle % 3 == 2 {
            return Death::AnyTime;
        }
        let place = PLACES[self.places_so_far % PLACES.len()];
        self.places_so_far += 1;
        // Many transactions belong to its start.
        let most = if place == "before-commit" { 40 } else { 6 };
        Death::Place(place, dice.below(most) + 1)
    }
}

impl Death {
    pub(super) fn name(&self) -> &'static str {
        match *self {
            Self::AnyTime => "at any time",
            Self::Place(place, _) => place,
            Self::Call(Call::Rename, _) => "before a blob's rename",
            Self::Call(Call::FolderSync, _) => "before its folder's sync",
            Self::Call(Call::FileSync, _) => "before a blob's sync",
            Self::Call(Call::LogSync, _) => "before the log's sync",
        }
    }

    /// For `STOPBATH_CRASH_AT`.
    pub(super) fn environment(&self) -> String {
        match self {
            Self::Place(place, nth) => format!("{place}:{nth}"),
            Self::AnyTime | Self::Call(..) => String::new(),
        }
    }

    pub(super) fn is_any_time(&self) -> bool {
        matches!(self, Self::AnyTime)
    }

    /// After which the harness kills it.
    pub(super) fn after(&self, dice: &mut Dice) -> Duration {
        match self {
            Self::AnyTime => Duration::from_millis(u64::from(dice.below(900) + 50)),
            Self::Place(..) => PATIENCE,
            Self::Call(..) => SLOWLY,
        }
    }

    /// A file that is to be synced has to be known by its name, or it is taken for another.
    pub(super) fn needs_original(&self) -> bool {
        matches!(self, Self::Call(Call::FileSync, _))
    }

    /// What kills it; `digest` is that of the original that is written again and again.
    pub(super) fn strace(&self, server: &Server, folder: &Path, digest: Option<&str>) -> Option<Strace> {
        let Self::Call(call, nth) = *self else {
            return None;
        };
        let blobs = server.blobs();
        let (calls, paths) = match call {
            Call::Rename => (RENAMES, Vec::new()),
            Call::FolderSync => ("fsync,fdatasync", blob_folders(&blobs)),
            Call::FileSync => {
                let digest = digest.expect("the digest of an original");
                ("fsync,fdatasync", vec![staged(&blobs, digest)])
            }
            Call::LogSync => ("fsync,fdatasync", database_files(&folder.join("jobs.db"))),
        };
        let order = Order {
            calls,
            how: Some(format!("signal=KILL:when={nth}")),
            paths,
        };
        Some(Strace::attach(server.pid(), &order, &folder.join("trace")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_and_each_call_has_its_turn() {
        let (mut deaths, mut dice) = (Deaths::of(true), Dice::new(7));
        let mut names: Vec<_> = (0..40)
            .map(|cycle| deaths.next(cycle, &mut dice).name())
            .collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), PLACES.len() + 4 + 1, "{names:?}");
    }
}
