//! No Rust file grows beyond what one person can keep in mind.

use std::process::Command;

use anyhow::{Result, bail};

use crate::project::Project;
use crate::shell;

/// Lines. Most files should have about a quarter of this.
const MOST: usize = 400;

pub(crate) fn check(project: &Project) -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(&project.root).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        "*.rs",
    ]);
    let mut long = Vec::new();
    for file in shell::output(&mut git)?.lines() {
        // A file may be listed and yet be gone from the disk.
        let Ok(source) = std::fs::read_to_string(project.root.join(file)) else {
            continue;
        };
        if let Some(lines) = too_long(&source) {
            long.push(format!("{file} has {lines} lines"));
        }
    }
    if !long.is_empty() {
        bail!(
            "{}; at most {MOST} are allowed: split by what changes together",
            long.join(", ")
        );
    }
    Ok(())
}

fn too_long(source: &str) -> Option<usize> {
    Some(source.lines().count()).filter(|&lines| lines > MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines() {
        assert_eq!(too_long(&"x\n".repeat(MOST)), None);
        assert_eq!(too_long(&"x\n".repeat(MOST + 1)), Some(MOST + 1));
    }
}
