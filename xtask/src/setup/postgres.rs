//! PostgreSQL's server, of which the tests start temporary ones of their own.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::shell;

/// The folder of `initdb` and `postgres`; the packages are installed where they are missing.
pub(crate) fn postgres() -> Result<PathBuf> {
    if let Some(folder) = find() {
        return Ok(folder);
    }
    super::apt_install(&["postgresql"])?;
    match find() {
        Some(folder) => Ok(folder),
        None => bail!(
            "the tests need PostgreSQL's server; install with `apt-get install postgresql`, `dnf install postgresql-server` or `brew install postgresql`"
        ),
    }
}

/// All that the tests call.
const PROGRAMS: [&str; 4] = ["initdb", "postgres", "pg_isready", "psql"];

/// Debian keeps the server out of the path; of several versions the newest is taken.
fn find() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut folders: Vec<PathBuf> = versions
        .filter_map(|v| Some(v.ok()?.path().join("bin")))
        .collect();
    folders.sort_by_key(|bin| {
        let version = bin.parent().and_then(|version| version.file_name());
        std::cmp::Reverse(version.and_then(|name| name.to_str()?.parse::<u32>().ok()))
    });
    folders.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let works = |folder: &PathBuf| {
        let mut programs = PROGRAMS.iter();
        programs.all(|program| shell::works(folder.join(program), &["--version"]))
    };
    folders.into_iter().find(works)
}
