use super::{
    trial::{LONGEST_MS, MOST_ANSWERS},
    *,
};

mod properties;
mod shut;

const SECOND: i64 = 1000;
const START: Millis = 1_700_000_000_000;
const COOLDOWN: i64 = 30 * SECOND;

fn outcome(original: u32, ok: bool, pass: bool) -> Event {
    Event::Outcome {
        original: format!("original {original}"),
        ok,
        settings: Settings::default(),
        pass,
    }
}

/// A breaker that five originals opened.
fn opened() -> Breaker {
    let mut breaker = Breaker::new();
    for original in 0..5 {
        breaker.hear(&outcome(original, false, false), 0, START);
    }
    assert_eq!(breaker.phase().name(), "open");
    breaker
}

/// One whose probes are under way.
fn probing(parked: u64) -> Breaker {
    let mut breaker = opened();
    breaker.hear(&Event::Tick, parked, START + COOLDOWN);
    assert_eq!(breaker.phase().name(), "probing");
    breaker
}

/// Outcomes of jobs with a pass, one original after the other; what the last one led to.
fn answers(breaker: &mut Breaker, oks: &[bool], parked: u64, now: Millis) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (original, ok) in (100..).zip(oks) {
        assert_eq!(effects, []);
        effects = breaker.hear(&outcome(original, *ok, true), parked, now);
    }
    effects
}

#[test]
fn the_defaults_are_those_of_pipelines() {
    let expected = Settings {
        failure_rate: 0.5,
        window: 20,
        min_failures: 5,
        cooldown_ms: COOLDOWN,
    };
    assert_eq!(Settings::default(), expected);
}

#[test]
fn opens_at_the_rate_and_at_the_least_number() {
    let mut breaker = Breaker::new();
    for original in 0..4 {
        assert_eq!(breaker.hear(&outcome(original, false, false), 0, START), []);
    }
    for original in 10..16 {
        assert_eq!(breaker.hear(&outcome(original, true, false), 0, START), []);
    }
    assert_eq!((breaker.failures(), breaker.originals()), (4, 10));
    assert_eq!(breaker.hear(&outcome(4, false, false), 0, START), [], "5 of 11");
    assert!(breaker.admits(false));
    let parked = breaker.hear(&outcome(5, false, false), 0, START + 1);
    assert_eq!(parked, [Effect::Park], "6 of 12 are as many as allowed");
    assert!(!breaker.admits(false) && !breaker.admits(true));
    assert_eq!(breaker.opened_at(), Some(START + 1));
    assert_eq!(breaker.next_probe_at(), Some(START + 1 + COOLDOWN));
    insta::assert_snapshot!(breaker.reason().unwrap(), @"6 of the last 12 originals failed; it opens at 5 failures and 50 %");
}

#[test]
fn one_poison_original_counts_once_and_its_last_word_holds() {
    let mut breaker = Breaker::new();
    for _ in 0..100 {
        assert_eq!(breaker.hear(&outcome(7, false, false), 0, START), []);
    }
    assert_eq!((breaker.failures(), breaker.originals()), (1, 1));
    breaker.hear(&outcome(7, true, false), 0, START);
    assert_eq!((breaker.failures(), breaker.originals()), (0, 1));
}

#[test]
fn old_originals_leave_the_window() {
    let mut breaker = Breaker::new();
    for original in 0..4 {
        breaker.hear(&outcome(original, false, false), 0, START);
    }
    for original in 10..30 {
        breaker.hear(&outcome(original, true, false), 0, START);
    }
    assert_eq!((breaker.failures(), breaker.originals()), (0, 20));
}

#[test]
fn probes_go_after_the_cooldown_and_late_results_change_nothing() {
    let mut breaker = opened();
    let open = breaker.clone();
    assert_eq!(breaker.hear(&Event::Tick, 50, START + COOLDOWN - 1), []);
    for ok in [true, false] {
        for pass in [true, false] {
            assert_eq!(breaker.hear(&outcome(9, ok, pass), 50, START + 1), []);
        }
    }
    assert_eq!(breaker, open);
    let go = breaker.hear(&Event::Tick, 50, START + COOLDOWN);
    assert_eq!(go, [Effect::Release(3)]);
    assert!(breaker.admits(true) && !breaker.admits(false));
    for original in 0..9 {
        assert_eq!(
            breaker.hear(&outcome(original, false, false), 47, START + COOLDOWN),
            []
        );
    }
    assert_eq!(breaker.phase().name(), "probing");
}

