//! JSON from guests, no deeper than what the engine puts around it can bear.

use serde_json::Value;

/// Far below the depth at which JSON readers give up, ours and those of others.
const DEEPEST: usize = 64;

/// Says what is wrong, as the end of a sentence.
pub(crate) fn parse(json: &str) -> Result<Value, String> {
    let value = serde_json::from_str(json).map_err(|error| format!("is not JSON: {error}"))?;
    if depth(&value) > DEEPEST {
        return Err(format!("is nested more than {DEEPEST} deep"));
    }
    Ok(value)
}

/// The reader has bounded it, so this ends.
fn depth(value: &Value) -> usize {
    let deepest = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(fields) => fields.values().map(depth).max(),
        _ => return 0,
    };
    1 + deepest.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn depth_has_an_end() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        parse(&nested(64)).unwrap();
        assert!(parse(&nested(65)).unwrap_err().contains("more than 64"));
        assert!(parse(&nested(100_000)).unwrap_err().contains("not JSON"));
        assert!(parse("{").is_err());
    }
}
