//! Breakers in the store: locked, told, and what they want done with jobs.
//!
//! The rules are `workflow::breaker`; here its effects become rows in the same transaction. What they do to jobs is in
//! `parking`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::any::AnyRow;
use workflow::breaker::{Breaker, Effect, Event, Phase};
use workflow::ports::{BreakerView, Breakers, Millis, Stored};

use super::SqlStore;
use super::fault::Done;
use super::parking::{MOST_MOVED, Replan, go_around, park, release};
use super::row::{Read, column, rows};
use super::tx::{Tx, Work};

/// The breakers of a transaction.
#[derive(Default)]
pub(super) struct Bank {
    titles: BTreeMap<String, String>,
    open: BTreeMap<String, Account>,
}

struct Account {
    breaker: Breaker,
    /// As it stands in the database.
    stored: String,
    parked: i64,
}

impl Bank {
    pub(super) fn want(&mut self, plugin: &str, title: &str) {
        let known = self
            .titles
            .entry(plugin.to_owned())
            .or_insert_with(|| title.to_owned());
        if known == plugin {
            title.clone_into(known);
        }
    }

    /// Locks all that are wanted, and makes those that are missing.
    pub(super) async fn open(&mut self, tx: &mut Tx<'_>) -> Done<()> {
        if self.titles.is_empty() {
            return Ok(());
        }
        self.lock(tx).await?;
        let missing = self
            .titles
            .iter()
            .filter(|(plugin, _)| !self.open.contains_key(*plugin));
        let fresh = serde_json::to_string(&Breaker::new())?;
        let missing: Vec<_> = missing.map(|(plugin, title)| (plugin, title, &fresh)).collect();
        if !missing.is_empty() {
            tx.each(
                "INSERT INTO breakers (plugin, title, state, parked)
                 SELECT value->>0, COALESCE((SELECT MAX(title) FROM plan_plugins WHERE plugin = value->>0), value->>1),
                     value->>2, 0 FROM rows($1)
                 WHERE true ON CONFLICT (plugin) DO NOTHING",
                rows(&missing)?,
            )
            .await?;
            self.lock(tx).await?;
        }
        Ok(())
    }

    /// Locks those that there are.
    pub(super) async fn lock(&mut self, tx: &mut Tx<'_>) -> Done<()> {
        let found = tx
            .all(
                "SELECT plugin, state, parked FROM breakers WHERE plugin IN (SELECT value->>0 FROM rows($1))
                 ORDER BY plugin FOR UPDATE",
                &[column(self.titles.keys().map(String::as_str))?],
            )
            .await?;
        for row in found {
            let account = Account {
                breaker: row.json("state")?,
                stored: row.text("state")?,
                parked: row.int("parked")?,
            };
            self.open.insert(row.text("plugin")?, account);
        }
        Ok(())
    }

    /// May a job without a pass run?
    pub(super) fn admits(&self, plugin: &str) -> bool {
        self.open
            .get(plugin)
            .is_none_or(|account| account.breaker.admits(false))
    }

    /// Tells one of them and does what it wants; `None` if it is not open here.
    pub(super) async fn tell(
        &mut self,
        tx: &mut Tx<'_>,
        plugin: &str,
        event: &Event,
        now: Millis,
    ) -> Done<Option<&Breaker>> {
        let Some(account) = self.open.get_mut(plugin) else {
            return Ok(None);
        };
        let parked = (account.parked + tx.tally.parked(plugin)).max(0);
        for effect in account.breaker.hear(event, parked as u64, now) {
            match effect {
                Effect::Park => park(tx, plugin, true, now).await?,
                Effect::Release(n) => release(tx, plugin, i64::from(n).min(MOST_MOVED), true, now).await?,
                Effect::ReleaseAll => release(tx, plugin, MOST_MOVED, false, now).await?,
            }
        }
        Ok(Some(&account.breaker))
    }

    /// Writes those that changed.
    pub(super) async fn save(&self, tx: &mut Tx<'_>) -> Done<()> {
        let mut changed = Vec::new();
        for (plugin, account) in &self.open {
            let state = serde_json::to_string(&account.breaker)?;
            if state != account.stored {
                changed.push((plugin, state));
            }
        }
        tx.each(
            "UPDATE breakers SET state = b_state
             FROM (SELECT value->>0 AS b_plugin, value->>1 AS b_state FROM rows($1)) AS b WHERE plugin = b_plugin",
            rows(&changed)?,
        )
        .await?;
        Ok(())
    }
}

struct Tell<'a> {
    plugin: &'a str,
    event: &'a Event,
    /// The breakers that are not closed, where somebody looked.
    shut: Option<&'a [&'a str]>,
    now: Millis,
}

#[async_trait]
impl Work for Tell<'_> {
    type Out = Option<Breaker>;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Self::Out> {
        let mut bank = Bank::default();
        bank.want(self.plugin, self.plugin);
        bank.lock(tx).await?;
        let told = bank.tell(tx, self.plugin, self.event, self.now).await?.cloned();
        if *self.event == Event::Tick && !bank.admits(self.plugin) {
            // Newcomers, and those that were too many for one transaction.
            park(tx, self.plugin, false, self.now).await?;
            if let Some(shut) = self.shut {
                go_around(tx, self.plugin, shut, self.now).await?;
            }
        }
        bank.save(tx).await?;
        Ok(told)
    }
}

struct Add<'a> {
    plugin: &'a str,
    title: &'a str,
}

#[async_trait]
impl Work for Add<'_> {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Done<()> {
        let mut bank = Bank::default();
        bank.want(self.plugin, self.title);
        bank.open(tx).await
    }
}

#[async_trait]
impl Breakers for SqlStore {
    async fn breakers(&self) -> Stored<Vec<BreakerView>> {
        let found = self
            .look(
                "SELECT plugin, title, state, parked FROM breakers ORDER BY title, plugin",
                &[],
            )
            .await?;
        Self::read(&found, view)
    }

    async fn add_breaker(&self, plugin: &str, title: &str) -> Stored<()> {
        self.db.transact(&Add { plugin, title }).await
    }

    async fn tell(&self, plugin: &str, event: &Event, now: Millis) -> Stored<Option<Breaker>> {
        let work = Tell {
            plugin,
            event,
            shut: None,
            now,
        };
        self.db.transact(&work).await
    }

    async fn replan(
        &self,
        plugin: &str,
        plans: &BTreeMap<String, String>,
        limit: u32,
        now: Millis,
    ) -> Stored<Vec<String>> {
        let work = Replan {
            plugin,
            plans,
            limit,
            now,
        };
        self.db.transact(&work).await
    }

    async fn tick(&self, now: Millis) -> Stored<()> {
        let views = self.breakers().await?;
        let shut = views.iter().filter(|view| *view.breaker.phase() != Phase::Closed);
        let shut: Vec<&str> = shut.map(|view| view.plugin.as_str()).collect();
        for view in &views {
            if view.breaker.needs_ticks(view.parked) || !view.breaker.admits(false) {
                let work = Tell {
                    plugin: &view.plugin,
                    event: &Event::Tick,
                    shut: Some(&shut),
                    now,
                };
                self.db.transact(&work).await?;
            }
        }
        Ok(())
    }
}

fn view(row: &AnyRow) -> Done<BreakerView> {
    Ok(BreakerView {
        plugin: row.text("plugin")?,
        title: row.text("title")?,
        breaker: row.json("state")?,
        parked: row.size("parked")?,
    })
}
