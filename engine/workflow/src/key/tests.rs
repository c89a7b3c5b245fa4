use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::pipeline::{
    check,
    testing::{catalog, example},
};

fn plan(source: &str) -> Plan {
    check(source, "test.yaml", &catalog()).unwrap().plan
}

/// The keys of steps if all goes as planned, and a JPEG is read at `scale`.
fn keys(plan: &Plan, original: &str, scale: u8) -> Vec<String> {
    let reading = Reading {
        scale,
        ..Reading::default()
    };
    step_keys(plan, original, &|_| reading, &|_| Outcome::AsPlanned)
}

fn rendition(plan: &Plan, original: &str, index: usize, scale: u8) -> String {
    rendition_key(&keys(plan, original, scale), plan, index)
}

fn photos() -> Plan {
    plan(example("product-photos.yaml"))
}

#[test]
fn only_what_a_change_touches_gets_new_keys() {
    let before = photos();
    let after = plan(&example("product-photos.yaml").replace("opacity: 0.35", "opacity: 0.4"));
    let (old, new) = (keys(&before, "o", 2), keys(&after, "o", 2));
    let changed: Vec<&str> = (0..old.len())
        .filter(|&i| old[i] != new[i])
        .map(|i| before.steps[i].id.as_str())
        .collect();
    assert_eq!(changed, ["marked"]);
    assert_ne!(rendition(&before, "o", 0, 2), rendition(&after, "o", 0, 2));
    assert_eq!(rendition(&before, "o", 1, 2), rendition(&after, "o", 1, 2));
    assert_ne!(before.digest, after.digest);
}

#[test]
fn what_does_not_change_pixels_does_not_change_keys() {
    let source = example("product-photos.yaml");
    let other = source
        .replace("timeout: 2s", "timeout: 3s")
        .replace("window: 20", "window: 30")
        .replace("large.webp", "big.webp")
        .replace("id: marked", "id: stamped")
        .replace("from: marked", "from: stamped");
    let (before, after) = (photos(), plan(&other));
    assert_eq!(keys(&before, "o", 1), keys(&after, "o", 1));
    assert_eq!(rendition(&before, "o", 0, 1), rendition(&after, "o", 0, 1));
    assert_ne!(before.digest, after.digest);
}

#[test]
fn comments_and_the_order_of_keys_change_nothing() {
    let source = example("product-photos.yaml")
        .replace(
            "{ width: 200, height: 200, fit: cover, position: attention }",
            "{ position: attention, fit: cover, height: 0xc8, width: 200 }",
        )
        .replace(
            "{ text: \"© shop\", opacity: 0.35 }",
            "{ opacity: 3.5e-1, text: '© shop' } # same",
        )
        .replace("quality: 82 }", "\"quality\": 82 }");
    assert_eq!(plan(&source), photos());
}

#[test]
fn original_scale_version_and_encoder_options_are_part_of_it() {
    let plan_ = photos();
    let key = rendition(&plan_, "o", 0, 1);
    assert_eq!(key.len(), 64);
    assert_ne!(key, rendition(&plan_, "p", 0, 1));
    assert_ne!(key, rendition(&plan_, "o", 0, 2));
    let source = example("product-photos.yaml");
    for (from, to) in [
        ("watermark@^1.0", "watermark@1.0.0"),
        ("quality: 82", "quality: 83"),
        ("format: webp, q", "format: avif, q"),
    ] {
        assert!(source.contains(from), "{from}");
        assert_ne!(
            key,
            rendition(&plan(&source.replace(from, to)), "o", 0, 1),
            "{to}"
        );
    }
}

