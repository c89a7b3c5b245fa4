//! Endpoints and deliveries as JSON.

use serde::Serialize;
use utoipa::ToSchema;
use workflow::ports::{Delivery, DeliveryState, Endpoint};
use workflow::webhook::{Disabled, Topic};

use crate::clock;

/// Who is told of the ends of jobs, and how it does.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndpointBody {
    id: String,
    url: String,
    /// Only of this pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline: Option<String>,
    /// Of which ends.
    #[schema(value_type = Vec<String>)]
    events: Vec<Topic>,
    /// RFC 3339, UTC.
    created_at: String,
    /// When it last took something.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<String>,
    /// Since when it has done nothing but fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<String>,
    /// Since then nothing is sent there.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<String>,
    /// Why: `gone` (it answered 410) or `failing` (for five days).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "gone")]
    disabled: Option<Disabled>,
}

/// A secret, shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretBody {
    pub(super) id: String,
    /// Signs what is sent: `whsec_` and base64.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub(super) secret: String,
    /// Until then the secret before this one signs as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) old_valid_until: Option<String>,
}

/// One message to one endpoint.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryBody {
    /// The header `webhook-id`.
    pub(super) id: String,
    endpoint: String,
    job: String,
    /// `job.succeeded`, `job.dead` or `job.cancelled`.
    #[schema(value_type = String, example = "job.succeeded")]
    r#type: Topic,
    /// `waiting`, `delivered` or `failed`.
    #[schema(value_type = String, example = "delivered")]
    state: DeliveryState,
    /// When the job ended.
    at: String,
    /// When the next attempt is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    /// Failed attempts, since it was last replayed.
    failures: u32,
    /// When the last attempt was.
    #[serde(skip_serializing_if = "Option::is_none")]
    tried_at: Option<String>,
    /// What the endpoint answered last.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<Endpoint> for EndpointBody {
    fn from(endpoint: Endpoint) -> Self {
        let all = endpoint.topics.is_empty();
        Self {
            id: endpoint.id,
            url: endpoint.url,
            pipeline: endpoint.pipeline,
            events: if all { Topic::ALL.to_vec() } else { endpoint.topics },
            created_at: clock::text(endpoint.created_at),
            delivered_at: endpoint.delivered_at.map(clock::text),
            failing_since: endpoint.failing_since.map(clock::text),
            disabled_at: endpoint.disabled_at.map(clock::text),
            disabled: endpoint.disabled,
        }
    }
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            endpoint: delivery.endpoint,
            job: delivery.job,
            r#type: delivery.topic,
            state: delivery.state,
            at: clock::text(delivery.at),
            due_at: delivery.due_at.map(clock::text),
            failures: delivery.failures,
            tried_at: delivery.tried_at.map(clock::text),
            status: delivery.status,
            error: delivery.error,
        }
    }
}
