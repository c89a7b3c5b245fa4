//! The built component in the real sandbox: `stopbath plugin run FILE IMAGE --with JSON -o OUT`.
//!
//! Needs `STOPBATH_BIN` (the binary) and `STOPBATH_PLUGINS_DIR` (the folder with `NAME.wasm`); tests that use
//! this are `#[ignore]`d and run once both are there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

use super::{read_png, write_png};
use crate::Frame;

/// Runs a filter; the error is what the binary printed.
pub fn run_filter(plugin: &str, frame: &Frame, json: &str) -> Result<Frame, String> {
    let folder = Scratch::new();
    let (input, output) = (folder.0.join("in.png"), folder.0.join("out.png"));
    write_png(&input, frame);
    run(plugin, &input, json, &output)?;
    Ok(read_png(&output))
}

/// Runs a component of any kind on a file. For an analyzer `output` gets its JSON.
pub fn run(plugin: &str, input: &Path, json: &str, output: &Path) -> Result<(), String> {
    let component = variable("STOPBATH_PLUGINS_DIR")
        .join(plugin)
        .with_extension("wasm");
    let mut command = Command::new(variable("STOPBATH_BIN"));
    command
        .args(["plugin", "run"])
        .arg(component)
        .arg(input)
        .args(["--with", json, "-o"])
        .arg(output);
    let done = command
        .output()
        .map_err(|error| format!("STOPBATH_BIN cannot be run: {error}"))?;
    if done.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

fn variable(name: &str) -> PathBuf {
    env::var_os(name)
        .unwrap_or_else(|| panic!("{name} is not set; see plugin-sdk/README.md"))
        .into()
}

/// A folder of one run, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("stopbath-plugin-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary folder can be written");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
