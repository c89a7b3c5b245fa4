//! Several originals in one request: a job for each, or none at all.

use e2e::{Answer, Server, fixture_plugins, form_of, pictures, stopbath};
use image::ImageFormat;
use serde_json::{Value, json};

use super::{THUMB, wait_for_end};

const JOBS: &str = "/v1/pipelines/thumb/jobs";

/// Two seconds a job, unless a limit is met before.
const SLOW: &str = "steps:
  - { id: photo, uses: decode }
  - id: bad
    uses: misbehave@^1
    with: { mode: slow }
    limits: { fuel_base: 500000000, fuel_per_pixel: 200, memory: 32MiB, timeout: 2s }
renditions:
  - { name: out.png, format: png }
";

fn photo(n: u32) -> Vec<u8> {
    pictures::small(ImageFormat::Png, 64 + n, 48)
}

fn post(server: &Server, path: &str, key: Option<&str>, files: &[(&str, &[u8])]) -> Answer {
    let (content_type, body) = form_of("file", files.iter().copied());
    let mut headers = vec![("content-type", content_type.as_str())];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    server.post(path, &headers, &body)
}

/// Ids and file names of the jobs, in the answer's order.
fn jobs(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
    let answer = answer.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let each = answer["jobs"].as_array().unwrap().iter();
    each.map(|job| (text(&job["id"]), text(&job["original"]["filename"])))
        .collect()
}

fn is_empty(server: &Server) {
    assert_eq!(server.get("/v1/jobs").ok().json()["jobs"], json!([]));
}

#[test]
fn each_file_of_a_form_becomes_a_job() {
    let server = Server::of([("thumb", THUMB)]).start();
    let photos = [photo(0), photo(1), photo(2)];
    let files = [
        ("a.png", &*photos[0]),
        ("b.png", &*photos[1]),
        ("c.png", &*photos[2]),
    ];
    let accepted = post(&server, JOBS, None, &files);
    assert_eq!(accepted.header("location"), "", "there is no single place");
    let made = jobs(&accepted);
    assert_eq!(made.len(), 3);
    for ((id, filename), (name, bytes)) in made.iter().zip(files) {
        assert_eq!(filename, name);
        let job = wait_for_end(&server, id);
        assert_eq!(job["state"], "succeeded", "{job:#}");
        let original = server.get(job["original"]["href"].as_str().unwrap()).ok();
        assert_eq!(original.body, bytes, "{name}");
    }
    let one = post(&server, JOBS, None, &files[..1]);
    assert_eq!(one.status, 202);
    let job = one.json();
    assert_eq!(
        (&job["state"], &job["original"]["filename"]),
        (&json!("queued"), &json!("a.png"))
    );
    let id = job["id"].as_str().unwrap();
    assert_eq!(one.header("location"), format!("/v1/jobs/{id}"));
}

#[test]
fn the_same_key_makes_a_batch_once() {
    let server = Server::of([("thumb", THUMB)]).start();
    let photos = [photo(0), photo(1)];
    let files = [("a.png", &*photos[0]), ("b.png", &*photos[1])];
    let first = post(&server, JOBS, Some("order-7"), &files);
    let again = post(&server, JOBS, Some("order-7"), &files);
    assert_eq!(first.header("idempotent-replayed"), "");
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(jobs(&again), jobs(&first));
    let turned = [files[1], files[0]];
    for other in [&files[..1], &turned[..]] {
        let refused = post(&server, JOBS, Some("order-7"), other);
        assert_eq!((refused.status, refused.problem().as_str()), (409, "conflict"));
    }
    let listed = server.get("/v1/jobs").ok().json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 2, "{listed:#}");
}

#[test]
fn one_bad_file_refuses_all_and_is_named() {
    let server = Server::of([("thumb", format!("input: {{ max_bytes: 50kB }}\n{THUMB}"))]).start();
    let (good, large) = (photo(0), vec![7; 60_000]);
    let files = [("good.png", &*good), ("large.png", &*large), ("more.png", &*good)];
    let refused = post(&server, JOBS, None, &files);
    assert_eq!((refused.status, refused.problem().as_str()), (413, "too-large"));
    let detail = refused.json()["detail"].to_string();
    assert!(
        detail.contains("file 2") && detail.contains("large.png"),
        "{detail}"
    );

    let (content_type, body) = form_of("file", [("a.png", &*good), ("b.png", &*good)]);
    let cut = &body[..body.len() - 60];
    let broken = server.post(JOBS, &[("content-type", &content_type)], cut);
    let empty = post(&server, JOBS, None, &[("a.png", &*good), ("b.png", &b""[..])]);
    for refused in [broken, empty] {
        assert_eq!((refused.status, refused.problem().as_str()), (400, "bad-request"));
        let detail = refused.json()["detail"].to_string();
        assert!(detail.contains("file 2") && detail.contains("b.png"), "{detail}");
    }
    let named = format!("{JOBS}?filename=one.png");
    let refused = post(&server, &named, None, &[("a.png", &*good), ("b.png", &*good)]);
    assert_eq!((refused.status, refused.problem().as_str()), (400, "bad-request"));
    is_empty(&server);
}

