//! A job as JSON.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use workflow::failure::Failure;
use workflow::job::State;
use workflow::ports::{AttemptError, Blob, JobResult, JobView, Lane, StoredRendition};

use crate::clock;

/// One original on its way through one pipeline.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobBody {
    id: String,
    /// `queued`, `running`, `retry-waiting`, `parked`, `succeeded`, `dead` or `cancelled`.
    #[schema(value_type = String, example = "queued")]
    state: State,
    pipeline: String,
    /// Identifies the revision that it is pinned to.
    plan: String,
    #[schema(value_type = String, example = "interactive")]
    lane: Lane,
    original: FileBody,
    /// RFC 3339, UTC.
    submitted_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    /// When the next attempt is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    /// The plugin whose breaker it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    parked_for: Option<String>,
    /// Failed attempts.
    attempts_failed: u32,
    /// Workers or executors that were lost with it.
    rescues: u32,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    failure: Option<Failure>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    renditions: Vec<RenditionBody>,
    /// The report of every step; analyses and metadata are in it.
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Option<Object>)]
    report: Value,
    /// Every failed attempt, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<ErrorBody>,
}

#[derive(Debug, Serialize, ToSchema)]
struct FileBody {
    /// BLAKE3, in hex.
    digest: String,
    /// In bytes.
    length: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    href: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct RenditionBody {
    name: String,
    media_type: String,
    width: u32,
    height: u32,
    /// In bytes.
    length: u64,
    digest: String,
    /// Equal keys, equal bytes.
    key: String,
    href: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct ErrorBody {
    at: String,
    worker: String,
    #[schema(value_type = Object)]
    failure: Failure,
}

impl JobBody {
    /// As in a list.
    pub(crate) fn brief(job: JobView) -> Self {
        let Blob { digest, length } = job.original;
        Self {
            original: FileBody {
                digest,
                length,
                filename: job.filename,
                href: format!("{}/original", href(&job.id)),
            },
            id: job.id,
            state: job.state,
            pipeline: job.pipeline,
            plan: job.plan,
            lane: job.lane,
            submitted_at: clock::text(job.submitted_at),
            started_at: job.started_at.map(clock::text),
            finished_at: job.finished_at.map(clock::text),
            due_at: job.due_at.map(clock::text),
            worker: job.worker,
            parked_for: job.parked_for,
            attempts_failed: job.errors,
            rescues: job.rescues,
            failure: job.failure,
            renditions: Vec::new(),
            report: Value::Null,
            errors: Vec::new(),
        }
    }

    /// With all that it left behind.
    pub(crate) fn whole(job: JobView, result: Option<JobResult>, errors: Vec<AttemptError>) -> Self {
        let mut body = Self::brief(job);
        let result = result.unwrap_or_default();
        let id = &body.id;
        body.renditions = result
            .renditions
            .into_iter()
            .map(|r| RenditionBody::new(id, r))
            .collect();
        body.report = result.report;
        body.errors = errors.into_iter().map(ErrorBody::new).collect();
        body
    }
}

impl RenditionBody {
    fn new(job: &str, rendition: StoredRendition) -> Self {
        Self {
            href: format!("{}/renditions/{}", href(job), rendition.name),
            name: rendition.name,
            media_type: rendition.media_type,
            width: rendition.width,
            height: rendition.height,
            length: rendition.blob.length,
            digest: rendition.blob.digest,
            key: rendition.key,
        }
    }
}

impl ErrorBody {
    fn new(error: AttemptError) -> Self {
        Self {
            at: clock::text(error.at),
            worker: error.worker,
            failure: error.failure,
        }
    }
}

/// Where a job is found.
pub(super) fn href(id: &str) -> String {
    format!("/v1/jobs/{id}")
}
