//! A thousand requests, good and poisoned, sixteen at a time: each good one is answered right.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::{Server, Watch, damage, fixture_plugins, pictures};
use image::ImageFormat;

const REQUESTS: usize = 1000;
const CONCURRENCY: usize = 16;

/// What is sent where, and how it ends.
struct Shot {
    pipeline: &'static str,
    body: Vec<u8>,
    outcome: &'static str,
}

fn pipeline(mode: &str) -> String {
    format!(
        "input: {{ max_pixels: 1MP }}
steps:
  - {{ id: photo, uses: decode }}
  - {{ id: small, uses: resize, with: {{ width: 160, height: 120 }} }}
  - id: guest
    uses: misbehave@^1
    with: {{ mode: {mode} }}
    limits: {{ fuel_base: 20000000, fuel_per_pixel: 100, memory: 16MiB, timeout: 5s }}
renditions:
  - {{ name: out.png, format: png }}
"
    )
}

const MODES: [(&str, &str); 7] = [
    ("endless-loop", "out-of-fuel"),
    ("endless-growth", "memory-limit"),
    ("trap", "trap"),
    ("deep-recursion", "trap"),
    ("rows-missing", "bad-output"),
    ("handle-flood", "host-limit"),
    ("internal", "internal"),
];

fn good() -> Vec<Shot> {
    let photos = [
        "chelsea.jpg",
        "coffee.jpg",
        "coffee.webp",
        "rocket.jpg",
        "coffee.tiff",
        "horse.png",
    ];
    photos
        .map(|photo| Shot {
            pipeline: "ok",
            body: pictures::photo(photo),
            outcome: "ok",
        })
        .into()
}

fn poisoned() -> Vec<Shot> {
    let photo = pictures::small(ImageFormat::Jpeg, 100, 80);
    let damaged = [
        (photo[..photo.len() / 2].to_vec(), "bad-input"),
        (damage::png_header_lie(30_000, 30_000), "too-large"),
        (b"GIF89a".to_vec(), "bad-input"),
        (
            b"this is no picture at all, and it says so".to_vec(),
            "unsupported",
        ),
    ];
    let mut shots: Vec<Shot> = damaged
        .into_iter()
        .map(|(body, outcome)| Shot {
            pipeline: "ok",
            body,
            outcome,
        })
        .collect();
    shots.extend(MODES.map(|(pipeline, outcome)| Shot {
        pipeline,
        body: photo.clone(),
        outcome,
    }));
    shots
}

#[test]
fn good_requests_are_answered_right_among_poisoned_ones() {
    let pipelines = MODES
        .iter()
        .map(|(mode, _)| *mode)
        .chain(["ok"])
        .map(|mode| (mode, pipeline(mode)));
    let mut server = Server::of(pipelines)
        .plugins(fixture_plugins())
        .args(&["--queue", "64"])
        .start();
    let (good, poisoned) = (good(), poisoned());
    let right: Vec<Vec<u8>> = good
        .iter()
        .map(|shot| server.process(shot.pipeline, &shot.body).ok().body)
        .collect();

    let watch = Watch::start(server.pid());
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    let outcomes = Mutex::new(BTreeMap::<String, usize>::new());
    let fire = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= REQUESTS {
                return;
            }
            // Two of three are poisoned; neither list's length shares a factor with the step.
            let (shot, expected) = if number.is_multiple_of(3) {
                let index = (number / 3) % good.len();
                (&good[index], Some(&right[index]))
            } else {
                (&poisoned[number % poisoned.len()], None)
            };
            let answer = server.process(shot.pipeline, &shot.body);
            let outcome = answer.outcome();
            if outcome != shot.outcome || expected.is_some_and(|bytes| *bytes != answer.body) {
                wrong
                    .lock()
                    .unwrap()
                    .push(format!("request {number} to {}: {outcome}", shot.pipeline));
            }
            *outcomes.lock().unwrap().entry(outcome).or_default() += 1;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..CONCURRENCY {
            scope.spawn(fire);
        }
    });

    let peak = watch.peak().mib();
    println!("{:?}, peak {peak} MiB", outcomes.lock().unwrap());
    assert!(
        server.lives(),
        "the server's process must be the one that was started"
    );
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} of {REQUESTS} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(peak < 900, "{peak} MiB");
}
