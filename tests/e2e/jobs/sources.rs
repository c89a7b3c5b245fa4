//! Originals that the server fetches, and requests that come again.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use e2e::{Answer, Server, pictures};
use image::ImageFormat;
use serde_json::json;

use super::{THUMB, wait_for_end};

/// A place that gives these bytes once and is gone then; where it is, as `127.0.0.1:PORT`.
fn give_once(bytes: Vec<u8>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap().to_string();
    let given = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let length = bytes.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        stream.write_all(answer.as_bytes()).unwrap();
        stream.write_all(&bytes).unwrap();
    });
    (place, given)
}

fn submit(server: &Server, source: &str, key: Option<&str>) -> Answer {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(key.map(|key| ("idempotency-key", key)));
    let body = json!({ "source": source }).to_string();
    server.post("/v1/pipelines/thumb/jobs", &headers, body.as_bytes())
}

#[test]
fn a_source_is_fetched_once_for_each_key() {
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let (place, given) = give_once(photo.clone());
    let server = Server::of([("thumb", THUMB)])
        .args(&["--source-private", "--source-host", &place])
        .start();
    let source = format!("http://{place}/cat.png");
    let first = submit(&server, &source, Some("order-7"));
    assert_eq!(first.status, 202, "{}", String::from_utf8_lossy(&first.body));
    given.join().unwrap();
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let job = wait_for_end(&server, &id);
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(job["original"]["filename"], "cat.png");
    assert_eq!(server.get(&format!("/v1/jobs/{id}/original")).ok().body, photo);

    let again = submit(&server, &source, Some("order-7"));
    assert_eq!((again.status, again.header("idempotent-replayed")), (202, "true"));
    assert_eq!(again.json()["id"], id.as_str());
    let other = submit(&server, &format!("http://{place}/dog.png"), Some("order-7"));
    assert_eq!((other.status, other.problem().as_str()), (409, "conflict"));
    let gone = submit(&server, &source, None);
    assert_eq!((gone.status, gone.problem().as_str()), (502, "source-failed"));
    let listed = server.get("/v1/jobs").ok().json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), 1, "{listed:#}");
}

#[test]
fn json_is_never_taken_for_an_image() {
    let server = Server::of([("thumb", THUMB)]).start();
    let body = br#" { "source": "https://example.com/cat.png" }"#;
    let (form, json_type) = ("application/x-www-form-urlencoded", "application/json");
    for (path, content_type) in [
        ("thumb/jobs", form),
        ("thumb/process", form),
        ("thumb/process", json_type),
        ("thumb/process?wait=30s", form),
        ("thumb/process?wait=30s", json_type),
    ] {
        let path = format!("/v1/pipelines/{path}");
        let refused = server.post(&path, &[("content-type", content_type)], body);
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (400, "bad-request"),
            "{path} {content_type}"
        );
        assert!(refused.json()["detail"].as_str().unwrap().contains("/jobs"));
    }
    let listed = server.get("/v1/jobs").ok().json();
    assert_eq!(listed["jobs"], json!([]), "and no dead letter is left");
    // What curl says of any body that it is told to send.
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    drop(
        server
            .process_with("thumb", &[("content-type", form)], &photo)
            .ok(),
    );
}

#[test]
fn only_what_is_allowed_is_fetched() {
    let server = Server::of([("thumb", THUMB)])
        .args(&["--source-private", "--source-host", "127.0.0.1"])
        .start();
    let local = Server::of([("thumb", THUMB)])
        .args(&["--source-host", "*"])
        .start();
    for (server, source) in [
        (&server, "http://127.0.0.1:22/"),
        (&server, "http://localhost/"),
        (&server, "file:///etc/passwd"),
        (&local, "http://localhost/"),
    ] {
        let refused = submit(server, source, None);
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (403, "not-allowed"),
            "{source}"
        );
    }
}
