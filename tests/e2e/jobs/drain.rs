//! A server that is told to stop: it finishes what is in hand, begins nothing more, and leaves the rest to the next.

use std::time::{Duration, Instant};

use e2e::{Server, pictures};
use image::ImageFormat;
use tempfile::TempDir;

use super::breaker::{install, switch, with_guest};
use super::{THUMB, show, submit, wait_for, wait_for_end};

const JOBS: u32 = 20;
/// Less than work in hand may take.
const PROMPT: Duration = Duration::from_secs(10);

#[test]
fn jobs_in_hand_are_finished_and_the_rest_runs_after_the_restart() {
    let mut server = Server::of([("thumb", THUMB)]).executors(1).start();
    // The only executor stands still, so one job is in hand and all others wait.
    server.signal_executors("STOP");
    let photo = |n: u32| pictures::small(ImageFormat::Png, 40 + n, 30);
    let ids: Vec<String> = (0..JOBS).map(|n| submit(&server, "thumb", &photo(n))).collect();
    wait_for(&server, &ids[0], &["running"]);
    server.signal("TERM");
    let begun = Instant::now();
    while !server.log().contains("told to stop") {
        assert!(begun.elapsed() < PROMPT, "it does not hear:\n{}", server.log());
        std::thread::sleep(Duration::from_millis(10));
    }
    server.signal_executors("CONT");
    assert_eq!(server.wait(), Some(0), "{}", server.log());

    assert!(server.kill_and_restart(&[]), "{}", server.log());
    for (n, id) in ids.iter().enumerate() {
        let job = wait_for_end(&server, id);
        assert_eq!(
            (&job["state"], &job["rescues"], &job["attempts_failed"]),
            (&"succeeded".into(), &0.into(), &0.into()),
            "{n}: {job:#}"
        );
    }
    let counts = server.get("/v1/counts").ok().json();
    assert_eq!(counts["thumb"]["succeeded"], JOBS, "{counts}");
    // Finished by the first server, and begun by the second.
    let worker = |id: &str| show(&server, id)["worker"].clone();
    assert_ne!(worker(&ids[0]), worker(&ids[1]), "nothing more is begun");
}

#[test]
fn who_watches_a_waiting_job_does_not_hold_it_up() {
    let folder = TempDir::new().unwrap();
    install(folder.path(), "guest", "1.0.0", false);
    let mut server = Server::of([("guest", with_guest("breaker: { cooldown: 10m }"))])
        .plugins(folder.path())
        .start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    wait_for(&server, &submit(&server, "guest", &photo), &["succeeded"]);
    drop(switch(&server, "isolate", "guest@1.0.0").ok());
    let id = submit(&server, "guest", &photo);
    wait_for(&server, &id, &["parked"]);
    let mut watcher = server.connect();
    let request = format!("GET /v1/jobs/{id}/events HTTP/1.1\r\nHost: test\r\n\r\n");
    watcher.send(request.as_bytes()).unwrap();
    let head = watcher.read(15);
    assert_eq!(String::from_utf8_lossy(&head), "HTTP/1.1 200 OK");

    let begun = Instant::now();
    assert_eq!(server.stop(), Some(0), "{}", server.log());
    assert!(begun.elapsed() < PROMPT, "it took {:?}", begun.elapsed());
    let rest = watcher.read(usize::MAX);
    let rest = String::from_utf8_lossy(&rest);
    assert!(
        rest.contains("event: job") && rest.contains("parked"),
        "what was told before: {rest}"
    );

    assert!(server.kill_and_restart(&[]), "{}", server.log());
    assert_eq!(show(&server, &id)["state"], "parked");
    drop(switch(&server, "clear", "guest@1.0.0").ok());
    let job = wait_for_end(&server, &id);
    assert_eq!(
        (&job["state"], &job["rescues"]),
        (&"succeeded".into(), &0.into()),
        "{job:#}"
    );
}
