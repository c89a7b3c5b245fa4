use std::time::Instant;

use super::*;
use crate::{
    pipeline::{
        Bytes, Duration,
        problem::render_all,
        testing::{EXAMPLES, catalog, example},
    },
    plan::{Action, CallLimits, Fallback, Input, OnFailure},
    rendition::{EncodeOption, Format},
};

mod ceilings;
mod fuzz;
mod messages;
mod warnings;

fn problems(source: &str) -> Vec<Problem> {
    match check(source, "test.yaml", &catalog()) {
        Ok(checked) => checked.warnings,
        Err(problems) => problems,
    }
}

#[test]
fn every_example_passes_without_a_warning() {
    for (file, source) in EXAMPLES {
        match check(source, file, &catalog()) {
            Ok(checked) => {
                assert_eq!(checked.warnings, [], "{file}");
                assert_eq!(format!("{}.yaml", checked.pipeline.pipeline), file);
            }
            Err(problems) => panic!("{}", render_all(&problems, source)),
        }
    }
}

#[test]
fn the_test_list_holds_every_example() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../pipelines");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".yaml"))
        .collect();
    files.sort_unstable();
    assert_eq!(files, EXAMPLES.map(|(name, _)| name));
}

#[test]
fn a_plan_has_pins_defaults_and_order() {
    let checked = check(example("product-photos.yaml"), "p.yaml", &catalog()).unwrap();
    let plan = checked.plan;
    let ids: Vec<&str> = plan.steps.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, ["photo", "large", "marked", "thumb", "placeholder"]);
    assert_eq!(plan.steps[3].input, Input::Step(0));
    assert_eq!(
        (plan.limits.max_bytes, plan.limits.max_side),
        (50_000_000, 16_384)
    );
    let Action::Plugin(watermark) = &plan.steps[2].action else {
        panic!("no plugin")
    };
    assert_eq!(watermark.version.to_string(), "1.1.0");
    assert_eq!(
        (watermark.limits.fuel_per_pixel, watermark.limits.timeout_ms),
        (600, 2_000)
    );
    let Action::Plugin(blurhash) = &plan.steps[4].action else {
        panic!("no plugin")
    };
    assert_eq!(blurhash.limits.fuel_per_pixel, 300, "the plugin's hint");
    assert_eq!(plan.steps[2].on_failure, OnFailure::Skip);
    assert_eq!(plan.analyses, [4]);
    assert_eq!((plan.steps[0].needs(), plan.steps[3].needs()), (vec![], vec![0]));
    assert_eq!(plan.max_cpu_ms, 10_000, "the default");
    assert_eq!(plan.renditions[0].media_type, "image/webp");
    assert_eq!(plan.plugins().len(), 2);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<crate::plan::Plan>(&text).unwrap(), plan);
}

#[test]
fn the_model_reads_back() {
    for (file, source) in EXAMPLES {
        let pipeline = check(source, file, &catalog()).unwrap().pipeline;
        let text = serde_json::to_string(&pipeline).unwrap();
        assert_eq!(
            serde_json::from_str::<crate::pipeline::Pipeline>(&text).unwrap(),
            pipeline,
            "{file}"
        );
    }
}

#[test]
fn steps_may_stand_in_any_order() {
    let source = "pipeline: a\nsteps:\n  - { id: small, from: photo, uses: resize, with: { width: 9 } }\n  - { id: photo, from: original, uses: decode }\nrenditions: [{ name: a.png, from: small, format: png }]\n";
    let plan = check(source, "a.yaml", &catalog()).unwrap().plan;
    assert_eq!(plan.steps[0].id, "photo");
    assert_eq!(
        (plan.steps[1].input, plan.renditions[0].from),
        (Input::Step(0), 1)
    );
}

#[test]
fn a_plugin_cannot_grant_itself_the_world() {
    let mut catalog = catalog();
    let greedy = crate::pipeline::StepLimits {
        fuel_base: Some(u64::MAX),
        fuel_per_pixel: Some(u64::MAX),
        memory: Some(Bytes(u64::MAX)),
        timeout: Some(Duration(u32::MAX.into())),
    };
    for plugin in &mut catalog.0 {
        plugin.hints = greedy;
    }
    let limits = |word: &str| {
        let source = format!(
            "pipeline: a\nsteps:\n  - {{ id: photo, uses: decode }}\n  - {{ id: b, uses: watermark@^1{word} }}\nrenditions: [{{ name: a.png, format: png }}]\n"
        );
        let checked = check(&source, "a.yaml", &catalog).unwrap();
        let Action::Plugin(plugin) = &checked.plan.steps[1].action else {
            panic!("no plugin")
        };
        (plugin.limits, checked.warnings.len())
    };
    assert_eq!(limits(""), (CallLimits::MOST_BY_HINT, 0));
    // The pipeline's author may go further, where the host can.
    let (word, warnings) =
        limits(", limits: { fuel_base: 100000000000, fuel_per_pixel: 50000, memory: 512MiB, timeout: 2m }");
    assert_eq!(
        (word.fuel_base, word.fuel_per_pixel, word.timeout_ms, warnings),
        (100_000_000_000, 50_000, 120_000, 0)
    );
    let (word, warnings) = limits(", limits: { memory: 2GiB }");
    assert_eq!(
        (word.memory, warnings),
        (512 << 20, 1),
        "said, not cut in silence"
    );
}

