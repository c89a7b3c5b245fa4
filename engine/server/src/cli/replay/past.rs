//! A job as the server knows it: what it ran, on what, and how it ended.
//!
//! Nothing is taken on trust: the original and every component must have the digests that the job names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use serde_json::Value;
use workflow::key::digest_of;
use workflow::plan::{Action, Plan, PlannedPlugin};

use crate::cli::client::{Client, entries, escape, text};
use crate::cli::files;
use crate::executor::pool::PoolConfig;
use crate::library::{Library, sha256};

pub(super) struct Past {
    pub(super) job: Value,
    pub(super) plan: Plan,
    pub(super) original: Bytes,
}

impl Past {
    pub(super) fn fetch(client: &Client, id: &str) -> Result<Self> {
        let path = format!("/v1/jobs/{}", escape(id));
        let job = client.json(client.get(&path))?;
        let plan = client.json(client.get(&format!("{path}/plan")))?;
        let plan: Plan = serde_json::from_value(plan)
            .context("the plan cannot be read; is the server of another version than this command?")?;
        ensure!(
            plan.digest == text(&job, "plan"),
            "the server sent another plan than the job's"
        );
        let bare = Plan {
            digest: String::new(),
            ..plan.clone()
        };
        ensure!(
            digest_of(&bare) == plan.digest,
            "the plan does not have the digest that it names; is the server of another version than this command?"
        );
        let original = client.send(client.get(&format!("{path}/original")))?;
        let original = original.bytes().context("fetch the original")?;
        ensure!(
            blake3::hash(&original).to_hex().as_str() == text(&job["original"], "digest"),
            "the server sent another original than the job's"
        );
        Ok(Self { job, plan, original })
    }

    /// Adds the plugins of the job from the first folder, or else from the second, where those are kept that are fetched.
    pub(super) fn complete(
        &self,
        client: &Client,
        library: &Library,
        config: &PoolConfig,
        [installed, kept]: [&Path; 2],
    ) -> Result<()> {
        for plugin in self.plan.plugins() {
            if !library.has(&plugin.digest) {
                let path = match found(installed, &plugin.digest) {
                    Some(path) => Ok(path),
                    None => component(client, plugin, kept),
                };
                let added = path.and_then(|path| library.add(path, &plugin.digest, config));
                added.with_context(|| format!("get {}@{}", plugin.name, plugin.version))?;
            }
        }
        Ok(())
    }

    /// The plugins that the job did without, because their breakers were open.
    pub(super) fn paused(&self) -> BTreeSet<String> {
        let steps = entries(&self.job["report"], "steps").iter();
        let paused = steps.filter(|step| step["paused"] == true);
        let digest = |step: &Value| {
            let place = self.plan.step(text(step, "id"))?;
            match &self.plan.steps[place].action {
                Action::Plugin(plugin) => Some(plugin.digest.clone()),
                Action::Builtin(_) => None,
            }
        };
        paused.filter_map(digest).collect()
    }

    /// With the ending that it had at its owner's.
    pub(super) fn original_name(&self) -> String {
        let name = Path::new(text(&self.job["original"], "filename"));
        let ending = name.extension().unwrap_or_default().to_string_lossy();
        if ending.is_empty() {
            "original".to_owned()
        } else {
            files::plain(&format!("original.{ending}"))
        }
    }
}

/// Whatever it is called there.
fn found(folder: &Path, digest: &str) -> Option<PathBuf> {
    let files = std::fs::read_dir(folder).ok()?.filter_map(Result::ok);
    let mut paths = files.map(|file| file.path());
    paths.find(|path| {
        let is_component = path.is_file() && path.extension().is_some_and(|ending| ending == "wasm");
        is_component && std::fs::read(path).is_ok_and(|bytes| sha256(&bytes) == digest)
    })
}

/// From an earlier replay, or else from the server.
fn component(client: &Client, plugin: &PlannedPlugin, folder: &Path) -> Result<PathBuf> {
    let digest = &plugin.digest;
    let hex = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    ensure!(hex, "its digest is no SHA-256: {digest}");
    let path = folder.join(format!("{digest}.wasm"));
    let is_here = std::fs::read(&path).is_ok_and(|bytes| sha256(&bytes) == *digest);
    if !is_here {
        let sent = client.send(client.get(&format!("/v1/plugins/{digest}/component")))?;
        let sent = sent.bytes().context("fetch its component")?;
        ensure!(sha256(&sent) == *digest, "the server sent another component");
        files::write(&path, &sent)?;
    }
    Ok(path)
}
