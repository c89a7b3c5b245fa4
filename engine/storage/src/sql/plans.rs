//! Plans: written once, never changed, and kept at hand.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use workflow::plan::{Fallback, OnFailure, Plan, PlannedPlugin};
use workflow::ports::Millis;

use super::fault::Done;
use super::row::rows;
use super::tx::{Tx, Work};

/// Plans that this process has written or read.
#[derive(Debug, Default)]
pub(super) struct Plans(Mutex<HashMap<String, Plan>>);

const MOST_AT_HAND: usize = 256;

impl Plans {
    pub(super) fn get(&self, digest: &str) -> Option<Plan> {
        let plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        plans.get(digest).cloned()
    }

    pub(super) fn keep(&self, plan: &Plan) {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if plans.len() >= MOST_AT_HAND {
            plans.clear();
        }
        plans.insert(plan.digest.clone(), plan.clone());
    }
}

pub(super) struct Remember<'a> {
    pub(super) plan: &'a Plan,
    pub(super) now: Millis,
}

#[async_trait]
impl Work for Remember<'_> {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Done<()> {
        let Plan { digest, pipeline, .. } = self.plan;
        let body = serde_json::to_string(self.plan)?;
        let made = tx
            .each(
                "INSERT INTO plans (digest, pipeline, body, created_at)
                 SELECT value->>0, value->>1, value->>2, CAST(value->>3 AS BIGINT) FROM rows($1)
                 WHERE true ON CONFLICT (digest) DO NOTHING",
                rows(&[(digest, pipeline, body, self.now)])?,
            )
            .await?;
        if made == 0 {
            return Ok(());
        }
        let plugins: Vec<_> = plugins(self.plan)
            .map(|(plugin, needed)| (digest, &plugin.digest, plugin.title(), u8::from(needed)))
            .collect();
        tx.each(
            "INSERT INTO plan_plugins (plan, plugin, title, needed)
             SELECT value->>0, value->>1, MAX(value->>2), MAX(CAST(value->>3 AS BIGINT)) FROM rows($1)
             GROUP BY value->>0, value->>1",
            rows(&plugins)?,
        )
        .await?;
        Ok(())
    }
}

/// With whether the job cannot do without it.
fn plugins(plan: &Plan) -> impl Iterator<Item = (&PlannedPlugin, bool)> {
    plan.steps.iter().flat_map(|step| {
        let needed = step.on_failure == OnFailure::Fail;
        let own = step.plugin().map(|plugin| (plugin, needed));
        let instead = match &step.on_failure {
            OnFailure::Fallback(Fallback::Plugin { plugin, .. }) => Some((&**plugin, false)),
            _ => None,
        };
        own.into_iter().chain(instead)
    })
}
