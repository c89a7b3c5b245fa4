//! Under what the failure of a step is remembered. Equal key: the same step on the same bytes within the same limits by
//! the same engine, which fails in the same way, whatever the pipeline is called and however it encodes.
//!
//! These keys are not those of results: limits are part of them, since more fuel is a fresh chance, and they are known
//! before anything runs. How an original is read follows from all that reads it, so that is part of them as well. Two
//! that are alike may get different keys, and then a step fails once more; never the other way round.

use std::collections::BTreeSet;

use super::{IMAGING_VERSION, canonical_json, hash, to_value};
use crate::op::Op;
use crate::plan::{Action, Fallback, Input, OnFailure, Plan};

/// Version of how plugins are called. Raised with each change after which one may do well that failed before.
const HOST_VERSION: u32 = 1;

/// The key of each step, in the plan's order; `None` where the pipeline passes over a failure. They hold if every step
/// before goes as planned. `original` is the BLAKE3 digest of the original in hex.
pub fn failure_keys(plan: &Plan, original: &str) -> Vec<Option<String>> {
    let start = start(plan, original);
    let mut keys: Vec<String> = Vec::with_capacity(plan.steps.len());
    for (i, step) in plan.steps.iter().enumerate() {
        let input = match step.input {
            Input::Original => &start,
            Input::Step(from) => &keys[from],
        };
        let rest = match &step.action {
            Action::Plugin(plugin) => canonical_json(&to_value(&plugin.limits)),
            Action::Builtin(Op::Decode(_)) => readers(plan, i),
            Action::Builtin(_) => String::new(),
        };
        let key = hash("failure", &[&step.key_seed, &rest, input]);
        keys.push(key);
    }
    let steps = plan.steps.iter().zip(keys);
    steps
        .map(|(step, key)| (step.on_failure == OnFailure::Fail).then_some(key))
        .collect()
}

/// The same for what no step of its own is to blame for, such as a rendition that cannot be read back.
pub fn plan_failure_key(plan: &Plan, original: &str) -> String {
    hash("failure of a plan", &[&plan.digest, &start(plan, original)])
}

fn start(plan: &Plan, original: &str) -> String {
    let versions = format!("{} {IMAGING_VERSION} {HOST_VERSION}", env!("CARGO_PKG_VERSION"));
    let limits = canonical_json(&to_value(&(&plan.limits, &plan.input_types, plan.max_cpu_ms)));
    hash("failure on an original", &[&versions, &limits, original])
}

/// All that a `decode` looks at besides its params and the original's header.
fn readers(plan: &Plan, decode: usize) -> String {
    let steps = plan
        .steps
        .iter()
        .filter(|step| step.needs().contains(&decode))
        .map(|step| {
            let stands_in = step.on_failure == OnFailure::Fallback(Fallback::Step(decode));
            (step.key_seed.as_str(), stands_in)
        });
    let renditions = plan
        .renditions
        .iter()
        .filter(|rendition| rendition.from == decode);
    let renditions = renditions.map(|rendition| (rendition.key_seed.as_str(), false));
    let readers: BTreeSet<_> = steps.chain(renditions).collect();
    canonical_json(&to_value(&readers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{
        check,
        testing::{catalog, example},
    };

    fn plan(source: &str) -> Plan {
        check(source, "test.yaml", &catalog()).unwrap().plan
    }

    /// The keys of two plans by step, and whether they are the same.
    fn same(from: &str, to: &str) -> Vec<bool> {
        let source = example("product-photos.yaml");
        assert!(source.contains(from), "{from}");
        let (before, after) = (plan(source), plan(&source.replace(from, to)));
        let keys = failure_keys(&before, "o")
            .into_iter()
            .zip(failure_keys(&after, "o"));
        keys.map(|(before, after)| before == after).collect()
    }

    #[test]
    fn names_and_encodings_change_nothing() {
        for (from, to) in [
            ("product-photos", "other-photos"),
            ("quality: 82", "quality: 83"),
            ("window: 20", "window: 30"),
            ("large.webp", "big.webp"),
        ] {
            assert!(same(from, to).iter().all(|same| *same), "{from}");
        }
    }

    #[test]
    fn bytes_params_and_limits_do() {
        let photos = plan(example("product-photos.yaml"));
        let (one, other) = (failure_keys(&photos, "o"), failure_keys(&photos, "p"));
        assert!(
            one.iter()
                .zip(&other)
                .all(|(one, other)| one.is_none() || one != other)
        );
        assert_ne!(plan_failure_key(&photos, "o"), plan_failure_key(&photos, "p"));
        assert_eq!(failure_keys(&photos, "o"), one);

        let source = "pipeline: a\nsteps:\n  - { id: photo, uses: decode }\n  \
            - { id: soft, uses: blur, with: { sigma: 2 } }\n  \
            - { id: guest, uses: watermark@1.0.0, with: { text: a }, limits: { timeout: 2s } }\n\
            renditions:\n  - { name: a.png, format: png }\n";
        let before = failure_keys(&plan(source), "o");
        assert!(before.iter().all(Option::is_some));
        for (from, to, changed) in [
            ("text: a", "text: b", [false, false, true]),
            ("timeout: 2s", "timeout: 3s", [false, false, true]),
            ("sigma: 2", "sigma: 3", [true, true, true]),
        ] {
            let after = failure_keys(&plan(&source.replace(from, to)), "o");
            let found: Vec<bool> = before.iter().zip(&after).map(|(b, a)| b != a).collect();
            assert_eq!(found, changed, "{from}");
        }
    }

    #[test]
    fn where_failures_are_passed_over_there_is_none() {
        let photos = plan(example("product-photos.yaml"));
        for (step, key) in photos.steps.iter().zip(failure_keys(&photos, "o")) {
            assert_eq!(key.is_some(), step.on_failure == OnFailure::Fail, "{}", step.id);
        }
    }
}
