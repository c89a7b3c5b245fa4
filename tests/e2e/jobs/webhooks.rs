//! Webhooks: signed, sent again until they are taken, replayed, and no longer sent to who is gone.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::{Server, pictures, stopbath};
use hmac::{Hmac, KeyInit, Mac};
use image::ImageFormat;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{THUMB, submit, wait_for_end};

/// The second attempt comes after 5 to 6 seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came in, with small letters in the names of headers.
struct Message {
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// A tiny server that answers with these statuses in turn, and then with the last one for ever.
struct Endpoint {
    url: String,
    messages: Receiver<Message>,
}

impl Endpoint {
    fn answering(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?from=stopbath", listener.local_addr().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for (n, connection) in listener.incoming().enumerate() {
                let status = statuses[n.min(statuses.len() - 1)];
                if sender.send(answer(&connection.unwrap(), status)).is_err() {
                    return;
                }
            }
        });
        Self { url, messages }
    }

    fn next(&self) -> Message {
        self.messages.recv_timeout(PATIENCE).expect("a message")
    }
}

/// One request a connection.
fn answer(mut connection: &TcpStream, status: u16) -> Message {
    let mut reader = BufReader::new(connection);
    let mut headers = BTreeMap::new();
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("POST /hook?from=stopbath "), "{line}");
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    write!(
        connection,
        "HTTP/1.1 {status} Status\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    Message { headers, body }
}

