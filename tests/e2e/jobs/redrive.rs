//! Redrives as operations: a canary goes first, a mended pipeline takes the rest, and who did it is written down.

use e2e::{Answer, Ran, Server, pictures, sqlite, stopbath};
use image::ImageFormat;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{THUMB, show, submit, wait_for_end, wait_until};

/// A server whose pipeline was mended after jobs had died of it.
struct Mended {
    server: Server,
    /// Of the dead jobs, oldest first.
    ids: Vec<String>,
    _folder: TempDir,
}

fn mended(letters: u32) -> Mended {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path());
    let blobs = folder.path().join("blobs");
    let start = |yaml: &str| Server::of([("thumb", yaml)]).store(&store).blobs(&blobs).start();
    let picky = start(&format!("input: {{ max_pixels: 0.001MP }}\n{THUMB}"));
    let mut ids = Vec::new();
    for n in 0..letters {
        let id = submit(&picky, "thumb", &pictures::small(ImageFormat::Png, 64, 40 + n));
        let job = wait_for_end(&picky, &id);
        assert_eq!(job["failure"]["kind"], "too-large", "{job:#}");
        ids.push(id);
    }
    drop(picky);
    Mended {
        server: start(THUMB),
        ids,
        _folder: folder,
    }
}

impl Mended {
    fn redrive(&self, body: &Value) -> Answer {
        self.server.post_json("/v1/dead/redrive", body)
    }

    /// The id of the operation.
    fn begin(&self, body: &Value) -> String {
        let answer = self.redrive(body);
        assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(answer.header("location"), format!("/v1/redrives/{id}"));
        id
    }

    fn finished(&self, id: &str) -> Value {
        let look = || self.server.get(&format!("/v1/redrives/{id}")).ok().json();
        wait_until(look, |redrive| redrive["finished_at"].is_string())
    }

    fn states(&self) -> Vec<Value> {
        let state = |id: &String| show(&self.server, id)["state"].clone();
        self.ids.iter().map(state).collect()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let server = ["--server", self.server.url()];
        stopbath(arguments.iter().copied().chain(server))
    }
}

#[test]
fn a_canary_goes_first_and_the_rest_follows() {
    let mended = mended(5);
    let groups = mended.server.get("/v1/dead/groups").ok().json()["groups"].take();
    let group = groups[0]["group"].as_str().unwrap();
    let ran = mended.run(&["dead", "redrive", "--group", group, "--latest", "--canary", "2"]);
    let output = ran.ok().output;
    assert!(output.contains("done: 5 of 5 sent, 5 succeeded"), "{output}");
    assert_eq!(mended.states(), ["succeeded"; 5]);
    let listed = mended.server.get("/v1/redrives").ok().json();
    let redrive = &listed["redrives"][0];
    assert_eq!(
        (&redrive["canary"], &redrive["group"], &redrive["by"]),
        (&2.into(), &group.into(), &"local".into())
    );
    let id = redrive["id"].as_str().unwrap();
    for command in [&["dead", "redrives"][..], &["audit"][..]] {
        let output = mended.run(command).ok().output;
        assert!(output.contains(id), "{command:?}: {output}");
    }
}

#[test]
fn a_canary_that_dies_again_stops_it() {
    let mended = mended(4);
    let command = [
        "dead",
        "redrive",
        "--all",
        "--canary",
        "2",
        "--canary-failures",
        "1",
    ];
    let ran = mended.run(&command);
    assert_eq!(ran.code, Some(1), "{}{}", ran.output, ran.errors);
    let said = "stopped: 2 of 4 sent, 2 died again  (2 of the first 2 died again, and at most 1 may)";
    assert!(ran.output.contains(said), "{}", ran.output);
    let groups = mended.server.get("/v1/dead/groups").ok().json()["groups"].take();
    assert_eq!(groups[0]["count"], 4, "{groups:#}");
}