#[test]
fn types_have_one_name_in_the_plan_and_max_cpu_is_in_it() {
    let source = "pipeline: a\ninput: { types: [jpg, image/JPEG, image/x-icon, TIF], max_cpu: 2500ms }\nsteps: [{ id: photo, uses: decode }]\nrenditions: [{ name: a.png, format: png }]\n";
    let checked = check(source, "a.yaml", &catalog()).unwrap();
    assert_eq!(checked.plan.input_types, ["jpeg", "ico", "tiff"]);
    assert_eq!(checked.pipeline.input.types, checked.plan.input_types);
    assert_eq!(checked.plan.max_cpu_ms, 2_500);
}

/// The file says an option in a way that is not its default.
fn written(option: EncodeOption) -> &'static str {
    match option {
        EncodeOption::Quality => "quality: 50",
        EncodeOption::Lossless => "lossless: true",
        EncodeOption::Progressive => "progressive: true",
        EncodeOption::Chroma => "chroma: '4:4:4'",
        EncodeOption::Effort => "effort: 10",
        EncodeOption::Keep => "keep: [exif]",
        EncodeOption::Background => "background: black",
    }
}

#[test]
fn check_and_the_encoders_go_by_one_table() {
    for format in Format::ALL {
        for option in EncodeOption::ALL {
            let (name, written) = (format.name(), written(option));
            let source = format!(
                "pipeline: a\nsteps: [{{ id: photo, uses: decode }}]\nrenditions: [{{ name: a.{name}, format: {name}, {written} }}]\n"
            );
            let takes = option.formats().contains(&format);
            match check(&source, "a.yaml", &catalog()) {
                Ok(checked) => {
                    assert!(takes, "{name} {written}");
                    assert_eq!(
                        checked.plan.renditions[0].encode.as_ref().unwrap().refusals(),
                        [],
                        "{name} {written}"
                    );
                }
                Err(problems) => {
                    assert!(!takes, "{name} {written}: {problems:?}");
                    assert_eq!(problems.len(), 1, "{problems:?}");
                    assert_eq!(problems[0].text, option.name());
                }
            }
        }
    }
}

#[test]
fn a_fallback_is_a_plugin_version_or_a_step() {
    let graded = check(example("graded.yaml"), "g.yaml", &catalog()).unwrap().plan;
    let toned = graded.step("toned").unwrap();
    assert_eq!(
        graded.steps[toned].on_failure,
        OnFailure::Fallback(Fallback::Step(1))
    );
    assert_eq!(graded.renditions[2].encode, None);
    assert_eq!(graded.renditions[2].media_type, "image/qoi");

    let source = example("product-photos.yaml")
        .replace("on_failure: skip ", "on_failure: { fallback: watermark@1.0.0 }");
    let plan = check(&source, "p.yaml", &catalog()).unwrap().plan;
    let OnFailure::Fallback(Fallback::Plugin { plugin, .. }) = &plan.steps[2].on_failure else {
        panic!("no plugin")
    };
    assert_eq!(plugin.version.to_string(), "1.0.0");
    assert_eq!(plan.plugins().len(), 3);
}

#[test]
fn known_keys_are_those_of_the_schema() {
    let schema = crate::schema::json_schema();
    let keys = |at: &str| {
        let mut keys: Vec<String> = schema
            .pointer(at)
            .unwrap()
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        keys.sort_unstable();
        keys
    };
    let sorted = |keys: &[&str]| {
        let mut keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        keys.sort_unstable();
        keys
    };
    assert_eq!(keys("/properties"), sorted(top::KEYS));
    assert_eq!(keys("/$defs/Input/properties"), sorted(input::INPUT_KEYS));
    assert_eq!(keys("/$defs/Retry/properties"), sorted(top::RETRY_KEYS));
    assert_eq!(keys("/$defs/Step/properties"), sorted(steps::KEYS));
    assert_eq!(keys("/$defs/StepLimits/properties"), sorted(steps::LIMIT_KEYS));
    assert_eq!(keys("/$defs/Breaker/properties"), sorted(steps::BREAKER_KEYS));
}

#[test]
fn checking_is_quick() {
    let catalog = catalog();
    let check_once = || check(example("graded.yaml"), "g.yaml", &catalog).is_ok();
    assert!(check_once());
    let started = Instant::now();
    for _ in 0..10 {
        assert!(check_once());
    }
    let each = started.elapsed() / 10;
    assert!(each.as_millis() < 10, "{each:?}");
}
