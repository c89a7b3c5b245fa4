//! The originals of a request for jobs: its body, the files of its form, or what its JSON names.
//!
//! One after the other: each is on stable storage before the next one comes. The last one is not yet, so that a request
//! with a single original costs no more than that.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use utoipa::ToSchema;
use workflow::words::clip;

use super::submit::refused;
use crate::app::App;
use crate::budget::Spent;
use crate::http::problem::Problem;
use crate::http::upload::{self, Upload};
use crate::jobs::intake::{Incoming, Kept};
use crate::jobs::source::SourceError;

/// Files of one request.
const MOST_FILES: usize = 1000;
/// Sources of one request; the caller waits for them.
const MOST_SOURCES: usize = 100;
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

/// `limit` is in bytes of one original; `filename` is the name of the only one.
pub(super) async fn receive(
    app: &App,
    request: Request,
    limit: u64,
    filename: Option<String>,
) -> Result<Originals, Problem> {
    if is_json(request.headers()) {
        let sources = sources(app, request).await?;
        return fetched(app, sources, limit, filename).await;
    }
    let mut upload = Upload::open(app, request, limit, MOST_FILES)?;
    let received = uploaded(app, &mut upload, filename).await;
    upload.close(app, received).await
}

async fn uploaded(app: &App, upload: &mut Upload, filename: Option<String>) -> Result<Originals, Problem> {
    let mut files = upload.files()?;
    let mut originals = Collected::new(app, filename);
    while files.next().await? {
        originals.make_way().await?;
        originals.last = Some(files.read().await?);
    }
    originals.all()
}

async fn fetched(
    app: &App,
    sources: Vec<String>,
    limit: u64,
    filename: Option<String>,
) -> Result<Originals, Problem> {
    let mut originals = Collected::new(app, filename);
    for source in sources {
        originals.make_way().await?;
        let fetched = app.jobs.sources.fetch(&source, limit, app.budget.share()).await;
        originals.last = Some(Incoming {
            original: fetched.map_err(|error| not_fetched(&error))?,
            filename: None,
        });
    }
    originals.all()
}

/// Originals so far.
struct Collected<'a> {
    app: &'a App,
    /// Of the only one, if it stays the only one.
    filename: Option<String>,
    kept: Vec<Kept>,
    last: Option<Incoming>,
}

impl<'a> Collected<'a> {
    fn new(app: &'a App, filename: Option<String>) -> Self {
        Self {
            app,
            filename,
            kept: Vec::new(),
            last: None,
        }
    }

    /// The one that is in memory leaves it, as another one comes.
    async fn make_way(&mut self) -> Result<(), Problem> {
        let Some(last) = self.last.take() else {
            return Ok(());
        };
        if self.filename.is_some() {
            let text = "`filename` names one image, but there are several; a form names each of its files";
            return Err(Problem::bad_request(text));
        }
        let kept = self.app.jobs.keep(last).await.map_err(refused)?;
        self.kept.push(kept);
        Ok(())
    }

    fn all(self) -> Result<Originals, Problem> {
        let Some(mut last) = self.last else {
            return Err(Problem::bad_request("the request names no image"));
        };
        last.filename = self.filename.or(last.filename);
        Ok(Originals {
            kept: self.kept,
            last,
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let media_type = content_type.and_then(|text| text.split(';').next());
    media_type.map(str::trim) == Some("application/json")
}

/// The addresses that a JSON body names.
async fn sources(app: &App, request: Request) -> Result<Vec<String>, Problem> {
    let body = upload::receive(app, request, LONGEST_BODY).await?;
    let named: Source = serde_json::from_slice(body.bytes()).map_err(|error| {
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
