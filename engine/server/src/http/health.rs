//! `/healthz` says that the process answers; `/readyz` that work can be done: a tiny picture goes through
//! the live path of every installed plugin.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;
use workflow::failure::{Failure, FailureClass};
use workflow::pipeline::{StaticCatalog, check};
use workflow::plan::Plan;

use crate::app::App;
use crate::library::{self, title};
use crate::original::Original;
use crate::outcome::Outcome;
use crate::trial;

/// An answer is given again for this long, so that probes cost next to nothing.
const FRESH: Duration = Duration::from_secs(5);
/// 16x16 pixels, PNG; made for this.
const TINY: &[u8] = include_bytes!("tiny.png");
const NATIVE: &str = "pipeline: self-test
steps:
  - { id: photo, uses: decode }
  - { id: small, uses: resize, with: { width: 8, height: 8 } }
renditions:
  - { name: small.jpg, from: small, format: jpeg }
";

#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Option<(Instant, Readiness)>>);

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Readiness {
    ready: bool,
    /// One line for the native codecs and one for each plugin: `ok`, or what went wrong.
    checks: Vec<Check>,
    /// Jobs that wait for an executor.
    waiting: usize,
    /// Executors that work right now.
    busy: usize,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct Check {
    name: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "`ok`")))]
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// Work can be done.
#[utoipa::path(get, path = "/readyz", responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Readiness>) {
    let mut last = app.health.0.lock().await;
    let readiness = match &*last {
        Some((at, readiness)) if at.elapsed() < FRESH => readiness.clone(),
        _ => examine(&app).await,
    };
    if last.as_ref().is_none_or(|(at, _)| at.elapsed() >= FRESH) {
        *last = Some((Instant::now(), readiness.clone()));
    }
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness))
}

async fn examine(app: &App) -> Readiness {
    let mut checks = Vec::new();
    if let Ok(native) = check(NATIVE, "(self-test)", &StaticCatalog(Vec::new())) {
        checks.push(examine_plan(app, "native codecs".to_owned(), native.plan).await);
    }
    for plugin in &app.library.plugins {
        let name = title(&plugin.inspected);
        checks.push(match trial::plan(&library::info(&plugin.inspected), "{}", "{}") {
            Ok(plan) => examine_plan(app, name, plan).await,
            // It has params that must be given, so it cannot be tried without knowing them.
            Err(_) => Check {
                name,
                ok: true,
                problem: None,
            },
        });
    }
    let (waiting, busy) = app.pool.load();
    Readiness {
        ready: checks.iter().all(|c| c.ok),
        checks,
        waiting,
        busy,
    }
}

async fn examine_plan(app: &App, name: String, plan: Plan) -> Check {
    let problem = match run(app, plan).await {
        Ok(outcome) => outcome
            .result
            .err()
            .filter(|failure| !answered(failure))
            .map(|f| f.to_string()),
        Err(problem) => Some(problem),
    };
    Check {
        name,
        ok: problem.is_none(),
        problem,
    }
}

/// A plugin that refuses the tiny picture, or wants params, is alive all the same.
fn answered(failure: &Failure) -> bool {
    failure.kind.class() == FailureClass::BadInput
}

async fn run(app: &App, plan: Plan) -> Result<Outcome, String> {
    let mut original = Original::new(TINY.len() as u64);
    original.append(TINY).map_err(|error| format!("{error:?}"))?;
    app.pool
        .run(app.library.job(&plan), original)
        .await
        .map_err(|why| format!("refused: {why:?}"))
}
