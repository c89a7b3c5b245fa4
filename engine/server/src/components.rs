//! Components that plans are pinned to: kept beside the blobs, so that a job still runs after its plugin was replaced.
//!
//! What the active pipelines use is put there when a server starts, and never deleted: it is little, and dead letters may
//! be sent again after years. A worker that gets a job whose plugin lies in none of its folders fetches it from there.
//! Jobs whose component is not there either wait for its breaker until it is found.

pub(crate) mod missing;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use workflow::failure::{Failure, FailureKind};
use workflow::plan::{Plan, PlannedPlugin};
use workflow::ports::{StoreError, Stored};

use crate::app::App;
use crate::budget::Spent;
use crate::executor::pool::PoolConfig;
use crate::library::sha256;
use crate::regular;

/// What the names of files begin with while they are written.
const UNFINISHED: &str = ".tmp";
/// Nobody writes for so long.
const ABANDONED: Duration = Duration::from_mins(10);

pub(crate) struct Components {
    /// Where copies of our own lie, those of installed plugins and fetched ones.
    folder: PathBuf,
    config: PoolConfig,
    /// All that the active pipelines use is kept.
    kept: AtomicBool,
    /// Each is fetched once at a time, by digest.
    turns: Mutex<BTreeMap<String, Turn>>,
}

type Turn = Arc<tokio::sync::Mutex<()>>;

/// Why a plan cannot be run here now.
pub(crate) enum Lack {
    /// One of its components is neither here nor kept, and its jobs wait now.
    Nowhere,
    Store(StoreError),
    /// One of its components cannot be loaded.
    Unusable(Failure),
}

impl Components {
    pub(crate) fn new(folder: PathBuf, config: PoolConfig) -> Self {
        clear(&folder);
        Self {
            folder,
            config,
            kept: AtomicBool::new(false),
            turns: Mutex::default(),
        }
    }

    fn file(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{digest}.wasm"))
    }

    fn turn(&self, digest: &str) -> Turn {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(digest.to_owned()).or_default())
    }
}

/// What processes that were killed had not written to the end. Others may share the folder and be writing now.
fn clear(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let written = entry.metadata().and_then(|about| about.modified());
        let age = written.ok().and_then(|at| at.elapsed().ok());
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED)
            && age.is_some_and(|age| age > ABANDONED)
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            tracing::warn!(file = %entry.path().display(), "cannot be cleared away: {error}");
        }
    }
}

/// Keeps what the active pipelines use; once that is done, it has nothing to do.
pub(crate) async fn keep(app: &App) -> Stored<()> {
    if app.components.kept.load(Ordering::Relaxed) {
        return Ok(());
    }
    let mut used = BTreeSet::new();
    for pipeline in app.library.pipelines.values() {
        used.extend(pipeline.plan.plugins().iter().map(|plugin| plugin.digest.clone()));
    }
    let mut all = true;
    for digest in used {
        all &= keep_one(app, &digest).await?;
    }
    app.components.kept.store(all, Ordering::Relaxed);
    Ok(())
}

/// Whether it is kept now. What lies there is read once, as damage may not show in its length.
async fn keep_one(app: &App, digest: &str) -> Stored<bool> {
    let installed = installed(app, digest).await;
    let there = kept(app, digest).await?;
    let is_there = there.is_some();
    let Some(bytes) = installed.or(there) else {
        tracing::warn!(
            digest,
            "a plugin's file has changed since it was installed, before the plugin was kept"
        );
        return Ok(false);
    };
    match lay_down(app, digest, bytes.clone()).await {
        Ok(copy) => app.library.run_from(digest, copy),
        Err(error) => tracing::warn!(digest, "no copy of a plugin could be made: {error}"),
    }
    if !is_there {
        app.jobs.blobs.put_component(digest, bytes).await?;
    }
    Ok(true)
}

/// A copy of our own, which nobody replaces under executors that have yet to load it.
async fn lay_down(app: &App, digest: &str, bytes: Bytes) -> io::Result<PathBuf> {
    let file = app.components.file(digest);
    if read(file.clone(), digest).await.is_none() {
        let to = file.clone();
        blocking(move || write(&to, &bytes)).await?;
    }
    Ok(file)
}

/// Sees to it that a plan's components lie where nobody replaces them, but for those that nobody will call now.
pub(crate) async fn complete(
    app: &Arc<App>,
    plan: &Plan,
    is_called: impl Fn(&str) -> bool,
) -> Result<(), Lack> {
    for plugin in plan.plugins() {
        if is_called(&plugin.digest) && !app.library.is_safe(&plugin.digest) {
            fetch(app, plugin).await?;
        }
    }
    Ok(())
}

