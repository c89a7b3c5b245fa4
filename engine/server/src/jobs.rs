//! Durable jobs: what intake, workers and the routes share.
//!
//! `intake` makes a job of an original, `worker` runs what is due, `upkeep` does what time asks for, `webhooks` tells
//! callers. All of them talk to the store and the blobs through here, and tell each other what happened through `news`.

mod burial;
mod deaths;
mod identity;
pub(crate) mod intake;
pub(crate) mod load;
pub(crate) mod redrives;
pub(crate) mod source;
pub(crate) mod upkeep;
pub(crate) mod webhooks;
pub(crate) mod worker;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};
use storage::blobs::Blobs;
use storage::disk::{Floors, Gauge, Room};
use storage::sql::SqlStore;
use tempfile::TempDir;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{self, Receiver};
use workflow::job::State;
use workflow::ports::{Identity, Millis, Store};

use crate::clock::Clock;
use burial::Burials;
use deaths::DeathLog;
use identity::Names;
use load::Load;
use redrives::Redrives;
use source::{SourceArgs, Sources};
use webhooks::{Hooks, WebhookArgs};

/// Where jobs are kept.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct JobArgs {
    /// The database: `sqlite:FILE` or `postgres://…`; default: `jobs.db` in the data folder.
    #[arg(long, env = "STOPBATH_STORE", value_name = "URL")]
    store: Option<String>,
    /// Originals and renditions: a folder, or `s3://BUCKET/PREFIX`, with `?endpoint=…&region=…` and keys in
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`; default: `blobs` in the data folder.
    #[arg(long, env = "STOPBATH_BLOBS", value_name = "URL")]
    blobs: Option<String>,
    /// Takes blobs over that belong to another database, or to a newer copy of this one. For one start.
    #[arg(long)]
    adopt_blobs: bool,
    /// With less room than this on a disk, in MiB, no new jobs are taken in.
    #[arg(long, env = "STOPBATH_SOFT_FLOOR", value_name = "MIB", default_value_t = 1024)]
    soft_floor: u64,
    /// With less room than this on a disk, in MiB, jobs wait, too.
    #[arg(long, env = "STOPBATH_HARD_FLOOR", value_name = "MIB", default_value_t = 256)]
    hard_floor: u64,
    /// How long jobs that ended well are kept, with their renditions, in hours. Dead letters stay.
    #[arg(
        long,
        env = "STOPBATH_KEEP",
        value_name = "HOURS",
        default_value_t = 168,
        value_parser = clap::value_parser!(u64).range(0..=1_000_000)
    )]
    pub(crate) keep: u64,
    /// How often a server says that it still works on its jobs, in seconds; after three times as long without a word
    /// another one takes them. The same for all that share a database.
    #[arg(
        long,
        env = "STOPBATH_HEARTBEAT",
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=300)
    )]
    pub(crate) heartbeat: u64,
    /// For tests: so long bytes that nothing refers to are left alone, and rounds of deletions apart, in milliseconds.
    #[arg(
        long,
        env = "STOPBATH_GRACE_MS",
        value_name = "MS",
        default_value_t = 60_000,
        hide = true,
        value_parser = clap::value_parser!(u32).range(1..=60_000)
    )]
    grace_ms: u32,
    #[command(flatten)]
    pub(crate) sources: SourceArgs,
    #[command(flatten)]
    webhooks: WebhookArgs,
    /// How many seconds of work may wait before new jobs are refused; bulk jobs at half of it.
    #[arg(
        long,
        env = "STOPBATH_BACKLOG",
        value_name = "SECONDS",
        default_value_t = 3600
    )]
    pub(crate) backlog: u64,
}

/// Something happened to a job.
#[derive(Debug, Clone)]
pub(crate) struct News {
    pub(crate) job: String,
    pub(crate) state: State,
}

/// Waits for such news; news that were missed may have been such.
pub(crate) async fn hear(news: &mut Receiver<News>, such: impl Fn(&News) -> bool) {
    loop {
        match news.recv().await {
            Ok(told) if !such(&told) => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

pub(crate) struct Jobs {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Blobs,
    /// Of the database, as the blobs know it.
    identity: Identity,
    pub(crate) clock: Clock,
    /// What happened in this process; other workers' jobs are found by asking the store.
    pub(crate) news: broadcast::Sender<News>,
    pub(crate) load: Load,
    pub(crate) deaths: DeathLog,
    pub(crate) sources: Sources,
    pub(crate) hooks: Hooks,
    pub(crate) redrives: Redrives,
    pub(crate) worker: String,
    pub(crate) args: JobArgs,
    /// No other process uses this database, so nobody else can be running its jobs.
    pub(crate) alone: bool,
    pub(crate) burials: Burials,
    /// Disks whose room matters.
    disks: Vec<PathBuf>,
    gauge: Mutex<Gauge>,
    _lock: Option<File>,
    _temporary: Option<TempDir>,
}

impl Jobs {
    pub(crate) async fn open(args: &JobArgs, data: &Path) -> Result<Self> {
        storage::disk::make_folder(data)
            .with_context(|| format!("make the data folder {}", data.display()))?;
        let url = args
            .store
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", data.join("jobs.db").display()));
        let file = url
            .strip_prefix("sqlite:")
            .filter(|file| *file != ":memory:")
            .map(|file| PathBuf::from(file.strip_prefix("//").unwrap_or(file)));
        let lock = file.as_deref().map(lock).transpose()?;
        let store = SqlStore::open(&url)
            .await
            .with_context(|| format!("open the store {}", without_password(&url)))?;
        // A database in memory is another one at each start, and so are its blobs.
        let in_memory = url == "sqlite::memory:" && args.blobs.is_none();
        let temporary = in_memory.then(|| tempfile::Builder::new().prefix("blobs-").tempdir_in(data));
        let temporary = temporary.transpose().context("make a folder for blobs")?;
        let blobs = args.blobs.clone().unwrap_or_else(|| {
            let folder = temporary.as_ref().map(|folder| folder.path().to_owned());
            folder.unwrap_or_else(|| data.join("blobs")).display().to_string()
        });
        let mut disks: Vec<PathBuf> = file
            .iter()
            .filter_map(|f| f.parent())
            // Of a bare file name it is empty, and means here.
            .map(|folder| Path::new(".").join(folder))
            .collect();
        // S3 has no disk of ours.
        disks.extend(Blobs::folder(&blobs).map(Path::to_owned));
        let place = without_options(&blobs);
        let blobs = Blobs::open(&blobs).context("open the blobs")?;
        blobs.check().await.context("open the blobs")?;
        let names = Names {
            store: &without_password(&url),
            blobs: &place,
        };
        let now = crate::clock::wall();
        let identity = identity::recognise(&store, &blobs, &names, args.adopt_blobs, now).await?;
        let floors = Floors {
            soft: args.soft_floor.saturating_mul(1 << 20),
            hard: args.hard_floor.saturating_mul(1 << 20),
        };
        Ok(Self {
            store: Arc::new(store),
            blobs,
            identity,
            clock: Clock::start(),
            news: broadcast::channel(4096).0,
            load: Load::default(),
            deaths: DeathLog::default(),
            sources: Sources::new(&args.sources)?,
            hooks: Hooks::new(&args.webhooks)?,
            redrives: Redrives::default(),
            worker: worker_name(),
            args: args.clone(),
            alone: url.starts_with("sqlite:"),
            burials: Burials::default(),
            disks,
            gauge: Mutex::new(Gauge::new(floors)),
            _lock: lock,
            _temporary: temporary,
        })
    }

    /// How much room there is, measured now. A disk that cannot be asked has none.
    pub(crate) fn room(&self) -> Room {
        let free = |disk: &PathBuf| storage::disk::free(disk).unwrap_or(0);
        let least = self.disks.iter().map(free).min().unwrap_or(u64::MAX);
        self.gauge
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .judge(least)
    }

    /// So long bytes that nothing refers to are left alone, as somebody may be about to refer to them. Clocks may differ by
    /// as much.
    fn grace(&self) -> Millis {
        self.args.grace_ms.into()
    }

    pub(crate) fn tell(&self, job: &str, state: State) {
        tracing::debug!(job, %state, "news of a job");
        let job = job.to_owned();
        self.news.send(News { job, state }).ok();
    }
}

/// One process a database file: two would take each other's jobs for lost.
fn lock(file: &Path) -> Result<File> {
    let mut path = file.as_os_str().to_owned();
    path.push(".lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let lock = lock.with_context(|| format!("open {}", Path::new(&path).display()))?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!(
            "another process serves from {}; name another folder with --data, or share jobs between processes with --store postgres://…",
            file.display()
        );
    }
    Ok(lock)
}

/// Never the same twice, also on the same machine.
fn worker_name() -> String {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let id = uuid::Uuid::now_v7().simple().to_string();
    format!("{host}-{}", &id[20..])
}

fn without_options(blobs: &str) -> String {
    let end = blobs.find('?').filter(|_| blobs.starts_with("s3://"));
    blobs[..end.unwrap_or(blobs.len())].to_owned()
}

fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => url.to_owned(),
    }
}
