use proptest::prelude::*;

use super::{grouping::gist, *};
use crate::pipeline::Duration;

fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, "a failure")
}

fn after(kind: FailureKind, errors: u32, rescues: u32) -> Verdict {
    verdict(&failure(kind), errors, rescues, &Retry::default(), 1.0)
}

#[test]
fn what_would_fail_again_dies_at_once() {
    for kind in FailureKind::ALL {
        let dies = matches!(kind.class(), FailureClass::BadInput | FailureClass::Deterministic);
        assert_eq!(after(kind, 0, 0) == Verdict::Dead, dies, "{kind}");
    }
}

#[test]
fn infrastructure_waits_longer_each_time() {
    let waits: Vec<Verdict> = (0..5).map(|n| after(FailureKind::Infrastructure, n, 0)).collect();
    let retry = |after_ms| Verdict::Retry {
        after_ms,
        rescue: false,
    };
    assert_eq!(
        waits,
        [
            retry(2_000),
            retry(8_000),
            retry(32_000),
            retry(128_000),
            Verdict::Dead
        ]
    );
    let patient = Retry {
        attempts: 50,
        ..Retry::default()
    };
    let late = verdict(&failure(FailureKind::Infrastructure), 40, 0, &patient, 1.0);
    assert_eq!(late, retry(900_000), "the cap");
}

#[test]
fn a_timeout_is_tried_three_times_at_most() {
    assert_ne!(after(FailureKind::Timeout, 1, 0), Verdict::Dead);
    assert_eq!(after(FailureKind::Timeout, 2, 0), Verdict::Dead);
    let strict = Retry {
        attempts: 1,
        ..Retry::default()
    };
    let first = verdict(&failure(FailureKind::Timeout), 0, 0, &strict, 0.5);
    assert_eq!(first, Verdict::Dead);
}

#[test]
fn the_third_lost_executor_ends_it_whatever_the_errors() {
    for errors in [0, 4, 100] {
        for rescues in 0..2 {
            let again = after(FailureKind::Crash, errors, rescues);
            assert!(matches!(again, Verdict::Retry { rescue: true, after_ms } if after_ms <= 2_000));
        }
        assert_eq!(after(FailureKind::Crash, errors, 2), Verdict::Dead);
    }
    assert_eq!((rescue(0), rescue(1)), (None, None));
    for rescues in [2, 3, u32::MAX] {
        assert_eq!(rescue(rescues), Some(lost_worker_failure()));
    }
}

#[test]
fn a_lost_worker_is_explained() {
    insta::assert_snapshot!(lost_worker_failure(), @"crash: 3 workers or executors were lost while they ran this job, so it is not tried again; look in their logs for crashes or a lack of memory, then redrive it");
}

#[test]
fn odd_numbers_do_no_harm() {
    let odd = Retry {
        attempts: u32::MAX,
        backoff: Duration(u64::MAX),
        factor: f64::INFINITY,
        max: Duration(u64::MAX),
    };
    for dice in [f64::NAN, f64::NEG_INFINITY, -1.0, 2.0] {
        for errors in [0, 1, u32::MAX - 2] {
            let verdict = verdict(&failure(FailureKind::Infrastructure), errors, 0, &odd, dice);
            assert!(matches!(verdict, Verdict::Retry { after_ms: 1.., .. }));
        }
    }
}

fn same(a: &str, b: &str) {
    assert_eq!(gist(a), gist(b));
    let [a, b] = [a, b].map(|text| fingerprint("photos", &Failure::bad_input(text)));
    assert_eq!(a, b);
    assert_eq!(a.len(), 16);
}

#[test]
fn the_same_fault_has_the_same_fingerprint() {
    same(
        "the jpeg of 20000x10000 has 200000000 pixels, more than the limit of 100000000; raise `max_pixels` under `input:` to allow it",
        "the jpeg of 9x9000000 has 81000000 pixels, more than the limit of 5; raise `max_pixels` under `input:` to allow it",
    );
    same(
        "the original 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 is not among the blobs",
        "the original aaaabbbbccccddddeeeeffffaaaabbbbccccddddeeeeffffaaaabbbbccccdddd is not among the blobs",
    );
    same(
        "/var/lib/stopbath/plugins/a.wasm has changed since it was installed",
        "C:\\plugins\\b.wasm has changed since it was installed",
    );
    same(
        "the plugin stopped: wasm trap; its last words: panicked at src/lib.rs:10:5: index out of bounds: the len is 3 but the index is 7",
        "the plugin stopped: wasm trap; its last words: panicked at src/lib.rs:10:5: index out of bounds: the len is 12 but the index is -1",
    );
    same(
        "the job took longer than its 1.5 s; raise it",
        "the job took longer than its 60 s; raise it",
    );
    same(
        "error sending request for url (http://10.0.0.5:9000/b/ab/cd?x=1): timed out, request 0190a5b2-7c3d-7e4f-8a1b-abcdefabcdef",
        "error sending request for url (https://s3.example/b/zz): timed out, request ffffffff-ffff-ffff-ffff-ffffffffffff",
    );
    same(
        "cannot read \"a \\\"b\\\".png\" at byte 17.",
        "cannot  read \"c.png\" at byte 1,024.",
    );
}

