use super::*;

fn status(code: u16) -> Answer {
    let retry_after = None;
    Answer::Status { code, retry_after }
}

fn throttled(code: u16, seconds: i64) -> Answer {
    let retry_after = Some(seconds * SECOND);
    Answer::Status { code, retry_after }
}

#[test]
fn only_two_hundreds_are_good() {
    for code in [200, 202, 204, 299] {
        assert_eq!(verdict(status(code), 3, 0.5), Verdict::Delivered);
    }
    for code in [100, 301, 302, 307, 308, 400, 404, 429, 500, 503] {
        let after = 5 * SECOND;
        assert_eq!(verdict(status(code), 0, 0.0), Verdict::Again { after }, "{code}");
    }
    assert_eq!(verdict(status(410), 0, 0.0), Verdict::Gone);
}

#[test]
fn ten_attempts_and_no_more() {
    let waits: Vec<_> = (0..10)
        .map(|failures| verdict(Answer::None, failures, 0.0))
        .collect();
    for (verdict, after) in waits.iter().zip(&SCHEDULE[1..]) {
        assert_eq!(*verdict, Verdict::Again { after: *after });
    }
    assert_eq!(waits[9], Verdict::GivenUp);
    assert_eq!(verdict(Answer::None, u32::MAX, 0.0), Verdict::GivenUp);
}

#[test]
fn chance_only_lengthens_a_wait() {
    let after = 6 * SECOND;
    assert_eq!(verdict(Answer::None, 0, 1.0), Verdict::Again { after });
    assert_eq!(verdict(Answer::None, 0, 7.0), Verdict::Again { after });
}

#[test]
fn who_throttles_is_heard() {
    for code in [429, 502, 503, 504] {
        let after = 90 * SECOND;
        assert_eq!(verdict(throttled(code, 90), 0, 0.0), Verdict::Again { after });
        let after = 5 * MINUTE;
        assert_eq!(verdict(throttled(code, 90), 1, 0.0), Verdict::Again { after });
        let after = LONGEST_WAIT;
        assert_eq!(
            verdict(throttled(code, 1 << 40), 0, 0.0),
            Verdict::Again { after }
        );
    }
    let after = 5 * SECOND;
    assert_eq!(verdict(throttled(500, 90), 0, 0.0), Verdict::Again { after });
    assert_eq!(verdict(throttled(429, -90), 0, 0.0), Verdict::Again { after });
}

#[test]
fn five_days_of_failures_disable() {
    let again = Verdict::Again { after: SECOND };
    let sick = Health::default().after(again, 100);
    assert_eq!((sick.failing_since, sick.disabled), (Some(100), None));
    let sick = sick.after(Verdict::GivenUp, 99 + PATIENCE);
    assert_eq!((sick.failing_since, sick.disabled), (Some(100), None));
    assert_eq!(sick.after(Verdict::Delivered, 99 + PATIENCE), Health::default());
    let dead = sick.after(again, 100 + PATIENCE);
    assert_eq!(dead.disabled, Some(Disabled::Failing));
    let gone = Health::default().after(Verdict::Gone, 7);
    assert_eq!(
        (gone.failing_since, gone.disabled),
        (Some(7), Some(Disabled::Gone))
    );
}

#[test]
fn names_are_the_same_everywhere() {
    for topic in Topic::ALL {
        assert_eq!(topic.name().parse::<Topic>(), Ok(topic));
        assert_eq!(serde_json::to_value(topic).unwrap(), topic.name());
    }
    for state in State::ALL {
        assert_eq!(Topic::of(state).is_some(), state.is_end());
    }
    let unknown = "job.born".parse::<Topic>().unwrap_err();
    assert!(unknown.to_string().contains("job.dead"), "{unknown}");
}
