//! Reads the top level of the file: name, retry and timeout; input, steps and renditions by their own modules.

use super::{
    super::{
        Duration, Pipeline, PluginCatalog, Retry, default_timeout,
        node::{Node, Value},
    },
    fields::Fields,
    graph::{self, Source},
    input, renditions,
    report::{Report, clip},
    steps::{self, Draft},
};

pub(super) const KEYS: &[&str] = &[
    "pipeline",
    "description",
    "input",
    "steps",
    "renditions",
    "retry",
    "timeout",
];
pub(super) const RETRY_KEYS: &[&str] = &["attempts", "backoff", "factor", "max"];
const MAX_STEPS: usize = 100;
pub(super) const DAY: Duration = Duration::from_secs(86_400);

type Read<'n> = (Pipeline, Vec<Draft<'n>>, Vec<Option<Source>>);

pub(super) fn read<'n>(root: &'n Node, plugins: &dyn PluginCatalog, report: &mut Report) -> Option<Read<'n>> {
    let fields = Fields::of(root, "a pipeline", KEYS, report)?;
    let name = fields
        .require("pipeline", "a pipeline", "product-photos", report)
        .and_then(|node| read_name("pipeline", node, 64, false, report));
    let description = fields
        .get("description")
        .and_then(|node| report.text("description", node));
    let input = fields
        .get("input")
        .and_then(|node| input::read(node, report))
        .unwrap_or_default();
    let retry = fields
        .get("retry")
        .map_or_else(Retry::default, |node| read_retry(node, report));
    let timeout = fields
        .get("timeout")
        .and_then(|node| report.unit("timeout", node, Some(DAY)));

    let step_nodes = fields
        .require("steps", "a pipeline", "[{ id: photo, uses: decode }]", report)
        .and_then(|node| report.list("steps", node, MAX_STEPS))
        .unwrap_or_default();
    let drafts = steps::read(step_nodes, plugins, report);
    let sources = graph::sources(&drafts, report);
    let rendition_nodes = fields
        .get("renditions")
        .and_then(|node| report.list("renditions", node, MAX_STEPS))
        .unwrap_or_default();
    let renditions = renditions::read(rendition_nodes, &drafts, report);
    graph::unused(&drafts, &sources, &renditions, report);

    if let Some(node) = fields
        .get("input")
        .and_then(|node| node.get("types"))
        .map(|(_, node)| node)
    {
        input::check_types(node, &drafts, report);
    }
    if !step_nodes.is_empty() && rendition_nodes.is_empty() && drafts.iter().all(|d| !d.may_analyze()) {
        let at = fields.key("renditions").map_or(root.at, |key| key.at);
        report.error(
            at,
            "",
            "the pipeline gives nothing back; add `renditions:` or an analyzer step",
        );
    } else if step_nodes.is_empty()
        && let Some(node) = fields
            .get("steps")
            .filter(|n| matches!(&n.value, Value::Seq(items) if items.is_empty()))
    {
        report.error(
            node.at,
            "",
            "a pipeline needs at least one step, such as `- { id: photo, uses: decode }`",
        );
    }

    let pipeline = Pipeline {
        pipeline: name?,
        description,
        input,
        steps: drafts.iter().map(|d| d.step.clone()).collect(),
        renditions: renditions.into_iter().flatten().map(|r| r.rendition).collect(),
        retry,
        timeout: timeout.unwrap_or_else(default_timeout),
    };
    Some((pipeline, drafts, sources))
}

/// Names of pipelines (`-`) and steps (`-` and `_`).
pub(super) fn read_name(
    key: &str,
    node: &Node,
    max: usize,
    underscore: bool,
    report: &mut Report,
) -> Option<String> {
    let name = report.text(key, node)?;
    let fits = name.len() <= max
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || (underscore && c == '_'));
    if !fits {
        let signs = if underscore {
            "digits, `-` and `_`"
        } else {
            "digits and `-`"
        };
        report.wrong(
            node,
            format!("`{}` cannot be the name after `{key}`; write small letters, {signs}, a letter first, at most {max}", clip(&name)),
        );
    }
    fits.then_some(name)
}

fn read_retry(node: &Node, report: &mut Report) -> Retry {
    let default = Retry::default();
    let Some(fields) = Fields::of(node, "`retry`", RETRY_KEYS, report) else {
        return default;
    };
    let attempts = fields
        .get("attempts")
        .and_then(|n| report.whole("attempts", n, 1..=50))
        .map(|n| n as u32);
    let backoff: Option<Duration> = fields
        .get("backoff")
        .and_then(|n| report.unit("backoff", n, Some(DAY)));
    let factor = fields
        .get("factor")
        .and_then(|n| report.number("factor", n, 1.0..=100.0));
    let max: Option<Duration> = fields.get("max").and_then(|n| report.unit("max", n, Some(DAY)));
    if let (Some(backoff), Some(max), Some(node)) = (backoff, max, fields.get("max"))
        && max < backoff
    {
        report.wrong(
            node,
            format!("`max` ({max}) is shorter than `backoff` ({backoff})"),
        );
    }
    Retry {
        attempts: attempts.unwrap_or(default.attempts),
        backoff: backoff.unwrap_or(default.backoff),
        factor: factor.unwrap_or(default.factor),
        max: max.unwrap_or(default.max),
    }
}
