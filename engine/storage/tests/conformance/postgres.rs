//! A temporary PostgreSQL for as long as the tests run, and a schema of its own for every test.
//!
//! The server belongs to a shell that waits for the end of its input: however the tests end, their end of the pipe
//! closes, and the shell stops the server and removes its files. PostgreSQL refuses to run as root; then it runs as
//! the user `postgres`.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor};
use tokio::sync::OnceCell;

struct Server {
    folder: String,
    /// Held open: when it closes, the server stops.
    _alive: ChildStdin,
    _shell: Child,
}

static SERVER: OnceCell<Server> = OnceCell::const_new();
static SCHEMAS: AtomicU32 = AtomicU32::new(0);

/// The address of a schema that nobody has used.
pub(crate) async fn fresh_schema() -> String {
    let server = SERVER.get_or_init(start).await;
    let schema = format!("test_{}", SCHEMAS.fetch_add(1, Ordering::Relaxed));
    let address = server.address();
    let mut connection = AnyConnection::connect(&address).await.unwrap();
    let create = format!("CREATE SCHEMA {schema}");
    connection.execute(AssertSqlSafe(create)).await.unwrap();
    connection.close().await.unwrap();
    format!("{address}&options[search_path]={schema}")
}

impl Server {
    fn address(&self) -> String {
        format!("postgres:///postgres?host={}&user=postgres", self.folder)
    }
}

const SCRIPT: &str = r#"
folder=$(mktemp -d /tmp/stopbath-test.XXXXXX) || exit 1
trap 'rm -rf "$folder"' EXIT
"$0/initdb" --auth=trust --username=postgres --no-sync --pgdata "$folder/data" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
"$0/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c fsync=off -c full_page_writes=off \
    -c max_connections=300 </dev/null >>"$folder/log" 2>&1 &
server=$!
echo "$folder"
read -r end
kill -INT "$server"
wait "$server"
"#;

async fn start() -> Server {
    sqlx::any::install_default_drivers();
    let Some(programs) = programs() else {
        panic!("the tests need PostgreSQL's server: apt-get install postgresql");
    };
    let mut command = as_server_user();
    command
        .arg("sh")
        .arg("-c")
        .arg(SCRIPT)
        .arg(programs)
        .current_dir("/");
    // A group of its own: Ctrl-C is for the tests, and the shell cleans up when they are gone.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut shell = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut folder = String::new();
    let output = shell.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut folder).unwrap();
    let server = Server {
        folder: folder.trim().to_owned(),
        _alive: shell.stdin.take().unwrap(),
        _shell: shell,
    };
    assert!(!server.folder.is_empty(), "initdb failed; see above");
    let begun = Instant::now();
    while let Err(error) = AnyConnection::connect(&server.address()).await {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "PostgreSQL does not start: {error}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server
}

/// `STOPBATH_POSTGRES`, else where Debian puts them, newest first, else on the path.
fn programs() -> Option<PathBuf> {
    let told = std::env::var_os("STOPBATH_POSTGRES").map(PathBuf::from);
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut debian: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    debian.sort_by_key(|bin| {
        bin.parent()
            .and_then(Path::file_name)
            .and_then(|name| name.to_str()?.parse::<u32>().ok())
    });
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).collect::<Vec<_>>();
    let mut all = told.into_iter().chain(debian.into_iter().rev()).chain(on_path);
    all.find(|bin| bin.join("initdb").is_file() && bin.join("postgres").is_file())
}

fn as_server_user() -> Command {
    let id = Command::new("id").arg("-u").output().unwrap();
    let root = id.stdout.trim_ascii() == b"0";
    if root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]);
        command
    } else {
        Command::new("env")
    }
}
