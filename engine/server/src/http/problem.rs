//! Errors as RFC 9457 problem details: a stable `type`, the step, the kind, a sentence to act on.

use std::time::Duration;

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use workflow::failure::{Failure, FailureKind};
use workflow::words::clip;

use crate::budget::Spent;

/// `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// A stable address for this kind of error; it answers with an explanation.
    #[schema(example = "/problems/bad-input")]
    r#type: Box<str>,
    /// The same for every error of this type.
    title: &'static str,
    status: u16,
    /// What went wrong here, and how to mend it.
    detail: Box<str>,
    /// The error kind, as in `type`.
    #[schema(example = "bad-input")]
    kind: Box<str>,
    /// The step or rendition that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Box<str>>,
    /// Byte offset into the original, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    /// Seconds until another try is worth it.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(status: u16, kind: &str, detail: impl Into<String>) -> Self {
        Self {
            r#type: format!("/problems/{kind}").into(),
            title: title(kind),
            status,
            detail: detail.into().into(),
            kind: kind.into(),
            step: None,
            offset: None,
            retry_after: None,
        }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, "bad-request", detail)
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, "not-found", detail)
    }

    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(413, "too-large", detail)
    }

    /// Too much work at once; `seconds` is when another try is worth it.
    pub(crate) fn busy(detail: impl Into<String>, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(503, "overloaded", detail)
        }
    }

    /// Another server, or this one once it is back, takes the request. When that is nobody here knows; five seconds are a
    /// guess.
    pub(crate) fn stopping() -> Self {
        let text = "this server is shutting down; another one, or this one soon, will answer";
        Self::busy(text, 5)
    }

    /// Too little room on a disk to promise anything. `work` is how long what waits will take: that it makes room is
    /// hoped. Without it somebody must make room, and a minute is a guess.
    pub(crate) fn no_room(work: Option<Duration>) -> Self {
        let seconds = work.map_or(60, |work| work.as_secs().clamp(1, 3600));
        let text = "there is too little room on the server's disk to take in more; work in hand goes on";
        Self {
            retry_after: Some(seconds),
            ..Self::new(507, "no-room", text)
        }
    }

    /// Something that the server stands on; it may be back soon. In five seconds is a guess.
    pub(crate) fn infrastructure(detail: impl Into<String>) -> Self {
        Failure::new(FailureKind::Infrastructure, detail).into()
    }

    /// Says which of several things it is about.
    #[must_use]
    pub(crate) fn about(mut self, what: &str) -> Self {
        self.detail = format!("{what}: {}", self.detail).into();
        self
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let mut problem = Self::new(status(failure.kind), failure.kind.name(), failure.message);
        problem.step = failure.step.map(Into::into);
        problem.offset = failure.offset;
        problem.retry_after = (problem.status == 503).then_some(5);
        problem
    }
}

impl From<Spent> for Problem {
    fn from(_: Spent) -> Self {
        let text =
            "too many originals and answers are in memory at once (`--buffers`); try again in a moment";
        Self::busy(text, 1)
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        rejected("the path cannot be read", &rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        rejected("the query does not fit", &rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        rejected("the body does not fit", &rejection.body_text())
    }
}

/// Without the part of the reason that says the same in a library's words.
fn rejected(what: &str, why: &str) -> Problem {
    let why = match why.split_once(": ") {
        Some((said, why)) if said.starts_with("Failed to") => why,
        _ => why,
    };
    Problem::bad_request(format!("{what}: {}", clip(why)))
}

fn status(kind: FailureKind) -> u16 {
    match kind {
        FailureKind::BadInput | FailureKind::TooLarge | FailureKind::InvalidParams => 422,
        FailureKind::Unsupported => 415,
        FailureKind::Timeout => 504,
        FailureKind::Infrastructure => 503,
        FailureKind::OutOfFuel
        | FailureKind::MemoryLimit
        | FailureKind::Trap
        | FailureKind::BadOutput
        | FailureKind::HostLimit
        | FailureKind::Internal
        | FailureKind::Crash => 500,
    }
}

/// Every kind there is; the README lists them, too.
const TITLES: [(&str, &str); 23] = [
    ("bad-input", "The original is damaged"),
    ("unsupported", "The original is of a type that is not handled"),
    ("too-large", "The original is larger than allowed"),
    ("invalid-params", "A step's params do not fit"),
    ("out-of-fuel", "A plugin used up its fuel"),
    ("timeout", "The job took too long"),
    ("memory-limit", "A plugin wanted more memory than it may have"),
    ("trap", "A plugin crashed in its sandbox"),
    ("bad-output", "A result does not hold together"),
    ("host-limit", "A plugin asked the host for more than it grants"),
    ("internal", "A step failed by itself"),
    ("crash", "The executor died while it worked on this original"),
    (
        "infrastructure",
        "Something that Stopbath stands on does not answer",
    ),
    ("not-found", "There is nothing here"),
    ("not-acceptable", "None of the types asked for can be given"),
    ("bad-request", "The request does not hold together"),
    ("request-timeout", "The request came too slowly"),
    ("method-not-allowed", "The route takes another method"),
    ("overloaded", "Too much work at once"),
    ("conflict", "It does not go together with what is there"),
    ("not-allowed", "Not allowed here"),
    ("source-failed", "The source does not give the image"),
    ("no-room", "Too little room on the disk"),
];

fn title(kind: &str) -> &'static str {
    let found = TITLES.iter().find(|(known, _)| *known == kind);
    found.map_or("Error", |(_, title)| title)
}

/// What a problem's `type` address answers.
pub(crate) async fn explain(kind: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let Path(kind) = kind?;
    match title(&kind) {
        "Error" => Err(Problem::not_found(format!(
            "there is no kind of problem called `{}`",
            clip(&kind)
        ))),
        title => Ok(format!("{kind}: {title}.\n")),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (retry, too_large) = (self.retry_after, self.status == 413);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if too_large {
            // The rest of the body is not waited for.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_title_and_a_fitting_status() {
        for kind in FailureKind::ALL {
            assert_ne!(title(kind.name()), "Error", "{kind}");
            let callers_fault = kind.class() == workflow::failure::FailureClass::BadInput;
            assert_eq!(status(kind) < 500, callers_fault, "{kind}");
            let problem = Problem::from(Failure::new(kind, "a failure"));
            assert_eq!(problem.retry_after.is_some(), problem.status == 503, "{kind}");
        }
    }

    #[test]
    fn a_rejection_is_told_once() {
        let detail = |why| rejected("the query does not fit", why).detail.into_string();
        let ours = "the query does not fit: limit: invalid digit";
        assert_eq!(
            detail("Failed to deserialize query string: limit: invalid digit"),
            ours
        );
        assert_eq!(detail("limit: invalid digit"), ours);
    }

    #[test]
    fn room_is_hoped_for_when_the_work_is_done() {
        let after = |work| Problem::no_room(work).retry_after;
        assert_eq!(after(None), Some(60));
        assert_eq!(after(Some(Duration::from_secs(90))), Some(90));
        assert_eq!(after(Some(Duration::MAX)), Some(3600));
        assert_eq!(after(Some(Duration::ZERO)), Some(1));
    }

    #[test]
    fn the_readme_lists_each_kind_and_no_other() {
        let readme = include_str!("../../../../README.md");
        let section = readme.split("\n## ").find(|text| text.starts_with("Errors"));
        let section = section.unwrap();
        for (kind, _) in TITLES {
            assert!(section.contains(&format!("`{kind}`")), "{kind}");
        }
        for kind in section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        {
            assert_ne!(title(kind), "Error", "{kind}");
        }
    }
}
