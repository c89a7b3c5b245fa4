//! The files of a multipart form, one after the other.
//!
//! The parser (`multer`) keeps what it cannot split yet for as long as it takes, so the body is counted
//! before it gets there, and everything that is not a file's own bytes has a small limit.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::http::header;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use multer::{Field, Multipart};
use workflow::words::clip;

use super::{Intake, OVERHEAD, append, hand_over, locked};
use crate::budget::Share;
use crate::filename::plain;
use crate::http::problem::Problem;
use crate::jobs::intake::Incoming;
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

/// A form whose body comes in.
pub(crate) struct Form<'a> {
    parts: Multipart<'a>,
    /// The file that is to be read next.
    field: Option<Field<'a>>,
    share: Arc<Mutex<Share>>,
    place: Arc<Place>,
    limit: u64,
    /// How many files there may be.
    most: usize,
    /// Files so far, and the name of the last one.
    files: usize,
    name: Option<String>,
}

/// Where in the form the reader is: counts when a file begins and when it ends, so it is odd within a file.
#[derive(Default)]
struct Place(AtomicUsize);

impl<'a> Form<'a> {
    pub(super) fn new(intake: &'a mut Intake, boundary: String, most: usize) -> Self {
        let place = Arc::<Place>::default();
        let (share, limit) = (Arc::clone(&intake.share), intake.limit);
        Self {
            parts: Multipart::new(chunks(intake, Arc::clone(&place)), boundary),
            field: None,
            share,
            place,
            limit,
            most,
            files: 0,
            name: None,
        }
    }

    /// Goes to the next file; false if there was one and is no more.
    pub(super) async fn next(&mut self) -> Result<bool, Problem> {
        self.field = None;
        while let Some(field) = self.parts.next_field().await.map_err(|e| self.behind(e))? {
            if field.file_name().is_none() && field.name() != Some("file") {
                let passed = pass_over(field, &self.share).await;
                passed.map_err(|e| self.behind(e))?;
                continue;
            }
            if self.files == self.most {
                let text = match self.most {
                    1 => {
                        "one image is taken here, but the form has several; send them to `…/jobs`".to_owned()
                    }
                    most => format!("the form has more than {most} files; send the others by themselves"),
                };
                return Err(Problem::bad_request(text));
            }
            self.files += 1;
            self.name = field.file_name().and_then(plain);
            self.field = Some(field);
            return Ok(true);
        }
        if self.files == 0 {
            let text = "the form has no file; name its field `file`";
            return Err(Problem::bad_request(text));
        }
        Ok(false)
    }

    pub(super) async fn read(&mut self) -> Result<Incoming, Problem> {
        let Some(field) = self.field.take() else {
            return Err(Problem::bad_request("the form has no file"));
        };
        self.place.0.fetch_add(1, Ordering::Relaxed);
        let read = read(field, Original::new(self.limit)).await;
        self.place.0.fetch_add(1, Ordering::Relaxed);
        let mut original = read.map_err(|problem| self.within(problem))?;
        hand_over(&self.share, &mut original);
        Ok(Incoming {
            original,
            filename: self.name.clone(),
        })
    }

    /// A problem with the file that is read; where there may be several it says which.
    fn within(&self, problem: Problem) -> Problem {
        match (self.most, &self.name) {
            (1, _) => problem,
            (_, Some(name)) => problem.about(&format!("file {} (`{}`)", self.files, clip(name))),
            (_, None) => problem.about(&format!("file {}", self.files)),
        }
    }

    /// A problem before the next file.
    fn behind(&self, error: multer::Error) -> Problem {
        match self.files {
            0 => problem(error),
            files => problem(error).about(&format!("behind file {files}")),
        }
    }
}

/// What nobody wants does not stay in memory, so it is given back.
async fn pass_over(mut field: Field<'_>, share: &Mutex<Share>) -> Result<(), multer::Error> {
    while let Some(chunk) = field.chunk().await? {
        drop(locked(share).split(chunk.len() as u64));
    }
    Ok(())
}

async fn read(mut field: Field<'_>, mut original: Original) -> Result<Original, Problem> {
    while let Some(chunk) = field.chunk().await.map_err(problem)? {
        append(&mut original, &chunk)?;
    }
    if original.bytes().is_empty() {
        return Err(Problem::bad_request("the form's file is empty"));
    }
    Ok(original)
}

/// The body for the parser.
fn chunks(intake: &mut Intake, place: Arc<Place>) -> impl Stream<Item = Result<Bytes, Refused>> + Send {
    let begin = Reader {
        intake,
        place,
        again: false,
        seen: 0,
        edge: 0,
    };
    stream::try_unfold(begin, |mut reader| async move {
        let chunk = reader.next().await.map_err(Refused)?;
        Ok::<_, Refused>(chunk.map(|chunk| (chunk, reader)))
    })
}

struct Reader<'a> {
    intake: &'a mut Intake,
    place: Arc<Place>,
    again: bool,
    /// The place when it was looked at last.
    seen: usize,
    /// So much was received when the parser was last known to be in a file.
    edge: u64,
}

impl Reader<'_> {
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        if self.again {
            // The parser takes chunks as long as there are any; this way it looks at each one first.
            tokio::task::yield_now().await;
        }
        self.again = true;
        let place = self.place.0.load(Ordering::Relaxed);
        if place != self.seen || place % 2 == 1 {
            self.seen = place;
            self.edge = self.intake.received;
        }
        if self.intake.received - self.edge > OVERHEAD {
            let text = match place {
                0 => format!("the form has more than {OVERHEAD} bytes before its file; put the file first"),
                _ => format!("the form has more than {OVERHEAD} bytes between its files or behind them"),
            };
            return Err(Problem::bad_request(text));
        }
        self.intake.next().await
    }
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