#[test]
fn cohorts_grow_until_nothing_is_parked() {
    let mut breaker = probing(50);
    let now = START + 40 * SECOND;
    let mut parked = 47;
    for (answered, cohort) in [(3, 4), (4, 8), (8, 16), (16, 19)] {
        let effects = answers(&mut breaker, &vec![true; answered], parked, now);
        assert_eq!(effects, [Effect::Release(cohort)]);
        assert_eq!(breaker.phase().name(), "recovering");
        parked -= u64::from(cohort);
        assert_eq!(
            breaker.admits(false),
            parked == 0,
            "with the last cohort all may run"
        );
    }
    assert_eq!(answers(&mut breaker, &[true; 19], 0, now), []);
    let fresh = Breaker::new();
    assert_eq!(breaker, fresh);
}

#[test]
fn one_bad_probe_of_three_is_outvoted() {
    let mut breaker = probing(9);
    let now = START + COOLDOWN + 1;
    assert_eq!(
        answers(&mut breaker, &[false, true, true], 6, now),
        [Effect::Release(4)]
    );
}

#[test]
fn bad_probes_open_it_for_twice_as_long_up_to_a_quarter_of_an_hour() {
    let mut breaker = probing(9);
    let mut now = START + COOLDOWN;
    for pause in [60, 120, 240, 480, 900, 900] {
        assert_eq!(answers(&mut breaker, &[false, false], 6, now), [Effect::Park]);
        let cooldown_ms = pause * SECOND;
        let until = now + cooldown_ms;
        assert_eq!(*breaker.phase(), Phase::Open { until, cooldown_ms });
        now = until;
        assert_eq!(breaker.hear(&Event::Tick, 9, now), [Effect::Release(3)]);
    }
    assert_eq!(breaker.opened_at(), Some(START), "since the first time");
    insta::assert_snapshot!(breaker.reason().unwrap(), @"2 of 2 originals failed after a pause");
}

#[test]
fn a_closed_breaker_starts_with_a_short_pause_again() {
    let mut breaker = probing(3);
    let now = START + COOLDOWN;
    answers(&mut breaker, &[false, false], 3, now);
    breaker.hear(&Event::Tick, 3, now + 2 * COOLDOWN);
    answers(&mut breaker, &[true, true, true], 0, now);
    assert_eq!(breaker.phase(), &Phase::Closed);
    answers(&mut breaker, &[false; 5], 0, now);
    assert_eq!(breaker.next_probe_at(), Some(now + COOLDOWN));
}

#[test]
fn a_bad_cohort_opens_it_but_one_bad_original_does_not() {
    let now = START + COOLDOWN;
    let mut breaker = probing(50);
    answers(&mut breaker, &[true; 3], 47, now);
    for _ in 0..3 {
        assert_eq!(breaker.hear(&outcome(1, false, true), 43, now), []);
    }
    let mut spared = breaker.clone();
    assert_eq!(
        spared.hear(&outcome(1, false, true), 43, now),
        [Effect::Release(8)]
    );
    assert_eq!(breaker.hear(&outcome(2, false, true), 43, now), [Effect::Park]);
    assert_eq!(breaker.next_probe_at(), Some(now + 2 * COOLDOWN));
}

#[test]
fn probes_and_cohorts_that_never_answer_are_replaced() {
    let mut breaker = probing(20);
    let mut now = START + COOLDOWN + LONGEST_MS;
    assert_eq!(breaker.hear(&Event::Tick, 17, now - 1), []);
    assert_eq!(breaker.hear(&Event::Tick, 17, now), [Effect::Release(3)]);
    answers(&mut breaker, &[true], 14, now);
    now += LONGEST_MS;
    assert_eq!(
        breaker.hear(&Event::Tick, 14, now),
        [Effect::Release(4)],
        "one answer must do"
    );
    now += LONGEST_MS;
    assert_eq!(
        breaker.hear(&Event::Tick, 10, now),
        [Effect::Release(4)],
        "nobody said to send more"
    );
    answers(&mut breaker, &[true], 6, now);
    now += LONGEST_MS;
    assert_eq!(breaker.hear(&Event::Tick, 6, now), [Effect::Release(6)]);
    assert_eq!(breaker.hear(&Event::Tick, 0, now + LONGEST_MS), []);
    assert_eq!(breaker.phase(), &Phase::Closed);
}

#[test]
fn with_nothing_parked_newcomers_are_the_probes() {
    let mut breaker = probing(0);
    assert!(breaker.admits(false));
    // The first of them resets the clock.
    let now = START + COOLDOWN + LONGEST_MS - 1;
    assert_eq!(breaker.hear(&Event::Tick, 0, now), []);
    for original in 0..2 {
        breaker.hear(&outcome(original, true, false), 0, now);
    }
    assert_eq!(breaker.hear(&Event::Tick, 0, now + LONGEST_MS - 1), []);
    assert_eq!(breaker.phase().name(), "probing");
    breaker.hear(&outcome(2, true, false), 0, now);
    assert_eq!(breaker.phase(), &Phase::Closed);

    let mut sick = probing(0);
    sick.hear(&outcome(0, false, false), 0, now);
    assert_eq!(sick.hear(&outcome(1, false, false), 0, now), [Effect::Park]);
}

