//! Jobs on their way into the wait for a breaker and out of it: parked, let go, around it, or on with another plan.
//!
//! Each takes a bounded number of jobs at once: the rest follows with later ticks, and a job that is missed until then is
//! parked by the worker that claims it. All skip jobs that another transaction holds.

use std::collections::BTreeMap;

use async_trait::async_trait;
use workflow::job;
use workflow::ports::Millis;

use super::fault::Done;
use super::hot::Jobs;
use super::row::{column, rows};
use super::tx::{Tx, Work};

/// Jobs moved by one effect in one transaction.
pub(super) const MOST_MOVED: i64 = 5_000;

/// Parks jobs that need the plugin; with `passes` also those that a breaker let through.
pub(super) async fn park(tx: &mut Tx<'_>, plugin: &str, passes: bool, now: Millis) -> Done<()> {
    let args = [plugin.into(), i64::from(passes).into(), MOST_MOVED.into()];
    let mut jobs = tx
        .lock_where(
            "WHERE state IN ('queued', 'retry-waiting') AND pass <= $2
             AND plan IN (SELECT plan FROM plan_plugins WHERE plugin = $1 AND needed = 1)
             LIMIT $3 FOR UPDATE SKIP LOCKED",
            &args,
        )
        .await?;
    for job in jobs.values_mut() {
        job.park(plugin, now, &mut tx.tally);
    }
    tx.write_jobs(jobs.values()).await
}

/// Lets the oldest go; those that failed before go last, as they say least about the plugin.
pub(super) async fn release(tx: &mut Tx<'_>, plugin: &str, n: i64, pass: bool, now: Millis) -> Done<()> {
    let mut jobs = oldest(tx, plugin, "errors = 0", n).await?;
    let left = n - jobs.len() as i64;
    if left > 0 {
        jobs.extend(oldest(tx, plugin, "errors > 0", left).await?);
    }
    for job in jobs.values_mut() {
        if job.hear(job::Event::Release, now, &mut tx.tally) {
            job.pass = pass;
        }
    }
    tx.write_jobs(jobs.values()).await
}

async fn oldest(tx: &mut Tx<'_>, plugin: &str, which: &str, n: i64) -> Done<Jobs> {
    let statement = format!(
        "WHERE state = 'parked' AND parked_on = $1 AND {which}
         ORDER BY submitted_at, id LIMIT $2 FOR UPDATE SKIP LOCKED"
    );
    tx.lock_where(&statement, &[plugin.into(), n.into()]).await
}

/// Lets those go that wait for the plugin but can do without it, because all else in their plans is well: what stands in
/// for it was paused, too, when they were parked.
pub(super) async fn go_around(tx: &mut Tx<'_>, plugin: &str, shut: &[&str], now: Millis) -> Done<()> {
    let others = shut.iter().copied().filter(|other| *other != plugin);
    let mut jobs = tx
        .lock_where(
            "WHERE state = 'parked' AND parked_on = $1
             AND plan IN (SELECT plan FROM plan_plugins WHERE plugin = $1 AND needed = 0)
             AND plan NOT IN (SELECT plan FROM plan_plugins WHERE plugin IN (SELECT value->>0 FROM rows($2)))
             ORDER BY submitted_at, id LIMIT $3 FOR UPDATE SKIP LOCKED",
            &[plugin.into(), column(others)?, MOST_MOVED.into()],
        )
        .await?;
    for job in jobs.values_mut() {
        job.hear(job::Event::Release, now, &mut tx.tally);
    }
    tx.write_jobs(jobs.values()).await
}

/// Parked jobs take the plans of others and go.
pub(super) struct Replan<'a> {
    pub(super) plugin: &'a str,
    pub(super) plans: &'a BTreeMap<String, String>,
    pub(super) limit: u32,
    pub(super) now: Millis,
}

#[async_trait]
impl Work for Replan<'_> {
    type Out = Vec<String>;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Self::Out> {
        let plans: Vec<_> = self.plans.iter().collect();
        let mut jobs = tx
            .lock_where(
                "WHERE state = 'parked' AND parked_on = $1 AND EXISTS (
                     SELECT 1 FROM rows($2) JOIN plans ON plans.digest = value->>1 AND plans.pipeline = value->>0
                     WHERE value->>0 = jobs.pipeline AND value->>1 <> jobs.plan)
                 ORDER BY submitted_at, id LIMIT $3 FOR UPDATE SKIP LOCKED",
                &[self.plugin.into(), rows(&plans)?, self.limit.into()],
            )
            .await?;
        for job in jobs.values_mut() {
            let Some(plan) = self.plans.get(&job.pipeline) else {
                continue;
            };
            if job.hear(job::Event::Release, self.now, &mut tx.tally) {
                job.plan.clone_from(plan);
                (job.errors, job.rescues, job.pass) = (0, 0, false);
            }
        }
        tx.write_jobs(jobs.values()).await?;
        let mut moved: Vec<_> = jobs.into_values().collect();
        moved.sort_by(|a, b| (a.submitted_at, &a.id).cmp(&(b.submitted_at, &b.id)));
        Ok(moved.into_iter().map(|job| job.id).collect())
    }
}
