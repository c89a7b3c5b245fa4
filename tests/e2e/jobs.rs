//! Durable jobs: what was accepted ends, once, and nothing of it is lost.

mod batch;
mod breaker;
mod dead;
mod drain;
mod kill;
mod redrive;
mod replay;
mod seed;
mod sources;
mod webhooks;

use std::time::{Duration, Instant};

use e2e::{Server, form, pictures, stopbath};
use image::{DynamicImage, ImageFormat};
use serde_json::Value;

pub(crate) const THUMB: &str = "steps:
  - { id: photo, uses: decode }
  - { id: small, uses: resize, with: { width: 32, height: 32 } }
renditions:
  - { name: small.png, from: small, format: png }
";

/// Submits and gives back the job's id.
fn submit(server: &Server, pipeline: &str, photo: &[u8]) -> String {
    let accepted = server.post(&format!("/v1/pipelines/{pipeline}/jobs"), &[], photo);
    assert_eq!(
        accepted.status,
        202,
        "{}",
        String::from_utf8_lossy(&accepted.body)
    );
    let job = accepted.json();
    let id = job["id"].as_str().unwrap().to_owned();
    assert_eq!(accepted.header("location"), format!("/v1/jobs/{id}"));
    assert!(job["state"].is_string(), "{job}");
    id
}

fn show(server: &Server, id: &str) -> Value {
    server.get(&format!("/v1/jobs/{id}")).ok().json()
}

