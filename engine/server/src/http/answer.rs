//! The shape of an answer: one rendition's bytes, all in a multipart or a ZIP, or facts as JSON.

mod accept;
mod pack;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use workflow::plan::Plan;

use super::problem::Problem;
use crate::outcome::{Outcome, Rendition, Report};

/// What the caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Bytes,
    Multipart,
    Zip,
    Json,
}

impl Shape {
    /// By `Accept`; without a wish one rendition comes as its bytes, several as multipart, none as JSON.
    pub(crate) fn choose(accept: Option<&str>, plan: &Plan, only: Option<&str>) -> Result<Self, Problem> {
        let wanted: Vec<_> = plan
            .renditions
            .iter()
            .filter(|r| only.is_none_or(|o| o == r.name))
            .collect();
        let mut offers: Vec<(&str, Self)> = match wanted.as_slice() {
            [] => vec![("application/json", Self::Json)],
            [one] => vec![(one.media_type.as_str(), Self::Bytes)],
            _ => Vec::new(),
        };
        if !wanted.is_empty() {
            offers.extend([
                ("multipart/mixed", Self::Multipart),
                ("application/zip", Self::Zip),
                ("application/json", Self::Json),
            ]);
        }
        let types: Vec<&str> = offers.iter().map(|(media_type, _)| *media_type).collect();
        match accept::best(accept.unwrap_or("*/*"), &types) {
            Some(chosen) => Ok(offers[chosen].1),
            None => Err(Problem::new(
                406,
                "not-acceptable",
                format!("this can be answered as {}", types.join(", ")),
            )),
        }
    }
}

/// Turns the outcome of a job into a response.
pub(crate) fn build(
    shape: Shape,
    outcome: Outcome,
    if_none_match: Option<&str>,
) -> Result<Response, Problem> {
    let report = outcome.report;
    let renditions = outcome.result.map_err(Problem::from)?;
    let timing = server_timing(&report);
    let mut response = match (shape, renditions.as_slice()) {
        (Shape::Bytes, [one]) => bytes(one, if_none_match),
        (Shape::Bytes, _) => {
            let text =
                "the step that makes this rendition was skipped (`on_failure: skip`), so there is none";
            return Err(Problem::new(500, "bad-output", text));
        }
        (Shape::Multipart, all) => pack::multipart(all, &facts(all, &report)),
        (Shape::Zip, all) => pack::zip(all, &facts(all, &report))?,
        (Shape::Json, all) => axum::Json(facts(all, &report)).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    if let Ok(value) = HeaderValue::from_str(&timing) {
        headers.insert("server-timing", value);
    }
    if report.salvaged {
        headers.insert("stopbath-salvaged", HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn bytes(rendition: &Rendition, if_none_match: Option<&str>) -> Response {
    let etag = format!("\"{}\"", rendition.key);
    let known =
        if_none_match.is_some_and(|tags| tags.split(',').any(|t| t.trim().trim_start_matches("W/") == etag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(Body::from(rendition.bytes.clone()));
        if let Ok(value) = HeaderValue::from_str(&rendition.media_type) {
            response.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        response
    };
    if let Ok(value) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// Everything about the job but the pictures.
fn facts(renditions: &[Rendition], report: &Report) -> serde_json::Value {
    let renditions: Vec<_> = renditions
        .iter()
        .map(|r| {
            json!({ "name": r.name, "media_type": r.media_type, "width": r.width, "height": r.height,
                "bytes": r.length, "key": r.key })
        })
        .collect();
    json!({
        "original": report.original,
        "salvaged": report.salvaged,
        "renditions": renditions,
        "analyses": report.analyses,
        "metadata": report.metadata,
        "steps": report.steps,
        "ms": report.ms,
    })
}

/// One entry a step; names are tokens, so other characters become `-`.
fn server_timing(report: &Report) -> String {
    let token = |id: &str| id.replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "-");
    let entry = |id: &str, ms: f64| format!("{};dur={ms:.2}", token(id));
    let steps = report.steps.iter().map(|step| entry(&step.id, step.ms));
    steps
        .chain([entry("total", report.ms)])
        .collect::<Vec<_>>()
        .join(", ")
}
