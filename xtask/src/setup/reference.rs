//! A second implementation to compare pictures with: Pillow, in a Python environment of its own.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::project::Project;
use crate::shell;

/// Pinned: the comparison's tolerances were chosen with this version.
const PILLOW: &str = "13.0.0";

/// The Python interpreter of an environment that has Pillow; made where it is missing.
pub(crate) fn reference(project: &Project) -> Result<PathBuf> {
    let folder = project.target.join("reference-venv");
    let python = folder.join("bin/python");
    let has_pillow = format!("import PIL; assert PIL.__version__ == '{PILLOW}'");
    if shell::works(&python, &["-c", &has_pillow]) {
        return Ok(python);
    }
    if !shell::works("python3", &["--version"]) && !super::apt_install(&["python3", "python3-venv"])? {
        bail!(
            "the tests need python3; install with `apt-get install python3-venv`, `dnf install python3` or `brew install python`"
        );
    }
    let make = || {
        shell::run(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&folder),
        )
    };
    // Debian splits the module off into a package of its own.
    if make().is_err() && !(super::apt_install(&["python3-venv"])? && make().is_ok()) {
        bail!("python3 cannot make a virtual environment; install with `apt-get install python3-venv`");
    }
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    shell::run(Command::new(&python).args(pip).arg(format!("pillow=={PILLOW}")))
        .context("install Pillow, which the tests compare pictures with")?;
    Ok(python)
}
