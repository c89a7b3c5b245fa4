//! A catalog like the one that the example pipelines meet, for tests.

use serde_json::{Value, json};

use super::{PluginInfo, PluginKind, StaticCatalog, StepLimits};

pub(crate) const EXAMPLES: [(&str, &str); 7] = [
    ("analyze.yaml", include_str!("../../../../pipelines/analyze.yaml")),
    ("avatars.yaml", include_str!("../../../../pipelines/avatars.yaml")),
    ("graded.yaml", include_str!("../../../../pipelines/graded.yaml")),
    (
        "product-photos.yaml",
        include_str!("../../../../pipelines/product-photos.yaml"),
    ),
    ("thumb.yaml", include_str!("../../../../pipelines/thumb.yaml")),
    ("vector.yaml", include_str!("../../../../pipelines/vector.yaml")),
    ("web-set.yaml", include_str!("../../../../pipelines/web-set.yaml")),
];

pub(crate) fn example(name: &str) -> &'static str {
    EXAMPLES
        .iter()
        .find(|(other, _)| *other == name)
        .expect("an example")
        .1
}

/// The nine plugins; watermark in three versions.
pub(crate) fn catalog() -> StaticCatalog {
    use PluginKind::{Analyzer, Decoder, Encoder, Filter};
    let open = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    let mut plugins = vec![
        plugin("watermark", "1.0.0", Filter, watermark()),
        plugin("watermark", "1.1.0", Filter, watermark()),
        plugin("watermark", "2.0.0", Filter, watermark()),
        plugin(
            "adjust",
            "1.0.0",
            Filter,
            object(&json!({ "brightness": { "type": "number", "minimum": -1.0, "maximum": 1.0 } })),
        ),
        plugin("smartcrop", "1.0.0", Filter, smartcrop()),
        plugin(
            "blurhash",
            "1.0.0",
            Analyzer,
            object(&json!({ "x": { "type": "integer", "minimum": 1, "maximum": 9 } })),
        ),
        plugin("svg", "1.0.0", Decoder, open.clone()),
        plugin(
            "qoi",
            "1.0.0",
            Encoder,
            object(&json!({ "channels": { "$ref": "#/$defs/Channels" } })),
        ),
    ];
    plugins
        .extend(["thumbhash", "palette", "phash"].map(|name| plugin(name, "1.0.0", Analyzer, open.clone())));
    StaticCatalog(plugins)
}

fn plugin(name: &str, version: &str, kind: PluginKind, params_schema: Value) -> PluginInfo {
    let media_type = match kind {
        PluginKind::Decoder => vec!["image/svg+xml".to_owned()],
        PluginKind::Encoder => vec!["image/qoi".to_owned()],
        PluginKind::Filter | PluginKind::Analyzer => vec![],
    };
    PluginInfo {
        name: name.to_owned(),
        version: version.parse().expect("a version"),
        digest: format!("digest of {name} {version}"),
        kind,
        params_schema,
        media_types: media_type,
        banded: false,
        hints: StepLimits {
            fuel_per_pixel: Some(300),
            ..StepLimits::default()
        },
    }
}

fn object(properties: &Value) -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "$defs": { "Channels": { "oneOf": [{ "const": "auto" }, { "const": "rgb" }, { "const": "rgba" }] } },
    })
}

fn watermark() -> Value {
    object(&json!({
        "text": { "type": "string", "minLength": 1, "maxLength": 200 },
        "opacity": { "type": "number", "minimum": 0.0, "maximum": 1.0 },
        "tile": { "type": "boolean" },
    }))
}

fn smartcrop() -> Value {
    let mut schema = object(&json!({
        "width": { "type": "integer", "minimum": 1, "maximum": 16384 },
        "height": { "type": "integer", "minimum": 1, "maximum": 16384 },
    }));
    schema["required"] = json!(["width", "height"]);
    schema
}
