//! Builds plugins into components and collects them where the server and the tests look for them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::project::{Package, Project};
use crate::setup::WASM;
use crate::shell;

/// Builds every plugin in `plugins/`, and where wanted those that only tests use.
pub(crate) fn build(project: &Project, with_fixtures: bool) -> Result<()> {
    let plugins = components(project, "plugins");
    let fixtures = if with_fixtures {
        components(project, "tests/fixtures/plugins")
    } else {
        Vec::new()
    };
    compile(project, plugins.iter().chain(&fixtures))?;
    collect(&project.target, &plugins, &folder(project))?;
    collect(&project.target, &fixtures, &fixtures_folder(project))
}

/// Where the components of `plugins/*` are.
pub(crate) fn folder(project: &Project) -> PathBuf {
    project.target.join("plugins")
}

/// Where the components of `tests/fixtures/plugins/*` are.
pub(crate) fn fixtures_folder(project: &Project) -> PathBuf {
    project.target.join("fixture-plugins")
}

fn components<'a>(project: &'a Project, below: &str) -> Vec<&'a Package> {
    let home = project.root.join(below);
    project
        .packages
        .iter()
        .filter(|p| p.cdylib.is_some() && p.folder.starts_with(&home))
        .collect()
}

fn compile<'a>(project: &Project, plugins: impl Iterator<Item = &'a &'a Package>) -> Result<()> {
    let mut command = Command::new("cargo");
    command
        .current_dir(&project.root)
        .args(["build", "--lib", "--profile", "plugin", "--target", WASM]);
    for plugin in plugins {
        command.args(["--package", &plugin.name]);
    }
    // Flags in a caller's environment would push out those of `.cargo/config.toml`.
    command
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    shell::run(&mut command)
}

/// Copies the components that changed; others keep their time, so that nothing is prepared anew for them.
fn collect(target: &Path, plugins: &[&Package], into: &Path) -> Result<()> {
    std::fs::create_dir_all(into).with_context(|| format!("make {}", into.display()))?;
    for plugin in plugins {
        let stem = plugin.cdylib.as_deref().unwrap_or_default();
        let built = target.join(WASM).join("plugin").join(stem).with_extension("wasm");
        let collected = into.join(&plugin.name).with_extension("wasm");
        let bytes = std::fs::read(&built).with_context(|| format!("read {}", built.display()))?;
        if std::fs::read(&collected).ok().as_ref() != Some(&bytes) {
            std::fs::write(&collected, bytes).with_context(|| format!("write {}", collected.display()))?;
        }
    }
    Ok(())
}
