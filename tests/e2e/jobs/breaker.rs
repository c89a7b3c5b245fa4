//! A plugin that fails is paused: its jobs wait, nothing is spent on them, and others go on.

use e2e::{Server, fixture_plugins, pictures, stopbath};
use image::ImageFormat;

use super::{THUMB, show, submit, wait_for, wait_for_end};

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
    let title = breakers[0]["plugin"].as_str().unwrap().to_owned();
    let cleared = stopbath(["breaker", "clear", &title, "--server", server.url()])
        .ok()
        .output;
    assert!(cleared.contains("closed"), "{cleared}");
    // Nothing was mended, so it opens again after three of them; none is lost.
    let states: Vec<String> = parked
        .iter()
        .map(|id| wait_for(&server, id, &["dead", "parked"])["state"].to_string())
        .collect();
    assert!(
        states.iter().filter(|state| state.contains("dead")).count() <= 4,
        "{states:?}"
    );
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
