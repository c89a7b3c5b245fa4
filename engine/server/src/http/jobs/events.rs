//! `GET /v1/jobs/{id}/events`: what happens to a job, as server-sent events, until it has ended.
//!
//! A stream also ends when the job is forgotten, and when the server stops: watchers come back to the next one. A store
//! that does not answer ends nothing.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use workflow::job;

use super::{find, whole};
use crate::app::App;
use crate::http::identity::Identity;
use crate::http::problem::Problem;
use crate::jobs::News;

/// Workers elsewhere give no news; the store is asked this often.
const LOOK: Duration = Duration::from_secs(1);

struct Watch {
    app: Arc<App>,
    id: String,
    news: Receiver<News>,
    stop: watch::Receiver<bool>,
    seen: Option<job::State>,
}

/// The job, now and each time its state changes.
///
/// The stream ends with the job. It also ends when the server stops; whoever asks again goes on from there.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", params(("id" = String, Path, description = "The job")),
    responses((status = 200, description = "Events called `job`, each with the job as JSON", content_type = "text/event-stream"),
        (status = 404, description = "No such job", body = Problem)))]
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    _: Identity,
    id: Result<Path<String>, PathRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let Path(id) = id?;
    let news = app.jobs.news.subscribe();
    find(&app, &id).await?;
    let watch = Watch {
        stop: app.stop.subscribe(),
        app,
        id,
        news,
        seen: None,
    };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(10))))
}

impl Watch {
    /// `None` after the end.
    async fn next(&mut self) -> Option<Event> {
        while !self.seen.is_some_and(job::State::is_end) && !*self.stop.borrow() {
            match self.look().await {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                // Forgotten meanwhile.
                Err(problem) if problem.status() == 404 => return None,
                Err(problem) => tracing::debug!(job = self.id, ?problem, "a watched job cannot be read now"),
            }
            let heard = tokio::time::timeout(LOOK, hear(&mut self.news, &self.id));
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
        let state = job.state;
        if self.seen == Some(state) {
            return Ok(None);
        }
        let body = whole(&self.app, job).await?;
        self.seen = Some(state);
        Ok(Event::default().event("job").json_data(body).ok())
    }
}

/// Until something happens to this job.
async fn hear(news: &mut Receiver<News>, job: &str) {
    loop {
        match news.recv().await {
            Ok(told) if told.job != job => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
