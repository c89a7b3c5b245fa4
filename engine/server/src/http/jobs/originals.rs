//! The originals of a request for jobs: its body, the files of its form, or what its JSON names.
//!
//! One after the other: each is on stable storage before the next one comes. The last one is not yet, so that a request
//! with a single original costs no more than that.

use std::time::Duration;

use axum::extract::Request;
use serde::Deserialize;
use utoipa::ToSchema;
use workflow::words::clip;

use super::submit::refused;
use crate::app::App;
use crate::budget::Spent;
use crate::filename;
use crate::http::problem::Problem;
use crate::http::upload::{self, Upload};
use crate::jobs::intake::{Incoming, Kept, Ticket, Wish};
use crate::jobs::source::SourceError;

/// Files of one request.
const MOST_FILES: usize = 1000;
/// Sources of one request; the caller waits for them.
const MOST_SOURCES: usize = 100;
/// How long all of them may take together.
const SOURCES_TIME: Duration = Duration::from_mins(2);
/// Of a JSON body.
const LONGEST_BODY: u64 = 256 << 10;

/// Images that the server fetches: one of the two fields.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// `http` or `https`, at a host that the server allows.
    source: Option<String>,
    /// Several of them, 100 at most: a job for each.
    sources: Option<Vec<String>>,
}

/// At least one, in the request's order.
#[derive(Debug)]
pub(super) struct Originals {
    pub(super) kept: Vec<Kept>,
    pub(super) last: Incoming,
}

/// What came of reading a request.
#[derive(Debug)]
pub(super) enum Received {
    New(Originals),
    /// It came before, and nothing was fetched again.
    Before(Ticket),
}

pub(super) async fn receive(app: &App, request: Request, wish: &mut Wish<'_>) -> Result<Received, Problem> {
    if upload::is_json(request.headers()) {
        wish.sources = sources(app, request).await?;
        let replayed = wish.replayed();
        if let Some(ticket) = replayed.map_err(|why| refused(app, why))? {
            return Ok(Received::Before(ticket));
        }
        return in_time(app, fetched(app, wish)).await.map(Received::New);
    }
    let mut upload = Upload::open(app, request, wish.plan.limits.max_bytes, MOST_FILES)?;
    let received = uploaded(app, &mut upload, wish).await;
    upload.close(app, received).await.map(Received::New)
}

async fn uploaded(app: &App, upload: &mut Upload, wish: &Wish<'_>) -> Result<Originals, Problem> {
    let mut files = upload.files()?;
    let mut originals = Collected::new(app, wish);
    while files.next().await? {
        originals.make_way().await?;
        let file = files.read().await?;
        upload::is_no_json(&file.original)?;
        originals.last = Some(file);
    }
    originals.all()
}

/// The caller waits for all of them, and so does a server that stops.
async fn in_time<T>(app: &App, fetched: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let mut stop = app.stop.subscribe();
    let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
    tokio::select! {
        fetched = tokio::time::timeout(SOURCES_TIME, fetched) => fetched.unwrap_or_else(|_| {
            let text = format!(
                "the sources took longer than {} s together; name fewer of them",
                SOURCES_TIME.as_secs()
            );
            Err(Problem::new(502, "source-failed", text))
        }),
        () = stopped => Err(Problem::stopping()),
    }
}

async fn fetched(app: &App, wish: &Wish<'_>) -> Result<Originals, Problem> {
    let limit = wish.plan.limits.max_bytes;
    let mut originals = Collected::new(app, wish);
    for source in &wish.sources {
        originals.make_way().await?;
        let fetched = app.jobs.sources.fetch(source, limit, app.budget.share()).await;
        originals.last = Some(Incoming {
            original: fetched.map_err(|error| not_fetched(&error))?,
            filename: filename::of_address(source),
        });
    }
    originals.all()
}

/// Originals so far.
struct Collected<'a> {
    app: &'a App,
    wish: &'a Wish<'a>,
    kept: Vec<Kept>,
    last: Option<Incoming>,
}

impl<'a> Collected<'a> {
    fn new(app: &'a App, wish: &'a Wish<'a>) -> Self {
        Self {
            app,
            wish,
            kept: Vec::new(),
            last: None,
        }
    }

    /// The one that is in memory leaves it, as another one comes.
    async fn make_way(&mut self) -> Result<(), Problem> {
        let Some(last) = self.last.take() else {
            return Ok(());
        };
        if self.wish.filename.is_some() {
            let text = "`filename` names one image, but there are several; a form names each of its files";
            return Err(Problem::bad_request(text));
        }
        let kept = self.app.jobs.keep(self.wish, last).await;
        self.kept.push(kept.map_err(|why| refused(self.app, why))?);
        Ok(())
    }

    fn all(self) -> Result<Originals, Problem> {
        let Some(mut last) = self.last else {
            return Err(Problem::bad_request("the request names no image"));
        };
        if self.wish.filename.is_some() {
            last.filename.clone_from(&self.wish.filename);
        }
        Ok(Originals {
            kept: self.kept,
            last,
        })
    }
}

/// The addresses that a JSON body names.
async fn sources(app: &App, request: Request) -> Result<Vec<String>, Problem> {
    let body = upload::receive(app, request, LONGEST_BODY).await?;
    let named: Source = serde_json::from_slice(body.original.bytes()).map_err(|error| {
        Problem::bad_request(format!(
            "a JSON body names an image as {{\"source\": \"https://…\"}}, or several as {{\"sources\": [\"https://…\"]}}: {}",
            clip(&error.to_string())
        ))
    })?;
    match named {
        Source {
            source: Some(source),
            sources: None,
        } => Ok(vec![source]),
        Source {
            source: None,
            sources: Some(sources),
        } if (1..=MOST_SOURCES).contains(&sources.len()) => Ok(sources),
        _ => Err(Problem::bad_request(format!(
            "a JSON body has either a `source`, or 1 to {MOST_SOURCES} `sources`"
        ))),
    }
}

fn not_fetched(error: &SourceError) -> Problem {
    let text = error.to_string();
    match error {
        SourceError::NotAllowed(_) => Problem::new(403, "not-allowed", text),
        SourceError::TooLarge(_) => Problem::too_large(text),
        SourceError::Failed(_) => Problem::new(502, "source-failed", text),
        SourceError::Busy => Spent.into(),
    }
}
