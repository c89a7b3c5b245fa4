//! Deliveries as a transaction writes them: one for each endpoint that wants to hear of a job's end.
//!
//! They are rows of the same transaction that ends the job, so none is missing and none is too many. The id is made
//! of what the delivery is about: a transaction that runs again writes the same ones.

use workflow::ports::{Blob, EndedJob, JobView, StoredRendition};
use workflow::webhook::Topic;

use super::fault::Done;
use super::hot::Hot;
use super::row::{Read, rows};
use super::tx::Tx;

/// A job that may have ended, and what it leaves.
pub(super) type Ended<'a> = (&'a Hot, &'a [StoredRendition]);

struct Listener {
    id: String,
    pipeline: Option<String>,
    topics: Vec<Topic>,
}

impl Listener {
    fn wants(&self, topic: Topic, pipeline: &str) -> bool {
        let topics = self.topics.is_empty() || self.topics.contains(&topic);
        topics && self.pipeline.as_deref().is_none_or(|only| only == pipeline)
    }
}

impl Tx<'_> {
    /// Jobs that have not ended are passed over.
    pub(super) async fn announce(&mut self, jobs: &[Ended<'_>]) -> Done<()> {
        let topics = jobs.iter().map(|(job, _)| Topic::of(job.state));
        let told: Vec<_> = jobs
            .iter()
            .zip(topics)
            .filter_map(|(ended, topic)| Some((ended, topic?)))
            .collect();
        if told.is_empty() {
            return Ok(());
        }
        let listeners = self.listeners().await?;
        let mut deliveries = Vec::new();
        for ((job, renditions), topic) in told {
            let mut wanted = listeners
                .iter()
                .filter(|listener| listener.wants(topic, &job.pipeline))
                .peekable();
            if wanted.peek().is_none() {
                continue;
            }
            let at = job.finished_at.unwrap_or_default();
            let ended = serde_json::to_string(&ended(job, renditions)?)?;
            for listener in wanted {
                let id = id(&listener.id, job, topic, at);
                deliveries.push((id, &listener.id, &job.id, topic.name(), at, ended.clone()));
            }
        }
        self.each(
            "INSERT INTO webhook_deliveries (id, endpoint, job, topic, at, ended, state, due_at)
             SELECT value->>0, value->>1, value->>2, value->>3, CAST(value->>4 AS BIGINT), value->>5, 'waiting',
                 CAST(value->>4 AS BIGINT) FROM rows($1)",
            rows(&deliveries)?,
        )
        .await?;
        Ok(())
    }

    /// Else `announce` would do nothing, and its jobs need not be read.
    pub(super) async fn anyone_listens(&mut self) -> Done<bool> {
        Ok(!self.listeners().await?.is_empty())
    }

    async fn listeners(&mut self) -> Done<Vec<Listener>> {
        let found = self
            .all(
                "SELECT id, pipeline, topics FROM webhook_endpoints WHERE disabled_at IS NULL ORDER BY id",
                &[],
            )
            .await?;
        let listener = |row: &_| {
            Ok(Listener {
                id: Read::text(row, "id")?,
                pipeline: Read::maybe_text(row, "pipeline")?,
                topics: Read::json(row, "topics")?,
            })
        };
        found.iter().map(listener).collect()
    }
}

/// The `webhook-id`. Sorts by time; a job comes to the same end twice only under different leases.
fn id(endpoint: &str, job: &Hot, topic: Topic, at: i64) -> String {
    let about = format!("{endpoint} {} {} {topic}", job.id, job.lease);
    let hash = blake3::hash(about.as_bytes()).to_hex();
    format!("msg_{at:012x}{}", &hash[..20])
}

fn ended(job: &Hot, renditions: &[StoredRendition]) -> Done<EndedJob> {
    let failure = job.failure.as_deref().map(serde_json::from_str).transpose()?;
    Ok(EndedJob {
        job: JobView {
            id: job.id.clone(),
            state: job.state,
            pipeline: job.pipeline.clone(),
            plan: job.plan.clone(),
            original: Blob {
                digest: job.original.clone(),
                length: job.length,
            },
            lane: job.lane,
            owner: job.owner.clone(),
            filename: job.filename.clone(),
            errors: job.errors,
            rescues: job.rescues,
            submitted_at: job.submitted_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            due_at: None,
            worker: job.worker.clone(),
            parked_for: None,
            failure,
        },
        renditions: renditions.to_vec(),
    })
}
