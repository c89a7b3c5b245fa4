//! The JSON Schema of the pipeline format, made from the Rust types, for editors and for `check`.
//!
//! Editors complete and explain keys with it; `check` finds more than it can say (graph, plugins, versions).

use std::collections::BTreeMap;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    op::{Blur, Crop, Decode, Flip, Pad, Resize, Rotate, Sharpen},
    pipeline::Pipeline,
};

/// The names of the built-in steps, as `uses:` writes them.
pub const BUILTINS: [&str; 8] = [
    "decode", "resize", "crop", "rotate", "flip", "pad", "sharpen", "blur",
];

/// The schema of each built-in's `with:`, by name; each stands alone.
pub fn builtin_schemas() -> BTreeMap<&'static str, Value> {
    fn of<T: JsonSchema>() -> Value {
        SchemaGenerator::new(SchemaSettings::draft2020_12())
            .into_root_schema_for::<T>()
            .to_value()
    }
    let schemas = [
        of::<Decode>(),
        of::<Resize>(),
        of::<Crop>(),
        of::<Rotate>(),
        of::<Flip>(),
        of::<Pad>(),
        of::<Sharpen>(),
        of::<Blur>(),
    ];
    BUILTINS.into_iter().zip(schemas).collect()
}

/// The schema of a pipeline file (JSON Schema draft 2020-12).
pub fn json_schema() -> Value {
    let mut generator = SchemaGenerator::new(SchemaSettings::draft2020_12());
    let params = [
        generator.subschema_for::<Decode>(),
        generator.subschema_for::<Resize>(),
        generator.subschema_for::<Crop>(),
        generator.subschema_for::<Rotate>(),
        generator.subschema_for::<Flip>(),
        generator.subschema_for::<Pad>(),
        generator.subschema_for::<Sharpen>(),
        generator.subschema_for::<Blur>(),
    ];
    let mut root = generator.into_root_schema_for::<Pipeline>().to_value();
    root["title"] = json!("Stopbath pipeline");
    if let Some(step) = root.pointer_mut("/$defs/Step").and_then(Value::as_object_mut) {
        describe_step(
            step,
            BUILTINS.into_iter().zip(params.map(schemars::Schema::to_value)),
        );
    }
    // Encoder options may stand beside `name` and `from`; anything else is a mistake.
    if let Some(rendition) = root
        .pointer_mut("/$defs/Rendition")
        .and_then(Value::as_object_mut)
    {
        rendition.insert("unevaluatedProperties".into(), json!(false));
    }
    root
}

/// `uses` as a choice, and `with` by what `uses` says.
fn describe_step(step: &mut Map<String, Value>, params: impl Iterator<Item = (&'static str, Value)>) {
    if let Some(uses) = step.get_mut("properties").and_then(|p| p.get_mut("uses")) {
        uses["anyOf"] = json!([{ "enum": BUILTINS }, { "pattern": "^[a-z][a-z0-9-]*@.+$" }]);
    }
    let by_use: Vec<Value> = params
        .map(|(name, with)| {
            json!({
                "if": { "properties": { "uses": { "const": name } }, "required": ["uses"] },
                "then": { "properties": { "with": with, "limits": false, "breaker": false } },
            })
        })
        .collect();
    step.insert("allOf".into(), Value::Array(by_use));
}

#[cfg(test)]
mod tests;
