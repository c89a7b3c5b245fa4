//! Checks a step's `with:` against the JSON Schema of its built-in or plugin.
//!
//! The schema says what is wrong; the words are ours, because a validator speaks of JSON and people wrote
//! YAML. Nothing outside the schema is ever fetched, and patterns run in linear time.

mod words;

use std::{collections::BTreeMap, sync::LazyLock};

use jsonschema::{
    PatternOptions, ValidationError, Validator,
    error::ValidationErrorKind as Kind,
    paths::{Location, LocationSegment},
};
use serde_json::{Map, Value as Json};

use super::{
    super::{
        PluginInfo,
        node::{Node, Span, Value},
    },
    fields::Fields,
    report::{Report, clip, hint},
};
use crate::schema;

/// A plugin could give a schema that finds something wrong in endless ways.
const MAX_ERRORS: usize = 20;

static BUILTINS: LazyLock<BTreeMap<&'static str, (Json, Validator)>> = LazyLock::new(|| {
    let compiled = |(name, schema): (_, Json)| {
        let validator = compile(&schema).expect("the schemas of built-ins are valid; a test compiles each");
        (name, (schema, validator))
    };
    schema::builtin_schemas().into_iter().map(compiled).collect()
});

fn compile(schema: &Json) -> Result<Validator, String> {
    jsonschema::options()
        .offline()
        .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
        .build(schema)
        .map_err(|error| error.to_string())
}

/// The params of a built-in, if they fit.
pub(super) fn check_builtin(name: &str, step: Fields<'_>, report: &mut Report) -> Option<Json> {
    let (schema, validator) = BUILTINS.get(name)?;
    validate(name, schema, validator, step, report)
}

/// The params of a plugin, if they fit its manifest's schema.
pub(super) fn check_plugin(info: &PluginInfo, step: Fields<'_>, report: &mut Report) -> Option<Json> {
    match compile(&info.params_schema) {
        Ok(validator) => validate(&info.name, &info.params_schema, &validator, step, report),
        Err(error) => {
            let place = step.get("uses").unwrap_or(step.node);
            report.wrong(
                place,
                format!(
                    "the params schema of {} {} cannot be used: {error}",
                    info.name, info.version
                ),
            );
            None
        }
    }
}

fn validate(
    name: &str,
    schema: &Json,
    validator: &Validator,
    step: Fields<'_>,
    report: &mut Report,
) -> Option<Json> {
    let with = step.get("with");
    if let Some(node) = with.filter(|node| node.entries().is_none()) {
        report.wrong(
            node,
            format!(
                "`with` must be a mapping, such as `with: {{ {} }}`",
                words::example(schema)
            ),
        );
        return None;
    }
    let params = with.map_or_else(|| Json::Object(Map::new()), Node::to_json);
    let mut fits = true;
    for error in validator.iter_errors(&params).take(MAX_ERRORS) {
        fits = false;
        explain(name, schema, &error, step, report);
    }
    fits.then_some(params)
}

/// One validation error in our words, at its place in the file.
fn explain(name: &str, schema: &Json, error: &ValidationError<'_>, step: Fields<'_>, report: &mut Report) {
    let path = error.instance_path();
    let place = place(step, path);
    match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let known = words::properties(schema, &segments(path));
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            for key in unexpected {
                let at = place
                    .node
                    .and_then(|n| n.get(key))
                    .map_or(place.at, |(key, _)| key.at);
                let hint = if known.is_empty() {
                    "; it takes no params".to_owned()
                } else {
                    hint(key, &known)
                };
                let shown = clip(key);
                report.error(at, key, format!("unknown key `{shown}` for `{name}`{hint}"));
            }
        }
        Kind::Required { property } => {
            let property = property.as_str().unwrap_or_default();
            let mut at = segments(path);
            at.push(property.to_owned());
            let expected = words::expected(schema, &at)
                .map(|e| format!(": {e}"))
                .unwrap_or_default();
            report.error(
                place.at,
                &place.text,
                format!("`{name}` needs `{property}`{expected}"),
            );
        }
        _ => {
            let key = path.iter().last().map(|segment| match segment {
                LocationSegment::Property(key) => clip(&key).into_owned(),
                LocationSegment::Index(index) => format!("item {}", index + 1),
            });
            let key = key.map_or_else(|| "`with`".to_owned(), |key| format!("`{key}`"));
            let message = match words::expected(schema, &segments(path)) {
                Some(expected) if place.text.is_empty() => format!("{key} must be {expected}"),
                Some(expected) => format!("{key} must be {expected}, not `{}`", place.text),
                None => format!("{key}: {}", clip(&error.to_string())),
            };
            report.error(place.at, &place.text, message);
        }
    }
}

fn segments(path: &Location) -> Vec<String> {
    path.iter()
        .map(|segment| match segment {
            LocationSegment::Property(key) => key.into_owned(),
            LocationSegment::Index(index) => index.to_string(),
        })
        .collect()
}

struct Place<'n> {
    at: Span,
    text: String,
    node: Option<&'n Node>,
}

/// Where the value that an error speaks of stands; the step's `uses` where there is no `with`.
fn place<'n>(step: Fields<'n>, path: &Location) -> Place<'n> {
    let Some(mut node) = step.get("with") else {
        let uses = step.get("uses").unwrap_or(step.node);
        return Place {
            at: uses.at,
            text: uses.text(),
            node: None,
        };
    };
    for segment in path {
        let next = match (segment, &node.value) {
            (LocationSegment::Property(key), Value::Map(_)) => node.get(&key).map(|(_, value)| value),
            (LocationSegment::Index(index), Value::Seq(items)) => items.get(index),
            _ => None,
        };
        let Some(next) = next else { break };
        node = next;
    }
    let text = if matches!(node.value, Value::Scalar { .. }) {
        node.text()
    } else {
        String::new()
    };
    Place {
        at: node.at,
        text,
        node: Some(node),
    }
}