/// All its jobs went on with another version, so nobody will ever probe it.
#[test]
fn it_closes_when_nobody_needs_it_any_more() {
    let mut breaker = probing(0);
    let up = START + COOLDOWN + LONGEST_MS;
    assert_eq!(breaker.hear(&Event::Tick, 0, up - 1), []);
    assert_eq!(breaker.phase().name(), "probing");
    let mut needed = breaker.clone();
    assert_eq!(needed.hear(&Event::Tick, 1, up), [Effect::Release(1)]);
    assert_eq!(breaker.hear(&Event::Tick, 0, up), []);
    assert_eq!(breaker, Breaker::new());
    assert!(!breaker.needs_ticks(0));

    let mut moved = probing(9);
    assert_eq!(moved.hear(&Event::Tick, 0, up), [], "its probes were lost");
    assert!(moved.admits(false));
    assert_eq!(moved.hear(&Event::Tick, 0, up + LONGEST_MS), []);
    assert_eq!(moved, Breaker::new());
}

/// Where every pipeline passes over the step, nobody is ever parked, and no attempt is made while it is open.
#[test]
fn it_recovers_where_nobody_waits_for_it() {
    let mut breaker = opened();
    let mut now = START;
    for (pause, ok) in [(30, false), (60, false), (120, true)] {
        assert!(!breaker.admits(false) && breaker.needs_ticks(0));
        now += pause * SECOND;
        assert_eq!(breaker.hear(&Event::Tick, 0, now - 1), []);
        assert!(!breaker.admits(false));
        assert_eq!(breaker.hear(&Event::Tick, 0, now), []);
        assert!(breaker.admits(false), "newcomers are the probes");
        for original in 0..3 {
            breaker.hear(&outcome(original, ok, false), 0, now);
        }
    }
    assert_eq!(breaker, Breaker::new());
}

#[test]
fn a_large_cohort_is_decided_by_a_part_of_it() {
    let mut breaker = probing(100_000);
    let now = START + COOLDOWN;
    let mut parked = 99_997;
    let mut size = 4;
    answers(&mut breaker, &[true; 3], parked, now);
    while size < 4096 {
        parked -= u64::from(size);
        let needed = size.min(MOST_ANSWERS) as usize;
        size *= 2;
        let effects = answers(&mut breaker, &vec![true; needed], parked, now);
        assert_eq!(effects, [Effect::Release(size)]);
    }
    answers(&mut breaker, &[true; MOST_ANSWERS as usize - 1], parked, now);
    let json = serde_json::to_string(&breaker).unwrap();
    assert!(
        json.len() < 4096,
        "what the store keeps stays small: {}",
        json.len()
    );
}

#[test]
fn who_was_parked_too_late_is_let_go() {
    let mut breaker = Breaker::new();
    assert!(!breaker.needs_ticks(0) && breaker.needs_ticks(2));
    assert_eq!(breaker.hear(&Event::Tick, 2, START), [Effect::ReleaseAll]);
    assert_eq!(breaker.hear(&Event::Tick, 0, START), []);
}

#[test]
fn a_clock_that_goes_back_makes_nobody_wait() {
    let mut breaker = opened();
    let back = START - 1_000_000 * SECOND;
    assert_eq!(breaker.hear(&Event::Tick, 5, back), []);
    assert_eq!(
        breaker.hear(&Event::Tick, 5, back + COOLDOWN),
        [Effect::Release(3)]
    );
    let further = back - 1_000_000 * SECOND;
    assert_eq!(breaker.hear(&Event::Tick, 2, further), []);
    let again = breaker.hear(&Event::Tick, 2, further + LONGEST_MS);
    assert_eq!(again, [Effect::Release(2)]);
}

#[test]
fn as_it_stands_in_the_store() {
    let mut breaker = probing(9);
    breaker.hear(&outcome(1, true, true), 6, START + COOLDOWN);
    let json = serde_json::to_string(&breaker).unwrap();
    assert_eq!(serde_json::from_str::<Breaker>(&json).unwrap(), breaker);
    insta::assert_json_snapshot!(breaker.phase(), @r#"
    {
      "name": "probing",
      "since": 1700000030000,
      "cooldown_ms": 30000,
      "size": 3,
      "wanted": 3,
      "answers": 1,
      "heard": [
        [
          "891906daf4e935ae",
          true
        ]
      ],
      "open_to_all": false
    }
    "#);
}
