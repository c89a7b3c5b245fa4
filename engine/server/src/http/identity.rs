//! Who calls. Every route under `/v1` takes it from here, and nowhere else.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// The caller, by the name that fairness, idempotency and the audit log know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Infallible;

    /// Without API keys everybody is the same.
    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let name = "local".to_owned();
        Ok(Self { name })
    }
}
