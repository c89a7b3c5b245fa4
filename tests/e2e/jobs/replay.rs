//! A job can be run again on another machine, to the same bytes or the same failure, with every picture on the way.

use std::path::Path;
use std::time::{Duration, SystemTime};

use e2e::{Server, pictures, root, stopbath};
use guest_builder::Guest;
use image::ImageFormat;
use serde_json::Value;
use tempfile::TempDir;

use super::{THUMB, submit, wait_for, wait_for_end};

/// The guest gets pictures that are 40 wide, and such as are no larger already.
const STEPS: &str = "steps:
  - { id: photo, uses: decode }
  - { id: small, uses: resize, with: { width: 40 } }
  - { id: guest, uses: visitor@^1 }
renditions:
  - { name: out.png, format: png }
  - { name: out.jpg, format: jpeg }
";

/// A plugin that is nowhere but at the server; it traps on pictures of this width.
fn install(folder: &Path, width: u32) {
    let guest = Guest {
        name: "visitor".to_owned(),
        ..Guest::at_width(width, "unreachable")
    };
    std::fs::write(folder.join("visitor.wasm"), guest.component().unwrap()).unwrap();
}

fn serve(width: u32) -> (TempDir, Server) {
    let folder = TempDir::new().unwrap();
    install(folder.path(), width);
    let server = Server::of([("visit", STEPS)]).plugins(folder.path()).start();
    (folder, server)
}

/// On a machine that has no plugins yet; what it fetches lies in `data`, beside the results.
fn replay(server: &Server, job: &str, into: &Path) -> e2e::Ran {
    let beside = into.parent().unwrap();
    let none = beside.join("no-plugins");
    std::fs::create_dir_all(&none).unwrap();
    let data = beside.join("data");
    stopbath([
        Path::new("replay"),
        Path::new(job),
        Path::new("-o"),
        into,
        Path::new("--server"),
        Path::new(server.url()),
        Path::new("--data"),
        &data,
        Path::new("--plugins"),
        &none,
    ])
}

fn id(job: &Value) -> &str {
    job["id"].as_str().unwrap()
}

fn report(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("report.json")).unwrap()).unwrap()
}

fn size(path: &Path) -> (u32, u32) {
    pictures::read(&std::fs::read(path).unwrap()).dimensions()
}

#[test]
fn a_success_is_replayed_to_the_same_bytes() {
    let (_plugins, server) = serve(1);
    let photo = pictures::small(ImageFormat::Png, 80, 60);
    let job = wait_for_end(&server, &submit(&server, "visit", &photo));
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let folder = TempDir::new().unwrap();
    // The second time the plugin is there already.
    for time in ["first", "second"] {
        let into = folder.path().join(time);
        let ran = replay(&server, id(&job), &into).ok();
        for expected in [
            "out.png: same bytes as the job's",
            "out.jpg: same bytes as the job's",
            "visitor@1.0.0",
            "02-small.png",
        ] {
            assert!(ran.output.contains(expected), "{expected}: {}", ran.output);
        }
        assert_eq!(std::fs::read(into.join("original")).unwrap(), photo);
        assert_eq!(size(&into.join("01-photo.png")), (80, 60));
        assert_eq!(size(&into.join("02-small.png")), (40, 30));
        assert_eq!(size(&into.join("03-guest.png")), (40, 30));
        for rendition in job["renditions"].as_array().unwrap() {
            let there = server.get(rendition["href"].as_str().unwrap()).ok().body;
            let here = into.join("renditions").join(rendition["name"].as_str().unwrap());
            assert_eq!(std::fs::read(here).unwrap(), there);
        }
        let report = report(&into);
        assert_eq!((&report["same"], &report["job"]), (&true.into(), &job["id"]));
        assert_eq!(report["report"]["steps"][2]["id"], "guest");
    }
    let fetched = std::fs::read_dir(folder.path().join("data/components")).unwrap();
    assert_eq!(fetched.count(), 1);
}