#[test]
fn other_faults_have_other_fingerprints() {
    let jpeg = Failure::bad_input("the JPEG is cut short").at_step("photo");
    let mut seen = vec![fingerprint("photos", &jpeg)];
    seen.push(fingerprint("avatars", &jpeg));
    seen.push(fingerprint(
        "photos",
        &Failure::bad_input("the JPEG is cut short"),
    ));
    for (kind, text) in [
        (FailureKind::BadInput, "the PNG is cut short"),
        (FailureKind::Unsupported, "the JPEG is cut short"),
        (FailureKind::BadInput, "the JPEG is cut"),
    ] {
        seen.push(fingerprint("photos", &Failure::new(kind, text).at_step("photo")));
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all);
    assert_eq!(
        fingerprint("photos", &jpeg),
        fingerprint("photos", &jpeg.clone().at_offset(9)),
        "where in the file it was does not matter"
    );
}

#[test]
fn gists_keep_what_matters() {
    for (message, expected) in [
        (
            "the plugin's stack overflowed: it recurses too deeply",
            "the plugin's stack overflowed: it recurses too deeply",
        ),
        ("an image/jpeg of 3 MiB", "an image/jpeg of # MiB"),
        ("the file 'it's mine.png' is bad", "the file <text> is bad"),
        ("the author's 'x' isn't", "the author's <text> isn't"),
        ("an unclosed \"quote stays 5", "an unclosed \"quote stays #"),
        ("AVIF at depth 12bit, v1.2.3", "AVIF at depth #bit, v#"),
        ("at 0x7fffe0 and 0x10", "at # and #"),
        ("no space on /dev/sda1: 28", "no space on <path>: #"),
        ("Größe „12“ ½", "Größe „#“ ½"),
        ("  ", ""),
    ] {
        assert_eq!(gist(message), expected);
    }
}

fn any_kind() -> impl Strategy<Value = FailureKind> {
    prop::sample::select(FailureKind::ALL.as_slice())
}

fn any_retry() -> impl Strategy<Value = Retry> {
    (1_u32..=50, 1_u64..100_000, 1.0..100.0_f64, 1_u64..2_000_000).prop_map(
        |(attempts, backoff, factor, max)| Retry {
            attempts,
            backoff: Duration(backoff),
            factor,
            max: Duration(max),
        },
    )
}

proptest! {
    #[test]
    fn every_job_ends(kinds in prop::collection::vec(any_kind(), 60), retry in any_retry(), dice in 0.0..1.0_f64) {
        let (mut errors, mut rescues) = (0, 0);
        for kind in kinds {
            match verdict(&failure(kind), errors, rescues, &retry, dice) {
                Verdict::Dead => return Ok(()),
                Verdict::Retry { rescue: true, .. } => rescues += 1,
                Verdict::Retry { rescue: false, .. } => errors += 1,
            }
            prop_assert!(rescues < MOST_RESCUES && errors < retry.attempts);
        }
        prop_assert!(false, "60 failures and still alive");
    }

    #[test]
    fn waits_are_bounded_both_ways(errors in 0_u32..60, retry in any_retry(), dice in 0.0..1.0_f64) {
        let at = |dice| match verdict(&failure(FailureKind::Infrastructure), errors, 0, &retry, dice) {
            Verdict::Retry { after_ms, .. } => Some(after_ms),
            Verdict::Dead => None,
        };
        prop_assert_eq!(at(dice).is_none(), errors + 1 >= retry.attempts);
        if let (Some(wait), Some(most)) = (at(dice), at(1.0)) {
            prop_assert!(most <= retry.max.0 as i64);
            prop_assert!(wait >= 1 && wait <= most && wait * 10 >= most - 10, "{wait} of {most}");
        }
    }

    #[test]
    fn any_message_has_a_gist(message in ".{0,400}", n in any::<u64>(), m in any::<u64>()) {
        prop_assert!(gist(&message).len() <= 310);
        prop_assert_eq!(gist(&format!("{n} of {message}")), gist(&format!("{m} of {message}")));
    }
}
