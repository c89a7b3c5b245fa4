//! Breakers that are shut by a person, or because a component is nowhere.

use super::*;

#[test]
fn people_trip_isolate_and_clear() {
    let mut breaker = Breaker::new();
    assert_eq!(breaker.hear(&Event::Trip, 0, START), [Effect::Park]);
    assert_eq!(breaker.reason(), Some("a person tripped it"));
    let probes = breaker.hear(&Event::Tick, 8, START + COOLDOWN);
    assert_eq!(probes, [Effect::Release(3)]);

    assert_eq!(breaker.hear(&Event::Isolate, 5, START), [Effect::Park]);
    for event in [Event::Tick, Event::Trip, outcome(1, true, true)] {
        assert_eq!(breaker.hear(&event, 5, START + 1000 * COOLDOWN), []);
        assert_eq!(breaker.phase(), &Phase::Isolated);
    }
    assert!(!breaker.admits(true) && !breaker.needs_ticks(5));
    assert_eq!(breaker.hear(&Event::Clear, 5, START), [Effect::ReleaseAll]);
    assert_eq!(breaker, Breaker::new());
}

#[test]
fn what_is_nowhere_waits_until_it_is_found() {
    let missing = Event::Missing {
        what: "blur@1.0.0 (abc)".into(),
    };
    for mut breaker in [Breaker::new(), opened(), probing(3)] {
        assert_eq!(breaker.hear(&missing, 3, START), [Effect::Park]);
        let reason =
            "its component is nowhere to be found; install blur@1.0.0 (abc) again, or `breaker move`";
        assert_eq!(breaker.reason(), Some(reason));
        for event in [missing.clone(), Event::Tick, Event::Trip, outcome(1, true, true)] {
            assert_eq!(breaker.hear(&event, 5, START + 1000 * COOLDOWN), []);
            assert_eq!(breaker.phase(), &Phase::Missing);
        }
        assert!(!breaker.admits(true) && !breaker.needs_ticks(5));
        assert_eq!(breaker.hear(&Event::Found, 5, START), [Effect::ReleaseAll]);
        assert_eq!(breaker, Breaker::new());
    }
}

#[test]
fn being_found_opens_nothing_that_a_person_or_failures_shut() {
    let mut isolated = Breaker::new();
    isolated.hear(&Event::Isolate, 0, START);
    for mut breaker in [isolated, opened(), probing(3), Breaker::new()] {
        let before = breaker.clone();
        assert_eq!(breaker.hear(&Event::Found, 3, START + COOLDOWN), []);
        assert_eq!(breaker, before);
    }
}
