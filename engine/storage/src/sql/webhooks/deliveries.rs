//! Deliveries on their way: handed out under a lease, settled, listed, sent again.
//!
//! The lease is the time when a delivery is due again. An endpoint that is disabled has none that wait, so none stand
//! in the way of those that can be sent.

use sqlx::any::AnyRow;
use workflow::ports::{
    Delivery, DeliveryEnd, DeliveryFilter, DeliveryLease, DeliveryState, Due, Millis, Replayed,
};
use workflow::webhook::{Health, Topic, Verdict};

use crate::sql::fault::{Done, Fault};
use crate::sql::filter::Conditions;
use crate::sql::row::{Arg, Read, rows};
use crate::sql::tx::{Tx, Work};

pub(super) struct Take<'a> {
    pub(super) endpoint: &'a str,
    pub(super) now: Millis,
    pub(super) until: Millis,
    pub(super) limit: u32,
}

const TAKE: &str = "WITH picked AS MATERIALIZED (
        SELECT id AS picked_id FROM webhook_deliveries WHERE endpoint = $1 AND state = 'waiting' AND due_at <= $2
        ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED)
    UPDATE webhook_deliveries SET lease = lease + 1, due_at = $4 WHERE id IN (SELECT picked_id FROM picked)
    RETURNING id, lease, topic, at, ended, failures";

#[async_trait::async_trait]
impl Work for Take<'_> {
    type Out = Vec<Due>;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Vec<Due>> {
        let found = tx
            .all(
                "SELECT url, secret, old_secret, old_until FROM webhook_endpoints
                 WHERE id = $1 AND disabled_at IS NULL",
                &[self.endpoint.into()],
            )
            .await?;
        let Some(endpoint) = found.first() else {
            return Ok(Vec::new());
        };
        let url = endpoint.text("url")?;
        let mut secrets = vec![endpoint.text("secret")?];
        if endpoint
            .maybe_int("old_until")?
            .is_some_and(|until| self.now < until)
        {
            secrets.extend(endpoint.maybe_text("old_secret")?);
        }
        let args = [
            self.endpoint.into(),
            self.now.into(),
            self.limit.into(),
            self.until.into(),
        ];
        let taken = tx.all(TAKE, &args).await?;
        let due = |row: &AnyRow| {
            Ok(Due {
                lease: DeliveryLease {
                    delivery: row.text("id")?,
                    endpoint: self.endpoint.to_owned(),
                    number: row.int("lease")?,
                },
                url: url.clone(),
                secrets: secrets.clone(),
                topic: topic(row)?,
                at: row.int("at")?,
                ended: row.json("ended")?,
                failures: row.count("failures")?,
            })
        };
        let mut all = taken.iter().map(due).collect::<Done<Vec<_>>>()?;
        all.sort_by(|a, b| a.lease.delivery.cmp(&b.lease.delivery));
        Ok(all)
    }
}

pub(super) struct Settle<'a> {
    pub(super) end: &'a DeliveryEnd,
    pub(super) now: Millis,
}

#[async_trait::async_trait]
impl Work for Settle<'_> {
    type Out = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<bool> {
        let endpoint = self.end.lease.endpoint.as_str();
        let found = tx
            .all(
                "SELECT failing_since, disabled_at FROM webhook_endpoints WHERE id = $1 FOR UPDATE",
                &[endpoint.into()],
            )
            .await?;
        let Some(row) = found.first() else {
            return Ok(false);
        };
        if !self.write(tx).await? {
            return Ok(false);
        }
        let before = Health {
            failing_since: row.maybe_int("failing_since")?,
            disabled: None,
        };
        let was_disabled = row.maybe_int("disabled_at")?.is_some();
        let health = before.after(self.end.verdict, self.now);
        let disabled = health.disabled.filter(|_| !was_disabled);
        let why = disabled.map(|why| serde_json::to_string(&why)).transpose()?;
        let delivered = (self.end.verdict == Verdict::Delivered).then_some(self.now);
        let disabled_at = disabled.map(|_| self.now);
        tx.each(
            "UPDATE webhook_endpoints SET failing_since = b_since, delivered_at = COALESCE(b_delivered, delivered_at),
                 disabled_at = COALESCE(disabled_at, b_at), disabled = COALESCE(disabled, b_why)
             FROM (SELECT value->>0 AS b_id, CAST(value->>1 AS BIGINT) AS b_since,
                 CAST(value->>2 AS BIGINT) AS b_delivered, CAST(value->>3 AS BIGINT) AS b_at, value->>4 AS b_why
                 FROM rows($1)) AS b
             WHERE id = b_id",
            rows(&[(endpoint, health.failing_since, delivered, disabled_at, why)])?,
        )
        .await?;
        if disabled.is_some() {
            tx.run(
                "UPDATE webhook_deliveries SET state = 'failed', due_at = NULL, lease = lease + 1
                 WHERE endpoint = $1 AND state = 'waiting'",
                &[endpoint.into()],
            )
            .await?;
        }
        Ok(true)
    }
}

