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
        Ok(value) => Ok(value),
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
