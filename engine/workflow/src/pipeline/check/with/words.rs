//! Puts a JSON Schema into words: "a whole number from 1 to 16384", "`inside`, `cover` or `fill`".
//!
//! Reads the keywords that schemas made from Rust types use; None where it has no good words, and then the
//! validator's own message is shown. References are followed inside the document only, and not for ever.

use serde_json::{Map, Value as Json};

use super::super::report::one_of;

const MAX_HOPS: usize = 8;

/// What the value at this path must be.
pub(super) fn expected(schema: &Json, path: &[String]) -> Option<String> {
    describe(schema, descend(schema, path)?, MAX_HOPS)
}

/// The keys that the object at this path may have.
pub(super) fn properties(schema: &Json, path: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(at) = descend(schema, path) {
        collect_properties(schema, at, MAX_HOPS, &mut names);
    }
    names
}

/// A first key to show in an example.
pub(super) fn example(schema: &Json) -> String {
    properties(schema, &[])
        .first()
        .map_or_else(|| "key: value".to_owned(), |key| format!("{key}: …"))
}

fn collect_properties(root: &Json, at: &Json, hops: usize, names: &mut Vec<String>) {
    let at = follow(root, at);
    if let Some(properties) = at.get("properties").and_then(Json::as_object) {
        names.extend(
            properties
                .keys()
                .filter(|key| !names.contains(key))
                .cloned()
                .collect::<Vec<_>>(),
        );
    }
    if hops > 0 {
        for branch in branches(at) {
            collect_properties(root, branch, hops - 1, names);
        }
    }
}

fn descend<'s>(root: &'s Json, path: &[String]) -> Option<&'s Json> {
    let mut at = root;
    for segment in path {
        at = child(root, at, segment, MAX_HOPS)?;
    }
    Some(follow(root, at))
}

fn child<'s>(root: &'s Json, at: &'s Json, segment: &str, hops: usize) -> Option<&'s Json> {
    let at = follow(root, at);
    let here = at
        .get("properties")
        .and_then(|p| p.get(segment))
        .or_else(|| at.get("additionalProperties").filter(|a| a.is_object()))
        .or_else(|| at.get("items").filter(|_| segment.parse::<usize>().is_ok()));
    here.or_else(|| {
        let hops = hops.checked_sub(1)?;
        branches(at).find_map(|branch| child(root, branch, segment, hops))
    })
}

