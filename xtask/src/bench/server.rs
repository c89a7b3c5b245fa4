//! A server under test: started on a free port, ended with everything that it started.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::shell;

const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Server {
    pub(super) address: SocketAddr,
    child: Child,
}

impl Server {
    /// `command` makes the command line for a port. What the server prints goes to `log`.
    pub(super) fn start(log: &Path, command: impl FnOnce(u16) -> Command) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = command(port);
        let log_file = File::create(log)?;
        // A group of its own, so that its workers can be ended with it.
        command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log_file.try_clone()?)
            .stderr(log_file);
        let child = command
            .spawn()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut server = Self { address, child };
        let listens = || TcpStream::connect(address).is_ok();
        wait_until_it_listens(&mut server.child, listens)
            .with_context(|| format!("see {}", log.display()))?;
        Ok(server)
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

pub(super) fn wait_until_it_listens(server: &mut Child, listens: impl Fn() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !listens() {
        if let Some(status) = server.try_wait()? {
            bail!("the server ended before it listened: {status}");
        }
        if begun.elapsed() > PATIENCE {
            bail!("the server did not listen within {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        // A server that has ended already is no failure.
        drop(shell::output(Command::new("kill").args(["-KILL", "--", &group])));
        drop(self.child.wait());
    }
}
