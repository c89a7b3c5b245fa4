//! Reads typed values out of the tree; what does not fit is reported and read as absent.

use std::ops::RangeInclusive;

use serde_json::Value as Json;

use super::{
    super::{
        node::{Key, Node, Value},
        unit::Unit,
    },
    report::{Report, clip, hint, one_of},
};

/// The entries of a mapping whose keys are known.
#[derive(Clone, Copy)]
pub(super) struct Fields<'n> {
    pub(super) node: &'n Node,
}

impl<'n> Fields<'n> {
    /// Reports a value that is no mapping, and every key that is not known.
    pub(super) fn of(node: &'n Node, what: &str, known: &[&str], report: &mut Report) -> Option<Self> {
        let Some(entries) = node.entries() else {
            report.wrong(node, format!("{what} must be a mapping (`key: value`)"));
            return None;
        };
        for (key, _) in entries
            .iter()
            .filter(|(key, _)| !known.contains(&key.text.as_str()))
        {
            report.error(
                key.at,
                &key.text,
                format!(
                    "unknown key `{}` in {what}{}",
                    clip(&key.text),
                    hint(&key.text, known)
                ),
            );
        }
        Some(Self { node })
    }

    /// A value that is there and not null.
    pub(super) fn get(self, key: &str) -> Option<&'n Node> {
        self.node
            .get(key)
            .map(|(_, value)| value)
            .filter(|value| !value.is_null())
    }

    pub(super) fn key(self, key: &str) -> Option<&'n Key> {
        self.node.get(key).map(|(key, _)| key)
    }

    /// As `get`, and reports it when it is missing.
    pub(super) fn require(
        self,
        key: &str,
        what: &str,
        example: &str,
        report: &mut Report,
    ) -> Option<&'n Node> {
        let value = self.get(key);
        if value.is_none() {
            let (at, text) = self.key(key).map_or((self.node.at, ""), |k| (k.at, key));
            report.error(
                at,
                text,
                format!("{what} needs `{key}`, such as `{key}: {example}`"),
            );
        }
        value
    }
}

impl Report {
    pub(super) fn text(&mut self, key: &str, node: &Node) -> Option<String> {
        match &node.value {
            Value::Scalar { text, .. } if node.to_json().is_string() => Some(text.clone()),
            Value::Scalar { text, .. } => {
                self.wrong(
                    node,
                    format!("`{key}` must be a text; put it in quotes: `\"{}\"`", clip(text)),
                );
                None
            }
            _ => {
                self.wrong(node, format!("`{key}` must be a text, not {}", node.text()));
                None
            }
        }
    }

    pub(super) fn whole(&mut self, key: &str, node: &Node, range: RangeInclusive<u64>) -> Option<u64> {
        let value = node.to_json().as_u64().filter(|n| range.contains(n));
        if value.is_none() {
            let (from, to) = range.into_inner();
            self.wrong(
                node,
                format!(
                    "`{key}` must be a whole number from {from} to {to}, not `{}`",
                    node.text()
                ),
            );
        }
        value
    }

    pub(super) fn number(&mut self, key: &str, node: &Node, range: RangeInclusive<f64>) -> Option<f64> {
        let value = node.to_json().as_f64().filter(|n| range.contains(n));
        if value.is_none() {
            let (from, to) = range.into_inner();
            self.wrong(
                node,
                format!(
                    "`{key}` must be a number from {from} to {to}, not `{}`",
                    node.text()
                ),
            );
        }
        value
    }

    pub(super) fn flag(&mut self, key: &str, node: &Node) -> Option<bool> {
        let value = node.to_json().as_bool();
        if value.is_none() {
            self.wrong(
                node,
                format!("`{key}` must be `true` or `false`, not `{}`", node.text()),
            );
        }
        value
    }

    /// An amount such as `50MB`; within the range where one is given.
    pub(super) fn unit<T: Unit + PartialOrd>(&mut self, key: &str, node: &Node, max: Option<T>) -> Option<T> {
        let read = match (&node.value, node.to_json()) {
            (_, Json::String(text)) => text.parse::<T>(),
            (_, Json::Number(number)) if T::BARE && number.is_u64() => number.to_string().parse(),
            _ => Err(format!("`{}` is not {}", node.text(), T::EXPECTED)),
        };
        match read {
            Ok(value) if max.is_none_or(|max| value <= max) => Some(value),
            Ok(_) => {
                let max = max.map(|m| m.to_string()).unwrap_or_default();
                self.wrong(
                    node,
                    format!("`{key}` must be at most {max}, not `{}`", node.text()),
                );
                None
            }
            Err(message) => {
                self.wrong(node, format!("`{key}`: {message}"));
                None
            }
        }
    }

    /// One of a few words, by serde's names for them.
    pub(super) fn choice<T: serde::de::DeserializeOwned>(
        &mut self,
        key: &str,
        node: &Node,
        names: &[&str],
    ) -> Option<T> {
        let text = node.text();
        let value = matches!(node.value, Value::Scalar { .. })
            .then(|| serde_json::from_value(Json::String(text.clone())).ok())
            .flatten();
        if value.is_none() {
            let near = super::report::nearest(&text, names.iter().copied());
            let near = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            self.wrong(
                node,
                format!("`{key}` must be {}, not `{text}`{near}", one_of(names)),
            );
        }
        value
    }

    /// The items of a list; a single value counts as a list of one in no place, so that files look alike.
    pub(super) fn list<'n>(&mut self, key: &str, node: &'n Node, max: usize) -> Option<&'n [Node]> {
        match &node.value {
            Value::Seq(items) if items.len() <= max => Some(items),
            Value::Seq(items) => {
                self.error(
                    node.at,
                    "",
                    format!("`{key}` has {} entries; at most {max} are allowed", items.len()),
                );
                None
            }
            _ => {
                self.wrong(node, format!("`{key}` must be a list (`- …` or `[…]`)"));
                None
            }
        }
    }
}
