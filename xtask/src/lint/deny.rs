//! Licences, sources and known vulnerabilities of dependencies, by cargo-deny and `deny.toml`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::project::Project;
use crate::shell;

const VERSION: &str = "0.20.2";

pub(crate) fn check(project: &Project) -> Result<()> {
    let program = find(project)?;
    let deny = |args: &[&str]| {
        let mut command = Command::new(&program);
        command
            .current_dir(&project.root)
            .args(["--log-level", "error", "--workspace"])
            .args(args);
        command
    };
    shell::run(&mut deny(&["check", "licenses", "bans", "sources"]))?;
    if shell::output(&mut deny(&["fetch", "db"])).is_err() {
        eprintln!("known vulnerabilities were not looked up: their database cannot be reached from here");
        return Ok(());
    }
    shell::run(&mut deny(&["check", "advisories"]))
}

/// The installed one, or one of our own in the target folder, so that nobody's home changes.
fn find(project: &Project) -> Result<PathBuf> {
    let own = project.target.join("tools/bin/cargo-deny");
    for program in ["cargo-deny".into(), own.clone()] {
        if shell::works(&program, &["--version"]) {
            return Ok(program);
        }
    }
    eprintln!("installing cargo-deny {VERSION}, once");
    let mut install = Command::new("cargo");
    install.args([
        "install",
        "--locked",
        "--quiet",
        "cargo-deny",
        "--version",
        VERSION,
        "--root",
    ]);
    // A folder of its own: the build of a tool must not mix with ours.
    install
        .arg(project.target.join("tools"))
        .env("CARGO_TARGET_DIR", project.target.join("tools/build"));
    shell::run(&mut install)?;
    Ok(own)
}