#[test]
fn a_dead_letter_is_replayed_up_to_where_it_died() {
    let (_plugins, server) = serve(40);
    let photo = pictures::small(ImageFormat::Png, 80, 60);
    let job = wait_for_end(&server, &submit(&server, "visit", &photo));
    assert_eq!(job["state"], "dead", "{job:#}");
    let folder = TempDir::new().unwrap();
    let into = folder.path().join("out");
    let ran = replay(&server, id(&job), &into).ok();
    for expected in [
        "the job is a dead letter: step `guest`: trap",
        "the same failure as the job's: step `guest`: trap",
        "not run",
    ] {
        assert!(ran.output.contains(expected), "{expected}: {}", ran.output);
    }
    assert_eq!(size(&into.join("01-photo.png")), (80, 60));
    assert_eq!(size(&into.join("02-small.png")), (40, 30));
    assert!(!into.join("03-guest.png").exists());
    assert!(!into.join("renditions").exists());
    let report = report(&into);
    assert_eq!(
        (&report["failure"]["kind"], &report["failure"]["step"]),
        (&"trap".into(), &"guest".into())
    );
}

#[test]
fn a_job_runs_with_the_plugin_of_its_time_after_that_was_replaced() {
    // A folder of its own: servers keep copies there.
    let (plugins, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    install(plugins.path(), 1);
    let mut server = Server::of([("visit", STEPS)])
        .plugins(plugins.path())
        .args(&["--data", data.path().to_str().unwrap()])
        .start();
    // The executors have it, and get no further.
    server.signal_executors("STOP");
    let photo = pictures::small(ImageFormat::Png, 80, 60);
    let waiting = submit(&server, "visit", &photo);
    // Another build of the same version, which fails.
    install(plugins.path(), 40);
    std::fs::remove_dir_all(data.path().join("components")).unwrap();
    assert!(server.kill_and_restart(&[]), "{}", server.log());
    let job = wait_for_end(&server, &waiting);
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(job["attempts_failed"], 0, "{job:#}");
    let newer = pictures::small(ImageFormat::Png, 80, 61);
    let newer = wait_for_end(&server, &submit(&server, "visit", &newer));
    assert_eq!(newer["state"], "dead", "{newer:#}");
    assert_ne!(newer["plan"], job["plan"]);
    let folder = TempDir::new().unwrap();
    let ran = replay(&server, &waiting, &folder.path().join("out")).ok();
    assert!(
        ran.output.contains("out.png: same bytes as the job's"),
        "{}",
        ran.output
    );
}

/// Nobody else is kept waiting by it, and nothing is lost.
#[test]
fn jobs_wait_for_a_component_that_is_nowhere_until_it_is_there_again() {
    let (plugins, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    install(plugins.path(), 1);
    let mut server = Server::of([("visit", STEPS), ("thumb", THUMB)])
        .plugins(plugins.path())
        .args(&["--data", data.path().to_str().unwrap(), "--backlog", "60"])
        .start();
    server.signal_executors("STOP");
    let photo = |n: u32| pictures::small(ImageFormat::Png, 80 + n, 60);
    let waiting: Vec<String> = (0..4).map(|n| submit(&server, "visit", &photo(n))).collect();

    std::fs::remove_file(plugins.path().join("visitor.wasm")).unwrap();
    std::fs::remove_dir_all(data.path().join("components")).unwrap();
    std::fs::remove_dir_all(server.blobs().join("components")).unwrap();
    let unfinished = data.path().join("components/.tmpabc");
    std::fs::create_dir_all(unfinished.parent().unwrap()).unwrap();
    let file = std::fs::File::create(&unfinished).unwrap();
    let hour_ago = SystemTime::now() - Duration::from_hours(1);
    file.set_modified(hour_ago).unwrap();
    assert!(server.kill_and_restart(&[]), "{}", server.log());
    assert!(!unfinished.exists());
    for id in &waiting {
        let job = wait_for(&server, id, &["parked"]);
        assert_eq!(job["parked_for"], "visitor@1.0.0", "{job:#}");
        assert_eq!(job["attempts_failed"], 0, "{job:#}");
    }
    let breakers = server.get("/v1/breakers").ok().json();
    assert_eq!(breakers[0]["plugin"], "visitor@1.0.0", "{breakers:#}");
    assert_eq!(breakers[0]["phase"], "missing", "{breakers:#}");
    let reason = breakers[0]["reason"].as_str().unwrap();
    assert!(reason.contains("install visitor@1.0.0 ("), "{reason}");
    for n in 0..3 {
        let other = wait_for_end(&server, &submit(&server, "thumb", &photo(n)));
        assert_eq!(other["state"], "succeeded", "{other:#}");
    }

    install(plugins.path(), 1);
    assert!(server.kill_and_restart(&[]), "{}", server.log());
    for id in &waiting {
        let job = wait_for_end(&server, id);
        assert_eq!(job["state"], "succeeded", "{job:#}");
        assert_eq!(job["attempts_failed"], 0, "{job:#}");
    }
    let breakers = server.get("/v1/breakers").ok().json();
    assert_eq!(breakers[0]["phase"], "closed", "{breakers:#}");
}

#[test]
fn a_kept_component_that_was_damaged_is_kept_anew() {
    let (plugins, mut server) = serve(1);
    let bytes = std::fs::read(plugins.path().join("visitor.wasm")).unwrap();
    let folder = server.blobs().join("components");
    let kept: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(std::fs::read(&kept[0]).unwrap(), bytes);
    // Of the same length.
    std::fs::write(&kept[0], vec![0; bytes.len()]).unwrap();
    assert!(server.kill_and_restart(&[]), "{}", server.log());
    assert_eq!(std::fs::read(&kept[0]).unwrap(), bytes);
}

#[test]
fn plans_and_components_are_there_for_others() {
    let (plugins, server) = serve(1);
    let job = wait_for_end(
        &server,
        &submit(&server, "visit", &pictures::small(ImageFormat::Png, 80, 60)),
    );
    let plan = server.get(&format!("/v1/jobs/{}/plan", id(&job))).ok().json();
    assert_eq!(plan["digest"], job["plan"]);
    let digest = plan["steps"][2]["action"]["plugin"]["digest"].as_str().unwrap();
    let component = server.get(&format!("/v1/plugins/{digest}/component")).ok();
    assert_eq!(component.header("content-type"), "application/wasm");
    let file = plugins.path().join("visitor.wasm");
    assert_eq!(component.body, std::fs::read(&file).unwrap());
    // Another file by now, and executors that have loaded nothing yet: the server has a copy of what was installed.
    std::fs::write(&file, b"something else").unwrap();
    server.signal_executors("KILL");
    let again = submit(&server, "visit", &pictures::small(ImageFormat::Png, 80, 62));
    let again = wait_for_end(&server, &again);
    assert_eq!(again["state"], "succeeded", "{again:#}");
    let kept = server.get(&format!("/v1/plugins/{digest}/component")).ok();
    assert_eq!(kept.body, component.body);
    for missing in ["/v1/jobs/nobody/plan", "/v1/plugins/0123/component"] {
        let answer = server.get(missing);
        assert_eq!((answer.status, answer.problem().as_str()), (404, "not-found"));
    }
    let folder = TempDir::new().unwrap();
    let nobody = replay(&server, "nobody", &folder.path().join("out"));
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.errors.contains("nobody"), "{}", nobody.errors);
}

#[test]
fn run_keeps_what_the_steps_made_as_well() {
    let folder = TempDir::new().unwrap();
    let (out, steps) = (folder.path().join("out"), folder.path().join("steps"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let run = |pipeline: &str| {
        let ran = stopbath([
            "run".to_owned(),
            text(&root().join("pipelines").join(pipeline)),
            text(&pictures::path("chelsea.jpg")),
            text(&pictures::path("chelsea-pan.gif")),
            "-o".to_owned(),
            text(&out),
            "--keep-steps".to_owned(),
            text(&steps.join(pipeline)),
        ]);
        drop(ran.ok());
    };
    run("thumb.yaml");
    let kept = |path: &str| std::fs::read(steps.join(path)).unwrap();
    let small = pictures::read(&kept("thumb.yaml/chelsea/02-small.png"));
    let thumb = pictures::read(&std::fs::read(out.join("chelsea-thumb.jpg")).unwrap());
    assert!(pictures::difference(&small, &thumb) < 6.0);
    let moving = kept("thumb.yaml/chelsea-pan/01-photo.png");
    assert!(moving.windows(4).any(|chunk| chunk == b"acTL"), "all its frames");
    run("analyze.yaml");
    let hash: Value = serde_json::from_slice(&kept("analyze.yaml/chelsea/03-blurhash.json")).unwrap();
    let result = std::fs::read(out.join("chelsea.json")).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&result).unwrap()["blurhash"],
        hash
    );
}