#[test]
fn a_dry_run_counts_and_nonsense_is_refused() {
    let mended = mended(3);
    let letter = mended
        .server
        .get(&format!("/v1/dead/{}", mended.ids[0]))
        .ok()
        .json();
    for (mut order, count, jobs) in [
        (json!({ "all": true, "latest": true }), 3, 3),
        (json!({ "pipeline": "thumb", "plan": letter["plan"] }), 3, 3),
        (json!({ "all": true, "limit": 2 }), 2, 2),
        (json!({ "pipeline": "icons" }), 0, 0),
        (json!({ "jobs": [mended.ids[0]] }), 1, 1),
    ] {
        order["dry_run"] = true.into();
        let preview = mended.redrive(&order).ok().json();
        assert_eq!(preview["count"], count, "{order}: {preview}");
        assert_eq!(preview["jobs"], json!(mended.ids[..jobs]), "{order}");
    }
    for (order, status) in [
        (json!({ "rate": 5 }), 400),
        (json!({ "all": true, "rate": 0 }), 400),
        (json!({ "all": true, "canary": 2, "canary_failures": 2 }), 400),
        (
            json!({ "all": true, "latest": true, "plan": letter["plan"] }),
            400,
        ),
        (json!({ "all": true, "plan": "no such plan" }), 404),
        (json!({ "pipeline": "icons", "latest": true }), 404),
        (json!({ "pipeline": "icons" }), 404),
        (json!({ "jobs": ["no such job"] }), 404),
        (json!({ "group": "no such group" }), 404),
    ] {
        let refused = mended.redrive(&order);
        assert_eq!(refused.status, status, "{order}");
        refused.problem();
    }
    assert_eq!(mended.states(), ["dead"; 3]);
    let none = mended.server.get("/v1/redrives").ok().json();
    assert_eq!(none["redrives"], json!([]));
}

#[test]
fn a_redrive_is_cancelled_and_the_log_says_by_whom() {
    let mended = mended(4);
    let id = mended.begin(&json!({ "all": true, "latest": true, "rate": 1 }));
    assert_eq!(wait_for_end(&mended.server, &mended.ids[0])["state"], "succeeded");
    let cancelled = mended.run(&["dead", "redrive-cancel", &id]).ok().output;
    assert!(cancelled.contains("cancelled: 1 of 4 sent"), "{cancelled}");
    let redrive = mended.finished(&id);
    assert_eq!(
        (&redrive["state"], &redrive["sent"], &redrive["succeeded"]),
        (&"cancelled".into(), &1.into(), &1.into()),
        "{redrive:#}"
    );
    let kept = mended.run(&["job", "cancel", &mended.ids[1]]);
    assert_eq!(kept.code, Some(1));
    assert!(kept.errors.contains("dead purge"), "{}", kept.errors);
    drop(mended.run(&["dead", "purge", &mended.ids[2]]).ok());
    assert_eq!(mended.states(), ["succeeded", "dead", "cancelled", "dead"]);
    let log = mended.server.get("/v1/audit").ok().json();
    let entries = log["entries"].as_array().unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            (
                entry["action"].as_str().unwrap(),
                entry["subject"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("dead.purge", mended.ids[2].as_str()),
            ("redrive.cancel", &id),
            ("dead.redrive", &id),
        ]
    );
    assert!(entries.iter().all(|entry| entry["who"] == "local"), "{log:#}");
}

#[test]
fn it_goes_on_after_the_server_was_killed() {
    let mut mended = mended(4);
    let id = mended.begin(&json!({ "all": true, "latest": true, "canary": 1 }));
    assert!(mended.server.kill_and_restart(&[]), "{}", mended.server.log());
    let redrive = mended.finished(&id);
    assert_eq!(
        (&redrive["state"], &redrive["succeeded"]),
        (&"done".into(), &4.into()),
        "{redrive:#}"
    );
    assert_eq!(mended.states(), ["succeeded"; 4]);
}
