//! Takes a request's body into an original: raw, or the first file of a multipart form.
//!
//! Chunk by chunk, counted against the pipeline's `max_bytes` and the server's budget; a sender that falls
//! silent is given up on.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header;
use bytes::Bytes;
use futures_util::StreamExt;

use super::budget::Share;
use super::problem::Problem;
use crate::original::{AppendError, Original};

/// The longest pause between two chunks.
const SILENCE: Duration = Duration::from_secs(30);

pub(crate) async fn receive(request: Request, limit: u64, share: &mut Share) -> Result<Original, Problem> {
    let mut original = Original::new(limit);
    if declared(&request) > Some(limit) {
        discard(request).await;
        return Err(too_large(limit));
    }
    if is_multipart(&request) {
        receive_form(request, &mut original, share).await?;
    } else {
        receive_raw(request.into_body(), &mut original, share).await?;
    }
    if original.bytes().is_empty() {
        let text = "the request has no image; send the file as the body, or as a file of a multipart form";
        return Err(Problem::new(400, "bad-request", text));
    }
    Ok(original)
}

/// Reads a body that nobody wants, so that the caller gets to read the answer; not for ever.
pub(crate) async fn discard(request: Request) {
    read_off(request.into_body().into_data_stream()).await;
}

async fn read_off(mut chunks: BodyDataStream) {
    const PATIENCE: Duration = Duration::from_secs(5);
    let read = async { while let Some(Ok(_)) = chunks.next().await {} };
    tokio::time::timeout(PATIENCE, read).await.ok();
}

async fn receive_raw(body: Body, original: &mut Original, share: &mut Share) -> Result<(), Problem> {
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = in_time(chunks.next()).await? {
        if let Err(problem) = append(original, &chunk.map_err(|error| broken_off(&error))?, share) {
            read_off(chunks).await;
            return Err(problem);
        }
    }
    Ok(())
}

async fn receive_form(request: Request, original: &mut Original, share: &mut Share) -> Result<(), Problem> {
    let bad = |error: String| {
        Problem::new(
            400,
            "bad-request",
            format!("the multipart form is damaged: {error}"),
        )
    };
    let mut form = Multipart::from_request(request, &())
        .await
        .map_err(|e| bad(e.body_text()))?;
    while let Some(mut field) = in_time(form.next_field())
        .await?
        .map_err(|e| bad(e.body_text()))?
    {
        if field.file_name().is_none() && field.name() != Some("file") {
            continue;
        }
        while let Some(chunk) = in_time(field.chunk()).await?.map_err(|e| bad(e.body_text()))? {
            append(original, &chunk, share)?;
        }
        return Ok(());
    }
    Err(Problem::new(
        400,
        "bad-request",
        "the form has no file; name its field `file`",
    ))
}

fn append(original: &mut Original, chunk: &Bytes, share: &mut Share) -> Result<(), Problem> {
    share.grow(chunk.len() as u64)?;
    original.append(chunk).map_err(|error| match error {
        AppendError::TooLarge(limit) => too_large(limit),
        AppendError::Memory(error) => Problem::new(
            503,
            "infrastructure",
            format!("no memory for the original: {error}"),
        ),
    })
}

async fn in_time<T>(next: impl Future<Output = T>) -> Result<T, Problem> {
    let silent = || Problem::new(408, "bad-request", "the body stopped arriving");
    tokio::time::timeout(SILENCE, next).await.map_err(|_| silent())
}

fn broken_off(error: &axum::Error) -> Problem {
    Problem::new(400, "bad-request", format!("the body broke off: {error}"))
}

fn too_large(limit: u64) -> Problem {
    Problem::too_large(format!(
        "the original is larger than the {limit} bytes that this pipeline takes (`input.max_bytes`)"
    ))
}

fn declared(request: &Request) -> Option<u64> {
    request
        .headers()
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn is_multipart(request: &Request) -> bool {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    content_type.is_some_and(|v| v.starts_with("multipart/form-data"))
}
