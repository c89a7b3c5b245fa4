//! Takes a request's body into an original: raw, or the first file of a multipart form.
//!
//! Chunk by chunk, counted against the pipeline's `max_bytes` and the server's budget before anything else
//! sees it; a sender that falls silent or is too slow is given up on.

mod form;

use std::pin::Pin;
use std::time::{Duration, Instant};

use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::http::header;
use bytes::Bytes;
use futures_util::StreamExt;

use super::limits::Pace;
use super::problem::Problem;
use crate::app::App;
use crate::budget::Share;
use crate::original::{AppendError, Original};

/// How much a form may hold besides its file.
const OVERHEAD: u64 = 64 << 10;
/// How long a body may go on arriving once the server was told to stop.
const GRACE: Duration = Duration::from_secs(1);
/// How long a body that nobody wants is read at most.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same where the answer does not wait for it, and nothing comes.
const SILENCE: Duration = Duration::from_millis(500);

/// `limit` is in bytes of the file; the original comes with its share of the budget.
pub(crate) async fn receive(app: &App, request: Request, limit: u64) -> Result<Original, Problem> {
    let boundary = form::boundary(&request);
    let most = limit.saturating_add(if boundary.is_some() { OVERHEAD } else { 0 });
    if declared(&request) > Some(most) {
        // Who waits for a word before the body is sent gets the answer as that word.
        if !request.headers().contains_key(header::EXPECT) {
            read_off_beside(request.into_body().into_data_stream());
        }
        return Err(too_large(limit));
    }
    let mut intake = Intake {
        chunks: request.into_body().into_data_stream(),
        pace: app.limits.pace(),
        share: app.budget.share(),
        received: 0,
        most,
        limit,
        given_up: given_up(app),
    };
    let received = match boundary {
        Some(boundary) => form::receive(&mut intake, boundary).await,
        None => receive_raw(&mut intake).await,
    };
    let Intake { chunks, share, .. } = intake;
    match received {
        Ok(mut original) => {
            original.keep(share);
            // A form may go on behind its file.
            read_off(chunks, PATIENCE).await;
            Ok(original)
        }
        Err(problem) => {
            drop(share);
            let stopping = *app.stop.borrow();
            match problem.status() {
                408 => {}
                _ if stopping => read_off_beside(chunks),
                _ => read_off(chunks, PATIENCE).await,
            }
            Err(problem)
        }
    }
}

/// Reads a body that nobody wants, so that the caller gets to read the answer; not for ever.
pub(crate) async fn discard(request: Request) {
    read_off(request.into_body().into_data_stream(), PATIENCE).await;
}

/// Until nothing has come for so long.
async fn read_off(mut chunks: BodyDataStream, silence: Duration) {
    let read = async { while let Ok(Some(Ok(_))) = tokio::time::timeout(silence, chunks.next()).await {} };
    tokio::time::timeout(PATIENCE, read).await.ok();
}

/// While the answer is on its way: it may be lost where a connection closes on bytes that were not read.
fn read_off_beside(chunks: BodyDataStream) {
    tokio::spawn(read_off(chunks, SILENCE));
}

/// Ends a moment after the server was told to stop.
fn given_up(app: &App) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let mut stop = app.stop.subscribe();
    Box::pin(async move {
        drop(stop.wait_for(|stop| *stop).await);
        tokio::time::sleep(GRACE).await;
    })
}

async fn receive_raw(intake: &mut Intake) -> Result<Original, Problem> {
    let mut original = intake.original();
    while let Some(chunk) = intake.next().await? {
        append(&mut original, &chunk)?;
    }
    if original.bytes().is_empty() {
        let text = "the request has no image; send the file as the body, or as a file of a multipart form";
        return Err(Problem::bad_request(text));
    }
    Ok(original)
}

/// A body on its way in. All that is received passes here first.
struct Intake {
    chunks: BodyDataStream,
    pace: Pace,
    share: Share,
    received: u64,
    /// Of the body; a form may be longer than its file.
    most: u64,
    /// Of the file.
    limit: u64,
    /// Ends when the body is not waited for any longer, as the server stops.
    given_up: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Intake {
    /// The next chunk; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let begun = Instant::now();
        let next = tokio::select! {
            next = tokio::time::timeout(self.pace.left(), self.chunks.next()) => next,
            () = &mut self.given_up => return Err(Problem::stopping()),
        };
        self.pace.waited(begun.elapsed());
        let Some(chunk) = next.map_err(|_| too_slow())? else {
            return Ok(None);
        };
        let chunk = chunk.map_err(|error| Problem::bad_request(format!("the body broke off: {error}")))?;
        self.pace.moved(chunk.len());
        self.received += chunk.len() as u64;
        if self.received > self.most {
            return Err(too_large(self.limit));
        }
        self.share.grow(chunk.len() as u64)?;
        Ok(Some(chunk))
    }

    /// An empty one to fill.
    fn original(&self) -> Original {
        Original::new(self.limit)
    }
}

fn append(original: &mut Original, chunk: &Bytes) -> Result<(), Problem> {
    original.append(chunk).map_err(|error| match error {
        AppendError::TooLarge(limit) => too_large(limit),
        AppendError::Io(error) => Problem::infrastructure(format!("the original could not be kept: {error}")),
    })
}

fn too_slow() -> Problem {
    let text = "the body stopped arriving, or came too slowly; send it again over a better connection";
    Problem::new(408, "request-timeout", text)
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