/// Waits until the job is in one of these states.
fn wait_for(server: &Server, id: &str, states: &[&str]) -> Value {
    let begun = Instant::now();
    loop {
        let job = show(server, id);
        if states.iter().any(|state| job["state"] == *state) {
            return job;
        }
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "{id} is not {states:?}: {job:#}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Looks until it is so.
fn wait_until(mut look: impl FnMut() -> Value, done: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let seen = look();
        if done(&seen) {
            return seen;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{seen:#}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn wait_for_end(server: &Server, id: &str) -> Value {
    wait_for(server, id, &["succeeded", "dead", "cancelled"])
}

#[test]
fn a_job_gives_what_a_synchronous_call_gives() {
    let server = Server::of([("thumb", THUMB)]).start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let expected = server.process("thumb", &photo).ok();
    let job = wait_for_end(&server, &submit(&server, "thumb", &photo));
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let rendition = &job["renditions"][0];
    assert_eq!(
        (&rendition["name"], &rendition["width"]),
        (&"small.png".into(), &32.into())
    );
    let got = server.get(rendition["href"].as_str().unwrap()).ok();
    assert_eq!(got.body, expected.body);
    assert_eq!(got.header("content-type"), "image/png");
    assert_eq!(
        server.get(job["original"]["href"].as_str().unwrap()).ok().body,
        photo
    );
    assert_eq!(job["report"]["steps"][1]["id"], "small");
    for step in job["report"]["steps"].as_array().unwrap() {
        assert!(step["ms"].is_number() && step["cache"] == "miss", "{step}");
    }
    let missing = server.get(&format!(
        "/v1/jobs/{}/renditions/other.png",
        job["id"].as_str().unwrap()
    ));
    assert_eq!((missing.status, missing.problem().as_str()), (404, "not-found"));
}

#[test]
fn the_same_request_makes_one_job() {
    let server = Server::of([("thumb", THUMB)]).start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let post = |body: &[u8]| {
        server.post(
            "/v1/pipelines/thumb/jobs",
            &[("idempotency-key", "order-7")],
            body,
        )
    };
    let first = post(&photo).json();
    let again = post(&photo);
    assert_eq!((again.status, again.header("idempotent-replayed")), (202, "true"));
    assert_eq!(again.json()["id"], first["id"]);
    let other = post(&pictures::small(ImageFormat::Png, 20, 20));
    assert_eq!((other.status, other.problem().as_str()), (409, "conflict"));
    let listed = server.get("/v1/jobs").ok().json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 1, "{listed:#}");
}

#[test]
fn who_waits_gets_the_answer_or_the_address_of_the_job() {
    let server = Server::of([("thumb", THUMB)]).start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let expected = server.process("thumb", &photo).ok().body;
    let in_time = server.process("thumb?wait=30s", &photo).ok();
    assert_eq!(in_time.body, expected);
    let id = in_time.header("stopbath-job");
    assert_eq!(in_time.header("location"), format!("/v1/jobs/{id}"));
    assert_eq!(wait_for_end(&server, id)["state"], "succeeded");
    let (content_type, body) = form("file", "cat.png", &photo);
    let named = server.process_with("thumb?wait=30s", &[("content-type", &content_type)], &body);
    let named = show(&server, named.ok().header("stopbath-job"));
    assert_eq!(named["original"]["filename"], "cat.png");
    let later = server.process("thumb?wait=1ms", &photo);
    assert_eq!(later.status, 202);
    let location = later.header("location").to_owned();
    let id = location.rsplit('/').next().unwrap();
    assert_eq!(wait_for_end(&server, id)["state"], "succeeded");
    let bad = server.process("thumb?wait=30s", b"no picture at all");
    assert_eq!((bad.status, bad.problem().as_str()), (415, "unsupported"));
    let letter = format!("/v1/dead/{}", bad.header("stopbath-job"));
    assert_eq!(server.get(&letter).ok().json()["failure"]["kind"], "unsupported");
    let counts = server.get("/v1/counts").ok().json();
    assert_eq!(counts["thumb"]["succeeded"], 3, "nothing is run twice: {counts}");
    assert_eq!(counts["thumb"]["dead"], 1, "{counts}");
}

#[test]
fn lists_go_by_pages_and_by_state() {
    let server = Server::of([("thumb", THUMB)]).start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let ids: Vec<String> = (0..5).map(|_| submit(&server, "thumb", &photo)).collect();
    for id in &ids {
        wait_for_end(&server, id);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/jobs?limit=2&state=succeeded&pipeline=thumb".to_owned();
    loop {
        let page = server.get(&path).ok().json();
        let jobs = page["jobs"].as_array().unwrap().clone();
        seen.extend(jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/jobs?limit=2&state=succeeded&pipeline=thumb&before={next}"),
            None => break,
        }
    }
    seen.reverse();
    assert_eq!(seen, ids, "newest first, each once");
    let wrong = server.get("/v1/jobs?state=done");
    assert_eq!((wrong.status, wrong.problem().as_str()), (400, "bad-request"));
    assert!(wrong.json()["detail"].as_str().unwrap().contains("succeeded"));
}

#[test]
fn events_tell_the_whole_story_and_end() {
    let server = Server::of([("thumb", THUMB)]).start();
    let id = submit(&server, "thumb", &pictures::small(ImageFormat::Png, 64, 48));
    let told = server.get(&format!("/v1/jobs/{id}/events")).ok();
    assert_eq!(told.header("content-type"), "text/event-stream");
    let text = String::from_utf8(told.body).unwrap();
    let last = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .next_back()
        .unwrap();
    let job: Value = serde_json::from_str(last).unwrap();
    assert_eq!(
        (&job["state"], &job["id"]),
        (&"succeeded".into(), &id.as_str().into())
    );

    let last = text
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .next_back()
        .unwrap();
    let path = format!("{}/v1/jobs/{id}/events", server.url());
    let again = |seen: &str| {
        let request = ureq::get(path.as_str()).header("last-event-id", seen);
        request.call().unwrap().status().as_u16()
    };
    assert_eq!((again(last), again("queued-0")), (204, 200));
}

#[test]
fn a_cancelled_job_ends_there() {
    let server = Server::of([("thumb", THUMB)]).executors(1).start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    // The only executor stands still, so the second job certainly waits.
    server.signal_executors("STOP");
    let first = submit(&server, "thumb", &photo);
    wait_for(&server, &first, &["running"]);
    let id = submit(&server, "thumb", &photo);
    let after = server
        .post(&format!("/v1/jobs/{id}/cancel"), &[], &[])
        .ok()
        .json();
    assert_eq!(after["state"], "cancelled", "{after:#}");
    server.signal_executors("CONT");
    assert_eq!(wait_for_end(&server, &first)["state"], "succeeded");
    // A later job ends, so this one had its turn if it still had one.
    let last = submit(&server, "thumb", &photo);
    assert_eq!(wait_for_end(&server, &last)["state"], "succeeded");
    let job = show(&server, &id);
    assert_eq!(
        (&job["state"], &job["started_at"], &job["renditions"]),
        (&"cancelled".into(), &Value::Null, &Value::Null),
        "{job:#}"
    );
    let unknown = server.post("/v1/jobs/no-such-job/cancel", &[], &[]);
    assert_eq!((unknown.status, unknown.problem().as_str()), (404, "not-found"));
}

#[test]
fn the_command_line_submits_watches_and_shows() {
    let server = Server::of([("thumb", THUMB)]).start();
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.png");
    let bad = folder.path().join("bad.png");
    std::fs::write(&good, pictures::small(ImageFormat::Png, 64, 48)).unwrap();
    std::fs::write(&bad, b"\x89PNG\r\n\x1a\n and nothing else").unwrap();
    let done = stopbath([
        "job",
        "submit",
        "thumb",
        good.to_str().unwrap(),
        "--watch",
        "--server",
        server.url(),
    ])
    .ok();
    assert!(
        done.output.contains("succeeded") && done.output.contains("good.png"),
        "{}",
        done.output
    );
    let failed = stopbath([
        "job",
        "submit",
        "thumb",
        bad.to_str().unwrap(),
        "--watch",
        "--server",
        server.url(),
    ]);
    assert_eq!(failed.code, Some(1));
    assert!(
        failed.output.contains("dead") && failed.output.contains("bad-input"),
        "{}",
        failed.output
    );
    let listed = stopbath(["job", "list", "--json", "--server", server.url()])
        .ok()
        .json();
    let id = listed["jobs"][1]["id"].as_str().unwrap().to_owned();
    let shown = stopbath(["job", "show", &id, "--server", server.url()])
        .ok()
        .output;
    assert!(shown.contains("small.png") && shown.contains("32x24"), "{shown}");
    assert!(
        shown.contains("good.png") && !shown.contains("failure"),
        "{shown}"
    );
    let out = folder.path().join("out");
    let fetched = stopbath([
        "--server",
        server.url(),
        "job",
        "fetch",
        &id,
        "-o",
        out.to_str().unwrap(),
    ]);
    let file = fetched.ok().output;
    assert!(file.trim_end().ends_with("out/good-small.png"), "{file}");
    let small = pictures::read(&std::fs::read(file.trim_end()).unwrap());
    assert_eq!(small.dimensions(), (32, 24));
    let nobody = stopbath(["job", "list", "--server", "http://127.0.0.1:9"]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.errors.contains("--server"), "{}", nobody.errors);
}

#[test]
fn an_original_that_never_fits_into_memory_is_told() {
    let mut server = Server::of([("thumb", format!("retry: {{ attempts: 1 }}\n{THUMB}"))]).start();
    server.signal_executors("STOP");
    let large = pictures::encode(&DynamicImage::new_rgb8(1000, 800), ImageFormat::Bmp);
    let id = submit(&server, "thumb", &large);
    assert!(
        server.kill_and_restart(&[("STOPBATH_BUFFERS", "1")]),
        "{}",
        server.log()
    );
    let job = wait_for_end(&server, &id);
    assert_eq!(
        (&job["state"], &job["failure"]["kind"]),
        (&"dead".into(), &"infrastructure".into())
    );
    let why = job["failure"]["message"].as_str().unwrap();
    assert!(why.contains("--buffers"), "{why}");
}
