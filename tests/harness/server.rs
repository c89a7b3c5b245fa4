//! One running server, ended with the test that started it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use ureq::Agent;

use crate::command::signal;
use crate::{Answer, Memory, Raw, children};

/// A first start compiles plugins; one at a time is quicker than several for the same.
static STARTING: Mutex<()> = Mutex::new(());
const PATIENCE: Duration = Duration::from_mins(3);

/// A server on a port of its own; dropping it ends it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
    agent: Agent,
    folder: TempDir,
    /// How it was started.
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    blobs: PathBuf,
}

/// What a server is started with.
#[derive(Debug)]
pub struct Builder {
    pipelines: Pipelines,
    plugins: PathBuf,
    executors: u32,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    store: Option<String>,
    blobs: Option<PathBuf>,
}

#[derive(Debug)]
enum Pipelines {
    Folder(PathBuf),
    Made(Vec<(String, String)>),
}

impl Server {
    /// With the example pipelines and the useful plugins.
    pub fn examples() -> Builder {
        Builder::new(Pipelines::Folder(crate::root().join("pipelines")))
    }

    /// With pipelines of the test's own: pairs of a name and the YAML that follows `pipeline: NAME`.
    pub fn of<N: Into<String>, Y: Into<String>>(pipelines: impl IntoIterator<Item = (N, Y)>) -> Builder {
        let made = pipelines
            .into_iter()
            .map(|(name, yaml)| (name.into(), yaml.into()))
            .collect();
        Builder::new(Pipelines::Made(made))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process that was started still runs.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// Of the server and its executors.
    pub fn memory(&self) -> Memory {
        Memory::of_tree(self.pid())
    }

    pub fn get(&self, path: &str) -> Answer {
        let response = self.agent.get(format!("{}{path}", self.address)).call();
        Answer::read(response.unwrap_or_else(|error| panic!("GET {path}: {error}")))
    }

    /// The same, or nothing if the server died over it.
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        let response = self.agent.get(format!("{}{path}", self.address)).call();
        response.ok().and_then(Answer::try_read)
    }

    /// `POST`s an image to a pipeline; `target` may carry a query.
    pub fn process(&self, target: &str, body: &[u8]) -> Answer {
        self.process_with(target, &[], body)
    }

    pub fn process_with(&self, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let target = target.split_once('?').map_or_else(
            || format!("/v1/pipelines/{target}/process"),
            |(name, query)| format!("/v1/pipelines/{name}/process?{query}"),
        );
        self.post(&target, headers, body)
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = self.agent.post(format!("{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::read(
            request
                .send(body)
                .unwrap_or_else(|error| panic!("POST {path}: {error}")),
        )
    }

    pub fn post_json(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.post(path, &json, body.to_string().as_bytes())
    }

    /// Ends it as a power cut would, if it has not ended by itself. How it ended.
    pub(crate) fn end(&mut self) -> ExitStatus {
        // Refused only where it has been asked already how it ended.
        drop(self.child.kill());
        self.child.wait().expect("a child can be waited for")
    }

    /// Tells it to stop, as an init system does, and waits for it. The exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.wait()
    }

    /// Waits until it has ended by itself. The exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let begun = Instant::now();
        loop {
            if let Some(ended) = self.child.try_wait().expect("a child can be waited for") {
                return ended.code();
            }
            assert!(begun.elapsed() < PATIENCE, "it does not stop:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as a power cut would, and starts it again on what it left behind. False if it ended again before it
    /// could answer, as it may where `environment` says so.
    pub fn kill_and_restart(&mut self, environment: &[(&str, &str)]) -> bool {
        self.end();
        let own = self.environment.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let all: Vec<_> = own.chain(environment.iter().copied()).collect();
        let address;
        (self.child, address) = launch(&self.arguments, self.folder.path(), &all);
        let Some(address) = address else {
            return false;
        };
        self.address = address;
        let begun = Instant::now();
        while self.lives() && begun.elapsed() < PATIENCE {
            let answer = self.agent.get(format!("{}/healthz", self.address)).call();
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return true;
            }
        }
        false
    }

    /// Where it keeps its blobs.
    pub fn blobs(&self) -> PathBuf {
        self.blobs.clone()
    }

    /// Stops the server (`STOP`), or lets it go on (`CONT`).
    pub fn signal(&self, name: &str) {
        signal(name, &[self.pid()]);
    }

    /// The same for its executors.
    pub fn signal_executors(&self, name: &str) {
        let executors = children(self.pid());
        assert!(!executors.is_empty(), "the server has no executors");
        signal(name, &executors);
    }

    pub fn url(&self) -> &str {
        &self.address
    }

    /// An answer, or nothing if the server died over it.
    pub fn try_post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
        let mut request = self.agent.post(format!("{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send(body).ok().and_then(Answer::try_read)
    }

    /// A connection of the test's own.
    pub fn connect(&self) -> Raw {
        Raw::open(self.address.trim_start_matches("http://"))
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Ended hard: executors must notice by themselves that their server is gone.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            eprintln!("the server's last log lines, newest first:\n{}", tail.join("\n"));
        }
    }
}

impl Builder {
    fn new(pipelines: Pipelines) -> Self {
        Self {
            pipelines,
            plugins: crate::plugins(),
            executors: 2,
            arguments: Vec::new(),
            environment: Vec::new(),
            store: None,
            blobs: None,
        }
    }

