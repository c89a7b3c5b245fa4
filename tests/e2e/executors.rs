//! Executors die alone, and work that is too much is refused, not hoarded.

use std::process::Command;
use std::thread::scope;
use std::time::{Duration, Instant};

use e2e::{Server, children, fixture_plugins, pictures};
use image::ImageFormat;

/// Has enough of everything else, so that it is ended by the clock.
const BUSY: &str = "steps:
  - { id: photo, uses: decode }
  - id: guest
    uses: misbehave@^1
    with: { mode: endless-loop }
    limits: { timeout: 3s, fuel_base: 1000000000000 }
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
fn a_job_that_uses_too_much_processor_time_is_ended() {
    let hungry = "input: { max_cpu: 300ms }
steps:
  - { id: photo, uses: decode }
  - { id: large, uses: resize, with: { width: 4000, height: 4000, fit: fill, enlarge: true } }
renditions:
  - { name: out.avif, from: large, format: avif, effort: 10 }
";
    let mut server = Server::of([("hungry", hungry), ("quick", QUICK)]).start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let begun = Instant::now();
    let ended = server.process("hungry", &photo);
    assert_eq!((ended.status, ended.problem().as_str()), (504, "timeout"));
    let told = ended.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(told.contains("input.max_cpu"), "{told}");
    assert_eq!(ended.json()["step"], "out.avif", "the encoder is to blame");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let good = server.process("quick", &photo).ok();
    assert!(!good.body.is_empty() && server.lives());
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
    assert_eq!(refused.len(), 4, "one is worked on and one waits");
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
fn the_queue_holds_as_many_as_it_says_and_being_busy_is_not_being_broken() {
    let server = Server::of([("busy", BUSY)])
        .plugins(fixture_plugins())
        .executors(2)
        .args(&["--queue", "3"])
        .start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    scope(|threads| {
        let jobs: Vec<_> = (0..10)
            .map(|_| threads.spawn(|| server.process("busy", &photo).outcome()))
            .collect();
        std::thread::sleep(Duration::from_millis(700));
        let begun = Instant::now();
        let health = server.get("/readyz");
        assert!(begun.elapsed() < Duration::from_secs(1), "it waits for the queue");
        let health = health.ok().json();
        assert_eq!(
            (&health["waiting"], &health["busy"]),
            (&3.into(), &2.into()),
            "{health}"
        );
        let outcomes: Vec<_> = jobs.into_iter().map(|job| job.join().unwrap()).collect();
        let refused = outcomes.iter().filter(|outcome| *outcome == "overloaded").count();
        assert_eq!(refused, 5, "two are worked on and three wait: {outcomes:?}");
    });
    // Idle again, it tries everything and has nothing to complain about.
    let health = server.get("/readyz").ok().json();
    assert_eq!(health["checks"][0]["result"], "ok", "{health}");
}

#[test]
fn who_hangs_up_leaves_the_queue_and_takes_the_original_along() {
    let server = Server::of([("busy", BUSY), ("quick", QUICK)])
        .plugins(fixture_plugins())
        .executors(1)
        .args(&["--buffers", "8"])
        .start();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let load = || {
        let health = server.get("/readyz").json();
        (
            health["waiting"].as_u64().unwrap(),
            health["busy"].as_u64().unwrap(),
        )
    };
    let until = |expected: (u64, u64)| {
        let begun = Instant::now();
        while load() != expected {
            assert!(
                begun.elapsed() < Duration::from_secs(2),
                "{:?}, not {expected:?}",
                load()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    // Known, so that asking starts no jobs for five seconds.
    drop(server.get("/readyz").ok());
    let half = vec![7; 5 << 20];
    scope(|threads| {
        let job = threads.spawn(|| server.process("busy", &photo));
        until((0, 1));
        for _ in 0..2 {
            let mut caller = server.connect();
            caller.post("quick", &format!("Content-Length: {}\r\n", half.len()));
            caller.send(&half).unwrap();
            until((1, 1));
            // It waits, and so does its share of the budget.
            assert_eq!(server.process("quick", &half).outcome(), "overloaded");
            drop(caller);
            until((0, 1));
        }
        assert!(!job.is_finished(), "the executor was busy all the time");
        job.join().unwrap();
    });
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
fn a_signal_does_not_wait_for_half_an_upload() {
    let mut server = Server::of([("quick", QUICK)]).start();
    let mut client = server.connect();
    client.post("quick", "Content-Length: 1000\r\n");
    client.send(b"abc").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    signal("-TERM", server.pid());
    let answer = client.answer();
    assert_eq!((answer.status, answer.problem().as_str()), (503, "overloaded"));
    assert_eq!(answer.header("retry-after"), "5");
    while server.lives() {
        assert!(
            begun.elapsed() < Duration::from_secs(8),
            "the server does not end"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
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
    // What counts is that its end was awaited and told.
    assert_eq!(answer.problem(), "timeout");
    let begun = Instant::now();
    while server.lives() {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "the server does not end"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
