//! Reads the top level of the file: name, input, retry and timeout; steps and renditions by their own modules.

use super::{
    super::{
        Bytes, Duration, Input, Pipeline, PluginCatalog, Retry, default_timeout,
        node::{Node, Span},
    },
    fields::Fields,
    graph::{self, Source},
    renditions,
    report::{Report, hint},
    steps::{self, Draft, Used},
};
use crate::{op::Op, pipeline::PluginKind};

pub(super) const KEYS: &[&str] = &[
    "pipeline",
    "description",
    "input",
    "steps",
    "renditions",
    "retry",
    "timeout",
];
pub(super) const INPUT_KEYS: &[&str] = &[
    "types",
    "max_bytes",
    "max_pixels",
    "max_side",
    "max_frames",
    "max_total_pixels",
    "max_cpu",
];
pub(super) const RETRY_KEYS: &[&str] = &["attempts", "backoff", "factor", "max"];
/// What `decode` reads, by the names used in `types:`.
pub(super) const NATIVE_TYPES: &[&str] = &["jpeg", "png", "webp", "gif", "tiff", "bmp", "ico", "qoi", "avif"];
const MAX_STEPS: usize = 100;
const DAY: Duration = Duration::from_secs(86_400);

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
        .and_then(|node| read_input(node, report))
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
        check_types(node, &drafts, report);
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
            .filter(|n| matches!(&n.value, super::super::node::Value::Seq(_)))
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
            format!("`{name}` cannot be the name after `{key}`; write small letters, {signs}, a letter first, at most {max}"),
        );
    }
    fits.then_some(name)
}

fn read_input(node: &Node, report: &mut Report) -> Option<Input> {
    let fields = Fields::of(node, "`input`", INPUT_KEYS, report)?;
    let mut types = Vec::new();
    for item in fields
        .get("types")
        .and_then(|node| report.list("types", node, 50))
        .unwrap_or_default()
    {
        types.extend(report.text("types", item).map(|t| t.to_ascii_lowercase()));
    }
    Some(Input {
        types,
        max_bytes: fields
            .get("max_bytes")
            .and_then(|n| report.unit("max_bytes", n, Some(Bytes(1 << 40)))),
        max_pixels: fields
            .get("max_pixels")
            .and_then(|n| report.unit("max_pixels", n, None)),
        max_side: fields
            .get("max_side")
            .and_then(|n| report.whole("max_side", n, 1..=65_535))
            .map(|n| n as u32),
        max_frames: fields
            .get("max_frames")
            .and_then(|n| report.whole("max_frames", n, 1..=100_000))
            .map(|n| n as u32),
        max_total_pixels: fields
            .get("max_total_pixels")
            .and_then(|n| report.unit("max_total_pixels", n, None)),
        max_cpu: fields
            .get("max_cpu")
            .and_then(|n| report.unit("max_cpu", n, Some(DAY))),
    })
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

/// Each type must be read by a step of this pipeline.
fn check_types(node: &Node, drafts: &[Draft<'_>], report: &mut Report) {
    if drafts.iter().any(|d| d.used.is_none()) {
        return;
    }
    let mut known: Vec<String> = Vec::new();
    for draft in drafts {
        match &draft.used {
            Some(Used::Builtin(Op::Decode(_))) => known.extend(NATIVE_TYPES.iter().map(ToString::to_string)),
            Some(Used::Plugin { info, .. }) if info.kind == PluginKind::Decoder => {
                known.extend(info.media_types.iter().map(|m| short_name(m).to_owned()));
            }
            _ => {}
        }
    }
    if known.is_empty() {
        return;
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let mut seen: Vec<(String, Span)> = Vec::new();
    let super::super::node::Value::Seq(items) = &node.value else {
        return;
    };
    for item in items {
        let text = item.text().to_ascii_lowercase();
        let name = short_name(&text).to_owned();
        if !known.contains(&name.as_str()) {
            report.wrong(
                item,
                format!("no step of this pipeline reads `{text}`{}", hint(&name, &known)),
            );
        } else if seen.iter().any(|(n, _)| *n == name) {
            report.warn(item.at, &item.text(), format!("`{text}` stands here twice"));
        }
        seen.push((name, item.at));
    }
}

/// `image/svg+xml` -> `svg`; what is no media type stays.
pub(crate) fn short_name(media_type: &str) -> &str {
    let name = media_type.strip_prefix("image/").unwrap_or(media_type);
    let name = name.strip_prefix("x-").unwrap_or(name);
    match name {
        "svg+xml" => "svg",
        "vnd.microsoft.icon" | "icon" => "ico",
        "jpg" => "jpeg",
        "tif" => "tiff",
        _ => name,
    }
}
