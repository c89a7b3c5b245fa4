//! Dead letters keep their original, stand in groups, and can be sent through again or let go.

use e2e::{Server, fixture_plugins, pictures, stopbath};
use image::ImageFormat;
use serde_json::json;

use super::{THUMB, submit, wait_for_end};

/// A plugin that traps.
const TRAP: &str = "steps:
  - { id: photo, uses: decode }
  - id: guest
    uses: misbehave@^1
    with: { mode: trap }
    breaker: { min_failures: 1000, window: 1000 }
renditions:
  - { name: out.png, format: png }
";

#[test]
fn what_cannot_be_done_becomes_a_dead_letter_with_its_original() {
    let server = Server::of([("thumb", THUMB)]).start();
    let cut: Vec<u8> = pictures::small(ImageFormat::Png, 64, 48)[..90].to_vec();
    let garbage = b"this is no picture".to_vec();
    for (bytes, kind) in [(&cut, "bad-input"), (&garbage, "unsupported")] {
        let job = wait_for_end(&server, &submit(&server, "thumb", bytes));
        assert_eq!(
            (&job["state"], &job["failure"]["kind"]),
            (&"dead".into(), &kind.into()),
            "{job:#}"
        );
        assert_eq!(
            job["errors"].as_array().unwrap().len(),
            1,
            "no retry can help: {job:#}"
        );
        let letter = server
            .get(&format!("/v1/dead/{}", job["id"].as_str().unwrap()))
            .ok()
            .json();
        let original = server.get(letter["original_href"].as_str().unwrap()).ok();
        assert_eq!(&original.body, bytes);
        assert_eq!(original.header("content-disposition"), "attachment");
    }
    let groups = server.get("/v1/dead/groups").ok().json()["groups"].take();
    assert_eq!(groups.as_array().unwrap().len(), 2, "{groups:#}");
}

#[test]
fn the_same_bytes_fail_at_once_and_stand_in_one_group() {
    let other = TRAP
        .replace("out.png, format: png", "out.webp, format: webp")
        .replace("id: guest", "id: late");
    let server = Server::of([("trap", TRAP.to_owned()), ("other", other)])
        .plugins(fixture_plugins())
        .start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let first = wait_for_end(&server, &submit(&server, "trap", &photo));
    assert_eq!(first["failure"]["kind"], "trap", "{first:#}");
    let again = wait_for_end(&server, &submit(&server, "trap", &photo));
    assert_eq!(
        (&again["state"], &again["report"]["known"]),
        (&"dead".into(), &true.into()),
        "{again:#}"
    );
    let step = &again["report"]["steps"][0];
    assert_eq!(
        (&step["id"], &step["cache"]),
        (&first["failure"]["step"], &"hit".into())
    );
    let groups = server.get("/v1/dead/groups").ok().json()["groups"].take();
    assert_eq!(
        (&groups[0]["count"], groups.as_array().unwrap().len()),
        (&2.into(), 1),
        "{groups:#}"
    );
    let elsewhere = wait_for_end(&server, &submit(&server, "other", &photo));
    assert_eq!(
        (&elsewhere["report"]["known"], &elsewhere["failure"]["step"]),
        (&true.into(), &"late".into()),
        "the same step in another pipeline: {elsewhere:#}"
    );
}

#[test]
fn letters_are_redriven_and_purged() {
    let server = Server::of([("thumb", THUMB)]).start();
    let ids: Vec<String> = (0..4)
        .map(|n| submit(&server, "thumb", format!("no picture {n}").as_bytes()))
        .collect();
    for id in &ids {
        wait_for_end(&server, id);
    }
    let nothing = server.post_json("/v1/dead/redrive", &json!({}));
    assert_eq!((nothing.status, nothing.problem().as_str()), (400, "bad-request"));
    let dry = server
        .post_json("/v1/dead/redrive", &json!({ "all": true, "dry_run": true }))
        .ok()
        .json();
    let named = dry["jobs"].as_array().unwrap().len();
    assert_eq!((named, &dry["count"]), (4, &4.into()));
    let first = json!({ "all": true, "dry_run": true, "limit": 1 });
    let first = server.post_json("/v1/dead/redrive", &first).ok().json();
    assert_eq!(
        first["jobs"],
        json!([ids[0]]),
        "a dry run names the one that would go"
    );
    let oldest = json!({ "pipeline": "thumb", "limit": 1 });
    let begun = server.post_json("/v1/dead/redrive", &oldest);
    assert_eq!((begun.status, &begun.json()["sent"]), (202, &1.into()));
    let job = wait_for_end(&server, &ids[0]);
    assert_eq!(
        (&job["state"], job["errors"].as_array().unwrap().len()),
        (&"dead".into(), 2)
    );
    let letter = server.get(&format!("/v1/dead/{}", ids[0])).ok().json();
    assert_eq!(letter["redrives"], 1);
    let fresh = json!({ "all": true, "dry_run": true, "most_redrives": 1 });
    let fresh = server.post_json("/v1/dead/redrive", &fresh).ok().json();
    assert_eq!(
        fresh["jobs"],
        json!(ids[1..]),
        "and leaves out the one that would not"
    );

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let exported = stopbath(["dead", "export", "--all", "-o", out, "--server", server.url()]).ok();
    assert!(exported.output.contains("4 written"), "{}", exported.output);
    let saved = std::fs::read(folder.path().join(format!("{}.original", ids[2]))).unwrap();
    assert_eq!(saved, b"no picture 2");

    let listed = stopbath(["dead", "list", "--server", server.url()]).ok().output;
    assert!(listed.contains("unsupported") && listed.contains('4'), "{listed}");
    let purged = stopbath(["dead", "purge", &ids[1], &ids[2], "--server", server.url()])
        .ok()
        .output;
    assert!(purged.contains("2 purged"), "{purged}");
    assert_eq!(wait_for_end(&server, &ids[1])["state"], "cancelled");
    let groups = server.get("/v1/dead/groups").ok().json()["groups"].take();
    assert_eq!(groups[0]["count"], 2, "{groups:#}");
    let again = server.post_json("/v1/dead/purge", &json!({ "jobs": [ids[1]] }));
    assert_eq!((again.status, again.problem().as_str()), (404, "not-found"));
}

#[test]
fn a_dead_letter_is_purged_and_not_cancelled() {
    let server = Server::of([("thumb", THUMB)]).start();
    let path = "/v1/pipelines/thumb/jobs?filename=%C3%A9t%C3%A9.jpg";
    let accepted = server.post(path, &[], b"no picture").json();
    let id = accepted["id"].as_str().unwrap().to_owned();
    wait_for_end(&server, &id);
    let refused = server.post(&format!("/v1/jobs/{id}/cancel"), &[], &[]);
    assert_eq!((refused.status, refused.problem().as_str()), (409, "conflict"));
    let original = format!("/v1/jobs/{id}/original");
    let kept = server.get(&original).ok();
    assert_eq!(kept.body, b"no picture");
    assert_eq!(
        kept.header("content-disposition"),
        "attachment; filename=\"_t_.jpg\"; filename*=UTF-8''%C3%A9t%C3%A9.jpg"
    );
    drop(server.post_json("/v1/dead/purge", &json!({ "jobs": [id] })).ok());
    let gone = server.get(&original);
    assert_eq!((gone.status, gone.problem().as_str()), (404, "not-found"));
    assert!(gone.json()["detail"].as_str().unwrap().contains("purged"));
    let ended = server.post(&format!("/v1/jobs/{id}/cancel"), &[], &[]).ok();
    assert_eq!(ended.json()["state"], "cancelled", "that is no error");
}
