//! What people read. One broken file with many problems as a snapshot, and one test for each check.

use super::*;

/// Messages of the problems, each with its place.
fn messages(source: &str) -> Vec<String> {
    problems(source)
        .iter()
        .map(|p| p.to_string().replace("test.yaml:", ""))
        .collect()
}

#[test]
fn everything_at_once() {
    insta::assert_snapshot!(render_all(
        &problems(include_str!("broken.yaml")),
        include_str!("broken.yaml")
    ));
}

#[test]
fn yaml_mistakes_point_at_their_place() {
    let source = "pipeline: a\nsteps:\n\t- id: b\n";
    insta::assert_snapshot!(render_all(&problems(source), source));
}

/// A pipeline around these steps and renditions.
pub(super) fn around(steps: &str, renditions: &str) -> String {
    format!(
        "pipeline: a\nsteps:\n  - {{ id: photo, uses: decode }}\n{steps}\nrenditions:\n  - {{ name: a.jpg, format: jpeg }}\n{renditions}"
    )
}

/// Each: a step line, a rendition line, and what the one message must contain.
const CASES: &[(&str, &str, &str)] = &[
    (
        "- { id: b, uses: resize, with: { witdh: 5 } }",
        "",
        "unknown key `witdh` for `resize`; did you mean `width`?",
    ),
    (
        "- { id: b, uses: nothing@^1 }",
        "- { name: b.jxl, from: b }",
        "there is no plugin `nothing`",
    ),
    (
        "- { id: b, uses: resize }",
        "",
        "`resize` needs `width`, `height` or both",
    ),
    (
        "- { id: b, uses: resize, with: { width: 5, fit: cover } }",
        "",
        "`fit: cover` needs both sides of the box; `height` is missing",
    ),
    (
        "- { id: b, uses: resize, with: { width: 0 } }",
        "",
        "`width` must be a whole number from 1 to 16384, not `0`",
    ),
    (
        "- { id: b, uses: resize, with: { width: 5, enlarge: yes } }",
        "",
        "`enlarge` must be `true` or `false`, not `yes`",
    ),
    (
        "- { id: b, uses: resize, with: { width: 5, fit: covr } }",
        "",
        "`fit` must be `inside`, `outside`, `cover`, `contain` or `fill`, not `covr`",
    ),
    (
        "- { id: b, uses: resize, with: 5 }",
        "",
        "`with` must be a mapping",
    ),
    (
        "- { id: b, uses: crop, with: { width: 5, height: 5, x: 1 } }",
        "",
        "`crop` takes `x` and `y` together; `y` is missing",
    ),
    (
        "- { id: b, uses: crop, with: { width: 5 } }",
        "",
        "`crop` needs `height`: a whole number from 1 to 16384",
    ),
    (
        "- { id: b, uses: flip }",
        "",
        "`flip` needs `axis`: `horizontal` or `vertical`",
    ),
    ("- { id: b, uses: pad }", "", "`pad` needs a border"),
    (
        "- { id: b, uses: pad, with: { top: 1, background: reddish } }",
        "",
        "`background` must be `#rrggbb`",
    ),
    (
        "- { id: b, uses: blur, with: { sigma: 1 }, limits: { memory: 1MiB } }",
        "",
        "`limits` is for plugins",
    ),
    (
        "- { id: b, uses: resizee }",
        "",
        "there is no step `resizee`; did you mean `resize`?",
    ),
    (
        "- { id: b, uses: watermark }",
        "",
        "`watermark` is a plugin and needs a version; write `watermark@^2.0.0`",
    ),
    (
        "- { id: b, uses: watermrk }",
        "",
        "did you mean the plugin `watermark@^2.0.0`?",
    ),
    (
        "- { id: b, uses: watermrk@^1 }",
        "",
        "there is no plugin `watermrk`; did you mean `watermark`?",
    ),
    (
        "- { id: b, uses: watermark@^3 }",
        "",
        "no version of `watermark` is in `^3`; there is 2.0.0, 1.1.0, 1.0.0",
    ),
    ("- { id: b, uses: watermark@1.0 }", "", "write `watermark@^1.0`"),
    ("- { id: b, uses: watermark@new }", "", "`new` is not a version"),
    (
        "- { id: b, uses: decode@^1 }",
        "",
        "`decode` is a built-in and has no version",
    ),
    (
        "- { id: b, uses: watermark@^1, with: { text: 5 } }",
        "",
        "`text` must be a text of 1 to 200 characters, not `5`",
    ),
    (
        "- { id: b, uses: watermark@^1, with: { opacity: 2 } }",
        "",
        "`opacity` must be a number from 0 to 1, not `2`",
    ),
    (
        "- { id: b, uses: watermark@^1, limits: { memory: lots } }",
        "",
        "`memory`: `lots` is not a size",
    ),
    (
        "- { id: b, uses: watermark@^1, limits: { timeout: 2 } }",
        "",
        "`timeout`: `2` is not a duration",
    ),
    (
        "- { id: b, uses: watermark@^1, breaker: { failure_rate: 0.5 } }",
        "",
        "`failure_rate`: `0.5` is not a share",
    ),
    (
        "- { id: b, uses: watermark@^1, breaker: { window: 3, min_failures: 4 } }",
        "",
        "so the breaker never opens",
    ),
    (
        "- { id: b, uses: watermark@^1, on_failure: skp }",
        "",
        "`on_failure` must be `fail`, `skip` or",
    ),
    (
        "- { id: b, uses: watermark@^1, on_failure: { fallback: phoot } }",
        "",
        "there is no step `phoot`; did you mean `photo`?",
    ),
    (
        "- { id: b, uses: watermark@^1, on_failure: { fallback: blurhash@^1 } }",
        "",
        "is an analyzer and cannot take the place of",
    ),
    (
        "- { id: b, from: original, uses: decode, on_failure: skip }",
        "",
        "this step cannot be skipped",
    ),
    (
        "- { id: b, uses: decode }",
        "",
        "`b` takes the original's bytes, but `photo` gives a frame; write `from: original`",
    ),
    (
        "- { id: b, from: original, uses: blur, with: { sigma: 1 } }",
        "",
        "`b` takes a frame, but the original gives bytes",
    ),
    (
        "- { id: b, uses: blurhash@^1 }\n  - { id: c, uses: blur, with: { sigma: 1 } }",
        "",
        "`c` takes a frame, but `b` gives JSON; write `from: photo`",
    ),
    (
        "- { id: photo, uses: blur, with: { sigma: 1 } }",
        "",
        "duplicate step id `photo`; it stands already at line 3",
    ),
    (
        "- { id: b, from: phto, uses: blur, with: { sigma: 1 } }",
        "",
        "there is no step `phto`; did you mean `photo`?",
    ),
    (
        "- { id: b, from: b, uses: blur, with: { sigma: 1 } }",
        "",
        "in a circle: b <- b",
    ),
    (
        "- { id: B, uses: blur, with: { sigma: 1 } }",
        "",
        "`B` cannot be the name after `id`",
    ),
    ("- { uses: blur, with: { sigma: 1 } }", "", "a step needs `id`"),
    (
        "",
        "- { name: A.JPG, format: jpeg }",
        "duplicate rendition name `A.JPG`",
    ),
    (
        "",
        "- { name: ../x.jpg, format: jpeg }",
        "cannot be a file name here",
    ),
    (
        "",
        "- { name: x.jpg }",
        "a rendition needs `format`, such as `format: jpeg`",
    ),
    (
        "",
        "- { name: x.jpg, format: jpg }",
        "`format` must be `jpeg`, `png`, `webp`, `avif` or `gif`, not `jpg`; did you mean",
    ),
    (
        "",
        "- { name: x.png, format: png, quality: 5 }",
        "`quality` is for `jpeg`, `webp` or `avif`, not png",
    ),
    (
        "",
        "- { name: x.avif, format: avif, lossless: true }",
        "`lossless` is for `webp`, not avif",
    ),
    (
        "",
        "- { name: x.png, format: png, lossless: true }",
        "PNG is lossless as it is",
    ),
    (
        "",
        "- { name: x.webp, format: webp, lossless: true, quality: 5 }",
        "`quality` does nothing with `lossless: true`",
    ),
    (
        "",
        "- { name: x.jpg, format: jpeg, quality: 101 }",
        "`quality` must be a whole number from 1 to 100, not `101`",
    ),
    (
        "",
        "- { name: x.jpg, format: jpeg, keep: [gps] }",
        "`keep` must be `icc`, `exif` or `copyright`, not `gps`",
    ),
    (
        "",
        "- { name: x.jpg, format: jpeg, from: phot }",
        "there is no step `phot`; did you mean `photo`?",
    ),
    (
        "- { id: b, from: photo, uses: phash@^1 }",
        "- { name: x.jpg, format: jpeg, from: b }",
        "`b` gives JSON",
    ),
    (
        "- { id: b, from: photo, uses: qoi@^1 }",
        "- { name: x.qoi, format: png, from: b }",
        "`b` gives bytes that are published as they are; leave `format` out",
    ),
];
#[test]
fn each_check_has_its_message() {
    for (step, rendition, expected) in CASES {
        let indent = |line: &str| {
            if line.is_empty() {
                String::new()
            } else {
                format!("  {line}\n")
            }
        };
        let source = around(&indent(step), &indent(rendition));
        let errors: Vec<Problem> = problems(&source)
            .into_iter()
            .filter(|p| p.severity == Severity::Error)
            .collect();
        assert_eq!(errors.len(), 1, "{step} {rendition}: {errors:#?}");
        assert!(
            errors[0].message.contains(expected),
            "{step} {rendition}: {}",
            errors[0]
        );
    }
}