/// The schema that `$ref` names, or the schema itself.
fn follow<'s>(root: &'s Json, mut at: &'s Json) -> &'s Json {
    for _ in 0..MAX_HOPS {
        let target = at
            .get("$ref")
            .and_then(Json::as_str)
            .and_then(|r| r.strip_prefix('#'));
        match target.and_then(|pointer| root.pointer(pointer)) {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

fn branches(at: &Json) -> impl Iterator<Item = &Json> {
    ["anyOf", "oneOf", "allOf"]
        .iter()
        .filter_map(|key| at.get(*key)?.as_array())
        .flatten()
}

fn describe(root: &Json, at: &Json, hops: usize) -> Option<String> {
    let hops = hops.checked_sub(1)?;
    let at = follow(root, at);
    let object = at.as_object()?;
    let mut names = Vec::new();
    let mut others = Vec::new();
    gather(root, at, hops, &mut names, &mut others);
    if !names.is_empty() || !others.is_empty() {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if !names.is_empty() {
            others.insert(0, one_of(&names));
        }
        others.dedup();
        return Some(others.join(", or "));
    }
    by_type(object)
}

/// The words that a schema allows, and what else it allows, put into words.
fn gather(root: &Json, at: &Json, hops: usize, names: &mut Vec<String>, others: &mut Vec<String>) {
    let Some(hops) = hops.checked_sub(1) else { return };
    if let Some(Json::Array(options)) = at.get("enum") {
        names.extend(options.iter().filter(|o| !o.is_null()).map(plain));
    }
    if let Some(constant) = at.get("const") {
        names.push(plain(constant));
    }
    for branch in branches(at) {
        let branch = follow(root, branch);
        if branch.get("type").and_then(Json::as_str) == Some("null") {
            continue;
        }
        let before = (names.len(), others.len());
        gather(root, branch, hops, names, others);
        if before == (names.len(), others.len())
            && let Some(words) = branch.as_object().and_then(by_type)
        {
            others.push(words);
        }
    }
}

fn plain(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn by_type(schema: &Map<String, Json>) -> Option<String> {
    let types: Vec<&str> = match schema.get("type")? {
        Json::String(name) => vec![name],
        Json::Array(names) => names
            .iter()
            .filter_map(Json::as_str)
            .filter(|n| *n != "null")
            .collect(),
        _ => return None,
    };
    let &[name] = types.as_slice() else { return None };
    Some(match name {
        "integer" => format!("a whole number{}", range(schema)),
        "number" => format!("a number{}", range(schema)),
        "boolean" => "`true` or `false`".to_owned(),
        "string" => text(schema),
        "array" => "a list".to_owned(),
        "object" => {
            let keys: Vec<&str> = schema
                .get("properties")?
                .as_object()?
                .keys()
                .map(String::as_str)
                .collect();
            format!("a mapping with {}", one_of(&keys).replace(" or ", " and "))
        }
        _ => return None,
    })
}

fn range(schema: &Map<String, Json>) -> String {
    let bound = |inclusive: &str, exclusive: &str| schema.get(inclusive).or_else(|| schema.get(exclusive));
    let low = bound("minimum", "exclusiveMinimum").map(number);
    let high = bound("maximum", "exclusiveMaximum").map(number);
    match (low, high) {
        (Some(low), Some(high)) => format!(" from {low} to {high}"),
        (Some(low), None) => format!(", at least {low}"),
        (None, Some(high)) => format!(", at most {high}"),
        (None, None) => String::new(),
    }
}

/// `0.0` as people write it.
fn number(value: &Json) -> String {
    value
        .as_f64()
        .map_or_else(|| value.to_string(), |n| n.to_string())
}

fn text(schema: &Map<String, Json>) -> String {
    let limit = |key: &str| schema.get(key).and_then(Json::as_u64);
    match (
        schema.get("pattern"),
        schema.get("description").and_then(Json::as_str),
    ) {
        // The description of a text with a pattern says what the pattern means.
        (Some(_), Some(description)) => description
            .lines()
            .next()
            .unwrap_or_default()
            .trim_end_matches('.')
            .to_owned(),
        (Some(pattern), None) => format!("a text like {}", plain(pattern)),
        _ => match (limit("minLength"), limit("maxLength")) {
            (None | Some(0), Some(max)) => format!("a text of at most {max} characters"),
            (Some(min), Some(max)) => format!("a text of {min} to {max} characters"),
            (Some(min), None) if min > 0 => format!("a text of at least {min} characters"),
            _ => "a text".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(schema: &Json, path: &str) -> Option<String> {
        expected(schema, &path.split('.').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn built_ins_have_words() {
        let resize = &crate::schema::builtin_schemas()["resize"];
        assert_eq!(words(resize, "width").unwrap(), "a whole number from 1 to 16384");
        assert_eq!(
            words(resize, "fit").unwrap(),
            "`inside`, `outside`, `cover`, `contain` or `fill`"
        );
        assert!(
            words(resize, "position")
                .unwrap()
                .ends_with("`entropy`, or a mapping with `x` and `y`")
        );
        assert_eq!(words(resize, "enlarge").unwrap(), "`true` or `false`");
        assert!(words(resize, "background").unwrap().starts_with("`#rrggbb`"));
        assert_eq!(words(resize, "nope"), None);
    }

    #[test]
    fn circular_schemas_end() {
        let schema = json!({ "$ref": "#/$defs/a", "$defs": { "a": { "anyOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#" }] } } });
        assert_eq!(words(&schema, "x"), None);
        assert!(properties(&schema, &[]).is_empty());
    }
}
