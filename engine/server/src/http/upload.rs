//! Takes a request's body into originals: raw, or the files of a multipart form.
//!
//! Chunk by chunk, counted against the pipeline's `max_bytes` and the server's budget before anything else
//! sees it; a sender that falls silent or is too slow is given up on.

mod form;

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::StreamExt;

use super::limits::Pace;
use super::problem::Problem;
use crate::app::App;
use crate::budget::Share;
use crate::jobs::intake::Incoming;
use crate::original::{AppendError, Original};

/// How much a form may hold before each of its files.
const OVERHEAD: u64 = 64 << 10;
/// How long a body may go on arriving once the server was told to stop.
const GRACE: Duration = Duration::from_secs(1);
/// How long a body that nobody wants is read at most.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same where the answer does not wait for it, and nothing comes.
const SILENCE: Duration = Duration::from_millis(500);

/// The body itself, or the only file of a form. `limit` is in bytes; the original comes with its share of the budget.
pub(crate) async fn receive(app: &App, request: Request, limit: u64) -> Result<Incoming, Problem> {
    let mut upload = Upload::open(app, request, limit, 1)?;
    let received = upload.only().await;
    upload.close(app, received).await
}

/// A request whose body comes in.
pub(crate) struct Upload {
    intake: Intake,
    /// Of a form.
    boundary: Option<Result<String, Problem>>,
    /// How many files there may be.
    most: usize,
}

impl Upload {
    /// Up to `most` files of up to `limit` bytes each.
    pub(crate) fn open(app: &App, request: Request, limit: u64, most: usize) -> Result<Self, Problem> {
        let boundary = form::boundary(&request);
        let whole = match &boundary {
            Some(_) => limit.saturating_add(OVERHEAD).saturating_mul(most as u64),
            None => limit,
        };
        if declared(request.headers()) > Some(whole) {
            // Who waits for a word before the body is sent gets the answer as that word.
            if !request.headers().contains_key(header::EXPECT) {
                read_off_beside(request.into_body().into_data_stream());
            }
            return Err(too_large(limit));
        }
        let intake = Intake {
            chunks: request.into_body().into_data_stream(),
            pace: app.limits.pace(),
            share: Arc::new(Mutex::new(app.budget.share())),
            received: 0,
            most: whole,
            limit,
            given_up: given_up(app),
        };
        Ok(Self {
            intake,
            boundary,
            most,
        })
    }

    async fn only(&mut self) -> Result<Incoming, Problem> {
        let mut files = self.files()?;
        files.next().await?;
        let only = files.read().await?;
        files.next().await?;
        Ok(only)
    }

    /// To be asked for once.
    pub(crate) fn files(&mut self) -> Result<Files<'_>, Problem> {
        match self.boundary.take() {
            Some(boundary) => {
                let form = form::Form::new(&mut self.intake, boundary?, self.most);
                Ok(Files::Form(Box::new(form)))
            }
            None => Ok(Files::Raw(&mut self.intake, false)),
        }
    }

    /// Takes leave of a body, be it at its end or not.
    pub(crate) async fn close<T>(self, app: &App, received: Result<T, Problem>) -> Result<T, Problem> {
        let Intake { chunks, share, .. } = self.intake;
        drop(share);
        let stopping = *app.stop.borrow();
        match received.as_ref().err().map(Problem::status) {
            Some(408) => {}
            Some(_) if stopping => read_off_beside(chunks),
            // A form may go on behind its file.
            _ => read_off(chunks, PATIENCE).await,
        }
        received
    }
}

/// What a body holds, file by file: `next`, then `read`, and again.
pub(crate) enum Files<'a> {
    /// Whether it was asked for.
    Raw(&'a mut Intake, bool),
    Form(Box<form::Form<'a>>),
}

impl Files<'_> {
    /// Goes to the next file; false if there was one and is no more.
    pub(crate) async fn next(&mut self) -> Result<bool, Problem> {
        match self {
            Self::Raw(_, asked) => Ok(!std::mem::replace(asked, true)),
            Self::Form(form) => form.next().await,
        }
    }

    /// The file, with its share of the budget.
    pub(crate) async fn read(&mut self) -> Result<Incoming, Problem> {
        match self {
            Self::Raw(intake, _) => receive_raw(intake).await,
            Self::Form(form) => form.read().await,
        }
    }
}

/// Whether a request says that its body is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let media_type = content_type.and_then(|text| text.split(';').next());
    media_type.is_some_and(|text| text.trim().eq_ignore_ascii_case("application/json"))
}

/// No image begins like JSON. Some clients say of any body that it is a form, so what they say of it decides nothing.
pub(crate) fn is_no_json(original: &Original) -> Result<(), Problem> {
    let first = original.bytes().iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') {
        let text = "the body is JSON, not an image; an image that the server is to fetch is named to `…/jobs`, with \
            `Content-Type: application/json`";
        return Err(Problem::bad_request(text));
    }
    Ok(())
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

async fn receive_raw(intake: &mut Intake) -> Result<Incoming, Problem> {
    let mut original = Original::new(intake.limit);
    while let Some(chunk) = intake.next().await? {
        append(&mut original, &chunk)?;
    }
    if original.bytes().is_empty() {
        let text = "the request has no image; send the file as the body, or as a file of a multipart form";
        return Err(Problem::bad_request(text));
    }
    hand_over(&intake.share, &mut original);
    Ok(Incoming {
        original,
        filename: None,
    })
}

/// An original that is whole has its share for itself, and gives it back when it is gone.
fn hand_over(share: &Mutex<Share>, original: &mut Original) {
    let own = locked(share).split(original.bytes().len() as u64);
    original.keep(own);
}

fn locked(share: &Mutex<Share>) -> MutexGuard<'_, Share> {
    share.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A body on its way in. All that is received passes here first.
pub(crate) struct Intake {
    chunks: BodyDataStream,
    pace: Pace,
    /// Of what was received and not handed over.
    share: Arc<Mutex<Share>>,
    received: u64,
    /// Of the body; a form may be longer than its files.
    most: u64,
    /// Of each file.
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
        locked(&self.share).grow(chunk.len() as u64)?;
        Ok(Some(chunk))
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

/// The length that a request says its body has.
pub(crate) fn declared(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}
