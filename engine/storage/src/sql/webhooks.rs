//! The port `Webhooks`: endpoints here, their deliveries in `deliveries`.
//!
//! A transaction that changes both locks the endpoint first.

mod deliveries;

use async_trait::async_trait;
use sqlx::any::AnyRow;
use workflow::ports::{
    Delivery, DeliveryEnd, DeliveryFilter, Due, Endpoint, Millis, NewEndpoint, Replayed, Stored, Webhooks,
};

use super::SqlStore;
use super::fault::Done;
use super::row::{Read, rows};
use super::tx::{Tx, Work};

#[async_trait]
impl Webhooks for SqlStore {
    async fn add_endpoint(&self, endpoint: NewEndpoint, now: Millis) -> Stored<()> {
        let topics = Self::told(serde_json::to_string(&endpoint.topics).map_err(Into::into))?;
        let NewEndpoint {
            id,
            url,
            pipeline,
            secret,
            ..
        } = endpoint;
        let rows = Self::told(rows(&[(id, url, pipeline, topics, secret, now)]))?;
        let add = "INSERT INTO webhook_endpoints (id, url, pipeline, topics, secret, created_at)
             SELECT value->>0, value->>1, value->>2, value->>3, value->>4, CAST(value->>5 AS BIGINT) FROM rows($1)";
        self.db.change(add, &[rows]).await?;
        Ok(())
    }

    async fn endpoints(&self) -> Stored<Vec<Endpoint>> {
        let found = self
            .look(
                "SELECT id, url, pipeline, topics, created_at, delivered_at, failing_since, disabled_at, disabled
                 FROM webhook_endpoints ORDER BY created_at, id",
                &[],
            )
            .await?;
        Self::read(&found, endpoint)
    }

    async fn remove_endpoint(&self, id: &str) -> Stored<bool> {
        self.db.transact(&Remove { id }).await
    }

    async fn enable_endpoint(&self, id: &str) -> Stored<bool> {
        let enable = "UPDATE webhook_endpoints SET failing_since = NULL, disabled_at = NULL, disabled = NULL WHERE id = $1";
        Ok(self.db.change(enable, &[id.into()]).await? > 0)
    }

    async fn rotate_secret(&self, id: &str, secret: &str, old_until: Millis) -> Stored<bool> {
        let rotate =
            "UPDATE webhook_endpoints SET old_secret = secret, old_until = $3, secret = $2 WHERE id = $1";
        let args = [id.into(), secret.into(), old_until.into()];
        Ok(self.db.change(rotate, &args).await? > 0)
    }

    async fn endpoints_due(&self, now: Millis) -> Stored<Vec<String>> {
        let found = self
            .look(
                "SELECT id FROM webhook_endpoints WHERE disabled_at IS NULL AND EXISTS (
                     SELECT 1 FROM webhook_deliveries
                     WHERE endpoint = webhook_endpoints.id AND state = 'waiting' AND due_at <= $1)
                 ORDER BY id",
                &[now.into()],
            )
            .await?;
        Self::read(&found, |row| row.text("id"))
    }

    async fn due(&self, endpoint: &str, now: Millis, until: Millis, limit: u32) -> Stored<Vec<Due>> {
        let take = deliveries::Take {
            endpoint,
            now,
            until,
            limit,
        };
        self.db.transact(&take).await
    }

    async fn settle_delivery(&self, end: &DeliveryEnd, now: Millis) -> Stored<bool> {
        self.db.transact(&deliveries::Settle { end, now }).await
    }

    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        before: Option<&str>,
        limit: u32,
    ) -> Stored<Vec<Delivery>> {
        let (text, args) = deliveries::list(filter, before, limit);
        Self::read(&self.look(&text, &args).await?, deliveries::delivery)
    }

    async fn replay(&self, delivery: &str, now: Millis) -> Stored<Replayed> {
        self.db.transact(&deliveries::Replay { delivery, now }).await
    }
}

struct Remove<'a> {
    id: &'a str,
}

#[async_trait]
impl Work for Remove<'_> {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<bool> {
        let id = [self.id.into()];
        let removed = tx.run("DELETE FROM webhook_endpoints WHERE id = $1", &id).await?;
        tx.run("DELETE FROM webhook_deliveries WHERE endpoint = $1", &id)
            .await?;
        Ok(removed > 0)
    }
}

fn endpoint(row: &AnyRow) -> Done<Endpoint> {
    let disabled = row.maybe_text("disabled")?;
    Ok(Endpoint {
        id: row.text("id")?,
        url: row.text("url")?,
        pipeline: row.maybe_text("pipeline")?,
        topics: row.json("topics")?,
        created_at: row.int("created_at")?,
        delivered_at: row.maybe_int("delivered_at")?,
        failing_since: row.maybe_int("failing_since")?,
        disabled_at: row.maybe_int("disabled_at")?,
        disabled: disabled.as_deref().map(serde_json::from_str).transpose()?,
    })
}
