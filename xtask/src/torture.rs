//! `cargo xtask torture`: the kill test at length, on SQLite and on PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::project::Project;
use crate::{plugins, setup, shell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often the server is killed over SQLite.
    #[arg(long, default_value_t = 300)]
    sqlite: u32,
    /// How often the server is killed over PostgreSQL.
    #[arg(long, default_value_t = 100)]
    postgres: u32,
}

pub(crate) fn run(project: &Project, args: &Args) -> Result<()> {
    setup::build_tools()?;
    plugins::build(project, false)?;
    let mut build = Command::new("cargo");
    build
        .current_dir(&project.root)
        .args(["build", "--workspace", "--bins", "--examples"]);
    build.args(["--features", "imaging/reference", "--features", "storage/testing"]);
    shell::run(&mut build)?;
    let torture = |cycles: u32, store: Option<&str>| {
        let mut command = Command::new(project.target.join("debug/examples/torture"));
        command.arg(cycles.to_string()).args(store);
        command.env("STOPBATH_BIN", project.target.join("debug/stopbath"));
        command.env("STOPBATH_PLUGINS_DIR", plugins::folder(project));
        command.env("STOPBATH_FIXTURE_PLUGINS_DIR", plugins::fixtures_folder(project));
        shell::run(&mut command)
    };
    if args.sqlite > 0 {
        println!("SQLite, {} cycles", args.sqlite);
        torture(args.sqlite, None)?;
    }
    if args.postgres > 0 {
        println!("PostgreSQL, {} cycles", args.postgres);
        let cluster = Cluster::start(&setup::postgres()?, &project.target.join("torture-postgres"))?;
        torture(args.postgres, Some(&cluster.url()))?;
    }
    Ok(())
}

/// A temporary PostgreSQL server, durable as in earnest.
struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
}

impl Cluster {
    fn start(programs: &Path, folder: &Path) -> Result<Self> {
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

    fn url(&self) -> String {
        format!(
            "postgres:///postgres?host={}&user=postgres",
            self.folder.display()
        )
    }

    /// PostgreSQL refuses to run as root.
    fn call(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let root = shell::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
        if !root {
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