impl Message {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The signature that the specification wants.
    fn signature(&self, secret: &str) -> String {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        for part in [
            self.header("webhook-id"),
            ".",
            self.header("webhook-timestamp"),
            ".",
        ] {
            mac.update(part.as_bytes());
        }
        mac.update(&self.body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

fn start() -> Server {
    Server::of([("thumb", THUMB)])
        .args(&["--webhook-private"])
        .start()
}

/// The endpoint's id and secret.
fn add(server: &Server, body: &Value) -> (String, String) {
    let added = server.post_json("/v1/webhooks", body);
    assert_eq!(added.status, 201, "{}", String::from_utf8_lossy(&added.body));
    let added = added.json();
    let text = |name: &str| added[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

/// Waits until the newest delivery of an endpoint is in this state after this answer.
fn wait_for_delivery(server: &Server, endpoint: &str, state: &str, status: u16) -> Value {
    let begun = Instant::now();
    loop {
        let page = server
            .get(&format!("/v1/webhooks/{endpoint}/deliveries"))
            .ok()
            .json();
        let newest = page["deliveries"][0].clone();
        if newest["state"] == state && newest["status"] == status {
            return newest;
        }
        assert!(begun.elapsed() < PATIENCE, "not {state} after {status}: {page:#}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn photo() -> Vec<u8> {
    pictures::small(ImageFormat::Png, 64, 48)
}

#[test]
fn the_end_of_a_job_is_told_and_signed() {
    let server = start();
    let receiver = Endpoint::answering(&[204]);
    let (endpoint, secret) = add(&server, &json!({ "url": receiver.url, "pipeline": "thumb" }));
    let job = submit(&server, "thumb", &photo());
    let message = receiver.next();
    assert_eq!(message.header("webhook-signature"), message.signature(&secret));
    assert_eq!(message.header("content-type"), "application/json");
    let sent: u64 = message.header("webhook-timestamp").parse().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert!(now.as_secs().abs_diff(sent) < 60, "{sent}");

    let body = message.json();
    assert_eq!(
        (&body["type"], &body["data"]["id"]),
        (&json!("job.succeeded"), &json!(job))
    );
    assert_eq!(body["data"]["state"], "succeeded");
    let shown = server.get(&format!("/v1/jobs/{job}")).ok().json();
    assert_eq!(body["timestamp"], shown["finished_at"]);
    assert_eq!(
        body["data"]["renditions"][0]["href"],
        shown["renditions"][0]["href"]
    );
    let delivery = wait_for_delivery(&server, &endpoint, "delivered", 204);
    assert_eq!(
        (&delivery["id"], &delivery["status"]),
        (&json!(message.header("webhook-id")), &json!(204))
    );

    let rotated = server
        .post(&format!("/v1/webhooks/{endpoint}/rotate"), &[], &[])
        .ok()
        .json();
    let new = rotated["secret"].as_str().unwrap();
    submit(&server, "thumb", b"no picture at all");
    let message = receiver.next();
    assert_eq!(message.json()["type"], "job.dead");
    assert_eq!(message.json()["data"]["failure"]["kind"], "unsupported");
    let both = format!("{} {}", message.signature(new), message.signature(&secret));
    assert_eq!(message.header("webhook-signature"), both);
}

#[test]
fn what_is_not_taken_comes_again_and_can_be_replayed() {
    let mut server = start();
    let receiver = Endpoint::answering(&[500, 302, 200]);
    let (endpoint, secret) = add(&server, &json!({ "url": receiver.url, "events": ["job.dead"] }));
    submit(&server, "thumb", &photo());
    let job = submit(&server, "thumb", b"no picture at all");
    let first = receiver.next();
    let listed = wait_for_delivery(&server, &endpoint, "waiting", 500);
    assert_eq!(listed["job"], job, "only the one that died");
    // What waits outlives the server.
    server.kill_and_restart(&[]);
    let second = receiver.next();
    assert_eq!(second.body, first.body);
    assert_eq!(second.header("webhook-id"), first.header("webhook-id"));
    assert_eq!(second.header("webhook-signature"), second.signature(&secret));

    // The redirect was no answer. The third attempt is minutes away, unless a person wants it now.
    wait_for_delivery(&server, &endpoint, "waiting", 302);
    let health = server.get("/v1/webhooks").ok().json();
    assert!(health[0]["failing_since"].is_string(), "{health:#}");
    let id = first.header("webhook-id");
    let replayed = server.post(&format!("/v1/deliveries/{id}/replay"), &[], &[]);
    assert_eq!(replayed.status, 202);
    assert_eq!(receiver.next().header("webhook-id"), id);
    wait_for_delivery(&server, &endpoint, "delivered", 200);
    let health = server.get("/v1/webhooks").ok().json();
    assert!(health[0]["failing_since"].is_null(), "{health:#}");
    let unknown = server.post("/v1/deliveries/msg_none/replay", &[], &[]);
    assert_eq!((unknown.status, unknown.problem().as_str()), (404, "not-found"));
}

#[test]
fn who_is_gone_is_told_nothing_until_enabled() {
    let server = start();
    let receiver = Endpoint::answering(&[410, 200]);
    let (endpoint, _) = add(&server, &json!({ "url": receiver.url }));
    wait_for_end(&server, &submit(&server, "thumb", &photo()));
    receiver.next();
    let failed = wait_for_delivery(&server, &endpoint, "failed", 410);
    let health = server.get("/v1/webhooks").ok().json();
    assert_eq!(health[0]["disabled"], "gone", "{health:#}");
    wait_for_end(&server, &submit(&server, "thumb", &photo()));
    let replay = format!("/v1/deliveries/{}/replay", failed["id"].as_str().unwrap());
    let refused = server.post(&replay, &[], &[]);
    assert_eq!((refused.status, refused.problem().as_str()), (409, "conflict"));
    assert!(receiver.messages.try_recv().is_err(), "told although it is gone");

    let enabled = server
        .post(&format!("/v1/webhooks/{endpoint}/enable"), &[], &[])
        .ok();
    assert!(enabled.json()["disabled"].is_null());
    assert_eq!(server.post(&replay, &[], &[]).status, 202);
    receiver.next();
    wait_for_delivery(&server, &endpoint, "delivered", 200);
}

#[test]
fn addresses_that_only_the_server_can_reach_are_refused() {
    let server = Server::of([("thumb", THUMB)]).start();
    for url in [
        "http://127.0.0.1:9/",
        "http://[::1]/",
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "x",
    ] {
        let refused = server.post_json("/v1/webhooks", &json!({ "url": url }));
        assert_eq!(
            (refused.status, refused.problem().as_str()),
            (400, "bad-request"),
            "{url}"
        );
    }
    for (body, status) in [
        (
            json!({ "url": "https://example.com/", "events": ["job.born"] }),
            400,
        ),
        (json!({ "url": "https://example.com/", "pipeline": "none" }), 404),
    ] {
        let refused = server.post_json("/v1/webhooks", &body);
        assert_eq!(refused.status, status, "{body}");
    }
    assert_eq!(server.get("/v1/webhooks").ok().json(), json!([]));
}

#[test]
fn the_command_line_adds_lists_and_removes() {
    let server = start();
    let receiver = Endpoint::answering(&[200]);
    let run = |arguments: &[&str]| {
        let server = ["--server", server.url()];
        stopbath(["webhook"].iter().chain(arguments).chain(&server)).ok()
    };
    let added = run(&["add", &receiver.url, "--event", "job.succeeded", "--json"]).json();
    let id = added["id"].as_str().unwrap();
    assert!(added["secret"].as_str().unwrap().starts_with("whsec_"), "{added}");
    let listed = run(&["list"]).output;
    assert!(
        listed.contains(id) && listed.contains("job.succeeded"),
        "{listed}"
    );
    submit(&server, "thumb", &photo());
    receiver.next();
    let delivery = wait_for_delivery(&server, id, "delivered", 200);
    let delivery = delivery["id"].as_str().unwrap();
    assert!(run(&["deliveries", id]).output.contains(delivery));
    run(&["replay", delivery]);
    assert_eq!(receiver.next().header("webhook-id"), delivery);
    assert!(run(&["rotate", id]).output.contains("whsec_"));
    run(&["remove", id]);
    assert_eq!(run(&["list", "--json"]).json(), json!([]));
}