    #[must_use]
    pub fn plugins(mut self, folder: impl AsRef<Path>) -> Self {
        folder.as_ref().clone_into(&mut self.plugins);
        self
    }

    /// Two unless said otherwise.
    #[must_use]
    pub fn executors(mut self, executors: u32) -> Self {
        self.executors = executors;
        self
    }

    #[must_use]
    pub fn args(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&a| a.to_owned()));
        self
    }

    /// Set at every start.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `--store`; SQLite in a folder of its own unless said otherwise.
    #[must_use]
    pub fn store(mut self, url: impl Into<String>) -> Self {
        self.store = Some(url.into());
        self
    }

    /// `--blobs`; a folder of its own unless said otherwise.
    #[must_use]
    pub fn blobs(mut self, folder: impl AsRef<Path>) -> Self {
        self.blobs = Some(folder.as_ref().to_owned());
        self
    }

    pub fn start(self) -> Server {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let pipelines = self.pipelines.folder(folder.path());
        let mut arguments: Vec<OsString> = vec!["--data".into(), crate::data().into()];
        let executors = self.executors.to_string();
        arguments.extend([
            "--executors".into(),
            executors.into(),
            "--pipelines".into(),
            pipelines.into(),
        ]);
        arguments.extend(["--plugins".into(), self.plugins.into()]);
        // Compiled plugins are shared by all servers, jobs by none.
        let store = self.store.unwrap_or_else(|| crate::sqlite(folder.path()));
        let blobs = self.blobs.unwrap_or_else(|| folder.path().join("blobs"));
        arguments.extend(["--store".into(), store.into()]);
        arguments.extend(["--blobs".into(), blobs.clone().into()]);
        arguments.extend(self.arguments.into_iter().map(OsString::from));
        let guard = STARTING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let environment = self.environment.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let environment: Vec<_> = environment.collect();
        let (child, address) = launch(&arguments, folder.path(), &environment);
        let address = address.unwrap_or_else(|| {
            let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("the server ended before it listened:\n{log}");
        });
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE));
        let server = Server {
            child,
            address,
            agent: config.max_idle_connections_per_host(32).build().into(),
            folder,
            arguments,
            environment: self.environment,
            blobs,
        };
        server.wait_until_healthy();
        drop(guard);
        server
    }
}

impl Pipelines {
    fn folder(self, scratch: &Path) -> PathBuf {
        match self {
            Self::Folder(folder) => folder,
            Self::Made(pipelines) => {
                let folder = scratch.join("pipelines");
                fs::create_dir(&folder).expect("the folder of pipelines can be made");
                for (name, yaml) in pipelines {
                    let text = format!("pipeline: {name}\n{yaml}");
                    fs::write(folder.join(format!("{name}.yaml")), text).expect("a pipeline can be written");
                }
                folder
            }
        }
    }
}

/// A process that listens; its log goes on where an earlier one's ended.
fn launch(arguments: &[OsString], folder: &Path, environment: &[(&str, &str)]) -> (Child, Option<String>) {
    let log = File::options().create(true).append(true).open(folder.join("log"));
    let mut child = Command::new(crate::binary())
        .args(["serve", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.expect("the log can be opened"))
        .spawn()
        .expect("STOPBATH_BIN can be started");
    let address = address(&mut child);
    (child, address)
}

/// The server says where it listens once it does. `None` if it ended before.
fn address(child: &mut Child) -> Option<String> {
    let mut output = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
    let mut line = String::new();
    while output.read_line(&mut line).is_ok_and(|read| read > 0) {
        if let Some((_, address)) = line.split_once("listening on ") {
            let address = address.trim().to_owned();
            // Read to the end, or the server would meet a closed pipe.
            std::thread::spawn(move || drop(output.read_to_end(&mut Vec::new())));
            return Some(address);
        }
        line.clear();
    }
    None
}

impl Server {
    fn wait_until_healthy(&self) {
        let begun = Instant::now();
        while self.get("/healthz").status != 200 {
            assert!(
                begun.elapsed() < PATIENCE,
                "the server listens but is not healthy"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