#[test]
fn how_each_decode_read_the_original_is_part_of_its_own_key_alone() {
    let plan_ = plan(
        "pipeline: a\nsteps:\n  - { id: a, uses: decode }\n  - { id: b, from: original, uses: decode, with: { scale: full } }\n  - { id: c, from: a, uses: blur, with: { sigma: 1 } }\nrenditions:\n  - { name: b.png, from: b, format: png }\n  - { name: c.png, from: c, format: png }\n",
    );
    let with = |of: usize, reading: Reading| {
        step_keys(
            &plan_,
            "o",
            &|i| if i == of { reading } else { Reading::default() },
            &|_| Outcome::AsPlanned,
        )
    };
    let plain = keys(&plan_, "o", 1);
    for reading in [
        Reading {
            scale: 8,
            ..Reading::default()
        },
        Reading {
            layout: Layout::Planes,
            ..Reading::default()
        },
    ] {
        let (a, b) = (with(0, reading), with(1, reading));
        assert_ne!(a[0], plain[0], "{reading:?}");
        assert_ne!(a[2], plain[2], "what follows from it");
        assert_eq!(a[1], plain[1], "the other decode");
        assert_ne!(b[1], plain[1], "{reading:?}");
        assert_eq!((&b[0], &b[2]), (&plain[0], &plain[2]));
    }
}

#[test]
fn a_degraded_result_never_has_the_key_of_a_good_one() {
    let plan_ = photos();
    let marked = plan_.step("marked").unwrap();
    let outcome = |i| {
        if i == marked {
            Outcome::Skipped
        } else {
            Outcome::AsPlanned
        }
    };
    let (good, degraded) = (
        keys(&plan_, "o", 1),
        step_keys(&plan_, "o", &|_| Reading::default(), &outcome),
    );
    assert_ne!(good[marked], degraded[marked]);
    assert_eq!(degraded[marked], good[plan_.step("large").unwrap()]);
    assert_ne!(
        rendition_key(&degraded, &plan_, 0),
        rendition_key(&good, &plan_, 0)
    );

    let graded = plan(example("graded.yaml"));
    let toned = graded.step("toned").unwrap();
    let fell = step_keys(&graded, "o", &|_| Reading::default(), &|i| {
        if i == toned {
            Outcome::FellBack
        } else {
            Outcome::AsPlanned
        }
    });
    assert_eq!(fell[toned], fell[graded.step("large").unwrap()]);
}

fn plugin(params: Value) -> PlannedPlugin {
    let plan = photos();
    let Action::Plugin(mut plugin) = plan.steps[2].action.clone() else {
        panic!("no plugin")
    };
    plugin.params = params;
    plugin
}

fn params() -> impl Strategy<Value = Vec<(String, i64)>> {
    prop::collection::btree_map("[a-z]{1,6}", -1000_i64..1000, 1..6).prop_map(|m| m.into_iter().collect())
}

fn object(entries: &[(String, i64)]) -> Value {
    let entries: Vec<String> = entries.iter().map(|(k, v)| format!("{}:{v}", json!(k))).collect();
    serde_json::from_str(&format!("{{{}}}", entries.join(","))).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_never_matters_and_changes_always_do(entries in params(), which: prop::sample::Index, by in 1_i64..50) {
        let seed = plugin_seed(&plugin(object(&entries)));
        let mut reversed = entries.clone();
        reversed.reverse();
        prop_assert_eq!(&seed, &plugin_seed(&plugin(object(&reversed))));
        let mut changed = entries.clone();
        changed[which.index(entries.len())].1 += by;
        prop_assert_ne!(&seed, &plugin_seed(&plugin(object(&changed))));
        let fewer = object(&entries[1..]);
        prop_assert_ne!(&seed, &plugin_seed(&plugin(fewer)));
    }

    #[test]
    fn inputs_and_their_borders_matter(seed in "[a-f0-9]{8}", a in "[a-f0-9]{1,8}", b in "[a-f0-9]{1,8}") {
        prop_assert_eq!(step_key(&seed, &[&a, &b]), step_key(&seed, &[&a, &b]));
        prop_assert_ne!(step_key(&seed, &[&a, &b]), step_key(&seed, &[&format!("{a}{b}")]));
        prop_assert!(a == b || step_key(&seed, &[&a, &b]) != step_key(&seed, &[&b, &a]));
        prop_assert_ne!(step_key(&seed, &[&a]), step_key(&a, &[&seed, ""]));
    }

    #[test]
    fn whole_numbers_have_one_spelling(n in -1_000_000_i64..1_000_000) {
        prop_assert_eq!(canonical_json(&json!(n)), canonical_json(&json!(n as f64)));
    }
}
