//! What this worker knows of the breakers: a copy of the store's, a second old at most.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use workflow::breaker::Breaker;
use workflow::ports::{BreakerView, Stored};

use crate::jobs::Jobs;

#[derive(Debug, Default)]
pub(crate) struct Breakers(RwLock<BTreeMap<String, Known>>);

#[derive(Debug)]
struct Known {
    breaker: Breaker,
    parked: u64,
}

impl Breakers {
    /// May a job that needs this plugin run now? One whose breaker let it through has a pass.
    pub(crate) fn admits(&self, plugin: &str, pass: bool) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(plugin).is_none_or(|known| known.breaker.admits(pass))
    }

    /// Some breaker wants to hear that time passes.
    pub(crate) fn any_waits(&self) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known
            .values()
            .any(|known| known.breaker.needs_ticks(known.parked))
    }

    pub(crate) async fn refresh(&self, jobs: &Jobs) -> Stored<()> {
        let found = jobs.store.breakers().await?;
        let known = |view: BreakerView| {
            let BreakerView {
                plugin,
                breaker,
                parked,
                ..
            } = view;
            (plugin, Known { breaker, parked })
        };
        let found = found.into_iter().map(known).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }
}
