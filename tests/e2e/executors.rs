//! Executors die alone, and work that is too much is refused, not hoarded.

use std::process::Command;
use std::thread::scope;
use std::time::{Duration, Instant};

use e2e::{Server, children, fixture_plugins, pictures};
use image::ImageFormat;

const BUSY: &str = "steps:
  - { id: photo, uses: decode }
  - id: guest
    uses: misbehave@^1
    with: { mode: slow }
    limits: { timeout: 3s }
renditions:
  - { name: out.png, format: png }
";
const QUICK: &str = "steps:
  - { id: photo, uses: decode }
renditions:
  - { name: out.png, format: png }
";

#[test]
fn a_killed_executor_costs_one_job_and_is_replaced() {
    let mut server = Server::of([("quick", QUICK), ("busy", BUSY)])
        .plugins(fixture_plugins())
        .start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let good = server.process("quick", &photo).ok().body;
    let before = children(server.pid());
    assert_eq!(before.len(), 2, "two executors were asked for");
    let crashed = scope(|threads| {
        let job = threads.spawn(|| server.process("busy", &photo));
        std::thread::sleep(Duration::from_millis(300));
        for pid in &before {
            signal("-KILL", *pid);
        }
        job.join().unwrap()
    });
    assert_eq!((crashed.status, crashed.problem().as_str()), (500, "crash"));
    assert_eq!(crashed.json()["step"], "guest", "the blame is exact");
    for _ in 0..4 {
        assert_eq!(server.process("quick", &photo).ok().body, good);
    }
    let after = children(server.pid());
    assert!(
        after.len() == 2 && after.iter().all(|pid| !before.contains(pid)),
        "{before:?} -> {after:?}"
    );
    assert!(server.lives());
}

#[test]
fn one_that_dies_before_it_begins_costs_no_job() {
    let server = Server::of([("quick", QUICK)]).executors(1).start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let good = server.process("quick", &photo).ok().body;
    let executor = children(server.pid())[0];
    signal("-STOP", executor);
    let again = scope(|threads| {
        let job = threads.spawn(|| server.process("quick", &photo));
        std::thread::sleep(Duration::from_millis(300));
        signal("-KILL", executor);
        job.join().unwrap()
    });
    assert_eq!(again.ok().body, good);
    assert_ne!(children(server.pid()), [executor]);
}

fn signal(name: &str, pid: u32) {
    let pid = pid.to_string();
    assert!(
        Command::new("kill")
            .args([name, &pid])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_full_queue_answers_at_once_and_says_when_to_come_back() {
    let server = Server::of([("busy", BUSY), ("quick", QUICK)])
        .plugins(fixture_plugins())
        .executors(1)
        .args(&["--queue", "1"]);
    let server = server.start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let answers: Vec<_> = scope(|threads| {
        let jobs: Vec<_> = (0..6)
            .map(|_| {
                threads.spawn(|| {
                    let begun = Instant::now();
                    (server.process("busy", &photo), begun.elapsed())
                })
            })
            .collect();
        jobs.into_iter().map(|job| job.join().unwrap()).collect()
    });
    let refused: Vec<_> = answers
        .iter()
        .filter(|(answer, _)| answer.status == 503)
        .collect();
    assert!((2..=5).contains(&refused.len()), "{} were refused", refused.len());
    for (answer, took) in refused {
        assert_eq!(answer.problem(), "overloaded");
        assert!(
            answer
                .header("retry-after")
                .parse::<u32>()
                .is_ok_and(|seconds| seconds >= 1)
        );
        assert!(*took < Duration::from_secs(1), "{took:?}");
    }
    drop(server.process("quick", &photo).ok());
}

#[test]
fn executors_end_with_their_server() {
    let server = Server::of([("quick", QUICK)]).start();
    let executors = children(server.pid());
    assert!(!executors.is_empty());
    drop(server);
    let begun = Instant::now();
    while executors.iter().any(|pid| alive(*pid)) {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "executors outlive their server"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A zombie that nobody has waited for is not alive.
fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn a_signal_lets_work_in_hand_finish() {
    let mut server = Server::of([("busy", BUSY)]).plugins(fixture_plugins()).start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let answer = scope(|threads| {
        let job = threads.spawn(|| server.process("busy", &photo));
        std::thread::sleep(Duration::from_millis(300));
        signal("-TERM", server.pid());
        job.join().unwrap()
    });
    // The plugin is too slow either way; what counts is that its end was awaited and told.
    assert!(["timeout", "host-limit"].contains(&answer.problem().as_str()));
    let begun = Instant::now();
    while server.lives() {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "the server does not end"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
