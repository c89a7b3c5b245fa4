//! The composition root: which executors, which folders, which library; everything `serve` and `run` share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result};
use tokio::sync::watch;
use workflow::plan::Plan;
use workflow::ports::{StoreError, Stored};

use crate::breakers::Breakers;
use crate::budget::Budget;
use crate::ceilings::CeilingArgs;
use crate::components::Components;
use crate::executor::pool::{Pool, PoolConfig};
use crate::http::health::Health;
use crate::http::limits::Limits;
use crate::jobs::worker::Hands;
use crate::jobs::{JobArgs, Jobs};
use crate::library::Library;

/// Options that several commands share.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct EngineArgs {
    /// Folder for everything that Stopbath keeps; default: `stopbath` in the user's data directory.
    #[arg(long, env = "STOPBATH_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Folder of plugins (*.wasm); default: `plugins` in the data folder.
    #[arg(long, env = "STOPBATH_PLUGINS", value_name = "DIR")]
    pub(crate) plugins: Option<PathBuf>,
    /// How many images are worked on at once, each in a process of its own; default: the number of cores.
    #[arg(long, env = "STOPBATH_EXECUTORS", value_name = "N")]
    pub(crate) executors: Option<usize>,
    /// Memory that one executor may have, in MiB.
    #[arg(
        long,
        env = "STOPBATH_EXECUTOR_MEMORY",
        value_name = "MIB",
        default_value_t = 2048
    )]
    pub(crate) executor_memory: u64,
    /// How many jobs may wait, besides those that executors work on, before callers are told to come back later.
    #[arg(long, env = "STOPBATH_QUEUE", value_name = "N", default_value_t = 64)]
    pub(crate) queue: usize,
}

impl EngineArgs {
    pub(crate) fn pool_config(&self) -> Result<PoolConfig> {
        let cache = self.data_folder()?.join("cache");
        crate::secret::load(&cache).context("prepare the cache of compiled plugins")?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(PoolConfig {
            executors: self.executors.unwrap_or(cores).max(1),
            queue: self.queue,
            memory: self.executor_memory << 20,
            cache,
        })
    }

    pub(crate) fn data_folder(&self) -> Result<PathBuf> {
        if let Some(folder) = &self.data {
            return std::path::absolute(folder).context("find the data folder");
        }
        let dirs = directories::ProjectDirs::from("", "", "stopbath")
            .context("no home directory is known; name a folder with --data")?;
        Ok(dirs.data_dir().to_owned())
    }

    /// Plugins from `--plugins`, or else from the data folder.
    pub(crate) fn library(&self, config: &PoolConfig) -> Result<Library> {
        let mut library = Library::default();
        let default = self.data_folder()?.join("plugins");
        match &self.plugins {
            Some(folder) => library.load_plugins(folder, config)?,
            None if default.is_dir() => library.load_plugins(&default, config)?,
            None => {}
        }
        Ok(library)
    }
}

/// What the HTTP handlers share.
pub(crate) struct App {
    pub(crate) library: Library,
    /// What plans are pinned to, also where it lies in no folder.
    pub(crate) components: Components,
    pub(crate) pool: Pool,
    pub(crate) budget: Budget,
    pub(crate) limits: Limits,
    pub(crate) health: Health,
    pub(crate) jobs: Jobs,
    /// The jobs that this process works on.
    pub(crate) hands: Hands,
    pub(crate) breakers: Breakers,
    /// True once the server was told to stop.
    pub(crate) stop: watch::Sender<bool>,
    /// Plans of jobs that were submitted, here or elsewhere, by digest.
    plans: RwLock<HashMap<String, Arc<Plan>>>,
    executors: usize,
}

impl App {
    pub(crate) async fn start(
        args: &EngineArgs,
        ceilings: &CeilingArgs,
        jobs: &JobArgs,
        limits: Limits,
        pipelines: Option<&Path>,
    ) -> Result<Arc<Self>> {
        let config = args.pool_config()?;
        let mut library = args.library(&config)?;
        library.ceilings = ceilings.into();
        if let Some(folder) = pipelines {
            library.load_pipelines(folder)?;
        }
        let jobs = Jobs::open(jobs, &args.data_folder()?).await?;
        let executors = config.executors;
        let components = Components::new(args.data_folder()?.join("components"), config.clone());
        let pool = Pool::start(config)?;
        Ok(Arc::new(Self {
            budget: Budget::new(limits.buffers.saturating_mul(1 << 20)),
            health: Health::new(&library),
            library,
            components,
            pool,
            limits,
            jobs,
            hands: Hands::default(),
            breakers: Breakers::default(),
            stop: watch::Sender::new(false),
            plans: RwLock::default(),
            executors,
        }))
    }

    pub(crate) fn executors(&self) -> usize {
        self.executors
    }

    /// A plan that some job is pinned to.
    pub(crate) async fn plan(&self, digest: &str) -> Stored<Arc<Plan>> {
        let known = self
            .plans
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(digest)
            .cloned();
        if let Some(plan) = known {
            return Ok(plan);
        }
        let found = self.jobs.store.plan(digest).await?;
        let absent = || StoreError::Broken(format!("the plan {digest} is not in it"));
        let plan = Arc::new(found.ok_or_else(absent)?);
        let mut plans = self.plans.write().unwrap_or_else(PoisonError::into_inner);
        plans.insert(digest.to_owned(), Arc::clone(&plan));
        Ok(plan)
    }
}
