//! Where the benchmark works: peers from their registries, the originals, and the `stopbath` binary.
//!
//! Everything lies in the target folder's `bench` and is made once; deleting that folder starts afresh. The photograph
//! comes with a crate (`webp` 0.3.1, `assets/lake.jpg`, dedicated to the public domain by CC0).

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::project::Project;
use crate::{plugins, shell};

/// Paths of all that takes part, and how long to measure.
pub(super) struct Lab {
    pub(super) stopbath: PathBuf,
    /// Components that Stopbath loads, as it would in earnest; the folder may be missing.
    pub(super) plugins: PathBuf,
    pub(super) root: PathBuf,
    work: PathBuf,
    scripts: PathBuf,
    /// How often everything is measured in turn.
    pub(super) rounds: usize,
    pub(super) quick: bool,
}

impl Lab {
    /// Installs and makes what is not there yet; `STOPBATH_BIN` names a binary that is built already.
    pub(super) fn prepare(project: &Project, rounds: usize, quick: bool) -> Result<Self> {
        let lab = Self {
            stopbath: stopbath(project)?,
            plugins: plugins::folder(project),
            root: project.root.clone(),
            work: project.target.join("bench"),
            scripts: project.root.join("xtask/bench"),
            rounds,
            quick,
        };
        lab.install_node_peers()?;
        lab.install_python_peers()?;
        lab.make_pictures()?;
        Ok(lab)
    }

    pub(super) fn picture(&self, size: &str) -> PathBuf {
        self.work.join(format!("pictures/photo-{size}.jpg"))
    }

    pub(super) fn pictures(&self) -> PathBuf {
        self.work.join("pictures")
    }

    /// A folder of the benchmark's own, empty.
    pub(super) fn fresh_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.work.join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    pub(super) fn node(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command.current_dir(self.work.join("peers")).arg(script);
        command
    }

    /// A program of the virtual environment: `python`, `thumbor`.
    pub(super) fn python(&self, program: &str) -> Command {
        Command::new(self.work.join("python/bin").join(program))
    }

    pub(super) fn script(&self, name: &str) -> PathBuf {
        self.scripts.join(name)
    }

    fn install_node_peers(&self) -> Result<()> {
        let folder = self.work.join("peers");
        std::fs::create_dir_all(&folder)?;
        for name in ["sharp.mjs", "ipx.mjs"] {
            std::fs::copy(self.scripts.join(name), folder.join(name))?;
        }
        if is_current(&self.scripts.join("package.json"), &folder.join("package.json"))? {
            return Ok(());
        }
        eprintln!("installing sharp and ipx");
        std::fs::copy(self.scripts.join("package.json"), folder.join("package.json"))?;
        let mut npm = Command::new("npm");
        let installed = shell::run(
            npm.args(["install", "--no-audit", "--no-fund", "--silent"])
                .current_dir(&folder),
        );
        if installed.is_err() {
            std::fs::remove_file(folder.join("package.json"))?;
        }
        installed.context("install the peers from npm (is Node with npm installed?)")
    }

    fn install_python_peers(&self) -> Result<()> {
        let folder = self.work.join("python");
        let wanted = self.scripts.join("requirements.txt");
        if is_current(&wanted, &folder.join("requirements.txt"))? {
            return Ok(());
        }
        eprintln!("installing thumbor");
        shell::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            .context("make a virtual environment (is python3 with venv installed?)")?;
        shell::run(
            self.python("pip")
                .args(["install", "-q", "--disable-pip-version-check", "-r"])
                .arg(&wanted),
        )?;
        std::fs::copy(&wanted, folder.join("requirements.txt"))?;
        Ok(())
    }

    fn make_pictures(&self) -> Result<()> {
        if self.picture("6000x4000").exists() {
            return Ok(());
        }
        eprintln!("making the pictures");
        let mut command = self.python("python");
        shell::run(
            command
                .arg(self.script("pictures.py"))
                .arg(self.photograph()?)
                .arg(self.pictures()),
        )
    }

    /// A package of nothing but one dependency lets cargo fetch the crate that the photograph comes with.
    fn photograph(&self) -> Result<PathBuf> {
        let folder = self.fresh_folder("photograph")?;
        let manifest = "[package]\nname = \"photograph\"\nedition = \"2024\"\n[dependencies]\nwebp = { version = \"=0.3.1\", default-features = false }\n[workspace]\n";
        std::fs::write(folder.join("Cargo.toml"), manifest)?;
        std::fs::create_dir(folder.join("src"))?;
        std::fs::write(folder.join("src/lib.rs"), "")?;
        let mut cargo = Command::new("cargo");
        let facts = shell::output(
            cargo
                .args(["metadata", "--format-version", "1"])
                .current_dir(&folder),
        )?;
        let facts: Value = serde_json::from_str(&facts)?;
        let packages = facts["packages"]
            .as_array()
            .context("cargo metadata lists packages")?;
        let webp = packages
            .iter()
            .find(|package| package["name"] == "webp")
            .context("the crate webp")?;
        let manifest = webp["manifest_path"]
            .as_str()
            .context("a package has a manifest")?;
        Ok(Path::new(manifest).with_file_name("assets/lake.jpg"))
    }
}

fn stopbath(project: &Project) -> Result<PathBuf> {
    if let Some(binary) = std::env::var_os("STOPBATH_BIN") {
        let binary = std::path::absolute(binary)?;
        if !binary.exists() {
            bail!("STOPBATH_BIN names {}, which is not there", binary.display());
        }
        return Ok(binary);
    }
    shell::run(
        Command::new("cargo")
            .args(["build", "--release", "--package", "server"])
            .current_dir(&project.root),
    )?;
    Ok(project.target.join("release/stopbath"))
}

fn is_current(wanted: &Path, installed: &Path) -> Result<bool> {
    Ok(installed.exists() && std::fs::read(wanted)? == std::fs::read(installed)?)
}
