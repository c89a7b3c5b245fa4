//! What the tests of faults from outside need: strace lets system calls fail, libfaketime lets clocks jump.

use anyhow::{Result, bail};

use crate::shell;

pub(crate) fn faults() -> Result<()> {
    if there() {
        return Ok(());
    }
    super::apt_install(&["strace", "faketime"])?;
    if !there() {
        bail!(
            "the tests need strace and libfaketime; install with `apt-get install strace faketime` or `dnf install strace libfaketime`"
        );
    }
    Ok(())
}

fn there() -> bool {
    shell::works("strace", &["--version"]) && shell::works("faketime", &["--version"])
}
