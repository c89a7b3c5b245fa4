//! A second implementation to compare pictures with: Pillow, in a Python environment of its own.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::python;
use crate::project::Project;
use crate::shell;

/// Pinned: the comparison's tolerances were chosen with this version.
const PILLOW: &str = "13.0.0";

/// The Python interpreter of an environment that has Pillow; made where it is missing.
pub(crate) fn reference(project: &Project) -> Result<PathBuf> {
    let folder = project.target.join("reference-venv");
    let interpreter = python::interpreter(&folder);
    let has_pillow = format!("import PIL; assert PIL.__version__ == '{PILLOW}'");
    if !shell::works(&interpreter, &["-c", &has_pillow]) {
        python::make(&folder)?;
        python::install(&folder, [format!("pillow=={PILLOW}")])
            .context("install Pillow, which the tests compare pictures with")?;
    }
    Ok(interpreter)
}
