//! A Redis server of the benchmark's own, gone with it.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::bench::server::wait_until_it_listens;
use crate::shell;

pub(super) struct Redis {
    child: Child,
    socket: PathBuf,
}

impl Redis {
    /// `sync` is `appendfsync`: `always` keeps what was acknowledged, `everysec` may lose the last second.
    pub(super) fn start(folder: &Path, sync: &str) -> Result<Self> {
        let socket = folder.join("socket");
        let log = File::create(folder.join("log"))?;
        let mut command = Command::new("redis-server");
        command
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--appendonly",
                "yes",
                "--appendfsync",
                sync,
            ])
            .arg("--dir")
            .arg(folder)
            .arg("--unixsocket")
            .arg(&socket)
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log);
        let mut redis = Self {
            child: command.spawn().context("start redis-server")?,
            socket,
        };
        let listens = || UnixStream::connect(&redis.socket).is_ok();
        wait_until_it_listens(&mut redis.child, listens).context("wait for redis-server")?;
        Ok(redis)
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Commands that it has carried out.
    pub(super) fn commands(&self) -> Result<f64> {
        let mut client = Command::new("redis-cli");
        let text = shell::output(client.arg("-s").arg(&self.socket).args(["INFO", "stats"]))?;
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix("total_commands_processed:"));
        Ok(found.context("Redis counts commands")?.trim().parse()?)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
