//! From the step's `with:` to the plugin's params, and to their schema.
//!
//! Whoever reads the message wrote the YAML, so it names the field, what was given and what is allowed. Bounds
//! are stated once, as `#[schemars(range(min = …, max = …))]`: they stand in the schema, where the host and the
//! dashboard see them, and are checked here again.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Error;

/// The params of a plugin that takes none.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// Reads params; an empty text and `null` are the same as `{}`.
pub(crate) fn parse<P: DeserializeOwned + JsonSchema>(json: &str) -> Result<P, Error> {
    let value = to_value(json).map_err(Error::InvalidParams)?;
    let params = serde_path_to_error::deserialize(&value).map_err(|error| {
        Error::InvalidParams(explain(&error.path().to_string(), &error.inner().to_string()))
    })?;
    match out_of_bounds(&value, &schema::<P>(), "") {
        Some(message) => Err(Error::InvalidParams(message)),
        None => Ok(params),
    }
}

/// JSON Schema (draft 2020-12) without references.
pub(crate) fn schema<P: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<P>().to_value()
}

fn to_value(json: &str) -> Result<Value, String> {
    if json.trim().is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_str(json) {
        Ok(Value::Null) => Ok(Value::Object(serde_json::Map::new())),
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(value) => Err(format!("got {value}, expected an object of params")),
        Err(error) => Err(format!("the params are not JSON: {error}")),
    }
}

/// A sentence out of serde's message and the path at which it came up (`.` is the top).
fn explain(path: &str, message: &str) -> String {
    let given = ["invalid type: ", "invalid value: ", "invalid length: "];
    let message = match given
        .iter()
        .find_map(|start| message.strip_prefix(start)?.split_once(", expected "))
    {
        Some((found, expected)) => format!("got {found}, expected {expected}"),
        None => message.to_owned(),
    };
    match path {
        "." => message,
        _ if message.starts_with("unknown field") => message,
        path => format!("`{path}`: {message}"),
    }
}

/// The first number that leaves the schema's `minimum` or `maximum`.
fn out_of_bounds(value: &Value, schema: &Value, path: &str) -> Option<String> {
    if let Some(fields) = value.as_object() {
        return fields.iter().find_map(|(name, value)| {
            let path = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            out_of_bounds(value, &schema["properties"][name], &path)
        });
    }
    if let Some(items) = value.as_array() {
        let check = |(index, item)| out_of_bounds(item, &schema["items"], &format!("{path}[{index}]"));
        return items.iter().enumerate().find_map(check);
    }
    let number = value.as_f64()?;
    let (min, max) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
    let inside = min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max);
    let allowed = match (min, max) {
        _ if inside => return None,
        (Some(min), Some(max)) => format!("from {min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, max) => format!("at most {}", max.unwrap_or(number)),
    };
    Some(format!("`{path}`: got {number}, expected {allowed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize, JsonSchema, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Params {
        /// How much.
        #[schemars(range(min = 0.0, max = 1.0))]
        amount: f32,
        #[schemars(range(min = 1))]
        size: Option<u32>,
        inner: Inner,
        items: Vec<Inner>,
    }

    #[derive(Debug, Default, Deserialize, JsonSchema, PartialEq)]
    #[serde(default)]
    struct Inner {
        #[schemars(range(max = 9))]
        count: u32,
    }

    #[test]
    fn nothing_null_and_an_empty_object_are_the_defaults() {
        for json in ["", " ", "null", "{}"] {
            assert_eq!(parse::<Params>(json), Ok(Params::default()), "{json:?}");
            assert!(parse::<NoParams>(json).is_ok());
        }
    }

    #[test]
    fn messages_name_the_field_what_was_given_and_what_is_allowed() {
        let cases = [
            (
                r#"{"amuont": 1}"#,
                "unknown field `amuont`, expected one of `amount`, `size`, `inner`, `items`",
            ),
            (
                r#"{"amount": "much"}"#,
                "`amount`: got string \"much\", expected f32",
            ),
            (
                r#"{"inner": {"count": -1}}"#,
                "`inner.count`: got integer `-1`, expected u32",
            ),
            (r#"{"amount": 1.5}"#, "`amount`: got 1.5, expected from 0 to 1"),
            (r#"{"size": 0}"#, "`size`: got 0, expected at least 1"),
            (
                r#"{"items": [{}, {"count": 10}]}"#,
                "`items[1].count`: got 10, expected from 0 to 9",
            ),
            ("[1]", "got [1], expected an object of params"),
            (
                "{",
                "the params are not JSON: EOF while parsing an object at line 1 column 1",
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(
                parse::<Params>(json),
                Err(Error::InvalidParams(expected.to_owned())),
                "{json}"
            );
        }
    }

    #[test]
    fn the_schema_has_no_references_and_keeps_descriptions() {
        let schema = schema::<Params>();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["properties"]["amount"]["description"], "How much.");
        assert_eq!(schema["properties"]["inner"]["properties"]["count"]["maximum"], 9);
        assert!(!schema.to_string().contains("$ref"));
    }
}
