//! Breakers as the store keeps them, and the jobs that wait for one. What they do is decided by [`crate::breaker`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Millis, Stored};
use crate::breaker::{self, Breaker};

/// A breaker with its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BreakerView {
    /// Digest of the component.
    pub plugin: String,
    pub title: String,
    pub breaker: Breaker,
    /// How many jobs wait for it.
    pub parked: u64,
}

#[async_trait]
pub trait Breakers: Send + Sync {
    /// Those that were ever used or added.
    async fn breakers(&self) -> Stored<Vec<BreakerView>>;
    /// Of a plugin that no job has used yet; one that is there stays as it is.
    async fn add_breaker(&self, plugin: &str, title: &str) -> Stored<()>;
    /// Lets one breaker hear of something, and parks or releases jobs as it then wants. `None`: there is none.
    async fn tell(&self, plugin: &str, event: &breaker::Event, now: Millis) -> Stored<Option<Breaker>>;
    /// Up to `limit` jobs that are parked for this plugin go on with other plans, oldest first: `plans` has a plan that
    /// was `remember`ed for each pipeline whose jobs may go. They start afresh. Gives back which, oldest first.
    async fn replan(
        &self,
        plugin: &str,
        plans: &BTreeMap<String, String>,
        limit: u32,
        now: Millis,
    ) -> Stored<Vec<String>>;
    /// Every breaker hears that time has passed: cooldowns end, probes and cohorts go, and so do jobs that wait for one
    /// plugin but can do with others that are well by now.
    async fn tick(&self, now: Millis) -> Stored<()>;
}
