use proptest::prelude::*;

use super::*;

const START: Millis = 1_700_000_000_000;
const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;

const NONE: Ends = Ends {
    succeeded: 0,
    dead_again: 0,
    cancelled: 0,
};

fn ends(succeeded: u64, dead_again: u64) -> Ends {
    Ends {
        succeeded,
        dead_again,
        cancelled: 0,
    }
}

fn canary(canary: u32, canary_failures: u32) -> Rules {
    Rules {
        canary,
        canary_failures,
        ..Rules::default()
    }
}

#[test]
fn without_rules_batches_go_until_enough_is_under_way() {
    let rules = Rules::default();
    let mut progress = Progress::begin(&rules, START);
    for _ in 0..4 {
        assert_eq!(progress.step(&rules, NONE, START), BATCH);
        progress.sent(&rules, BATCH, true);
    }
    assert_eq!(
        progress.step(&rules, NONE, START),
        0,
        "{MOST_WAITING} are under way"
    );
    assert_eq!(progress.step(&rules, ends(7, 3), START), 10);
    progress.sent(&rules, 9, false);
    assert_eq!((progress.state, progress.waiting()), (State::Draining, 1_999));
    assert_eq!(progress.step(&rules, ends(1_999, 0), START), 0);
    assert_eq!(progress.state, State::Done);
    assert!(progress.is_finished());
}

#[test]
fn the_rest_waits_for_the_canary() {
    let rules = canary(5, 1);
    let mut progress = Progress::begin(&rules, START);
    assert_eq!(progress.step(&rules, NONE, START), 5);
    progress.sent(&rules, 5, true);
    assert_eq!(progress.step(&rules, ends(3, 1), START), 0);
    assert_eq!(progress.state, State::Canary);
    assert_eq!(progress.step(&rules, ends(1, 0), START), BATCH);
    assert_eq!(progress.state, State::Running);
    progress.sent(&rules, 100, false);
    progress.step(&rules, ends(0, 100), START);
    assert_eq!(
        progress.state,
        State::Done,
        "the canary was all that could stop it"
    );
    assert_eq!(progress.stopped(&rules), None);
}

#[test]
fn a_canary_that_dies_stops_it() {
    let rules = canary(5, 1);
    let mut progress = Progress::begin(&rules, START);
    assert_eq!(progress.step(&rules, NONE, START), 5);
    progress.sent(&rules, 5, true);
    assert_eq!(progress.step(&rules, ends(1, 2), START), 0);
    assert_eq!(progress.state, State::Stopped);
    assert!(!progress.is_finished(), "two are under way");
    assert!(!progress.cancel());
    let why = progress.stopped(&rules).unwrap();
    insta::assert_snapshot!(why, @"2 of the first 5 died again, and at most 1 may");
    progress.step(&rules, ends(2, 0), START);
    assert_eq!(progress.state, State::Stopped);
    assert!(progress.is_finished());
}

#[test]
fn a_canary_that_is_everything_is_judged_too() {
    for (dead, state) in [(0, State::Done), (1, State::Stopped)] {
        let rules = canary(10, 0);
        let mut progress = Progress::begin(&rules, START);
        assert_eq!(progress.step(&rules, NONE, START), 10);
        progress.sent(&rules, 4, false);
        assert_eq!(progress.state, State::Canary);
        progress.step(&rules, ends(4 - dead, dead), START);
        assert_eq!(progress.state, state);
    }
}

#[test]
fn nothing_to_send_is_done_at_once() {
    for rules in [Rules::default(), canary(5, 0)] {
        let mut progress = Progress::begin(&rules, START);
        assert!(progress.step(&rules, NONE, START) > 0);
        progress.sent(&rules, 0, false);
        assert!(progress.is_finished());
        assert_eq!(progress.state, State::Done);
    }
    let rules = Rules {
        limit: Some(0),
        ..canary(5, 0)
    };
    let mut progress = Progress::begin(&rules, START);
    assert_eq!(progress.step(&rules, NONE, START), 0);
    assert!(progress.is_finished());
}

#[test]
fn a_rate_lets_one_go_and_then_one_at_a_time() {
    let rules = Rules {
        rate: Some(20),
        ..Rules::default()
    };
    let mut progress = Progress::begin(&rules, START);
    let mut went = Vec::new();
    for second in 0..10 {
        let n = progress.step(&rules, NONE, START + second * SECOND);
        if n > 0 {
            progress.sent(&rules, n, true);
            went.push((second, n));
        }
    }
    assert_eq!(went, [(0, 1), (3, 1), (6, 1), (9, 1)]);
    assert_eq!(
        progress.step(&rules, NONE, START + 60 * MINUTE),
        1,
        "a pause is not followed by a rush"
    );
}

