//! A plugin that fails is paused: its jobs wait, nothing is spent on them, and others go on.

use std::path::Path;

use e2e::{Server, fixture_plugins, pictures, stopbath};
use guest_builder::Guest;
use image::ImageFormat;
use serde_json::Value;
use tempfile::TempDir;

use super::{THUMB, show, submit, wait_for, wait_for_end, wait_until};

const TRAP: &str = "steps:
  - { id: photo, uses: decode }
  - id: guest
    uses: misbehave@^1
    with: { mode: trap }
    breaker: { min_failures: 3, window: 10, cooldown: 10m }
renditions:
  - { name: out.png, format: png }
";

fn photo(n: u32) -> Vec<u8> {
    pictures::small(ImageFormat::Png, 40 + n, 30)
}

#[test]
fn it_opens_parks_and_is_cleared() {
    let server = Server::of([("trap", TRAP), ("thumb", THUMB)])
        .plugins(fixture_plugins())
        .executors(1)
        .start();
    for n in 0..3 {
        let job = wait_for_end(&server, &submit(&server, "trap", &photo(n)));
        assert_eq!(job["state"], "dead", "{job:#}");
    }
    let parked: Vec<String> = (10..14).map(|n| submit(&server, "trap", &photo(n))).collect();
    for id in &parked {
        let job = wait_for(&server, id, &["parked"]);
        assert_eq!(job["attempts_failed"], 0, "parking costs nothing: {job:#}");
        assert!(
            job["parked_for"].as_str().unwrap().starts_with("misbehave@"),
            "{job:#}"
        );
    }
    let other = wait_for_end(&server, &submit(&server, "thumb", &photo(0)));
    assert_eq!(other["state"], "succeeded", "others go on");
    let breakers = server.get("/v1/breakers").ok().json();
    assert_eq!(
        (&breakers[0]["closed"], &breakers[0]["parked"]),
        (&false.into(), &4.into()),
        "{breakers:#}"
    );
    assert_eq!(breakers[0]["phase"], "open", "{breakers:#}");
    for told in ["since", "reason", "next_probe_at"] {
        assert!(breakers[0][told].is_string(), "{told}: {breakers:#}");
    }
    let title = breakers[0]["plugin"].as_str().unwrap().to_owned();
    let cleared = stopbath(["breaker", "clear", &title, "--server", server.url()])
        .ok()
        .output;
    assert!(cleared.contains("closed"), "{cleared}");
    // Nothing was mended, so it opens again after three of them; the last waits on.
    let done = |counts: &Value| counts["trap"]["dead"] == 6 && counts["trap"]["parked"] == 1;
    wait_until(|| server.get("/v1/counts").ok().json(), done);
    let states: Vec<Value> = parked
        .iter()
        .map(|id| show(&server, id)["state"].clone())
        .collect();
    assert_eq!(states, ["dead", "dead", "dead", "parked"], "oldest first");
    assert_eq!(breaker(&server, &title)["closed"], false);
}

#[test]
fn a_plugin_is_paused_before_its_first_job() {
    let server = Server::of([("trap", TRAP)]).plugins(fixture_plugins()).start();
    let isolated = server
        .post("/v1/breakers/misbehave/isolate", &[], &[])
        .ok()
        .json();
    assert_eq!(isolated["phase"], "isolated", "{isolated:#}");
    let id = submit(&server, "trap", &photo(0));
    let parked = wait_for(&server, &id, &["parked", "dead"]);
    assert_eq!(parked["parked_for"], isolated["plugin"], "{parked:#}");
    let unknown = server.post("/v1/breakers/nothing/trip", &[], &[]);
    assert_eq!((unknown.status, unknown.problem().as_str()), (404, "not-found"));
}

#[test]
fn one_poison_image_a_hundred_times_does_not_open_it() {
    let server = Server::of([("trap", TRAP)]).plugins(fixture_plugins()).start();
    let poison = photo(0);
    let ids: Vec<String> = (0..100).map(|_| submit(&server, "trap", &poison)).collect();
    for id in &ids {
        assert_eq!(wait_for_end(&server, id)["state"], "dead");
    }
    let breakers = server.get("/v1/breakers").ok().json();
    assert_eq!(breakers[0]["closed"], true, "{breakers:#}");
    assert_eq!(show(&server, &ids[99])["failure"]["kind"], "trap");
}

/// The width of pictures that a sick guest traps on; `photo` makes none of it below 60.
const SICK: u32 = 100;

