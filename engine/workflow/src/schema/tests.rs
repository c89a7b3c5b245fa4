use super::*;
use crate::pipeline::testing::EXAMPLES;

#[test]
fn every_built_in_has_a_described_schema_that_stands_alone() {
    for (name, schema) in builtin_schemas() {
        assert!(schema["description"].is_string(), "{name}");
        assert_eq!(schema["additionalProperties"], false, "{name}");
        jsonschema::validator_for(&schema).unwrap();
    }
}

#[test]
fn every_key_is_described() {
    let schema = json_schema();
    let defs = schema["$defs"].as_object().unwrap();
    for name in ["Input", "Step", "StepLimits", "Breaker", "Retry", "Rendition"] {
        for (key, property) in defs[name]["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{name}.{key}");
        }
    }
    for (key, property) in schema["properties"].as_object().unwrap() {
        assert!(property["description"].is_string(), "{key}");
    }
}

#[test]
fn it_accepts_the_examples_and_refuses_mistakes() {
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    for (name, source) in EXAMPLES {
        let errors: Vec<String> = validator
            .iter_errors(&crate::pipeline::to_json(source))
            .map(|e| format!("{} {e}", e.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0], "{name}");
    }
    for wrong in [
        "pipeline: A\nsteps: [{ id: a, uses: decode }]",
        "pipeline: a\nsteps: []",
        "pipeline: a\nstep: [{ id: a, uses: decode }]\nsteps: [{ id: a, uses: decode }]",
        "pipeline: a\nsteps: [{ id: a, uses: resize, with: { witdh: 1 } }]",
        "pipeline: a\nsteps: [{ id: a, uses: resize, limits: { memory: 1MiB } }]",
        "pipeline: a\nsteps: [{ id: a, uses: watermark }]",
        "pipeline: a\nsteps: [{ id: a, uses: decode }]\nrenditions: [{ name: a.jpg, format: jpeg, colour: red }]",
        "pipeline: a\nsteps: [{ id: a, uses: decode }]\nrenditions: [{ name: a.jpg, format: jpg }]",
        "pipeline: a\nsteps: [{ id: a, uses: decode }]\nretry: { backoff: 2 }",
    ] {
        assert!(!validator.is_valid(&crate::pipeline::to_json(wrong)), "{wrong}");
    }
}
