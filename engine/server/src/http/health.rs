//! `/healthz` says that the process answers; `/readyz` that work can be done: a tiny picture goes through
//! the live path of every installed plugin.
//!
//! The tries run beside the requests that ask for them, one round at a time. Being busy is not being
//! broken: when the executors have other work, the last result stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;
use workflow::failure::{Failure, FailureClass, FailureKind};
use workflow::pipeline::{StaticCatalog, check};
use workflow::plan::Plan;

use crate::app::App;
use crate::executor::pool::Refused;
use crate::library::{self, Library, title};
use crate::original::Original;
use crate::trial;

/// A result is given again for this long, so that probes cost next to nothing.
const FRESH: Duration = Duration::from_secs(5);
/// How long an answer waits for a new result if there is an older one, and if there is none.
const BRIEFLY: Duration = Duration::from_millis(500);
const AT_FIRST: Duration = Duration::from_secs(10);
/// 16x16 pixels, PNG; made for this.
const TINY: &[u8] = include_bytes!("tiny.png");
const NATIVE: &str = "pipeline: self-test
steps:
  - { id: photo, uses: decode }
  - { id: small, uses: resize, with: { width: 8, height: 8 } }
renditions:
  - { name: small.jpg, from: small, format: jpeg }
";

/// What is tried, and what came of it.
#[derive(Debug)]
pub(crate) struct Health {
    /// Names and plans; no plan for plugins whose params must be given, so that they cannot be tried.
    trials: Vec<(String, Option<Plan>)>,
    last: watch::Sender<Option<Tried>>,
    trying: AtomicBool,
}

#[derive(Debug, Clone)]
struct Tried {
    at: Instant,
    checks: Vec<Check>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Readiness {
    ready: bool,
    /// One for the native codecs and one for each plugin.
    checks: Vec<Check>,
    /// How old the checks are, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_ms: Option<u64>,
    /// Jobs that wait for an executor.
    waiting: usize,
    /// Executors that work right now.
    busy: usize,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct Check {
    name: String,
    result: CheckResult,
    /// What went wrong, or why it was not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum CheckResult {
    Ok,
    Failed,
    NotTried,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "`ok`")))]
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// Work can be done.
#[utoipa::path(get, path = "/readyz", responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Readiness>) {
    let mut results = app.health.last.subscribe();
    let known = results.borrow_and_update().clone();
    if known.as_ref().is_none_or(|tried| tried.at.elapsed() >= FRESH) {
        try_all(&app);
        let patience = if known.is_some() { BRIEFLY } else { AT_FIRST };
        tokio::time::timeout(patience, results.changed()).await.ok();
    }
    let tried = results.borrow().clone();
    let readiness = app.health.readiness(tried, app.pool.load());
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness))
}

impl Health {
    pub(crate) fn new(library: &Library) -> Self {
        let native = check(NATIVE, "(self-test)", &StaticCatalog(Vec::new())).ok();
        let native = ("native codecs".to_owned(), native.map(|checked| checked.plan));
        let plugins = library.plugins.iter().map(|plugin| {
            let plan = trial::plan(&library::info(&plugin.inspected), "{}", "{}");
            (title(&plugin.inspected), plan.ok())
        });
        Self {
            trials: std::iter::once(native).chain(plugins).collect(),
            last: watch::Sender::new(None),
            trying: AtomicBool::new(false),
        }
    }

    fn readiness(&self, tried: Option<Tried>, (waiting, busy): (usize, usize)) -> Readiness {
        let ready = match &tried {
            Some(tried) => tried.checks.iter().all(|c| c.result != CheckResult::Failed),
            // Nothing is known yet; where jobs queue up, executors work.
            None => waiting > 0,
        };
        Readiness {
            ready,
            age_ms: tried.as_ref().map(|tried| tried.at.elapsed().as_millis() as u64),
            checks: tried.map_or_else(|| self.untried(), |tried| tried.checks),
            waiting,
            busy,
        }
    }

    fn untried(&self) -> Vec<Check> {
        let untried = |(name, _): &(String, _)| Check::not_tried(name, "the executors have other work");
        self.trials.iter().map(untried).collect()
    }
}

impl Check {
    fn not_tried(name: &str, why: &str) -> Self {
        Self {
            name: name.to_owned(),
            result: CheckResult::NotTried,
            problem: Some(why.to_owned()),
        }
    }
}

/// Begins a round, unless one is under way.
fn try_all(app: &Arc<App>) {
    if app.health.trying.swap(true, Ordering::Relaxed) {
        return;
    }
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let checks = examine(&app).await;
        let now = checks.map(|checks| Tried {
            at: Instant::now(),
            checks,
        });
        // Sent even if nothing is new: someone waits for it.
        app.health
            .last
            .send_modify(|last| *last = now.or_else(|| last.take()));
        app.health.trying.store(false, Ordering::Relaxed);
    });
}

/// `None` if the executors have too much other work.
async fn examine(app: &App) -> Option<Vec<Check>> {
    let mut checks = Vec::new();
    for (name, plan) in &app.health.trials {
        let Some(plan) = plan else {
            checks.push(Check::not_tried(name, "it has params that must be given"));
            continue;
        };
        let problem = match run(app, plan).await {
            Ok(failure) => failure.filter(|f| !answered(f)).map(|f| f.to_string()),
            Err(Refused::Full) => return None,
            Err(Refused::Closed) => Some("this server is shutting down".to_owned()),
        };
        let result = if problem.is_none() {
            CheckResult::Ok
        } else {
            CheckResult::Failed
        };
        let name = name.clone();
        checks.push(Check {
            name,
            result,
            problem,
        });
    }
    Some(checks)
}

/// A plugin that refuses the tiny picture, or wants params, is alive all the same.
fn answered(failure: &Failure) -> bool {
    failure.kind.class() == FailureClass::BadInput
}

async fn run(app: &App, plan: &Plan) -> Result<Option<Failure>, Refused> {
    let original = match tiny() {
        Ok(original) => original,
        Err(failure) => return Ok(Some(failure)),
    };
    let outcome = app.pool.run(app.library.job(plan), original).await?;
    Ok(outcome.result.err())
}

fn tiny() -> Result<Original, Failure> {
    let failed = |error: String| Failure::new(FailureKind::Infrastructure, error);
    let mut original = Original::new(TINY.len() as u64);
    original
        .append(TINY)
        .map_err(|error| failed(format!("{error:?}")))?;
    Ok(original)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(checks: &[CheckResult]) -> (Health, Option<Tried>) {
        let health = Health::new(&Library::default());
        let checks = checks.iter().map(|&result| Check {
            name: "some".to_owned(),
            result,
            problem: None,
        });
        let tried = Tried {
            at: Instant::now(),
            checks: checks.collect(),
        };
        (health, Some(tried))
    }

    #[test]
    fn only_failures_make_it_unready() {
        let (health, tried) = health(&[CheckResult::Ok, CheckResult::NotTried]);
        assert!(health.readiness(tried, (9, 2)).ready);
        let (health, tried) = self::health(&[CheckResult::Ok, CheckResult::Failed]);
        assert!(!health.readiness(tried, (0, 0)).ready);
    }

    #[test]
    fn what_is_not_known_yet_is_ready_only_if_work_is_done() {
        let (health, _) = health(&[]);
        let idle = health.readiness(None, (0, 0));
        assert!(!idle.ready && idle.checks[0].result == CheckResult::NotTried);
        assert!(health.readiness(None, (1, 1)).ready);
    }
}
