//! The audit log: written beside or within what it tells of, never changed.

use async_trait::async_trait;
use sqlx::any::AnyRow;
use workflow::ports::{Audit, AuditEntry, Stored};

use super::SqlStore;
use super::fault::Done;
use super::filter::Conditions;
use super::row::Read;
use super::tx::{Tx, Work};

#[async_trait]
impl Audit for SqlStore {
    async fn note(&self, entry: &AuditEntry) -> Stored<()> {
        self.db.transact(&Note { entry }).await
    }

    async fn entries(&self, before: Option<&str>, limit: u32) -> Stored<Vec<AuditEntry>> {
        let mut conditions = Conditions::default();
        if let Some(before) = before {
            conditions.and("id < $", before);
        }
        let select = "SELECT id, at, who, action, subject, detail FROM audit";
        let (text, args) = conditions.statement(select, "id DESC", limit);
        Self::read(&self.look(&text, &args).await?, entry)
    }
}

struct Note<'a> {
    entry: &'a AuditEntry,
}

#[async_trait]
impl Work for Note<'_> {
    type Out = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Done<()> {
        tx.note(self.entry).await
    }
}

impl Tx<'_> {
    pub(super) async fn note(&mut self, entry: &AuditEntry) -> Done<()> {
        let detail = serde_json::to_string(&entry.detail)?;
        self.run(
            "INSERT INTO audit (id, at, who, action, subject, detail) VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                entry.id.as_str().into(),
                entry.at.into(),
                entry.who.as_str().into(),
                entry.action.as_str().into(),
                entry.subject.as_str().into(),
                detail.as_str().into(),
            ],
        )
        .await?;
        Ok(())
    }
}

fn entry(row: &AnyRow) -> Done<AuditEntry> {
    Ok(AuditEntry {
        id: row.text("id")?,
        at: row.int("at")?,
        who: row.text("who")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        detail: row.json("detail")?,
    })
}
