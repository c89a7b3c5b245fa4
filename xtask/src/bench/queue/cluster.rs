//! A PostgreSQL server of the benchmarks' own, gone with them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell;

/// A temporary PostgreSQL server, durable as in earnest.
pub(super) struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
}

impl Cluster {
    pub(super) fn start(programs: &Path, folder: &Path) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        let cluster = Self {
            programs: programs.to_owned(),
            folder: folder.to_owned(),
        };
        shell::output(Command::new("chmod").arg("0777").arg(folder))?;
        shell::output(
            cluster
                .call("initdb")
                .args(["--auth=trust", "--username=postgres", "--pgdata"])
                .arg(cluster.data()),
        )?;
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={}",
            folder.display()
        );
        let mut start = cluster.call("pg_ctl");
        start
            .args(["--wait", "--options", &options, "--log"])
            .arg(folder.join("log"))
            .arg("--pgdata");
        // Its server would keep a pipe open for ever.
        shell::run(
            start
                .arg(cluster.data())
                .arg("start")
                .stdout(std::process::Stdio::null()),
        )?;
        Ok(cluster)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn url(&self) -> String {
        self.url_of("postgres")
    }

    pub(super) fn url_of(&self, database: &str) -> String {
        format!(
            "postgres:///{database}?host={}&user=postgres",
            self.folder.display()
        )
    }

    /// Where its socket is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A database with nothing in it. What others left to be written is written first.
    pub(super) fn create(&self, database: &str) -> Result<()> {
        self.ask(
            "postgres",
            &format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"),
        )?;
        self.ask("postgres", &format!("CREATE DATABASE {database}"))?;
        self.ask("postgres", "CHECKPOINT").map(drop)
    }

    /// Runs one statement; gives back the rows that it gives, one a line.
    pub(super) fn ask(&self, database: &str, statement: &str) -> Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "postgres",
            "-h",
        ])
        .arg(&self.folder)
        .args(["-d", database, "-c", statement]);
        // It remarks that there was nothing to drop.
        shell::output(psql.env("PGOPTIONS", "-c client_min_messages=warning"))
    }

    /// The process whose children serve.
    pub(super) fn process(&self) -> Result<u32> {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid"))?;
        let first = file.lines().next().context("the server's process")?;
        Ok(first.trim().parse()?)
    }

    /// PostgreSQL refuses to run as root.
    fn call(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        if !shell::as_root() {
            return Command::new(program);
        }
        let mut command = Command::new("runuser");
        command
            .args(["-u", "postgres", "--"])
            .arg(program)
            .current_dir("/");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = self.call("pg_ctl");
        stop.args(["--mode=immediate", "--pgdata"])
            .arg(self.data())
            .arg("stop");
        drop(shell::output(&mut stop));
    }
}
