//! Every way to misbehave ends in its own error kind, in time, and costs nobody else anything.

use std::time::{Duration, Instant};

use e2e::{Server, Watch, fixture_plugins, pictures};
use image::ImageFormat;

/// How a mode of the plugin `misbehave` ends; more than one kind where the first limit met depends on the machine.
const FILTERS: [(&str, &[&str]); 27] = [
    ("ok", &["ok"]),
    ("wrong-size", &["ok"]),
    ("read-file", &["ok"]),
    ("write-file", &["ok"]),
    ("network", &["ok"]),
    ("clock", &["ok"]),
    ("sleep", &["ok"]),
    ("environment", &["ok"]),
    ("random", &["ok"]),
    ("endless-loop", &["out-of-fuel"]),
    ("slow", &["timeout", "host-limit"]),
    ("endless-growth", &["memory-limit"]),
    ("deep-recursion", &["trap"]),
    ("trap", &["trap"]),
    ("panic", &["trap"]),
    ("wrong-length", &["bad-output"]),
    ("rows-missing", &["bad-output"]),
    ("rows-out-of-range", &["bad-output"]),
    ("handle-flood", &["host-limit"]),
    ("frame-flood", &["host-limit"]),
    ("huge-output", &["host-limit"]),
    ("emit-flood", &["host-limit"]),
    ("many-emits", &["host-limit"]),
    ("log-flood", &["ok", "host-limit"]),
    ("bad-emit", &["bad-output"]),
    ("bad-input", &["bad-input"]),
    ("internal", &["internal"]),
];
const MORE_FILTERS: [(&str, &[&str]); 2] = [
    ("unsupported", &["unsupported"]),
    ("invalid-params", &["invalid-params"]),
];
const ANALYZERS: [(&str, &[&str]); 4] = [
    ("ok", &["ok"]),
    ("not-json", &["bad-output"]),
    ("deep-json", &["bad-output"]),
    ("huge-json", &["memory-limit", "host-limit"]),
];
/// The longest limit below is two seconds; the rest is for a machine with much else to do.
const IN_TIME: Duration = Duration::from_secs(8);
const MEMORY_MIB: u64 = 900;

fn filter(mode: &str) -> String {
    format!(
        "steps:
  - {{ id: photo, uses: decode }}
  - id: bad
    uses: misbehave@^1
    with: {{ mode: {mode} }}
    limits: {{ fuel_base: 500000000, fuel_per_pixel: 200, memory: 32MiB, timeout: 2s }}
renditions:
  - {{ name: out.png, format: png }}
"
    )
}

fn analyzer(mode: &str) -> String {
    format!(
        "steps:
  - {{ id: photo, uses: decode }}
  - id: bad
    uses: misbehave-analyzer@^1
    with: {{ mode: {mode} }}
    limits: {{ memory: 32MiB, timeout: 2s }}
"
    )
}

fn modes() -> impl Iterator<Item = (String, String, &'static [&'static str])> {
    let filters = FILTERS.into_iter().chain(MORE_FILTERS);
    let filters = filters.map(|(mode, kinds)| (format!("filter-{mode}"), filter(mode), kinds));
    filters.chain(ANALYZERS.map(|(mode, kinds)| (format!("analyzer-{mode}"), analyzer(mode), kinds)))
}

#[test]
fn each_mode_ends_in_its_own_kind() {
    let mut server = Server::of(modes().map(|(name, yaml, _)| (name, yaml)))
        .plugins(fixture_plugins())
        .start();
    let original = pictures::small(ImageFormat::Png, 64, 48);
    let good = server.process("filter-ok", &original).ok().body;
    let mut wrong = Vec::new();
    for (name, _, kinds) in modes() {
        let watch = Watch::start(server.pid());
        let begun = Instant::now();
        let answer = server.process(&name, &original);
        let (took, peak) = (begun.elapsed(), watch.peak().mib());
        let kind = answer.outcome();
        println!(
            "{name:32} {kind:14} {:7.1} ms {peak:5} MiB",
            took.as_secs_f32() * 1e3
        );
        if !kinds.contains(&kind.as_str()) || took > IN_TIME || peak > MEMORY_MIB {
            wrong.push(format!(
                "{name}: {kind} after {took:?} with {peak} MiB: {}",
                String::from_utf8_lossy(&answer.body)
            ));
        }
        if kind != "ok" && answer.json()["step"] != "bad" {
            wrong.push(format!("{name}: the step is not named: {}", answer.json()));
        }
        assert!(server.lives(), "{name} ended the server");
        assert_eq!(
            server.process("filter-ok", &original).ok().body,
            good,
            "after {name}"
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_outside_world_is_not_there() {
    let modes = [
        "read-file",
        "write-file",
        "network",
        "clock",
        "sleep",
        "environment",
        "random",
    ];
    let server = Server::of(modes.map(|mode| (mode, filter(mode))))
        .plugins(fixture_plugins())
        .start();
    let original = pictures::small(ImageFormat::Png, 16, 16);
    let saw = |mode| {
        let facts = server
            .process_with(mode, &[("accept", "application/json")], &original)
            .ok()
            .json();
        facts["metadata"]["bad"]["saw"].clone()
    };
    for mode in ["read-file", "write-file"] {
        let answer = saw(mode);
        assert!(
            answer["refused"].is_string() && answer["read"].is_null() && answer["written"].is_null(),
            "{answer}"
        );
    }
    assert!(!std::path::Path::new("/tmp/stopbath-misbehave").exists());
    let network = saw("network");
    assert_eq!(network["opened"].as_array().unwrap().len(), 0, "{network}");
    assert_eq!(network["refused"].as_array().unwrap().len(), 4, "{network}");
    assert_eq!(saw("environment")["variables"], 0);
    let begun = Instant::now();
    assert_eq!(saw("sleep")["slept"], 3600);
    assert!(begun.elapsed() < IN_TIME, "{:?}", begun.elapsed());
    for mode in ["clock", "random"] {
        assert!(saw(mode).is_object());
        assert_eq!(saw(mode), saw(mode), "{mode} differs between runs");
    }
}

#[test]
fn a_failed_step_can_be_passed_over_or_replaced() {
    let with =
        |then: &str| filter("trap").replace("    limits", &format!("    on_failure: {then}\n    limits"));
    let pipelines = [
        ("plain", filter("ok")),
        ("skip", with("skip")),
        ("fallback", with("{ fallback: photo }")),
    ];
    let server = Server::of(pipelines).plugins(fixture_plugins()).start();
    let original = pictures::small(ImageFormat::Png, 40, 30);
    let plain = server.process("plain", &original).ok().picture();
    for pipeline in ["skip", "fallback"] {
        assert_eq!(
            server.process(pipeline, &original).ok().picture(),
            plain,
            "{pipeline}"
        );
        let facts = server
            .process_with(pipeline, &[("accept", "application/json")], &original)
            .ok()
            .json();
        let step = facts["steps"]
            .as_array()
            .unwrap()
            .iter()
            .find(|step| step["id"] == "bad")
            .unwrap();
        assert!(step["skipped"].as_str().unwrap().contains("trap"), "{step}");
    }
}
