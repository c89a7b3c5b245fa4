//! Whole runs in this process, over pictures and pipelines made here.

use std::sync::{LazyLock, Mutex};

use imaging::{Frame, Pixels};
use plugin_host::{Host, HostConfig};
use workflow::pipeline::{PluginInfo, PluginKind, StaticCatalog, StepLimits, check};
use workflow::rendition::{Encode, Format};

use super::*;

/// A JPEG of 4:2:0 whose colours change from pixel to pixel, so that it matters how it is read.
fn photo(width: u32, height: u32) -> Vec<u8> {
    let pixel = |i: u32| {
        let (x, y) = (i % width, i / width);
        [
            ((x * 7) ^ (y * 3)) as u8,
            (x * y / 5) as u8,
            (x / 3 + y * 11) as u8,
        ]
    };
    let pixels: Vec<u8> = (0..width * height).flat_map(pixel).collect();
    let picture = Picture::still(Frame::new(width, height, Pixels::Rgb8(pixels.into())));
    imaging::encode(&picture, &Encode::new(Format::Jpeg)).unwrap()
}

/// A plugin that a pipeline may name, but whose file is nowhere.
fn catalog() -> StaticCatalog {
    StaticCatalog(vec![PluginInfo {
        name: "lost".to_owned(),
        version: "1.0.0".parse().unwrap(),
        digest: "0".repeat(64),
        kind: PluginKind::Filter,
        params_schema: serde_json::json!({ "type": "object" }),
        media_types: Vec::new(),
        banded: false,
        hints: StepLimits::default(),
    }])
}

fn job(steps: &str, renditions: &str) -> JobSpec {
    job_of(&format!(
        "pipeline: a\nsteps:\n  - {{ id: photo, uses: decode }}\n{steps}renditions:\n{renditions}"
    ))
}

fn job_of(source: &str) -> JobSpec {
    let checked = check(source, "a.yaml", &catalog()).unwrap_or_else(|problems| panic!("{problems:?}"));
    JobSpec {
        plan: checked.plan,
        plugins: BTreeMap::new(),
        threads: 1,
        only: None,
        keep_steps: false,
        paused: BTreeSet::new(),
    }
}

/// One host for all tests: it reserves much address space.
fn plugins() -> &'static Plugins {
    static PLUGINS: LazyLock<Plugins> =
        LazyLock::new(|| Plugins::new(Host::new(HostConfig::default()).unwrap()));
    &PLUGINS
}

fn run_quietly(job: &JobSpec, original: &[u8]) -> Outcome {
    run(job, plugins(), original, &|_| {})
}

fn rendition<'o>(outcome: &'o Outcome, name: &str) -> &'o Rendition {
    let all = outcome
        .result
        .as_ref()
        .unwrap_or_else(|failure| panic!("{failure}"));
    all.iter().find(|r| r.name == name).expect(name)
}

#[test]
fn other_bytes_have_another_key() {
    const RESIZE: &str = "  - { id: small, from: photo, uses: resize, with: { width: 200, height: 200 } }\n";
    const CONTAIN: &str =
        "  - { id: boxed, from: photo, uses: resize, with: { width: 100, height: 100, fit: contain } }\n";
    const THUMB: &str = "  - { name: thumb.jpg, from: small, format: jpeg }\n";
    const BOXED: &str = "  - { name: boxed.png, from: boxed, format: png }\n";
    let original = photo(1600, 1200);
    let before = run_quietly(&job(RESIZE, THUMB), &original);
    // `contain` wants RGB, so the decode gives RGB to both.
    let steps = format!("{RESIZE}{CONTAIN}");
    let after = run_quietly(&job(&steps, &format!("{THUMB}{BOXED}")), &original);
    let (before, after) = (rendition(&before, "thumb.jpg"), rendition(&after, "thumb.jpg"));
    assert_ne!(before.bytes, after.bytes, "or this shows nothing");
    assert_ne!(before.key, after.key);
}

#[test]
fn frames_that_a_format_does_not_keep_are_told() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/images/chelsea-pan.gif"
    );
    let renditions = "  - { name: a.jpg, format: jpeg }\n  - { name: a.gif, format: gif }\n";
    let outcome = run_quietly(&job("", renditions), &std::fs::read(path).unwrap());
    let notes = |id: &str| {
        let step = outcome.report.steps.iter().find(|step| step.id == id);
        step.unwrap().notes.clone()
    };
    assert_eq!(
        notes("a.jpg"),
        ["6 frames, only the first is kept: jpeg has no animation here"]
    );
    assert!(notes("a.gif").is_empty());
}

