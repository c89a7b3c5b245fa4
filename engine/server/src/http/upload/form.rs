//! The first file of a multipart form.
//!
//! The parser (`multer`) keeps what it cannot split yet for as long as it takes, so the body is counted
//! before it gets there, and everything that is not the file's own bytes has a small limit.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::Request;
use axum::http::header;
use futures_util::stream;
use multer::Multipart;

use super::{Intake, OVERHEAD, append};
use crate::http::problem::Problem;
use crate::original::Original;

/// What separates a form's parts; `None` if the request is no form.
pub(super) fn boundary(request: &Request) -> Option<Result<String, Problem>> {
    const FORM: &str = "multipart/form-data";
    let content_type = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    let start = content_type.trim_start().get(..FORM.len())?;
    start
        .eq_ignore_ascii_case(FORM)
        .then(|| multer::parse_boundary(content_type).map_err(|error| damaged(&error)))
}

pub(super) async fn receive(
    intake: &mut Intake,
    boundary: Result<String, Problem>,
) -> Result<Original, Problem> {
    let mut original = intake.original();
    let in_file = AtomicBool::new(false);
    let in_file = &in_file;
    let chunks = stream::try_unfold((intake, false), |(intake, again)| async move {
        if again {
            // The parser takes chunks as long as there are any; this way it looks at each one first.
            tokio::task::yield_now().await;
        }
        if intake.received > OVERHEAD && !in_file.load(Ordering::Relaxed) {
            return Err(Refused(Problem::bad_request(format!(
                "the form has more than {OVERHEAD} bytes before its file; put the file first"
            ))));
        }
        let chunk = intake.next().await.map_err(Refused)?;
        Ok(chunk.map(|chunk| (chunk, (intake, true))))
    });
    let mut form = Multipart::new(chunks, boundary?);
    while let Some(mut field) = form.next_field().await.map_err(problem)? {
        if field.file_name().is_none() && field.name() != Some("file") {
            continue;
        }
        in_file.store(true, Ordering::Relaxed);
        while let Some(chunk) = field.chunk().await.map_err(problem)? {
            append(&mut original, &chunk)?;
        }
        if original.bytes().is_empty() {
            return Err(Problem::bad_request("the form's file is empty"));
        }
        return Ok(original);
    }
    Err(Problem::bad_request(
        "the form has no file; name its field `file`",
    ))
}

/// Carries a problem of the body through the parser.
#[derive(Debug, thiserror::Error)]
#[error("the body was refused")]
struct Refused(Problem);

fn problem(error: multer::Error) -> Problem {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast::<Refused>() {
            Ok(refused) => refused.0,
            Err(cause) => Problem::bad_request(format!("the multipart form broke off: {cause}")),
        },
        error => damaged(&error),
    }
}

fn damaged(error: &multer::Error) -> Problem {
    Problem::bad_request(format!("the multipart form is damaged: {error}"))
}
