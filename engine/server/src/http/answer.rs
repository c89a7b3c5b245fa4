//! The shape of an answer: one rendition's bytes, all in a multipart or a ZIP, or facts as JSON.

mod accept;
mod pack;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use workflow::plan::Plan;

use super::problem::Problem;
use crate::budget::Budget;
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

/// Turns the outcome of a job into a response, whose bytes count against the budget until they are sent.
pub(crate) async fn build(shape: Shape, outcome: Outcome, budget: &Budget) -> Result<Response, Problem> {
    let Outcome { result, report, .. } = outcome;
    let mut renditions = result?;
    hold(&mut renditions, budget)?;
    let mut marks = HeaderMap::new();
    marks.insert(header::VARY, HeaderValue::from_static("accept"));
    mark(&mut marks, "server-timing", &server_timing(&report));
    if report.salvaged {
        mark(&mut marks, "stopbath-salvaged", "true");
    }
    if !report.skipped.is_empty() {
        mark(&mut marks, "stopbath-skipped", &report.skipped.join(", "));
    }
    let mut response = match (shape, renditions.as_slice()) {
        (Shape::Bytes, [one]) => bytes(one),
        (Shape::Bytes, _) => {
            let text =
                "the step that makes this rendition was skipped (`on_failure: skip`), so there is none";
            return Err(Problem::new(500, "bad-output", text));
        }
        _ => {
            // Much text or many bytes take their time; requests are not to wait for it.
            let share = budget.share();
            let pack = move || pack::pack(shape, &renditions, &report, share);
            let packed = tokio::task::spawn_blocking(pack).await;
            packed.map_err(|_| Problem::new(500, "internal", "the answer could not be packed"))??
        }
    };
    response.headers_mut().extend(marks);
    Ok(response)
}

fn mark(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn hold(renditions: &mut [Rendition], budget: &Budget) -> Result<(), Problem> {
    let mut share = budget.share();
    share.grow(renditions.iter().map(|r| r.bytes.len() as u64).sum())?;
    let share = Arc::new(share);
    for rendition in renditions {
        rendition.bytes = share.hold(std::mem::take(&mut rendition.bytes));
    }
    Ok(())
}

fn bytes(rendition: &Rendition) -> Response {
    let mut response = Response::new(Body::from(rendition.bytes.clone()));
    let headers = response.headers_mut();
    mark(headers, "content-type", media_type(&rendition.media_type));
    mark(headers, "etag", &format!("\"{}\"", rendition.key));
    // An encoder plugin may make anything, a page with scripts too; it gets no rights from this origin.
    mark(headers, "content-security-policy", "default-src 'none'; sandbox");
    response
}

/// What an encoder plugin says of its bytes goes into headers only if it is a plain `type/subtype`.
pub(crate) fn media_type(claimed: &str) -> &str {
    let token = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        !text.is_empty() && text.chars().all(fits)
    };
    match claimed.split_once('/') {
        Some((kind, subtype)) if token(kind) && token(subtype) => claimed,
        _ => "application/octet-stream",
    }
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

#[cfg(test)]
mod tests {
    use super::media_type;

    #[test]
    fn only_plain_media_types_get_into_headers() {
        for good in ["image/png", "image/svg+xml", "application/vnd.ms-photo"] {
            assert_eq!(media_type(good), good);
        }
        for bad in [
            "",
            "image",
            "image/",
            "/png",
            "image/png\r\nSet-Cookie: a=b",
            "image/png\n",
            "image/png; a=\"b\"",
            "image/a/b",
            "image/ü",
        ] {
            assert_eq!(media_type(bad), "application/octet-stream", "{bad:?}");
        }
    }
}
