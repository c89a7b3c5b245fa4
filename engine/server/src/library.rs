//! What the server knows: installed plugins and active pipelines.
//!
//! Both are read from folders. A bad file is reported and left out; the others are there all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use workflow::pipeline::{
    Bytes, Ceilings, Duration, PluginInfo, PluginKind, Problem, StaticCatalog, StepLimits, check_within,
};
use workflow::plan::Plan;

use crate::executor::pool::{Inspector, PoolConfig};
use crate::executor::protocol::Inspected;
use crate::regular;
use crate::runner::JobSpec;
use crate::silence;

/// Loading is quick once everything is compiled; longer than this, people wonder.
const SILENCE: time::Duration = time::Duration::from_secs(2);

#[derive(Debug, Default)]
pub(crate) struct Library {
    pub(crate) plugins: Vec<Installed>,
    pub(crate) pipelines: BTreeMap<String, Pipeline>,
    /// What no pipeline may exceed.
    pub(crate) ceilings: Ceilings,
    /// Files that could not be used, and why.
    pub(crate) rejected: Vec<Rejected>,
    /// Files of components elsewhere than in a folder of plugins, by digest; they go first. Pipelines do not see them,
    /// plans that are pinned to them do.
    pub(crate) added: RwLock<BTreeMap<String, PathBuf>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Installed {
    pub(crate) path: PathBuf,
    pub(crate) inspected: Inspected,
}

#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) source: String,
    pub(crate) plan: Plan,
    pub(crate) description: String,
    pub(crate) warnings: Vec<Problem>,
}

#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) path: PathBuf,
    pub(crate) message: String,
}

impl Library {
    /// Compiles what is not in the cache yet; that may take seconds a plugin.
    pub(crate) fn load_plugins(&mut self, folder: &Path, config: &PoolConfig) -> Result<()> {
        let mut inspector = Inspector::new(config);
        let files = files(folder, "wasm")?;
        let count = files.len();
        let _silence = silence::break_after(SILENCE, move || say_compiling(count));
        for path in files {
            match inspector.inspect(&path) {
                Ok(inspected) => self.install(path, inspected),
                Err(message) => self.reject(path, message),
            }
        }
        Ok(())
    }

    /// Adds a plugin that lies in no folder, even if another of the same name and version is here. Compiling it may take
    /// seconds.
    pub(crate) fn add(&self, path: PathBuf, digest: &str, config: &PoolConfig) -> Result<()> {
        let inspected = Inspector::new(config).inspect(&path);
        let inspected = inspected.map_err(anyhow::Error::msg)?;
        ensure!(
            inspected.digest == digest,
            "{} has another digest by now",
            path.display()
        );
        self.run_from(digest, path);
        Ok(())
    }

    /// A component that was compiled before lies in this file, too, and is loaded from there.
    pub(crate) fn run_from(&self, digest: &str, path: PathBuf) {
        let mut added = self.added.write().unwrap_or_else(PoisonError::into_inner);
        added.insert(digest.to_owned(), path);
    }

    /// Whether it lies in a file that nobody replaces.
    pub(crate) fn is_safe(&self, digest: &str) -> bool {
        let added = self.added.read().unwrap_or_else(PoisonError::into_inner);
        added.contains_key(digest)
    }

    /// Whether exactly this component is here.
    pub(crate) fn has(&self, digest: &str) -> bool {
        self.component(digest).is_some()
    }

    /// The file of exactly this component.
    pub(crate) fn component(&self, digest: &str) -> Option<PathBuf> {
        let added = self.added.read().unwrap_or_else(PoisonError::into_inner);
        let installed = || self.plugins.iter().find(|p| p.inspected.digest == digest);
        added
            .get(digest)
            .or_else(|| installed().map(|p| &p.path))
            .cloned()
    }

    fn install(&mut self, path: PathBuf, inspected: Inspected) {
        let same = |other: &&Installed| {
            other.inspected.manifest.name == inspected.manifest.name
                && other.inspected.manifest.version == inspected.manifest.version
        };
        if let Some(other) = self.plugins.iter().find(same) {
            let message = format!(
                "{} is installed already, from {}",
                title(&inspected),
                other.path.display()
            );
            return self.reject(path, message);
        }
        tracing::info!(
            plugin = title(&inspected),
            digest = inspected.digest,
            "plugin installed"
        );
        self.plugins.push(Installed { path, inspected });
    }

