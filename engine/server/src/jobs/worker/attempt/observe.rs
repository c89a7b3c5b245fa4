//! What an attempt says about the plugins that took part, for their breakers.

use workflow::breaker;
use workflow::failure::{Failure, FailureClass};
use workflow::plan::{Action, Fallback, OnFailure, Plan, PlannedPlugin};
use workflow::ports::{Claimed, Observation};

use super::paused::Paused;
use crate::outcome::Report;

/// Nothing is said of a plugin that did not run, or where the original was to blame. Whoever failed before and fails
/// again says nothing new, unless it is asked as a probe: at the end of a queue there may be nothing but such.
pub(super) fn observe(
    plan: &Plan,
    paused: &Paused,
    job: &Claimed,
    report: &Report,
    failure: Option<&Failure>,
) -> Vec<Observation> {
    let mut seen = Vec::new();
    for step in &plan.steps {
        let Action::Plugin(plugin) = &step.action else {
            continue;
        };
        let settings = step.breaker.as_ref().map(breaker::Settings::from);
        let settings = settings.unwrap_or_default();
        let mut see = |plugin: &PlannedPlugin, ok: Option<bool>| {
            let news = ok.filter(|ok| *ok || job.errors == 0 || job.pass);
            seen.extend(news.map(|ok| Observation {
                plugin: plugin.digest.clone(),
                title: plugin.title(),
                original: job.original.digest.clone(),
                ok,
                pass: job.pass,
                settings,
            }));
        };
        let failure = failure.filter(|failure| failure.step.as_ref() == Some(&step.id));
        let reported = report.steps.iter().find(|reported| reported.id == step.id);
        let avoided = paused.contains(&plugin.digest);
        let replaced = avoided || reported.is_some_and(|step| step.replaced_by.is_some());
        if let (OnFailure::Fallback(Fallback::Plugin { plugin: instead, .. }), true) =
            (&step.on_failure, replaced)
        {
            see(instead, verdict(failure, reported.map(|_| true)));
            // Without its failure nothing would have taken its place.
            see(plugin, (!avoided).then_some(false));
        } else if !avoided {
            see(
                plugin,
                verdict(failure, reported.map(|step| step.skipped.is_none())),
            );
        }
    }
    seen
}

/// Of what ran last in a step. `done` is for one that did not fail; it is missing if it did not run.
fn verdict(failure: Option<&Failure>, done: Option<bool>) -> Option<bool> {
    match failure.map(|failure| failure.kind.class()) {
        Some(FailureClass::Deterministic | FailureClass::Transient) => Some(false),
        Some(FailureClass::BadInput | FailureClass::Infrastructure) => None,
        None => done,
    }
}

#[cfg(test)]
mod tests {
    use workflow::failure::FailureKind;
    use workflow::ports::{Blob, Lane, Lease};

    use super::super::paused::tests::plan;
    use super::*;
    use crate::outcome::StepReport;

    fn job() -> Claimed {
        Claimed {
            lease: Lease {
                job: "job".to_owned(),
                number: 1,
            },
            pipeline: "a".to_owned(),
            plan: "plan".to_owned(),
            original: Blob {
                digest: "original".to_owned(),
                length: 1,
            },
            lane: Lane::Interactive,
            errors: 0,
            rescues: 0,
            submitted_at: 0,
            pass: false,
        }
    }

    /// What is said by an attempt with these plugins paused, where the step `guest` left this report and this failure.
    fn said(
        on_failure: &str,
        paused: &[&str],
        step: Option<StepReport>,
        failure: Option<FailureKind>,
    ) -> Vec<(String, bool)> {
        let report = Report {
            steps: step.into_iter().collect(),
            ..Report::default()
        };
        let paused: Paused = paused.iter().map(|&plugin| plugin.to_owned()).collect();
        let failure = failure.map(|kind| Failure::new(kind, "it failed").at_step("guest"));
        let seen = observe(&plan(on_failure), &paused, &job(), &report, failure.as_ref());
        seen.into_iter().map(|seen| (seen.plugin, seen.ok)).collect()
    }

    fn step(skipped: bool, replaced_by: Option<&str>) -> StepReport {
        StepReport {
            id: "guest".to_owned(),
            skipped: skipped.then(|| "it failed".to_owned()),
            replaced_by: replaced_by.map(str::to_owned),
            ..StepReport::default()
        }
    }

    fn told(expected: &[(&str, bool)]) -> Vec<(String, bool)> {
        expected
            .iter()
            .map(|&(plugin, ok)| (plugin.to_owned(), ok))
            .collect()
    }

    #[test]
    fn who_ran_did_well_or_not() {
        assert_eq!(
            said("fail", &[], Some(step(false, None)), None),
            told(&[("sick", true)])
        );
        assert_eq!(
            said("skip", &[], Some(step(true, None)), None),
            told(&[("sick", false)])
        );
        for kind in [FailureKind::Trap, FailureKind::Crash] {
            assert_eq!(said("fail", &[], None, Some(kind)), told(&[("sick", false)]));
        }
        assert_eq!(said("fail", &[], None, Some(FailureKind::BadInput)), told(&[]));
        assert_eq!(said("fail", &[], None, None), told(&[]), "never reached");
    }

    #[test]
    fn only_the_first_failure_of_a_job_is_news() {
        let again = Claimed { errors: 1, ..job() };
        let report = Report {
            steps: vec![step(false, None)],
            ..Report::default()
        };
        let failure = Failure::new(FailureKind::Timeout, "it failed").at_step("guest");
        let heard = |failure| observe(&plan("fail"), &Paused::new(), &again, &report, failure).len();
        assert_eq!((heard(Some(&failure)), heard(None)), (0, 1));
    }

    #[test]
    fn who_was_paused_did_nothing() {
        assert_eq!(said("skip", &["sick"], Some(step(true, None)), None), told(&[]));
        let photo = "{ fallback: photo }";
        assert_eq!(
            said(photo, &["sick"], Some(step(true, Some("photo"))), None),
            told(&[])
        );
    }

    #[test]
    fn who_stood_in_is_heard_of_as_well() {
        let spare = "{ fallback: spare@1.0.0 }";
        let replaced = || Some(step(true, Some("spare@1.0.0")));
        let both = told(&[("spare", true), ("sick", false)]);
        assert_eq!(said(spare, &[], replaced(), None), both);
        assert_eq!(said(spare, &["sick"], replaced(), None), told(&[("spare", true)]));
        let crashed = Some(FailureKind::Crash);
        assert_eq!(said(spare, &["sick"], None, crashed), told(&[("spare", false)]));
        assert_eq!(said(spare, &["sick"], None, None), told(&[]), "never reached");
        assert_eq!(
            said(spare, &[], Some(step(false, None)), None),
            told(&[("sick", true)])
        );
    }
}
