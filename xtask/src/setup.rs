//! Finds out what the build needs and this machine lacks, and installs it where that is allowed.
//!
//! System packages are installed only by root with apt-get, the compile target only through rustup;
//! otherwise one line says what to install and how. With everything there it takes a moment and no network.

mod faults;
mod postgres;
mod python;
mod redis;
mod reference;
mod s3;

use std::process::Command;

use anyhow::{Result, bail};

pub(crate) use faults::faults;
pub(crate) use postgres::postgres;
pub(crate) use redis::redis;
pub(crate) use reference::reference;
pub(crate) use s3::s3;

use crate::shell;

/// The target that plugins are compiled for.
pub(crate) const WASM: &str = "wasm32-wasip2";

/// A program that the build calls, and the packages that bring it.
struct Tool {
    program: &'static str,
    apt: &'static str,
    dnf: &'static str,
    brew: &'static str,
}

/// libjpeg-turbo is built with cmake, and its SIMD code, like that of the AVIF encoder, with nasm.
const TOOLS: [Tool; 3] = [
    Tool {
        program: "cc",
        apt: "gcc",
        dnf: "gcc",
        brew: "gcc",
    },
    Tool {
        program: "cmake",
        apt: "cmake",
        dnf: "cmake",
        brew: "cmake",
    },
    Tool {
        program: "nasm",
        apt: "nasm",
        dnf: "nasm",
        brew: "nasm",
    },
];

/// Everything that a build needs.
pub(crate) fn build_tools() -> Result<()> {
    let missing: Vec<&Tool> = TOOLS
        .iter()
        .filter(|tool| !shell::works(tool.program, &["--version"]))
        .collect();
    if !missing.is_empty() {
        install(&missing)?;
    }
    wasm_target()
}

fn install(missing: &[&Tool]) -> Result<()> {
    let names = |of: fn(&Tool) -> &'static str| missing.iter().map(|t| of(t)).collect::<Vec<_>>();
    if !apt_install(&names(|t| t.apt))? {
        bail!(
            "{} missing; install with `apt-get install {}`, `dnf install {}` or `brew install {}`",
            names(|t| t.program).join(", "),
            names(|t| t.apt).join(" "),
            names(|t| t.dnf).join(" "),
            names(|t| t.brew).join(" "),
        );
    }
    Ok(())
}

/// Installs Debian packages; `false` where this user or system cannot.
fn apt_install(packages: &[&str]) -> Result<bool> {
    if !shell::as_root() || !shell::works("apt-get", &["--version"]) {
        return Ok(false);
    }
    eprintln!("installing {}", packages.join(", "));
    let apt = || {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["-qq", "-o", "Dpkg::Use-Pty=0"]);
        command
    };
    shell::run(apt().arg("update"))?;
    shell::run(
        apt()
            .args(["install", "-y", "--no-install-recommends"])
            .args(packages),
    )?;
    Ok(true)
}

fn wasm_target() -> Result<()> {
    let sysroot = shell::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let libraries = std::path::Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(WASM);
    if libraries.is_dir() {
        return Ok(());
    }
    if !shell::works("rustup", &["--version"]) {
        bail!(
            "rustc has no {WASM} target; install Rust through https://rustup.rs, then `rustup target add {WASM}`"
        );
    }
    shell::run(Command::new("rustup").args(["target", "add", WASM]))
}
