//! Reads `input:`, and checks that its types are read by some step of the pipeline.

use super::{
    super::{
        Bytes, Input, PluginKind,
        node::{Node, Span, Value},
    },
    fields::Fields,
    report::{Report, hint},
    steps::{Draft, Used},
    top::DAY,
};
use crate::plan::Flow;

pub(super) const INPUT_KEYS: &[&str] = &[
    "types",
    "max_bytes",
    "max_pixels",
    "max_side",
    "max_frames",
    "max_total_pixels",
    "max_cpu",
];
/// What `decode` reads, by the names used in `types:`.
pub(super) const NATIVE_TYPES: &[&str] = &["jpeg", "png", "webp", "gif", "tiff", "bmp", "ico", "qoi", "avif"];

pub(super) fn read(node: &Node, report: &mut Report) -> Option<Input> {
    let fields = Fields::of(node, "`input`", INPUT_KEYS, report)?;
    let mut types: Vec<String> = Vec::new();
    for item in fields
        .get("types")
        .and_then(|node| report.list("types", node, 50))
        .unwrap_or_default()
    {
        // By one name each, so that whoever judges an original need not know them all.
        if let Some(text) = report.text("types", item) {
            let name = short_name(&text.to_ascii_lowercase()).to_owned();
            if !types.contains(&name) {
                types.push(name);
            }
        }
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

/// Each type must be read by a step of this pipeline.
pub(super) fn check_types(node: &Node, drafts: &[Draft<'_>], report: &mut Report) {
    // A plugin that is not known, or whose params are wrong, may be the one that reads it.
    if drafts
        .iter()
        .any(|d| d.used.is_none() && d.takes() != Some(Flow::Frame) && d.step.uses != "decode")
    {
        return;
    }
    let mut known: Vec<String> = Vec::new();
    for draft in drafts {
        match &draft.used {
            Some(Used::Plugin { info, .. }) if info.kind == PluginKind::Decoder => {
                known.extend(info.media_types.iter().map(|m| short_name(m).to_owned()));
            }
            _ if draft.step.uses == "decode" => known.extend(NATIVE_TYPES.iter().map(ToString::to_string)),
            _ => {}
        }
    }
    if known.is_empty() {
        return;
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let mut seen: Vec<(String, Span)> = Vec::new();
    let Value::Seq(items) = &node.value else {
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
fn short_name(media_type: &str) -> &str {
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
