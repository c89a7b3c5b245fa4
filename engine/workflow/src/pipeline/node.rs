//! A YAML document as a tree in which each value knows where it stands.
//!
//! Made by `yaml`, read by `check`. Scalars keep their text, because whether `1.0` is a number or a version
//! is for the reader to say; [`Node::to_json`] reads them by YAML 1.2's core schema.

use serde_json::{Map, Number, Value as Json};

use crate::words::clip;

/// Where something stands in the file; 1-based, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub(super) line: u32,
    pub(super) column: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) at: Span,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// `plain`: written without quotes, so it may be a number, a bool or null.
    Scalar {
        text: String,
        plain: bool,
    },
    Seq(Vec<Node>),
    /// In the order of the file; keys are unique.
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) at: Span,
    pub(super) text: String,
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The entries of a mapping.
    pub(super) fn entries(&self) -> Option<&[(Key, Node)]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<(&Key, &Node)> {
        self.entries()?
            .iter()
            .find(|(k, _)| k.text == key)
            .map(|(k, n)| (k, n))
    }

    /// What a person sees at this place: the scalar, clipped where it is long, or the kind of collection.
    pub(super) fn text(&self) -> String {
        match &self.value {
            Value::Scalar { text, .. } => clip(text).into_owned(),
            Value::Seq(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }

    pub(super) fn to_json(&self) -> Json {
        match &self.value {
            Value::Scalar { text, plain: false } => Json::String(text.clone()),
            Value::Scalar { text, plain: true } => plain(text),
            Value::Seq(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(key, node)| (key.text.clone(), node.to_json()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

/// A scalar without quotes, by YAML 1.2's core schema. Infinity and NaN stay text: JSON has neither.
fn plain(text: &str) -> Json {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Json::Null,
        "true" | "True" | "TRUE" => return Json::Bool(true),
        "false" | "False" | "FALSE" => return Json::Bool(false),
        _ => {}
    }
    let number = if let Some(digits) = text.strip_prefix("0x") {
        unsigned(digits, 16)
    } else if let Some(digits) = text.strip_prefix("0o") {
        unsigned(digits, 8)
    } else {
        decimal(text)
    };
    number.map_or_else(|| Json::String(text.to_owned()), Json::Number)
}

fn unsigned(digits: &str, radix: u32) -> Option<Number> {
    // `from_str_radix` takes a sign, which YAML does not allow here.
    (!digits.starts_with('+'))
        .then(|| u64::from_str_radix(digits, radix).ok().map(Number::from))
        .flatten()
}

fn decimal(text: &str) -> Option<Number> {
    let looks_right = text.contains(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    if !looks_right {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Ok(number) = text.parse::<u64>() {
        return Some(number.into());
    }
    if let Ok(number) = text.parse::<i64>() {
        return Some(number.into());
    }
    text.parse().ok().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (text, json) in [
            ("1", json!(1)),
            ("-7", json!(-7)),
            ("0x1f", json!(31)),
            ("0o17", json!(15)),
            ("1.50", json!(1.5)),
            (".5", json!(0.5)),
            ("1e3", json!(1000.0)),
            ("true", json!(true)),
            ("~", json!(null)),
            ("yes", json!("yes")),
            (".inf", json!(".inf")),
            ("1.2.3", json!("1.2.3")),
            ("e", json!("e")),
            ("1-2", json!("1-2")),
            ("0x+1", json!("0x+1")),
            ("1e999", json!("1e999")),
        ] {
            assert_eq!(plain(text), json, "{text}");
        }
    }
}
