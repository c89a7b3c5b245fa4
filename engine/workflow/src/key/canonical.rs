//! One text for each JSON value: keys sorted, no white space, one spelling of each number.
//!
//! `2`, `2.0` and `2e0` are the same number in YAML and JSON, so they are written alike. Numbers that an f64
//! holds exactly as a whole are written as whole numbers, others in the shortest form that reads back.

use std::fmt::Write;

use serde_json::{Number, Value};

/// The canonical text of a value.
pub fn canonical_json(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => out.push_str(&value.to_string()),
        Value::Number(number) => write_number(number, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            // Sorted here, because the map keeps its own order when a crate turns on `preserve_order`.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(&Value::String(key.clone()), out);
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
    }
}

fn write_number(number: &Number, out: &mut String) {
    /// Whole numbers up to 2^53 are exact in an f64.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let written = match number.as_f64() {
        Some(float)
            if !number.is_i64() && !number.is_u64() && float.fract() == 0.0 && float.abs() <= EXACT =>
        {
            write!(out, "{}", float as i64)
        }
        _ => write!(out, "{number}"),
    };
    written.expect("a String takes all that is written to it");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_and_spelling_do_not_matter() {
        let a: Value =
            serde_json::from_str(r#"{ "b": 2.0, "a": [1e0, -0.0, 0.35], "c": "\u00e9" }"#).unwrap();
        assert_eq!(canonical_json(&a), r#"{"a":[1,0,0.35],"b":2,"c":"é"}"#);
        assert_eq!(canonical_json(&json!(u64::MAX)), "18446744073709551615");
        assert_eq!(canonical_json(&json!({"": null})), r#"{"":null}"#);
    }
}
