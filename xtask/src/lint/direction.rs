//! Who may depend on whom. These lines are the architecture; `engine/ARCHITECTURE.md` says why.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::project::{Package, Project};
use crate::shell;

/// Heavy libraries and the only package that may name each; a trailing `*` stands for a family of names.
const OWNERS: [(&str, &str); 7] = [
    ("wasmtime*", "plugin-host"),
    ("axum*", "server"),
    ("sqlx*", "storage"),
    ("object_store", "storage"),
    ("turbojpeg*", "imaging"),
    ("libwebp-sys", "imaging"),
    ("fast_image_resize", "imaging"),
];

/// Packages, and what must not be reachable from them at all.
const APART: [(&str, &[&str]); 4] = [
    (
        "workflow",
        &[
            "tokio",
            "wasmtime",
            "sqlx",
            "axum",
            "imaging",
            "plugin-host",
            "server",
        ],
    ),
    ("imaging", &["tokio", "wasmtime", "axum", "plugin-host", "server"]),
    ("plugin-host", &["axum", "sqlx", "server"]),
    (
        "e2e",
        &["workflow", "imaging", "plugin-host", "server", "stopbath-plugin"],
    ),
];

/// The only package of this workspace that a plugin may name.
const SDK: &str = "stopbath-plugin";

pub(crate) fn check(project: &Project) -> Result<()> {
    let names: Vec<&str> = project.packages.iter().map(|p| p.name.as_str()).collect();
    let mut wrong: Vec<String> = project.packages.iter().flat_map(owned_by_others).collect();
    let plugins = project.root.join("plugins");
    wrong.extend(
        project
            .packages
            .iter()
            .filter_map(|p| beyond_the_sdk(p, &plugins, &names)),
    );
    for (package, forbidden) in APART.iter().filter(|(package, _)| names.contains(package)) {
        let reachable = reachable(project, package)?;
        let found = forbidden
            .iter()
            .filter(|name| reachable.iter().any(|r| r == *name));
        wrong.extend(found.map(|name| format!("`{package}` must not depend on `{name}`")));
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("; "));
    }
    Ok(())
}

fn owned_by_others(package: &Package) -> Vec<String> {
    let breaks = |(library, owner): &&(&str, &str)| {
        package.name != *owner && package.dependencies.iter().any(|name| matches(library, name))
    };
    let tell = |(library, owner): &(&str, &str)| {
        format!("`{}` names `{library}`, which only `{owner}` may", package.name)
    };
    OWNERS.iter().filter(breaks).map(tell).collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == name, |family| name.starts_with(family))
}

fn beyond_the_sdk(package: &Package, plugins: &Path, workspace: &[&str]) -> Option<String> {
    let inside = package.folder.starts_with(plugins);
    let other = |name: &&String| workspace.contains(&name.as_str()) && *name != SDK;
    let named = package.dependencies.iter().find(other).filter(|_| inside)?;
    Some(format!(
        "the plugin `{}` may not name `{named}`, only `{SDK}`",
        package.name
    ))
}

/// Names of everything that is built into a package; what only its tests need does not count.
fn reachable(project: &Project, package: &str) -> Result<Vec<String>> {
    let mut tree = Command::new("cargo");
    tree.current_dir(&project.root)
        .args(["tree", "--package", package, "--edges", "normal,build"]);
    let listing = shell::output(tree.args(["--prefix", "none", "--format", "{p}", "--no-dedupe"]))?;
    let names = listing.lines().skip(1).filter_map(|line| line.split(' ').next());
    Ok(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, folder: &str, dependencies: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            folder: folder.into(),
            cdylib: None,
            dependencies: dependencies.iter().map(|&d| d.to_owned()).collect(),
            features: Vec::new(),
        }
    }

    #[test]
    fn heavy_libraries_have_one_owner() {
        assert!(owned_by_others(&package("plugin-host", "/", &["wasmtime", "wasmtime-wasi"])).is_empty());
        assert_eq!(
            owned_by_others(&package("server", "/", &["axum", "wasmtime-wasi"])),
            ["`server` names `wasmtime*`, which only `plugin-host` may"]
        );
    }

    #[test]
    fn plugins_see_only_the_sdk() {
        let workspace = [SDK, "imaging"];
        let judge = |p: &Package| beyond_the_sdk(p, Path::new("/plugins"), &workspace);
        assert_eq!(judge(&package("a", "/plugins/a", &[SDK, "serde"])), None);
        assert!(
            judge(&package("a", "/plugins/a", &[SDK, "imaging"]))
                .unwrap()
                .contains("`imaging`")
        );
        assert_eq!(judge(&package("server", "/engine/server", &["imaging"])), None);
    }
}
