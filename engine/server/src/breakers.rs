//! What this worker knows of the breakers: a copy of the store's, a second old at most.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use workflow::breaker::Breaker;
use workflow::ports::Stored;

use crate::jobs::Jobs;

#[derive(Debug, Default)]
pub(crate) struct Breakers(RwLock<BTreeMap<String, Breaker>>);

impl Breakers {
    /// May a job that needs this plugin run now? One whose breaker let it through has a pass.
    pub(crate) fn admits(&self, plugin: &str, pass: bool) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(plugin).is_none_or(|breaker| breaker.admits(pass))
    }

    /// Some breaker wants to hear that time passes.
    pub(crate) fn any_open(&self) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.values().any(|breaker| !breaker.admits(false))
    }

    pub(crate) async fn refresh(&self, jobs: &Jobs) -> Stored<()> {
        let found = jobs.store.breakers().await?;
        let found = found.into_iter().map(|view| (view.plugin, view.breaker)).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }
}