/// Passes pictures on as they are; a sick one traps on those of one width.
pub(super) fn install(folder: &Path, name: &str, version: &str, sick: bool) {
    let guest = if sick {
        Guest::at_width(SICK, "unreachable")
    } else {
        Guest::default()
    };
    let guest = Guest {
        name: name.to_owned(),
        version: version.to_owned(),
        ..guest
    };
    let file = folder.join(format!("{name}-{version}.wasm"));
    std::fs::write(file, guest.component().unwrap()).unwrap();
}

/// A picture like no other that a sick guest traps on.
fn poison(n: u32) -> Vec<u8> {
    pictures::small(ImageFormat::Png, SICK, 30 + n)
}

pub(super) fn with_guest(more: &str) -> String {
    format!(
        "steps:\n  - {{ id: photo, uses: decode }}\n  - {{ id: guest, uses: guest@^1, {more} }}\nrenditions:\n  - {{ name: out.png, format: png }}\n"
    )
}

fn breaker(server: &Server, title: &str) -> Value {
    let all = server.get("/v1/breakers").ok().json();
    let all = all.as_array().unwrap();
    let found = all.iter().find(|breaker| breaker["plugin"] == title);
    found.unwrap_or_else(|| panic!("no {title} in {all:#?}")).clone()
}

fn ends(server: &Server, pipeline: &str, photo: &[u8], state: &str) -> Value {
    let job = wait_for_end(server, &submit(server, pipeline, photo));
    assert_eq!(job["state"], state, "{job:#}");
    job
}

/// What the report says of the step `guest`.
fn guest(job: &Value) -> &Value {
    let steps = job["report"]["steps"].as_array().unwrap();
    steps.iter().find(|step| step["id"] == "guest").unwrap()
}

pub(super) fn switch(server: &Server, action: &str, plugin: &str) -> e2e::Ran {
    stopbath(["breaker", action, plugin, "--server", server.url()])
}

/// A version starts to fail on everything; it is paused within its window, nobody else notices, and when a healed
/// one is there, those who waited go on with it. What died before is sent through it with one command.
#[test]
fn a_sick_version_is_paused_and_healed_by_the_next() {
    let folder = TempDir::new().unwrap();
    install(folder.path(), "guest", "1.0.0", true);
    let pipelines = [
        ("guest", with_guest("breaker: { cooldown: 10m }")),
        (
            "lenient",
            with_guest("breaker: { cooldown: 10m }, on_failure: skip"),
        ),
        ("thumb", THUMB.to_owned()),
    ];
    let mut server = Server::of(pipelines).plugins(folder.path()).executors(1).start();
    for n in 0..4 {
        ends(&server, "guest", &photo(n), "succeeded");
    }
    for n in 0..5 {
        assert_eq!(
            breaker(&server, "guest@1.0.0")["closed"],
            true,
            "after {n} failures"
        );
        let job = ends(&server, "guest", &poison(n), "dead");
        assert_eq!(job["failure"]["kind"], "trap", "{job:#}");
    }
    let open = breaker(&server, "guest@1.0.0");
    assert_eq!(open["closed"], false, "5 of 9 originals failed: {open:#}");

    let mut waiting = Vec::new();
    for n in 0..10 {
        waiting.push(submit(&server, "guest", &photo(4 + n)));
        waiting.push(submit(&server, "guest", &poison(5 + n)));
    }
    for id in &waiting {
        let job = wait_for(&server, id, &["parked"]);
        assert_eq!(
            (&job["attempts_failed"], &job["parked_for"]),
            (&0.into(), &"guest@1.0.0".into())
        );
    }
    ends(&server, "thumb", &photo(0), "succeeded");
    let lenient = ends(&server, "lenient", &poison(30), "succeeded");
    let step = guest(&lenient);
    assert_eq!(
        (&step["skipped"], &step["paused"], &step["fuel"]),
        (
            &"the breaker of guest@1.0.0 is open".into(),
            &true.into(),
            &Value::Null
        ),
        "{step:#}"
    );
    assert_eq!(lenient["report"]["skipped"][0], "guest");
    let still = breaker(&server, "guest@1.0.0");
    for told in ["phase", "since", "originals", "failures"] {
        assert_eq!(still[told], open[told], "what did not run says nothing");
    }
    assert_eq!(still["parked"], 20);
    let stuck = switch(&server, "move", "guest@1.0.0");
    assert_eq!(stuck.code, Some(1));
    assert!(stuck.errors.contains("still use it"), "{}", stuck.errors);

    install(folder.path(), "guest", "1.0.1", false);
    assert!(server.kill_and_restart(&[]));
    let mut begun = Vec::new();
    for id in &waiting {
        let job = wait_for_end(&server, id);
        assert_eq!(job["state"], "succeeded", "{job:#}");
        assert!(job["errors"].is_null(), "it never failed: {job:#}");
        assert_eq!(guest(&job)["uses"], "guest@1.0.1");
        begun.push(job["started_at"].as_str().unwrap().to_owned());
    }
    assert!(begun.is_sorted(), "oldest first: {begun:#?}");
    let moved = switch(&server, "move", "guest@1.0.0").ok().output;
    assert!(moved.contains("0 jobs parked"), "{moved}");
    assert_eq!(server.get("/v1/counts").ok().json()["guest"]["dead"], 5);
    drop(
        stopbath([
            "dead",
            "redrive",
            "--pipeline",
            "guest",
            "--latest",
            "--server",
            server.url(),
        ])
        .ok(),
    );
    let done = |counts: &Value| counts["guest"]["succeeded"] == 29;
    let counts = wait_until(|| server.get("/v1/counts").ok().json(), done);
    assert_eq!(
        counts["guest"]["dead"].as_u64().unwrap_or_default(),
        0,
        "{counts}"
    );
    ends(&server, "guest", &poison(40), "succeeded");
}

