//! What `cargo metadata` says of this workspace: its folders, its packages and who names whom.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use crate::shell;

/// The workspace that this command belongs to.
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    /// Cargo's target folder; honours `CARGO_TARGET_DIR`.
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package of a workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of its `Cargo.toml`.
    pub(crate) folder: PathBuf,
    /// The file stem of its `cdylib`, if it has one.
    pub(crate) cdylib: Option<String>,
    /// Direct dependencies of every kind.
    pub(crate) dependencies: Vec<String>,
    pub(crate) features: Vec<String>,
}

impl Project {
    pub(crate) fn find() -> Result<Self> {
        let mut command = Command::new("cargo");
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
        ]);
        let metadata: Value = serde_json::from_str(&shell::output(&mut command)?)?;
        Ok(Self {
            root: PathBuf::from(text(&metadata["workspace_root"])),
            target: PathBuf::from(text(&metadata["target_directory"])),
            packages: list(&metadata["packages"]).iter().map(Package::read).collect(),
        })
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }
}

impl Package {
    fn read(package: &Value) -> Self {
        let is_cdylib = |target: &&Value| list(&target["crate_types"]).contains(&Value::from("cdylib"));
        let cdylib = list(&package["targets"]).iter().find(is_cdylib);
        let manifest = Path::new(text(&package["manifest_path"]));
        Self {
            name: text(&package["name"]).to_owned(),
            folder: manifest.parent().unwrap_or(manifest).to_owned(),
            cdylib: cdylib.map(|target| text(&target["name"]).replace('-', "_")),
            dependencies: list(&package["dependencies"])
                .iter()
                .map(|d| text(&d["name"]).to_owned())
                .collect(),
            features: package["features"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone())
                .collect(),
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_this_workspace() {
        let project = Project::find().unwrap();
        let own = project.package("xtask").unwrap();
        assert_eq!(own.folder, project.root.join("xtask"));
        assert!(own.dependencies.contains(&"anyhow".to_owned()));
        assert_eq!(own.cdylib, None);
        assert_eq!(project.package("qoi").unwrap().cdylib.as_deref(), Some("qoi"));
    }
}
