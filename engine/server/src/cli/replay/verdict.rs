//! Whether a replay ended as the job did: the same bytes and facts, or the same failure.

use serde_json::{Value, json};
use workflow::failure::Failure;

use crate::cli::client::{entries, failure, text};
use crate::outcome::{Outcome, Rendition};

pub(super) struct Verdict {
    pub(super) same: bool,
    /// The job has an end to compare with.
    pub(super) ended: bool,
    /// What was compared, for people.
    pub(super) lines: Vec<String>,
}

impl Verdict {
    pub(super) fn new(job: &Value, outcome: &Outcome) -> Self {
        let mut verdict = Self {
            same: true,
            ended: true,
            lines: Vec::new(),
        };
        match (text(job, "state"), &outcome.result) {
            ("succeeded", Ok(renditions)) => verdict.results(job, renditions, outcome),
            ("succeeded", Err(failed)) => verdict.add(false, format!("the job succeeded; here: {failed}")),
            (state, _) if job["failure"].is_null() => {
                verdict.ended = false;
                let line = format!("the job is {state}, so there is nothing to compare with");
                verdict.add(outcome.result.is_ok(), line);
            }
            (_, Ok(_)) => verdict.add(false, "the job failed; here it succeeds".to_owned()),
            (_, Err(failed)) => verdict.failures(job, failed),
        }
        verdict
    }

    fn add(&mut self, same: bool, line: String) {
        self.same &= same;
        self.lines.push(line);
    }

    fn results(&mut self, job: &Value, made: &[Rendition], outcome: &Outcome) {
        let before = entries(job, "renditions");
        for rendition in before {
            let name = text(rendition, "name");
            let Some(here) = made.iter().find(|here| here.name == name) else {
                self.add(false, format!("{name}: the job has it, and here it was not made"));
                continue;
            };
            if blake3::hash(&here.bytes).to_hex().as_str() == text(rendition, "digest") {
                self.add(true, format!("{name}: same bytes as the job's"));
            } else if here.key == text(rendition, "key") {
                self.add(
                    false,
                    format!("{name}: other bytes than the job's, although its key is the same"),
                );
            } else {
                self.add(
                    false,
                    format!("{name}: other bytes than the job's, and another key: is the engine of another version?"),
                );
            }
        }
        for here in made {
            if !before
                .iter()
                .any(|rendition| text(rendition, "name") == here.name)
            {
                self.add(false, format!("{}: the job has none", here.name));
            }
        }
        let facts = json!(outcome.report.analyses);
        let theirs = &job["report"]["analyses"];
        for (step, fact) in facts.as_object().into_iter().flatten() {
            let same = alike(fact, &theirs[step]);
            let word = if same {
                "same result as"
            } else {
                "another result than"
            };
            self.add(same, format!("{step}: {word} the job's"));
        }
        if theirs.as_object().map_or(0, serde_json::Map::len) > outcome.report.analyses.len() {
            self.add(false, "the job has more results of analyzers".to_owned());
        }
    }

    /// Messages may name times or addresses in memory; kind and place are what was decided on.
    fn failures(&mut self, job: &Value, here: &Failure) {
        let theirs = &job["failure"];
        let same = theirs["kind"] == here.kind.name() && theirs["step"].as_str() == here.step.as_deref();
        if same {
            let step = here.step.as_deref();
            let step = step.map(|step| format!("step `{step}`: ")).unwrap_or_default();
            self.add(
                true,
                format!("the same failure as the job's: {step}{}", here.kind),
            );
        } else {
            let before = failure(job);
            self.add(false, format!("the job failed with {before}; here: {here}"));
        }
    }
}

/// Equal, but for the last digit of numbers, which may be lost on the way through JSON.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(0.0), b.as_f64().unwrap_or(0.0));
            (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            let same = |(name, a): (&String, &Value)| b.get(name).is_some_and(|b| alike(a, b));
            a.len() == b.len() && a.iter().all(same)
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use workflow::failure::FailureKind;

    use super::*;

    fn rendition(name: &str, bytes: &'static [u8]) -> Rendition {
        Rendition {
            name: name.to_owned(),
            media_type: "image/png".to_owned(),
            width: 1,
            height: 1,
            key: "key".to_owned(),
            length: bytes.len() as u64,
            bytes: bytes.into(),
        }
    }

    fn made(renditions: Vec<Rendition>) -> Outcome {
        let mut outcome = Outcome::failed(Failure::bad_input(""));
        outcome.result = Ok(renditions);
        outcome
    }

    fn same(job: &Value, outcome: &Outcome) -> bool {
        let verdict = Verdict::new(job, outcome);
        assert!(!verdict.lines.is_empty());
        verdict.same
    }

    #[test]
    fn a_success_is_the_same_bytes_and_facts() {
        let digest = blake3::hash(b"pixels").to_hex().to_string();
        let job = json!({
            "state": "succeeded",
            "renditions": [{ "name": "a.png", "digest": digest, "key": "key" }],
            "report": { "analyses": { "look": { "mean": 0.1 } } },
        });
        let mut outcome = made(vec![rendition("a.png", b"pixels")]);
        let look = |mean: f64| BTreeMap::from([("look".to_owned(), json!({ "mean": mean }))]);
        outcome.report.analyses = look(0.1);
        assert!(same(&job, &outcome));
        outcome.report.analyses = look(0.2);
        assert!(!same(&job, &outcome), "another fact");
        outcome.report.analyses.clear();
        assert!(!same(&job, &outcome), "no fact");
        outcome.report.analyses = look(0.1);
        for wrong in [
            vec![],
            vec![rendition("a.png", b"other pixels")],
            vec![rendition("a.png", b"pixels"), rendition("b.png", b"pixels")],
        ] {
            outcome.result = Ok(wrong);
            assert!(!same(&job, &outcome));
        }
        assert!(!same(&job, &Outcome::failed(Failure::bad_input("cut short"))));
    }

    #[test]
    fn a_failure_is_the_same_kind_at_the_same_step() {
        let job =
            json!({ "state": "dead", "failure": { "kind": "trap", "step": "guest", "message": "at 0x7f" } });
        let failed = |kind, step| Outcome::failed(Failure::new(kind, "at 0x8a").at_step(step));
        assert!(same(&job, &failed(FailureKind::Trap, "guest")));
        assert!(!same(&job, &failed(FailureKind::Trap, "host")));
        assert!(!same(&job, &failed(FailureKind::OutOfFuel, "guest")));
        assert!(!same(&job, &made(Vec::new())));
    }

    #[test]
    fn numbers_may_lose_their_last_digit_and_nothing_else() {
        assert!(alike(
            &json!([0.1, { "a": 3 }]),
            &json!([0.100_000_000_000_000_02, { "a": 3 }])
        ));
        assert!(!alike(&json!([0.1]), &json!([0.100_001])));
        assert!(!alike(&json!({ "a": 1 }), &json!({ "b": 1 })));
        assert!(!alike(&json!("1"), &json!(1)));
    }
}