impl Settle<'_> {
    /// `false` if it is somebody else's by now.
    async fn write(&self, tx: &mut Tx<'_>) -> Done<bool> {
        let DeliveryEnd {
            lease,
            verdict,
            status,
            error,
        } = self.end;
        let (state, due_at, failed) = match verdict {
            Verdict::Delivered => (DeliveryState::Delivered, None, 0),
            Verdict::Again { after } => (DeliveryState::Waiting, Some(self.now + after), 1),
            Verdict::GivenUp | Verdict::Gone => (DeliveryState::Failed, None, 1),
        };
        let end = (
            &lease.delivery,
            lease.number,
            name(state),
            due_at,
            failed,
            self.now,
            status,
            error,
        );
        let changed = tx
            .each(
                "UPDATE webhook_deliveries SET state = b_state, due_at = b_due, failures = failures + b_failed,
                     tried_at = b_now, status = b_status, error = b_error
                 FROM (SELECT value->>0 AS b_id, CAST(value->>1 AS BIGINT) AS b_lease, value->>2 AS b_state,
                     CAST(value->>3 AS BIGINT) AS b_due, CAST(value->>4 AS BIGINT) AS b_failed,
                     CAST(value->>5 AS BIGINT) AS b_now, CAST(value->>6 AS BIGINT) AS b_status, value->>7 AS b_error
                     FROM rows($1)) AS b
                 WHERE id = b_id AND lease = b_lease AND state = 'waiting'",
                rows(&[end])?,
            )
            .await?;
        Ok(changed > 0)
    }
}

pub(super) struct Replay<'a> {
    pub(super) delivery: &'a str,
    pub(super) now: Millis,
}

#[async_trait::async_trait]
impl Work for Replay<'_> {
    type Out = Replayed;

    async fn run(&self, tx: &mut Tx<'_>) -> Done<Replayed> {
        // The endpoint is held, so that it cannot be disabled meanwhile.
        let found = tx
            .all(
                "SELECT disabled_at FROM webhook_endpoints
                 WHERE id IN (SELECT endpoint FROM webhook_deliveries WHERE id = $1) FOR UPDATE",
                &[self.delivery.into()],
            )
            .await?;
        let Some(endpoint) = found.first() else {
            return Ok(Replayed::Unknown);
        };
        if endpoint.maybe_int("disabled_at")?.is_some() {
            return Ok(Replayed::Disabled);
        }
        let changed = tx
            .run(
                "UPDATE webhook_deliveries SET state = 'waiting', due_at = $2, failures = 0, lease = lease + 1
                 WHERE id = $1",
                &[self.delivery.into(), self.now.into()],
            )
            .await?;
        Ok(if changed > 0 {
            Replayed::Due
        } else {
            Replayed::Unknown
        })
    }
}

pub(super) fn list(filter: &DeliveryFilter, before: Option<&str>, limit: u32) -> (String, Vec<Arg>) {
    let mut conditions = Conditions::default();
    if let Some(endpoint) = &filter.endpoint {
        conditions.and("endpoint = $", endpoint.as_str());
    }
    if let Some(job) = &filter.job {
        conditions.and("job = $", job.as_str());
    }
    if let Some(before) = before {
        conditions.and("id < $", before);
    }
    let select = "SELECT id, endpoint, job, topic, at, state, due_at, failures, tried_at, status, error \
        FROM webhook_deliveries";
    conditions.statement(select, "id DESC", limit)
}

pub(super) fn delivery(row: &AnyRow) -> Done<Delivery> {
    let status = row.maybe_int("status")?;
    Ok(Delivery {
        id: row.text("id")?,
        endpoint: row.text("endpoint")?,
        job: row.text("job")?,
        topic: topic(row)?,
        at: row.int("at")?,
        state: state(&row.text("state")?)?,
        due_at: row.maybe_int("due_at")?,
        failures: row.count("failures")?,
        tried_at: row.maybe_int("tried_at")?,
        status: status.and_then(|status| status.try_into().ok()),
        error: row.maybe_text("error")?,
    })
}

fn topic(row: &AnyRow) -> Done<Topic> {
    let name = row.text("topic")?;
    name.parse()
        .map_err(|error| Fault::Data(format!("a delivery is broken: {error}")))
}

const STATES: [(DeliveryState, &str); 3] = [
    (DeliveryState::Waiting, "waiting"),
    (DeliveryState::Delivered, "delivered"),
    (DeliveryState::Failed, "failed"),
];

fn name(state: DeliveryState) -> &'static str {
    let found = STATES.iter().find(|(known, _)| *known == state);
    found.map_or("failed", |(_, name)| name)
}

fn state(name: &str) -> Done<DeliveryState> {
    let found = STATES.iter().find(|(_, known)| *known == name);
    let unknown = || Fault::Data(format!("a delivery is broken: `{name}` is no state"));
    found.map(|(state, _)| *state).ok_or_else(unknown)
}
