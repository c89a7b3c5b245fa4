//! A pipeline made for one plugin, to try it or to see that it lives.

use workflow::pipeline::PluginKind;
use workflow::pipeline::{PluginInfo, Problem, StaticCatalog, check};
use workflow::plan::Plan;

/// What the step is called in reports.
pub(crate) const STEP: &str = "plugin";

/// Original -> decode -> plugin -> PNG, as far as the plugin's kind has those ends.
pub(crate) fn plan(plugin: &PluginInfo, with: &str, limits: &str) -> Result<Plan, Vec<Problem>> {
    let decode = if plugin.kind == PluginKind::Decoder {
        ""
    } else {
        "  - { id: photo, uses: decode }\n"
    };
    let renditions = match plugin.kind {
        PluginKind::Filter | PluginKind::Decoder => {
            "renditions:\n  - { name: out.png, from: plugin, format: png }\n"
        }
        PluginKind::Encoder => "renditions:\n  - { name: out.bin, from: plugin }\n",
        PluginKind::Analyzer => "",
    };
    let source = format!(
        "pipeline: try-plugin\nsteps:\n{decode}  - id: {STEP}\n    uses: {}@{}\n    with: {with}\n    limits: {limits}\n{renditions}",
        plugin.name, plugin.version
    );
    check(
        &source,
        "(made for the plugin)",
        &StaticCatalog(vec![plugin.clone()]),
    )
    .map(|checked| checked.plan)
}