/// Nobody is parked for it, so newcomers have to show that it works again.
#[test]
fn a_breaker_recovers_where_every_pipeline_does_without() {
    let folder = TempDir::new().unwrap();
    install(folder.path(), "guest", "1.0.0", true);
    let lenient = with_guest("breaker: { min_failures: 3, window: 10, cooldown: 5s }, on_failure: skip");
    let server = Server::of([("lenient", lenient)])
        .plugins(folder.path())
        .executors(1)
        .start();
    for n in 0..3 {
        let job = ends(&server, "lenient", &poison(n), "succeeded");
        assert!(
            guest(&job)["skipped"].as_str().unwrap().contains("trap"),
            "{job:#}"
        );
    }
    let open = breaker(&server, "guest@1.0.0");
    assert_eq!(
        (&open["closed"], &open["phase"]),
        (&false.into(), &"open".into()),
        "{open:#}"
    );
    let job = ends(&server, "lenient", &poison(3), "succeeded");
    assert_eq!(guest(&job)["paused"], true, "{job:#}");
    let look = || breaker(&server, "guest@1.0.0");
    wait_until(look, |breaker| breaker["closed"] == true);
    let mut n = 0;
    let try_one = || {
        n += 1;
        let job = ends(&server, "lenient", &photo(n), "succeeded");
        serde_json::json!({ "step": guest(&job), "breaker": look() })
    };
    let last = wait_until(try_one, |seen| seen["breaker"]["phase"] == "closed");
    assert!(last["step"]["skipped"].is_null(), "{last:#}");
    assert!(n < 10, "three that do well are enough, but it took {n}");
}

#[test]
fn the_stand_in_serves_until_it_is_paused_too() {
    let folder = TempDir::new().unwrap();
    install(folder.path(), "guest", "1.0.0", false);
    install(folder.path(), "spare", "1.0.0", false);
    let pipeline = with_guest("on_failure: { fallback: spare@1.0.0 }");
    let server = Server::of([("guest", pipeline)]).plugins(folder.path()).start();
    ends(&server, "guest", &photo(0), "succeeded");
    drop(switch(&server, "isolate", "guest@1.0.0").ok());
    let job = ends(&server, "guest", &photo(1), "succeeded");
    let step = guest(&job);
    assert_eq!(
        (&step["uses"], &step["replaced_by"], &step["paused"]),
        (
            &"spare@1.0.0 for guest@1.0.0".into(),
            &"spare@1.0.0".into(),
            &true.into()
        )
    );

    drop(switch(&server, "isolate", "spare@1.0.0").ok());
    let id = submit(&server, "guest", &photo(2));
    assert_eq!(wait_for(&server, &id, &["parked"])["parked_for"], "guest@1.0.0");
    drop(switch(&server, "clear", "spare@1.0.0").ok());
    let waited = wait_for_end(&server, &id);
    assert_eq!(waited["state"], "succeeded", "{waited:#}");
    assert_eq!(guest(&waited)["replaced_by"], "spare@1.0.0");

    drop(switch(&server, "clear", "guest@1.0.0").ok());
    let planned = ends(&server, "guest", &photo(1), "succeeded");
    let (instead, planned) = (&job["renditions"][0], &planned["renditions"][0]);
    assert_ne!(instead["key"], planned["key"], "the key tells who made it");
    assert_eq!(instead["digest"], planned["digest"]);
}