    pub(crate) fn load_pipelines(&mut self, folder: &Path) -> Result<()> {
        for path in files(folder, "yaml")?.into_iter().chain(files(folder, "yml")?) {
            match self.read_pipeline(&path) {
                Ok(pipeline) => self.activate(path, pipeline),
                Err(error) => self.reject(path, format!("{error:#}")),
            }
        }
        Ok(())
    }

    fn activate(&mut self, path: PathBuf, pipeline: Pipeline) {
        let name = pipeline.plan.pipeline.clone();
        if self.pipelines.contains_key(&name) {
            return self.reject(
                path,
                format!("another file declares the pipeline `{name}` already"),
            );
        }
        tracing::info!(pipeline = name, "pipeline active");
        self.pipelines.insert(name, pipeline);
    }

    fn reject(&mut self, path: PathBuf, message: String) {
        tracing::error!(file = %path.display(), "left out: {message}");
        self.rejected.push(Rejected { path, message });
    }

    /// Reads and checks one file; all problems are in the error's text.
    pub(crate) fn read_pipeline(&self, path: &Path) -> Result<Pipeline> {
        let source = read_source(path).with_context(|| format!("read {}", path.display()))?;
        match check_within(
            &source,
            &path.display().to_string(),
            &self.catalog(),
            &self.ceilings,
        ) {
            Ok(checked) => Ok(Pipeline {
                description: checked.pipeline.description.clone().unwrap_or_default(),
                plan: checked.plan,
                warnings: checked.warnings,
                source,
            }),
            Err(problems) => {
                let text: Vec<String> = problems.iter().map(|p| p.render(&source)).collect();
                anyhow::bail!("{}", text.join("\n"))
            }
        }
    }

    pub(crate) fn catalog(&self) -> StaticCatalog {
        StaticCatalog(self.plugins.iter().map(|p| info(&p.inspected)).collect())
    }

    /// The job of running a plan with the plugins that are here.
    pub(crate) fn job(&self, plan: &Plan) -> JobSpec {
        let files = plan
            .plugins()
            .into_iter()
            .filter_map(|plugin| {
                let file = self.component(&plugin.digest)?;
                Some((plugin.digest.clone(), file))
            })
            .collect();
        JobSpec {
            plan: plan.clone(),
            plugins: files,
            threads: 1,
            only: None,
            keep_steps: false,
            paused: BTreeSet::new(),
        }
    }
}

/// In the log, or to the terminal where the log has warnings only.
fn say_compiling(count: usize) {
    let text = format!("compiling {count} plugins; the first time this takes a moment");
    if tracing::enabled!(tracing::Level::INFO) {
        tracing::info!("{text}");
    } else {
        anstream::eprintln!("{text}");
    }
}

/// The text of a pipeline.
pub(crate) fn read_source(path: &Path) -> std::io::Result<String> {
    regular::read_text(path, workflow::limits::MAX_PIPELINE)
}

/// The digest that names a component, in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// `name@version`.
pub(crate) fn title(inspected: &Inspected) -> String {
    format!("{}@{}", inspected.manifest.name, inspected.manifest.version)
}

pub(crate) fn info(inspected: &Inspected) -> PluginInfo {
    let manifest = &inspected.manifest;
    PluginInfo {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        digest: inspected.digest.clone(),
        kind: kind(manifest.kind),
        params_schema: manifest.params_schema.clone(),
        media_types: manifest.media_types.clone(),
        banded: manifest.banded,
        hints: hints(manifest),
    }
}

/// The files of a folder with this ending, by name.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("read the folder {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .map(|path| path.canonicalize().unwrap_or(path))
        .collect();
    files.sort();
    Ok(files)
}

fn kind(kind: plugin_host::Kind) -> PluginKind {
    match kind {
        plugin_host::Kind::Filter => PluginKind::Filter,
        plugin_host::Kind::Analyzer => PluginKind::Analyzer,
        plugin_host::Kind::Decoder => PluginKind::Decoder,
        plugin_host::Kind::Encoder => PluginKind::Encoder,
    }
}

/// What the plugin wishes for; a pipeline's `limits:` go first, and planning sets a ceiling.
fn hints(manifest: &plugin_host::Manifest) -> StepLimits {
    let hints = &manifest.hints;
    StepLimits {
        fuel_base: hints.fuel_base,
        fuel_per_pixel: hints.fuel_per_pixel,
        memory: hints.memory_bytes.map(Bytes),
        timeout: hints.timeout_ms.map(|ms| Duration(ms.into())),
    }
}