#[test]
fn each_decode_has_the_scale_that_it_read_at() {
    const A: &str = "  - { id: a, from: photo, uses: resize, with: { width: 100 } }\n";
    const FULL: &str = "  - { id: whole, from: original, uses: decode, with: { scale: full } }\n  - { id: b, uses: resize, with: { width: 100 } }\n";
    const OUT_A: &str = "  - { name: a.jpg, from: a, format: jpeg }\n";
    const OUT_B: &str = "  - { name: b.jpg, from: b, format: jpeg }\n";
    let original = photo(1600, 1200);
    let alone = run_quietly(&job(A, OUT_A), &original);
    let mut both = job(&format!("{A}{FULL}"), &format!("{OUT_A}{OUT_B}"));
    for threads in [1, 2] {
        both.threads = threads;
        let beside = run_quietly(&both, &original);
        let (alone, beside_) = (rendition(&alone, "a.jpg"), rendition(&beside, "a.jpg"));
        assert_eq!(alone.bytes, beside_.bytes);
        assert_eq!(alone.key, beside_.key, "on {threads} threads");
        assert_ne!(beside_.key, rendition(&beside, "b.jpg").key);
    }
}

#[test]
fn a_plugin_sees_the_random_numbers_of_its_key() {
    let seed = |step: &str| {
        let job = job(step, "  - { name: a.png, format: png }\n");
        let run = Run::new(&job, plugins(), b"original", &|_| {});
        run.made().keys[0] = "of the decode".to_owned();
        run.seed(1, key::Outcome::AsPlanned)
    };
    let named = seed("  - { id: one, uses: lost@^1 }\n");
    assert_eq!(
        named,
        seed("  - { id: other, uses: lost@^1, limits: { timeout: 1s } }\n")
    );
    assert_ne!(named, seed("  - { id: one, uses: lost@^1, with: { x: 1 } }\n"));
}

#[test]
fn types_may_be_written_in_any_way() {
    let original = photo(64, 48);
    let ends = |types: &str| {
        let source = format!(
            "pipeline: a\ninput: {{ types: [{types}] }}\nsteps: [{{ id: photo, uses: decode }}]\nrenditions: [{{ name: a.png, format: png }}]\n"
        );
        let outcome = run_quietly(&job_of(&source), &original);
        outcome
            .result
            .map_or_else(|failure| failure.kind.name(), |_| "ok")
    };
    assert_eq!(
        ["jpg", "JPEG", "image/jpeg", "image/jpg", "png"].map(ends),
        ["ok", "ok", "ok", "ok", "unsupported"]
    );
}

#[test]
fn what_is_not_the_steps_fault_is_never_passed_over() {
    const OUT: &str = "  - { name: a.png, format: png }\n";
    let original = photo(64, 48);
    for way in ["skip", "{ fallback: photo }", "{ fallback: lost@1.0.0 }"] {
        let job = job(
            &format!("  - {{ id: marked, uses: lost@^1, on_failure: {way} }}\n"),
            OUT,
        );
        let outcome = run_quietly(&job, &original);
        let failure = outcome.result.unwrap_err();
        assert_eq!(
            (failure.kind, failure.step.as_deref()),
            (FailureKind::Infrastructure, Some("marked")),
            "{way}"
        );
        assert_eq!(outcome.report.skipped, [""; 0]);
    }
}

#[test]
fn a_timeout_is_passed_over_where_it_was_the_plugins_own() {
    let job = job(
        "  - { id: marked, uses: lost@^1, on_failure: skip }\n",
        "  - { name: a.png, format: png }\n",
    );
    let mut run = Run::new(&job, plugins(), b"original", &|_| {});
    let after = |run: &Run<'_>, kind| {
        let failure = Failure::new(kind, "of the plugin");
        run.after_failure(failure, 1, &[Value::Nothing], &mut StepReport::default())
            .map(drop)
            .map_err(|failure| failure.message)
    };
    assert_eq!(after(&run, FailureKind::Timeout), Ok(()), "its own limit");
    assert!(run.made().detours.contains_key(&1));
    run.deadline = Instant::now();
    let job_is_late = after(&run, FailureKind::Timeout).unwrap_err();
    assert!(job_is_late.starts_with("the job took longer"), "{job_is_late}");
    assert_eq!(after(&run, FailureKind::Trap), Ok(()));
    assert_eq!(
        after(&run, FailureKind::Infrastructure),
        Err("of the plugin".to_owned())
    );
}

