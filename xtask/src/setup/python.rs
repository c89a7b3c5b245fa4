//! Python environments of the tests' own, so that nothing is installed into the system's.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::shell;

/// Where the interpreter of such an environment is.
pub(super) fn interpreter(folder: &Path) -> PathBuf {
    folder.join("bin/python")
}

/// Makes an empty environment in place of what is there.
pub(super) fn make(folder: &Path) -> Result<()> {
    if !shell::works("python3", &["--version"]) && !super::apt_install(&["python3", "python3-venv"])? {
        bail!(
            "the tests need python3; install with `apt-get install python3-venv`, `dnf install python3` or `brew install python`"
        );
    }
    let make = || {
        shell::run(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(folder),
        )
    };
    // Debian splits the module off into a package of its own.
    if make().is_err() && !(super::apt_install(&["python3-venv"])? && make().is_ok()) {
        bail!("python3 cannot make a virtual environment; install with `apt-get install python3-venv`");
    }
    Ok(())
}

/// Installs what `pip install` would with these arguments.
pub(super) fn install<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> Result<()> {
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    shell::run(Command::new(interpreter(folder)).args(pip).args(arguments))
}