#[test]
fn a_clock_that_was_set_back_stops_nothing() {
    let rules = Rules {
        rate: Some(60),
        ..Rules::default()
    };
    let mut progress = Progress::begin(&rules, START);
    assert_eq!(progress.step(&rules, NONE, START), 1);
    progress.sent(&rules, 1, true);
    assert_eq!(progress.step(&rules, NONE, START - SECOND), 0);
    assert_eq!(progress.step(&rules, NONE, START), 0, "another server's clock");
    let back = START - 60 * MINUTE;
    assert_eq!(progress.step(&rules, NONE, back), 0);
    assert_eq!(progress.step(&rules, NONE, back + SECOND), 1);
}

#[test]
fn who_cancels_stops_the_sending_only() {
    let rules = Rules::default();
    let mut progress = Progress::begin(&rules, START);
    assert_eq!(progress.step(&rules, NONE, START), BATCH);
    progress.sent(&rules, 3, true);
    assert!(progress.cancel());
    assert!(!progress.cancel());
    assert_eq!(progress.step(&rules, ends(2, 0), START), 0);
    assert_eq!(
        (progress.state, progress.is_finished()),
        (State::Cancelled, false)
    );
    progress.step(&rules, ends(1, 0), START);
    assert!(progress.is_finished());
}

#[test]
fn names_match_serde() {
    for state in [
        State::Canary,
        State::Running,
        State::Draining,
        State::Done,
        State::Stopped,
        State::Cancelled,
    ] {
        assert_eq!(serde_json::to_string(&state).unwrap(), format!("\"{state}\""));
    }
}

/// A store of so many letters, and what it was told to send.
struct World {
    rules: Rules,
    progress: Progress,
    letters: u64,
    now: Millis,
    sent: Vec<(Millis, u64)>,
}

impl World {
    fn new(rules: Rules, letters: u64) -> Self {
        Self {
            progress: Progress::begin(&rules, START),
            rules,
            letters,
            now: START,
            sent: Vec::new(),
        }
    }

    /// Some of what is under way ends, some of that well; then it goes on.
    fn step(&mut self, pause: Millis, share: u64, well: u64) {
        self.now += pause;
        let ended = self.progress.waiting() * share.min(100) / 100;
        let succeeded = ended * well.min(100) / 100;
        let n = self
            .progress
            .step(&self.rules, ends(succeeded, ended - succeeded), self.now);
        if n > 0 {
            let went = self.letters.min(n.into());
            self.letters -= went;
            self.progress.sent(&self.rules, went as u32, went == u64::from(n));
            self.sent.push((self.now, went));
        }
    }

    fn total(&self) -> u64 {
        self.sent.iter().map(|(_, n)| n).sum()
    }
}

fn rules() -> impl Strategy<Value = Rules> {
    let limit = prop::option::of(0_u64..3_000);
    let rate = prop::option::of(prop_oneof![1_u32..10, 10_u32..100_000]);
    (limit, 0_u32..20, 0_u32..10, rate).prop_map(|(limit, canary, canary_failures, rate)| Rules {
        limit,
        canary,
        canary_failures,
        rate,
    })
}

proptest! {
    #[test]
    fn it_keeps_its_rules_and_ends(
        rules in rules(),
        letters in 0_u64..3_000,
        steps in prop::collection::vec((0_i64..90_000, 0_u64..120, 0_u64..120), 0..40),
    ) {
        let mut world = World::new(rules.clone(), letters);
        for (pause, share, well) in steps {
            let was = world.progress.state;
            let before = world.total();
            world.step(pause, share, well);
            let total = world.total();
            prop_assert_eq!(world.progress.sent, total);
            prop_assert!(total <= rules.limit.unwrap_or(u64::MAX));
            prop_assert!(world.progress.waiting() <= MOST_WAITING);
            if world.progress.state == State::Canary {
                prop_assert!(total <= u64::from(rules.canary));
            }
            if was.is_end() {
                prop_assert_eq!((world.progress.state, total), (was, before));
            }
            if world.progress.state == State::Stopped {
                prop_assert!(world.progress.dead_again > u64::from(rules.canary_failures));
                prop_assert!(total <= u64::from(rules.canary));
            }
        }
        if let Some(rate) = rules.rate {
            let saved = (f64::from(rate) / 30.0).max(1.0);
            for (i, (begun, _)) in world.sent.iter().enumerate() {
                let mut within = 0_u64;
                for (at, n) in &world.sent[i..] {
                    within += n;
                    let earned = f64::from(rate) * (at - begun) as f64 / 60_000.0;
                    prop_assert!(within as f64 <= earned + saved + 1e-6, "{:?}", world.sent);
                }
            }
        }
        // Everything ends, and a minute earns a letter at least.
        for _ in 0..letters + 10 {
            world.step(MINUTE, 100, 100);
        }
        prop_assert!(world.progress.is_finished(), "{:?}", world.progress);
        if world.progress.state == State::Done {
            prop_assert_eq!(world.total(), letters.min(rules.limit.unwrap_or(u64::MAX)));
        }
    }
}