#[test]
fn there_is_an_end_to_files_and_sources() {
    let server = Server::of([("thumb", THUMB)]).start();
    let refused = post(&server, JOBS, None, &vec![("a", &b"x"[..]); 1001]);
    assert_eq!((refused.status, refused.problem().as_str()), (400, "bad-request"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("1000"));
    for (body, status) in [
        (json!({ "sources": vec!["https://example.com/a.png"; 101] }), 400),
        (json!({ "sources": [] }), 400),
        (
            json!({ "source": "https://example.com/", "sources": ["https://example.com/"] }),
            400,
        ),
        (
            json!({ "sources": ["https://example.com/a.png", "https://example.com/b.png"] }),
            403,
        ),
    ] {
        let refused = server.post_json(JOBS, &body);
        assert_eq!(refused.status, status, "{body}");
    }
    is_empty(&server);
}

#[test]
fn what_stands_between_files_is_not_hoarded() {
    let server = Server::of([("thumb", THUMB)]).start();
    let mut client = server.connect();
    let head = format!(
        "POST {JOBS} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
         Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    );
    client.send(head.as_bytes()).unwrap();
    let file =
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\na\r\n--x\r\nA: ";
    client.send_chunk(file.as_bytes()).unwrap();
    let filler = vec![b'a'; 100_000];
    for _ in 0..40 {
        client.send_chunk(&filler).unwrap();
    }
    client.send(b"0\r\n\r\n").unwrap();
    let answer = client.answer();
    assert_eq!((answer.status, answer.problem().as_str()), (400, "bad-request"));
    let detail = answer.json()["detail"].to_string();
    assert!(
        detail.contains("behind file 1") && detail.contains("between"),
        "{detail}"
    );
    is_empty(&server);
}

#[test]
fn who_comes_while_too_much_waits_is_told_when_to_come_back() {
    let server = Server::of([("slow", SLOW)])
        .plugins(fixture_plugins())
        .executors(1)
        .args(&["--backlog", "0"])
        .start();
    let photos = [photo(0), photo(1), photo(2)];
    let path = "/v1/pipelines/slow/jobs";
    // More than the limit, but nothing waits before it.
    let files = photos.iter().map(|photo| ("a.png", &**photo)).collect::<Vec<_>>();
    assert_eq!(jobs(&post(&server, path, None, &files)).len(), 3);
    let refused = server.post(path, &[], &photos[0]);
    assert_eq!((refused.status, refused.problem().as_str()), (503, "overloaded"));
    let after: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..60).contains(&after), "{after} s");
    let listed = server.get("/v1/jobs").ok().json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 3, "{listed:#}");
}

#[test]
fn a_lost_answer_is_given_again_however_much_waits() {
    let server = Server::of([("slow", SLOW)])
        .plugins(fixture_plugins())
        .executors(1)
        .args(&["--backlog", "0"])
        .start();
    let photos = [photo(0), photo(1)];
    let path = "/v1/pipelines/slow/jobs";
    let files = [("a.png", &*photos[0]), ("b.png", &*photos[1])];
    let first = jobs(&post(&server, path, Some("order-7"), &files));
    let refused = post(&server, path, Some("order-8"), &files);
    assert_eq!((refused.status, refused.problem().as_str()), (503, "overloaded"));
    let again = post(&server, path, Some("order-7"), &files);
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(jobs(&again), first);
    let other = post(&server, path, Some("order-7"), &files[..1]);
    assert_eq!((other.status, other.problem().as_str()), (409, "conflict"));
}

#[test]
fn the_command_line_sends_several_together() {
    let server = Server::of([("thumb", THUMB)]).start();
    let folder = tempfile::tempdir().unwrap();
    let images: Vec<String> = (0..3)
        .map(|n| {
            let path = folder.path().join(format!("photo \"{n}\".png"));
            std::fs::write(&path, photo(n)).unwrap();
            path.to_str().unwrap().to_owned()
        })
        .collect();
    let submit = |more: &[&str]| {
        let images = images.iter().map(String::as_str);
        let server = ["--server", server.url()];
        let all: Vec<&str> = ["job", "submit", "thumb"].into_iter().chain(images).collect();
        stopbath(all.iter().chain(&server).chain(more))
    };
    let sent = submit(&[]).ok().output;
    assert_eq!(sent.lines().count(), 3, "{sent}");
    for (line, image) in sent.lines().zip(&images) {
        let id = line.split(' ').next().unwrap();
        assert!(line.ends_with(image.as_str()), "{sent}");
        assert_eq!(wait_for_end(&server, id)["state"], "succeeded");
    }
    let watched = submit(&["--watch"]).ok().output;
    assert_eq!(watched.matches("succeeded").count(), 3, "{watched}");
    let lines = submit(&["--json", "--watch"]).ok().output;
    let line = |text: &str| serde_json::from_str::<Value>(text).unwrap()["state"].take();
    assert_eq!(lines.lines().map(line).collect::<Vec<_>>(), ["succeeded"; 3]);
    for wrong in ["is empty", "read "] {
        if wrong == "is empty" {
            std::fs::write(&images[1], []).unwrap();
        } else {
            std::fs::remove_file(&images[1]).unwrap();
        }
        let refused = submit(&[]);
        assert_eq!(refused.code, Some(1));
        let named = refused.errors.contains(&images[1]) && refused.errors.contains(wrong);
        assert!(named, "{}", refused.errors);
    }
    let counts = server.get("/v1/counts").ok().json();
    assert_eq!(
        counts["thumb"]["succeeded"], 9,
        "none of the others was sent: {counts}"
    );
}
