//! What open breakers mean for a job: it does without the plugin, or it waits.

use std::collections::BTreeSet;

use workflow::plan::{Action, Fallback, OnFailure, Plan};

/// Plugins that a job does without, by digest.
pub(super) type Paused = BTreeSet<String>;

/// `Err` is the plugin that the job has to wait for: nothing stands in for it, or what does is paused, too. The job waits
/// for the step's own plugin even then: let through, it tries that one; and when what stands in is well first, the store
/// lets it go around.
pub(super) fn paused(plan: &Plan, admits: impl Fn(&str) -> bool) -> Result<Paused, String> {
    let mut paused = Paused::new();
    for step in &plan.steps {
        let Action::Plugin(plugin) = &step.action else {
            continue;
        };
        if admits(&plugin.digest) {
            continue;
        }
        match &step.on_failure {
            OnFailure::Fail => return Err(plugin.digest.clone()),
            OnFailure::Fallback(Fallback::Plugin { plugin: instead, .. }) if !admits(&instead.digest) => {
                return Err(plugin.digest.clone());
            }
            OnFailure::Skip | OnFailure::Fallback(_) => {
                paused.insert(plugin.digest.clone());
            }
        }
    }
    Ok(paused)
}

#[cfg(test)]
pub(super) mod tests {
    use workflow::pipeline::{PluginInfo, PluginKind, StaticCatalog, StepLimits, check};

    use super::*;

    /// With the plugin `sick`, and `spare` at hand.
    pub(crate) fn plan(on_failure: &str) -> Plan {
        let plugin = |name: &str| PluginInfo {
            name: name.to_owned(),
            version: "1.0.0".parse().unwrap(),
            digest: name.to_owned(),
            kind: PluginKind::Filter,
            params_schema: serde_json::json!({ "type": "object" }),
            media_types: Vec::new(),
            banded: false,
            hints: StepLimits::default(),
        };
        let catalog = StaticCatalog(vec![plugin("sick"), plugin("spare")]);
        let source = format!(
            "pipeline: a\nsteps:\n  - {{ id: photo, uses: decode }}\n  - {{ id: guest, uses: sick@^1, on_failure: {on_failure} }}\nrenditions:\n  - {{ name: a.png, format: png }}\n"
        );
        check(&source, "a.yaml", &catalog)
            .unwrap_or_else(|problems| panic!("{problems:?}"))
            .plan
    }

    #[test]
    fn who_can_do_without_does_and_who_cannot_waits() {
        let spare = "{ fallback: spare@1.0.0 }";
        let without = || Ok(Paused::from(["sick".to_owned()]));
        for (on_failure, shut, expected) in [
            ("fail", &[][..], Ok(Paused::new())),
            ("fail", &["sick"][..], Err("sick".to_owned())),
            ("skip", &["sick"][..], without()),
            ("{ fallback: photo }", &["sick"][..], without()),
            (spare, &["sick"][..], without()),
            (spare, &["spare"][..], Ok(Paused::new())),
            (spare, &["sick", "spare"][..], Err("sick".to_owned())),
        ] {
            let found = paused(&plan(on_failure), |plugin| !shut.contains(&plugin));
            assert_eq!(found, expected, "{on_failure}, with {shut:?} shut");
        }
    }
}