#[test]
fn a_pipeline_must_say_and_make_something() {
    assert_eq!(
        messages("pipeline: a\nsteps: []\n"),
        ["2:8: error: a pipeline needs at least one step, such as `- { id: photo, uses: decode }`"]
    );
    assert_eq!(
        messages("- a\n"),
        ["1:1: error: a pipeline must be a mapping (`key: value`)"]
    );
    assert_eq!(
        messages("pipeline: 12\nsteps: [{ id: b, uses: decode }]\n"),
        [
            "1:1: error: the pipeline gives nothing back; add `renditions:` or an analyzer step",
            "1:11: error: `pipeline` must be a text; put it in quotes: `\"12\"`",
            "2:15: warning: nothing uses the result of `b`; no rendition and no step names it",
        ]
    );
}

#[test]
fn types_must_be_read_by_some_step() {
    let with = |types: &str| format!("input: {{ types: [{types}] }}\n{}", around("", ""));
    assert_eq!(
        messages(&with("jpeg, image/png, jpg")),
        ["1:35: warning: `jpg` stands here twice"]
    );
    assert_eq!(
        messages(&with("jpge")),
        ["1:18: error: no step of this pipeline reads `jpge`; did you mean `jpeg`?"]
    );
    assert!(messages(&with("svg"))[0].contains("no step of this pipeline reads `svg`"));
}

