//! A caller that waits a little for the job that it makes.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::Response;
use tokio::sync::broadcast::Receiver;
use tokio::time::Instant;
use workflow::plan::Plan;
use workflow::ports::JobView;

use super::find;
use super::submit::{admit, idempotency_key, later, refused};
use crate::app::App;
use crate::http::identity::Identity;
use crate::http::problem::Problem;
use crate::jobs::intake::{Incoming, Ticket, Wish};
use crate::jobs::{News, hear};

/// Workers elsewhere give no news; the store is asked this often.
const LOOK: Duration = Duration::from_millis(500);

/// A job that was submitted, and its caller.
pub(crate) struct Waiting {
    ticket: Ticket,
    news: Receiver<News>,
    until: Instant,
}

/// Everything that can be said before the original is read.
pub(crate) async fn may_wait<'a>(
    app: &App,
    plan: &'a Plan,
    caller: Identity,
    headers: &HeaderMap,
) -> Result<Wish<'a>, Problem> {
    let mut wish = Wish::new(plan, caller.name, idempotency_key(headers)?, app.executors());
    admit(app, &mut wish, headers).await?;
    Ok(wish)
}

impl Waiting {
    pub(crate) async fn begin(
        app: &App,
        wish: &Wish<'_>,
        original: Incoming,
        wait: Duration,
    ) -> Result<Self, Problem> {
        let until = Instant::now() + wait;
        // Before it is submitted, so that no news is missed.
        let news = app.jobs.news.subscribe();
        let ticket = app.jobs.submit(wish, Vec::new(), original).await;
        let ticket = ticket.map_err(|why| refused(app, why))?;
        Ok(Self { ticket, news, until })
    }

    pub(crate) fn job(&self) -> &str {
        self.ticket.first()
    }

    /// The job if it ends in time, or else the answer that says where to look.
    pub(crate) async fn end(&mut self, app: &App) -> Result<Result<JobView, Response>, Problem> {
        loop {
            let job = find(app, self.ticket.first()).await?;
            if job.state.is_end() {
                return Ok(Ok(job));
            }
            if Instant::now() >= self.until || *app.stop.borrow() {
                return Ok(Err(later(job, self.ticket.came_before())));
            }
            let look_again = (Instant::now() + LOOK).min(self.until);
            let ended = hear(&mut self.news, |told| told.job == job.id && told.state.is_end());
            tokio::time::timeout_at(look_again, ended).await.ok();
        }
    }
}
