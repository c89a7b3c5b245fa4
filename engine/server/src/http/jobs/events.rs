//! `GET /v1/jobs/{id}/events`: what happens to a job, as server-sent events, until it has ended.
//!
//! A stream also ends when the job is forgotten, and when the server stops: watchers come back to the next one, and who
//! has seen the job's end by then is told that there is nothing more. A store that does not answer ends nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::watch;
use workflow::ports::JobView;

use super::{find, whole};
use crate::app::App;
use crate::http::identity::Identity;
use crate::http::problem::Problem;
use crate::jobs::{News, hear};

/// Workers elsewhere give no news; the store is asked this often.
const LOOK: Duration = Duration::from_secs(1);

struct Watch {
    app: Arc<App>,
    id: String,
    news: Receiver<News>,
    stop: watch::Receiver<bool>,
    /// The id of the last event.
    seen: Option<String>,
    ended: bool,
}

/// The job, now and each time its state changes.
///
/// The stream ends with the job. It also ends when the server stops; whoever asks again goes on from there, as a browser's
/// `EventSource` does by itself: it sends the id of the last event as `Last-Event-ID`, and where that was the job's end the
/// answer is 204, upon which it stops.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", params(("id" = String, Path, description = "The job"),
        ("Last-Event-ID" = Option<String>, Header, description = "The event that was seen last")),
    responses((status = 200, description = "Events called `job`, each with the job as JSON", content_type = "text/event-stream"),
        (status = 204, description = "The job has ended, and that was the event seen last"),
        (status = 404, description = "No such job", body = Problem)))]
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    _: Identity,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(id) = id?;
    let news = app.jobs.news.subscribe();
    let job = find(&app, &id).await?;
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    if job.state.is_end() && seen == Some(event_id(&job).as_str()) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let watch = Watch {
        stop: app.stop.subscribe(),
        app,
        id,
        news,
        seen: seen.map(str::to_owned),
        ended: false,
    };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok::<_, Infallible>(event), watch))
    });
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(10));
    Ok(Sse::new(events).keep_alive(keep_alive).into_response())
}

impl Watch {
    /// `None` after the end.
    async fn next(&mut self) -> Option<Event> {
        while !self.ended && !*self.stop.borrow() {
            match self.look().await {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                // Forgotten meanwhile.
                Err(problem) if problem.status() == 404 => return None,
                Err(problem) => tracing::debug!(job = self.id, ?problem, "a watched job cannot be read now"),
            }
            let news = hear(&mut self.news, |told| told.job == self.id);
            let heard = tokio::time::timeout(LOOK, news);
            tokio::select! {
                _ = heard => {}
                _ = self.stop.changed() => {}
            }
        }
        None
    }

    /// The job, if its state is news.
    async fn look(&mut self) -> Result<Option<Event>, Problem> {
        let job = find(&self.app, &self.id).await?;
        let (id, ended) = (event_id(&job), job.state.is_end());
        if self.seen.as_deref() == Some(id.as_str()) {
            return Ok(None);
        }
        let body = whole(&self.app, job).await?;
        self.ended = ended;
        let event = Event::default().event("job").id(&id).json_data(body).ok();
        self.seen = Some(id);
        Ok(event)
    }
}

/// The same as long as there is no news. A job that was sent through again may die twice.
fn event_id(job: &JobView) -> String {
    format!("{}-{}", job.state, job.finished_at.unwrap_or_default())
}
