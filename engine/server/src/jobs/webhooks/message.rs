//! The body of a delivery: what happened, when, and the job as it was then.
//!
//! The specification wants less than 20 kB, so the report of the steps is not in it, and a job with very many
//! renditions names none: whoever wants to know asks for the job.

use serde_json::{Value, json};
use workflow::ports::{Due, StoredRendition};
use workflow::words::clip;

use crate::clock;
use crate::http::jobs::JobBody;

/// In bytes.
const MOST: usize = 20_000;

/// The same bytes with every attempt. Addresses begin with `public`.
pub(super) fn body(due: &Due, public: &str) -> Vec<u8> {
    let mut job = due.ended.job.clone();
    if let Some(failure) = &mut job.failure {
        failure.message = clip(&failure.message).into_owned();
    }
    job.filename = job.filename.map(|name| clip(&name).into_owned());
    let mut data = serde_json::to_value(JobBody::brief(job)).unwrap_or_default();
    let job = format!("{public}/v1/jobs/{}", due.ended.job.id);
    data["original"]["href"] = format!("{job}/original").into();
    let renditions = due.ended.renditions.iter();
    data["renditions"] = renditions.map(|r| rendition(&job, r)).collect();
    let whole = message(due, &data);
    if whole.len() < MOST {
        return whole;
    }
    data["renditions"] = json!([]);
    data["truncated"] = true.into();
    message(due, &data)
}

fn message(due: &Due, data: &Value) -> Vec<u8> {
    let message = json!({
        "type": due.topic.name(),
        "timestamp": clock::text(due.at),
        "data": data,
    });
    message.to_string().into_bytes()
}

fn rendition(job: &str, rendition: &StoredRendition) -> Value {
    let name = &rendition.name;
    json!({
        "name": name,
        "href": format!("{job}/renditions/{name}"),
        "media_type": rendition.media_type,
        "width": rendition.width,
        "height": rendition.height,
        "length": rendition.blob.length,
        "digest": rendition.blob.digest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use workflow::failure::Failure;
    use workflow::job::State;
    use workflow::ports::{Blob, DeliveryLease, EndedJob, JobView, Lane};
    use workflow::webhook::Topic;

    fn due(renditions: usize) -> Due {
        let blob = Blob {
            digest: "d".repeat(64),
            length: 7,
        };
        let rendition = |n: usize| StoredRendition {
            name: format!("thumb-{n}.webp"),
            blob: blob.clone(),
            media_type: "image/webp".into(),
            width: 320,
            height: 240,
            key: "k".repeat(64),
        };
        let renditions = (0..renditions).map(rendition).collect();
        let job = JobView {
            id: "job-1".into(),
            state: State::Succeeded,
            pipeline: "photos".into(),
            plan: "plan".into(),
            original: blob.clone(),
            lane: Lane::Bulk,
            owner: "ann".into(),
            filename: Some("é".repeat(10_000)),
            errors: 1,
            rescues: 0,
            submitted_at: 0,
            started_at: Some(1),
            finished_at: Some(2),
            due_at: None,
            worker: None,
            parked_for: None,
            failure: Some(Failure::bad_input("x".repeat(100_000))),
        };
        Due {
            lease: DeliveryLease {
                delivery: "msg_1".into(),
                endpoint: "ep_1".into(),
                number: 1,
            },
            url: "https://example.com/".into(),
            secrets: Vec::new(),
            topic: Topic::Succeeded,
            at: 1_700_000_000_000,
            ended: EndedJob { job, renditions },
            failures: 0,
        }
    }

    #[test]
    fn it_says_what_happened_and_where_the_results_are() {
        let read = |public| serde_json::from_slice::<Value>(&body(&due(2), public)).unwrap();
        let message = read("");
        assert_eq!(message["type"], "job.succeeded");
        assert_eq!(message["timestamp"], "2023-11-14T22:13:20.000Z");
        assert_eq!(message["data"]["id"], "job-1");
        let second = &message["data"]["renditions"][1];
        assert_eq!(second["name"], "thumb-1.webp");
        assert_eq!(second["href"], "/v1/jobs/job-1/renditions/thumb-1.webp");
        assert_eq!(
            (&second["length"], &second["digest"]),
            (&7.into(), &"d".repeat(64).into())
        );
        let message = read("https://example.com");
        let data = &message["data"];
        assert_eq!(
            data["original"]["href"],
            "https://example.com/v1/jobs/job-1/original"
        );
        assert_eq!(
            data["renditions"][1]["href"],
            "https://example.com/v1/jobs/job-1/renditions/thumb-1.webp"
        );
    }

    #[test]
    fn it_stays_small() {
        for renditions in [0, 100, 150, 10_000] {
            assert!(body(&due(renditions), "").len() < MOST, "{renditions}");
        }
        let message: Value = serde_json::from_slice(&body(&due(10_000), "")).unwrap();
        assert_eq!(message["data"]["truncated"], true);
    }
}