/// From our own copy, or the installed file unless it was replaced, or from beside the blobs.
async fn fetch(app: &Arc<App>, plugin: &PlannedPlugin) -> Result<(), Lack> {
    let digest = &plugin.digest;
    let turn = app.components.turn(digest);
    let _mine = turn.lock().await;
    if app.library.is_safe(digest) {
        return Ok(());
    }
    let file = app.components.file(digest);
    if read(file.clone(), digest).await.is_none() {
        let installed = installed(app, digest).await;
        let is_installed = installed.is_some();
        let bytes = match installed {
            Some(bytes) => Some(bytes),
            None => kept(app, digest).await.map_err(Lack::Store)?,
        };
        let Some(bytes) = bytes else {
            missing::miss(app, plugin).await.map_err(Lack::Store)?;
            return Err(Lack::Nowhere);
        };
        let to = file.clone();
        match blocking(move || write(&to, &bytes)).await {
            Ok(()) => {}
            // It runs from there all the same.
            Err(error) if is_installed => {
                tracing::warn!(digest, "no copy of a plugin could be made: {error}");
                return Ok(());
            }
            Err(error) => return Err(Lack::Store(unavailable(&error))),
        }
    }
    if app.library.has(digest) {
        // It was inspected when it was installed.
        app.library.run_from(digest, file);
        return Ok(());
    }
    let (here, of) = (Arc::clone(app), digest.clone());
    let added = blocking(move || {
        let added = here.library.add(file, &of, &here.components.config);
        added.map_err(|error| io::Error::other(format!("{error:#}")))
    });
    added.await.map_err(|error| {
        let text = format!("the plugin {} cannot be loaded: {error}", plugin.title());
        Lack::Unusable(Failure::new(FailureKind::Infrastructure, text))
    })
}

/// The bytes of a component, counted against what may be in memory until they are sent; `None` if it is nowhere.
pub(crate) async fn find(app: &App, digest: &str) -> Stored<Result<Option<Bytes>, Spent>> {
    if !storage::blobs::is_digest(digest) {
        return Ok(Ok(None));
    }
    if let Some(file) = app.library.component(digest) {
        let length = std::fs::metadata(&file).map_or(0, |about| about.len());
        let mut share = app.budget.share();
        if let Err(spent) = share.grow(length.min(plugin_host::MAX_COMPONENT)) {
            return Ok(Err(spent));
        }
        if let Some(bytes) = read(file, digest).await {
            return Ok(Ok(Some(Arc::new(share).hold(bytes))));
        }
    }
    let Some(length) = app.jobs.blobs.component_length(digest).await? else {
        return Ok(Ok(None));
    };
    let mut share = app.budget.share();
    if let Err(spent) = share.grow(length) {
        return Ok(Err(spent));
    }
    let kept = kept(app, digest).await?;
    Ok(Ok(kept.map(|bytes| Arc::new(share).hold(bytes))))
}

/// Where the library has it, unless that file was replaced.
async fn installed(app: &App, digest: &str) -> Option<Bytes> {
    read(app.library.component(digest)?, digest).await
}

/// From beside the blobs.
async fn kept(app: &App, digest: &str) -> Stored<Option<Bytes>> {
    let Some(bytes) = app.jobs.blobs.get_component(digest).await? else {
        return Ok(None);
    };
    let expected = digest.to_owned();
    let checked = blocking(move || Ok((sha256(&bytes) == expected).then_some(bytes))).await;
    let checked = checked.map_err(|error| unavailable(&error))?;
    if checked.is_none() {
        tracing::error!(digest, "a kept component was altered where it lies");
    }
    Ok(checked)
}

/// The file, if it is this component.
async fn read(file: PathBuf, digest: &str) -> Option<Bytes> {
    let expected = digest.to_owned();
    let read = blocking(move || {
        let bytes = regular::read(&file, plugin_host::MAX_COMPONENT)?;
        Ok((sha256(&bytes) == expected).then(|| Bytes::from(bytes)))
    });
    read.await.ok().flatten()
}

/// Whole or not at all; whoever reads it compares its digest.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Away from the threads that serve everybody.
async fn blocking<T: Send + 'static>(act: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(act).await.map_err(io::Error::other)?
}

fn unavailable(error: &io::Error) -> StoreError {
    if matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    ) {
        return StoreError::Full(error.to_string());
    }
    StoreError::Unavailable {
        message: format!("components: {error}"),
        maybe_done: false,
    }
}
