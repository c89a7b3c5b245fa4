//! An S3 server to test with: moto, in a Python environment of its own. `tests/fixtures/s3` has what starts it.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::python;
use crate::project::Project;
use crate::shell;

/// The Python interpreter of an environment that has the server; made where it is missing or of other versions.
pub(crate) fn s3(project: &Project) -> Result<PathBuf> {
    let folder = project.target.join("s3-venv");
    let interpreter = python::interpreter(&folder);
    let wanted = project.root.join("tests/fixtures/s3/requirements.txt");
    let wanted_text = fs::read(&wanted).with_context(|| format!("read {}", wanted.display()))?;
    // Written last, so that it says that all the rest is there.
    let installed = folder.join("installed.txt");
    let is_there = fs::read(&installed).is_ok_and(|text| text == wanted_text);
    if !is_there || !shell::works(&interpreter, &["--version"]) {
        python::make(&folder)?;
        python::install(&folder, [OsStr::new("--requirement"), wanted.as_os_str()])
            .context("install the S3 server, which blobs are tested with")?;
        fs::write(&installed, wanted_text).with_context(|| format!("write {}", installed.display()))?;
    }
    Ok(interpreter)
}
