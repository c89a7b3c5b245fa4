//! Checks a pipeline file and plans it; finds every problem at once.
//!
//! In order: YAML (`yaml`), each key and value (`top`, `input`, `steps`, `renditions`), what `uses:` names (`uses`,
//! `with`), then the graph (`graph`). Each part goes on with what could be read, and stays silent about what
//! follows only from an error that is reported already.

mod ceilings;
mod fields;
mod graph;
mod input;
mod renditions;
mod report;
mod semantics;
mod steps;
mod top;
mod uses;
mod with;

use super::{
    Ceilings,
    catalog::PluginCatalog,
    problem::{Problem, Severity},
    yaml,
};
use crate::plan::{self, Checked};
pub(crate) use graph::Source;
use report::Report;
pub(crate) use steps::{Draft, FallbackUse, Used};

/// Reads, checks and plans a pipeline. `file` is the name that problems carry.
///
/// The error holds every problem, warnings included, in the order of the file.
pub fn check(source: &str, file: &str, plugins: &dyn PluginCatalog) -> Result<Checked, Vec<Problem>> {
    check_within(source, file, plugins, &Ceilings::default())
}

/// The same on a server that lets no pipeline exceed its ceilings.
pub fn check_within(
    source: &str,
    file: &str,
    plugins: &dyn PluginCatalog,
    ceilings: &Ceilings,
) -> Result<Checked, Vec<Problem>> {
    let mut report = Report::new(file);
    let (root, faults) = yaml::parse(source);
    for fault in faults {
        report.error(fault.at, &fault.text, fault.message);
    }
    let Some(root) = root else {
        return Err(report.into_problems());
    };
    let checked = top::read(&root, plugins, &mut report);
    if let Some((pipeline, ..)) = &checked {
        ceilings::check(&root, pipeline, ceilings, &mut report);
    }
    let problems = report.into_problems();
    match checked {
        Some((pipeline, drafts, sources)) if problems.iter().all(|p| p.severity == Severity::Warning) => {
            match plan::build(&pipeline, drafts, &sources, ceilings) {
                Some(plan) => Ok(Checked {
                    pipeline,
                    plan,
                    warnings: problems,
                }),
                None => Err(problems),
            }
        }
        _ => Err(problems),
    }
}

#[cfg(test)]
mod tests;
