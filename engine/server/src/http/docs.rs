//! `/openapi.json`, made from the handlers, and `/docs`, a page that shows it. Nothing is loaded from outside.

use std::sync::Arc;

use axum::Router;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, RefOr, Response};
use utoipa::{Modify, OpenApi};
use utoipa_swagger_ui::SwaggerUi;

use super::{audit, breakers, dead, health, jobs, pipelines, plugins, process, redrives, webhooks};
use crate::app::App;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Stopbath",
        description = "Image pipelines of sandboxed plugins and native codecs."
    ),
    modifiers(&Completed),
    paths(
        process::process,
        jobs::submit,
        jobs::list,
        jobs::show,
        jobs::cancel,
        jobs::events,
        jobs::original,
        jobs::plan,
        jobs::rendition,
        jobs::counts,
        dead::list,
        dead::groups,
        dead::show,
        dead::purge,
        redrives::begin,
        redrives::list,
        redrives::show,
        redrives::cancel,
        audit::list,
        breakers::list,
        breakers::act,
        webhooks::list,
        webhooks::add,
        webhooks::remove,
        webhooks::enable,
        webhooks::rotate,
        webhooks::deliveries,
        webhooks::replay,
        pipelines::list,
        pipelines::show,
        pipelines::schema,
        plugins::list,
        plugins::component,
        health::alive,
        health::ready
    )
)]
struct Api;

/// What every response has in common is said once.
struct Completed;

impl Modify for Completed {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        for path in api.paths.paths.values_mut() {
            let operations = [&mut path.get, &mut path.post, &mut path.put, &mut path.delete];
            for operation in operations.into_iter().flatten() {
                complete(operation);
            }
        }
    }
}

fn complete(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else {
            continue;
        };
        if response.description.is_empty() {
            let good = status.starts_with('2');
            let text = if good {
                "What was asked for"
            } else {
                "What went wrong"
            };
            text.clone_into(&mut response.description);
        }
        as_problem(response);
    }
}

/// Errors come as `application/problem+json`.
fn as_problem(response: &mut Response) {
    let names_it = |content: &RefOr<Content>| match content {
        RefOr::T(Content {
            schema: Some(RefOr::Ref(schema)),
            ..
        }) => schema.ref_location.ends_with("/Problem"),
        _ => false,
    };
    if response.content.get("application/json").is_some_and(names_it)
        && let Some(content) = response.content.shift_remove("application/json")
    {
        response
            .content
            .insert("application/problem+json".to_owned(), content);
    }
}

pub(super) fn routes() -> Router<Arc<App>> {
    SwaggerUi::new("/docs")
        .url("/openapi.json", Api::openapi())
        .into()
}
