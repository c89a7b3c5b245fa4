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

/// Debian keeps the server out of the path.
fn find() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut folders: Vec<PathBuf> = versions
        .filter_map(|v| Some(v.ok()?.path().join("bin")))
        .collect();
    folders.sort();
    folders.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    folders
        .into_iter()
        .rev()
        .find(|folder| shell::works(folder.join("initdb"), &["--version"]))
}
