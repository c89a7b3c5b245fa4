//! The command line, run to its end.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What one command did.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

/// Runs `stopbath` with a data folder of the tests' own and the useful plugins.
pub fn stopbath<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ran {
    let mut command = Command::new(crate::binary());
    command
        .env("STOPBATH_DATA", crate::data())
        .env("STOPBATH_PLUGINS", crate::plugins())
        .args(arguments);
    let done = command.output().expect("STOPBATH_BIN can be started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran {
        code: done.status.code(),
        output: text(&done.stdout),
        errors: text(&done.stderr),
    }
}

/// `stopbath serve` where it must not start: it ends with these errors. `folder` is one without plugins.
pub fn refused_start(folder: &Path, store: &str, blobs: &str) -> String {
    let listen = ["serve", "--listen", "127.0.0.1:0"].map(OsStr::new);
    let plugins = [OsStr::new("--plugins"), folder.as_os_str()];
    let places = ["--store", store, "--blobs", blobs].map(OsStr::new);
    let ran = stopbath(listen.into_iter().chain(plugins).chain(places));
    assert_eq!(ran.code, Some(1), "{}{}", ran.output, ran.errors);
    ran.errors
}

impl Ran {
    #[must_use]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.output, self.errors);
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.output)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.output))
    }
}

/// Whether this process may do everything.
pub(crate) fn as_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id can be started");
    id.stdout.trim_ascii() == b"0"
}

/// Sends a signal by its name to processes that may be gone already.
pub(crate) fn signal(name: &str, pids: &[u32]) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).args(pids.iter().map(u32::to_string));
    drop(kill.stderr(std::process::Stdio::null()).status());
}