#[test]
fn no_message_repeats_a_long_text_whole() {
    let long = "x".repeat(900);
    let steps = [
        format!("  - {{ id: {long}, uses: decode }}"),
        format!("  - {{ id: b, uses: {long} }}"),
        format!("  - {{ id: b, uses: {long}@^1 }}"),
        format!("  - {{ id: b, uses: watermark@{long} }}"),
        format!("  - {{ id: b, uses: blur, {long}: 1 }}"),
        format!("  - {{ id: b, uses: blur, from: {long} }}"),
        format!("  - {{ id: b, uses: blur, on_failure: {long} }}"),
        format!("  - {{ id: b, uses: resize, with: {{ width: {long} }} }}"),
        format!("  - {{ id: b, uses: resize, with: {{ width: 5, {long}: 5 }} }}"),
        format!("  - {{ id: b, uses: watermark@1.0.0, limits: {{ memory: {long} }} }}"),
    ];
    let renditions = [
        format!("  - {{ name: {long}, format: png }}"),
        format!("  - {{ name: b.png, format: {long} }}"),
        format!("  - {{ name: b.png, format: png, from: {long} }}"),
        format!("  - {{ name: b.jpg, format: jpeg, background: {long} }}"),
    ];
    let files = steps.iter().map(|step| around(step, ""));
    for file in files.chain(renditions.iter().map(|rendition| around("", rendition))) {
        let found = problems(&file);
        assert!(!found.is_empty(), "{file}");
        for problem in found {
            let (message, text) = (&problem.message, &problem.text);
            assert!(message.len() < 700 && text.len() < 210, "{message}\n{text}");
        }
    }
}

#[test]
fn a_plugin_with_a_bad_schema_is_named() {
    let mut catalog = catalog();
    for schema in [
        serde_json::json!({ "type": 5 }),
        serde_json::json!({ "$ref": "http://example.com/schema" }),
    ] {
        catalog.0[0].params_schema = schema;
        let source = around("  - { id: b, uses: watermark@1.0.0 }\n", "");
        let problems = check(&source, "test.yaml", &catalog).unwrap_err();
        assert!(
            problems[0]
                .message
                .contains("the params schema of watermark 1.0.0 cannot be used"),
            "{problems:?}"
        );
    }
}