#[test]
fn steps_that_were_passed_over_are_reported() {
    // Outside of the picture, which only the run can tell.
    const STEPS: &str = "  - { id: cut, uses: crop, with: { x: 500, y: 500, width: 9, height: 9 }, on_failure: skip }\n  - { id: small, uses: resize, with: { width: 30 } }\n  - { id: again, from: photo, uses: crop, with: { x: 500, y: 500, width: 9, height: 9 }, on_failure: { fallback: small } }\n";
    let job = job(
        STEPS,
        "  - { name: a.png, from: small, format: png }\n  - { name: b.png, from: again, format: png }\n",
    );
    let outcome = run_quietly(&job, &photo(64, 48));
    let (a, b) = (rendition(&outcome, "a.png"), rendition(&outcome, "b.png"));
    assert_eq!((a.width, &a.key), (30, &b.key));
    assert_eq!(outcome.report.skipped, ["cut"]);
    assert_eq!(outcome.report.replaced, ["again"]);
}

#[test]
fn of_several_failures_the_first_in_the_plan_is_reported() {
    // The first takes its time, the second fails at once.
    const STEPS: &str = "  - { id: soft, uses: blur, with: { sigma: 40 } }\n  - { id: first, uses: crop, with: { x: 9000, y: 0, width: 9, height: 9 } }\n  - { id: second, from: photo, uses: crop, with: { x: 9000, y: 0, width: 9, height: 9 } }\n";
    const OUT: &str = "  - { name: p.png, from: photo, format: png }\n  - { name: a.png, from: first, format: png }\n  - { name: b.png, from: second, format: png }\n";
    let original = photo(640, 480);
    let mut job = job(STEPS, OUT);
    for threads in [1, 2, 3] {
        job.threads = threads;
        let failure = run_quietly(&job, &original).result.unwrap_err();
        assert_eq!(failure.step.as_deref(), Some("first"), "on {threads} threads");
    }
}

#[test]
fn what_runs_is_announced_renditions_too() {
    let mut job = job(
        "  - { id: small, uses: resize, with: { width: 30 } }\n",
        "  - { name: a.jpg, format: jpeg }\n  - { name: b.webp, from: photo, format: webp }\n",
    );
    let announced = |job: &JobSpec| {
        let said = Mutex::new(Vec::new());
        let say = |names: &str| said.lock().unwrap().push(names.to_owned());
        run(job, plugins(), &photo(64, 48), &say).result.unwrap();
        said.into_inner().unwrap()
    };
    assert_eq!(announced(&job), ["photo", "small", "a.jpg", "b.webp", ""]);
    job.threads = 2;
    assert_eq!(announced(&job).last().unwrap(), "");
    job.threads = 1;
    job.only = Some("b.webp".to_owned());
    assert_eq!(announced(&job), ["photo", "small", "b.webp", ""]);
}

#[test]
fn a_paused_step_takes_its_detour_and_does_not_run() {
    const OUT: &str = "  - { name: a.png, format: png }\n";
    for (way, replaced_by) in [("skip", None), ("{ fallback: photo }", Some("photo"))] {
        let mut job = job(
            &format!("  - {{ id: marked, uses: lost@^1, on_failure: {way} }}\n"),
            OUT,
        );
        job.paused.insert("0".repeat(64));
        let outcome = run_quietly(&job, &photo(64, 48));
        assert_eq!(rendition(&outcome, "a.png").width, 64);
        let step = &outcome.report.steps[1];
        assert!(step.paused);
        assert_eq!(step.skipped.as_deref(), Some("the breaker of lost@1.0.0 is open"));
        assert_eq!(step.replaced_by.as_deref(), replaced_by);
        assert_eq!(outcome.report.skipped.len() + outcome.report.replaced.len(), 1);
    }
}

#[test]
fn what_steps_made_is_kept_also_before_a_failure() {
    const STEPS: &str = "  - { id: small, uses: resize, with: { width: 30 } }\n  - { id: cut, uses: crop, with: { x: 500, y: 0, width: 9, height: 9 } }\n";
    let mut job = job(STEPS, "  - { name: a.png, format: png }\n");
    job.keep_steps = true;
    let kept = Mutex::new(Vec::new());
    let keep = |made: Kept| kept.lock().unwrap().push(made);
    let outcome = watched(&job, plugins(), &photo(64, 48), &|_| {}, &keep);
    assert_eq!(outcome.result.unwrap_err().step.as_deref(), Some("cut"));
    let kept = kept.into_inner().unwrap();
    let names: Vec<_> = kept
        .iter()
        .map(|made| (made.place, made.report.id.as_str(), made.ending.as_str()))
        .collect();
    assert_eq!(names, [(0, "photo", "png"), (1, "small", "png")]);
    assert!(kept.iter().all(|made| made.bytes.starts_with(b"\x89PNG")));
}
