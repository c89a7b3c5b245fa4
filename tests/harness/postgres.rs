//! A PostgreSQL server for one test, that can be restarted under whoever uses it.
//!
//! It belongs to a shell that waits for orders: however the test ends, its end of the pipe closes, and the shell stops
//! the server and removes its files. PostgreSQL refuses to run as root; then it runs as the user `postgres`.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::command::as_root;

/// A running server, durable as in earnest.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    folder: String,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    shell: Child,
}

const SCRIPT: &str = r#"
folder=$(mktemp -d /tmp/stopbath-cluster.XXXXXX) || exit 1
trap 'rm -rf "$folder"' EXIT
"$0/initdb" --auth=trust --username=postgres --no-sync --pgdata "$folder/data" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
start() {
    "$0/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c max_connections=200 </dev/null >>"$folder/log" 2>&1 &
    server=$!
    until "$0/pg_isready" -q -h "$folder"; do
        kill -0 "$server" || { cat "$folder/log" >&2; exit 1; }
        sleep 0.05
    done
    echo "$folder"
}
start
while read -r order; do
    kill "-$order" "$server"
    wait "$server"
    start
done
kill -INT "$server"
wait "$server"
"#;

impl Cluster {
    pub fn start() -> Self {
        let programs = programs();
        let mut command = as_server_user();
        command
            .args(["sh", "-c", SCRIPT])
            .arg(&programs)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        // A group of its own: Ctrl-C is for the test, and the shell cleans up when that is gone.
        let mut shell = command.process_group(0).spawn().expect("a shell can be started");
        let output = shell.stdout.take().expect("standard output is a pipe");
        let mut cluster = Self {
            programs,
            folder: String::new(),
            orders: shell.stdin.take(),
            answers: BufReader::new(output),
            shell,
        };
        cluster.folder = cluster.answer();
        cluster
    }

    /// For `--store`.
    pub fn url(&self) -> String {
        format!("postgres:///postgres?host={}&user=postgres", self.folder)
    }

    /// In immediate mode: as a crash, with recovery from the log. Connections are taken again when it returns.
    pub fn restart(&mut self) {
        let orders = self.orders.as_mut().expect("the shell takes orders");
        writeln!(orders, "QUIT").expect("the shell takes orders");
        assert_eq!(self.answer(), self.folder);
    }

    /// Every connection but the one that says so. How many there were.
    pub fn end_connections(&self) -> usize {
        let ended = self.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
        );
        ended.lines().filter(|line| *line == "t").count()
    }

    fn ask(&self, statement: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--host", &self.folder, "--username", "postgres"])
            .args(["--dbname", "postgres", "--command", statement]);
        let done = psql.output().expect("psql can be started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(done.status.success(), "{}", text(&done.stderr));
        text(&done.stdout)
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the shell writes text");
        assert!(!line.is_empty(), "PostgreSQL does not start; see above");
        line.trim().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.orders.take());
        drop(self.shell.wait());
    }
}

/// `STOPBATH_POSTGRES` says where they are; `cargo xtask` sets it.
fn programs() -> PathBuf {
    let programs = crate::variable("STOPBATH_POSTGRES");
    for program in ["initdb", "postgres", "pg_isready", "psql"] {
        let missing = !Path::new(&programs).join(program).is_file();
        assert!(!missing, "there is no {program} in {}", programs.display());
    }
    programs
}

fn as_server_user() -> Command {
    if as_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]);
        command
    } else {
        Command::new("env")
    }
}
