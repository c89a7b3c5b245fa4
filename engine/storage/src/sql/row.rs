//! Values on their way into a statement and out of a row.
//!
//! There are two types, text and 64-bit integer, and both may be missing; that much is alike in both databases.
//! PostgreSQL keeps no NUL in text, so there is none in either.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Arguments, Row};

use super::fault::{Done, Fault};

#[derive(Debug, Clone)]
pub(super) enum Arg {
    Int(i64),
    Text(String),
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Arg {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self::Text(value.replace('\0', "\u{fffd}"))
    }
}

/// Tuples as the argument of `rows($n)`.
pub(super) fn rows<T: Serialize>(rows: &[T]) -> Done<Arg> {
    Ok(Arg::Text(without_nul(serde_json::to_string(rows)?)))
}

/// One column as the argument of `rows($n)`.
pub(super) fn column<'a>(values: impl IntoIterator<Item = &'a str>) -> Done<Arg> {
    let values: Vec<_> = values.into_iter().map(|value| (value,)).collect();
    rows(&values)
}

/// A NUL in JSON is `\u0000`, unless the backslash is itself escaped.
fn without_nul(json: String) -> String {
    if !json.contains("\\u0000") {
        return json;
    }
    let mut clean = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        clean.push_str(before);
        let (piece, length) = if escape.starts_with("\\u0000") {
            ("\u{fffd}", 6)
        } else {
            (&escape[..2], 2)
        };
        clean.push_str(piece);
        rest = &escape[length..];
    }
    clean.push_str(rest);
    clean
}

pub(super) fn arguments(args: &[Arg]) -> Done<AnyArguments> {
    let mut all = AnyArguments::default();
    for arg in args {
        match arg {
            Arg::Int(value) => all.add(*value),
            Arg::Text(text) => all.add(text.as_str()),
        }
        .map_err(|error| Fault::Sql(sqlx::Error::Encode(error)))?;
    }
    Ok(all)
}

/// Reads columns by name.
pub(super) trait Read {
    fn text(&self, name: &str) -> Done<String>;
    fn int(&self, name: &str) -> Done<i64>;
    fn maybe_text(&self, name: &str) -> Done<Option<String>>;
    fn maybe_int(&self, name: &str) -> Done<Option<i64>>;

    fn count(&self, name: &str) -> Done<u32> {
        Ok(self.int(name)?.try_into().unwrap_or_default())
    }

    fn size(&self, name: &str) -> Done<u64> {
        Ok(self.int(name)?.try_into().unwrap_or_default())
    }

    fn json<T: DeserializeOwned>(&self, name: &str) -> Done<T> {
        Ok(serde_json::from_str(&self.text(name)?)?)
    }
}

impl Read for AnyRow {
    fn text(&self, name: &str) -> Done<String> {
        Ok(self.try_get(name)?)
    }

    fn int(&self, name: &str) -> Done<i64> {
        Ok(self.try_get(name)?)
    }

    fn maybe_text(&self, name: &str) -> Done<Option<String>> {
        Ok(self.try_get(name)?)
    }

    fn maybe_int(&self, name: &str) -> Done<Option<i64>> {
        Ok(self.try_get(name)?)
    }
}

/// The first column of every row, as text.
pub(super) fn texts(rows: &[AnyRow]) -> Done<Vec<String>> {
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_goes_and_backslashes_stay() {
        let text = without_nul(serde_json::to_string(&[("a\0b", "c:\\u0000", "\"\\")]).unwrap());
        let back: Vec<(String, String, String)> = serde_json::from_str(&text).unwrap();
        assert_eq!(back, [("a\u{fffd}b".into(), "c:\\u0000".into(), "\"\\".into())]);
    }
}
