//! Blobs in S3: what lies there, what a person is told who names the wrong place, and bad weather on the way to it.

use e2e::s3::{BadWay, S3, Weather, address, storm, with_keys};
use e2e::{Answer, Server, pictures, refused_start, sqlite};
use image::ImageFormat;
use serde_json::Value;

use crate::jobs::THUMB;

#[test]
fn originals_and_renditions_lie_there_by_their_digests() {
    let s3 = S3::start();
    let builder = Server::of([("thumb", THUMB)]).blobs(address(s3.url(), "some/where", 15));
    let server = with_keys(builder).start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let made = server.process("thumb?wait=30s", &photo).ok();
    let listed = server.get("/v1/jobs").ok().json();
    let id = listed["jobs"][0]["id"].as_str().unwrap();
    let job = server.get(&format!("/v1/jobs/{id}")).ok().json();
    let there = |file: &Value| s3.object("some/where", file["digest"].as_str().unwrap());
    assert_eq!(there(&job["original"]), photo);
    assert_eq!(there(&job["renditions"][0]), made.body);
}

#[test]
fn a_wrong_place_is_told_at_the_start() {
    let s3 = S3::start();
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(folder.path());
    let start = |blobs: &str| {
        let errors = refused_start(folder.path(), &store, blobs);
        assert!(errors.contains("open the blobs"), "{errors}");
        errors
    };
    let anybody = format!("endpoint={}&skip_signature=true", s3.url());
    let missing = start(&format!("s3://nobody-made-this/x?{anybody}"));
    assert!(
        missing.contains("s3://nobody-made-this/x cannot be used: there is no such bucket"),
        "{missing}"
    );
    let gone = start("s3://blobs/x?endpoint=http://127.0.0.1:9&skip_signature=true&timeout=1");
    assert!(gone.contains("look at `endpoint`"), "{gone}");
    let mistyped = start(&format!("s3://blobs/x?{anybody}&bukket=y"));
    assert!(
        mistyped.contains("`bukket`") && mistyped.contains("`endpoint`"),
        "{mistyped}"
    );
}

#[test]
fn what_is_sent_again_after_an_outage_makes_one_job() {
    let s3 = S3::start();
    let way = BadWay::to(&s3, 20_261_128);
    let builder = Server::of([("thumb", THUMB)]).blobs(address(&way.url(), "again", 3));
    let server = with_keys(builder).start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let send = |key: &str| -> Answer {
        server.post("/v1/pipelines/thumb/jobs", &[("idempotency-key", key)], &photo)
    };
    let mut ids = Vec::new();
    for n in 0..8 {
        let key = format!("order-{n}");
        if n % 4 == 0 {
            way.set(Weather::Outage);
            let refused = send(&key);
            assert_eq!(
                (refused.status, refused.problem().as_str()),
                (503, "infrastructure")
            );
            assert!(!refused.header("retry-after").is_empty());
        }
        way.set(Weather::Bad);
        let taken = std::iter::repeat_with(|| send(&key))
            .take(50)
            .find(|answer| answer.status == 202);
        ids.push(taken.expect("it is taken at last").json()["id"].clone());
    }
    way.set(Weather::Good);
    for (n, id) in ids.iter().enumerate() {
        let again = send(&format!("order-{n}"));
        assert_eq!((again.status, again.header("idempotent-replayed")), (202, "true"));
        assert_eq!(&again.json()["id"], id);
    }
    let listed = server.get("/v1/jobs").ok().json();
    assert_eq!(listed["jobs"].as_array().unwrap().len(), ids.len(), "{listed:#}");
}

#[test]
fn bad_weather_and_outages_lose_nothing() {
    let weathered = storm(1, 20_261_128);
    eprintln!("{weathered}");
}
