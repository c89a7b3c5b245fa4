//! Reads the renditions: names, where they come from, and encoder options that fit their format.

use super::{
    super::{Rendition, node::Node},
    fields::Fields,
    graph::{find, noun, unknown_step},
    report::{Report, one_of},
    steps::Draft,
};
use crate::{
    op::Colour,
    plan::Flow,
    rendition::{Chroma, Encode, Format, Keep},
};

pub(super) const KEYS: &[&str] = &[
    "name",
    "from",
    "format",
    "quality",
    "lossless",
    "progressive",
    "chroma",
    "effort",
    "keep",
    "background",
];
const OPTIONS: &[&str] = &[
    "quality",
    "lossless",
    "progressive",
    "chroma",
    "effort",
    "keep",
    "background",
];

pub(super) struct RenditionDraft {
    pub(super) rendition: Rendition,
    /// Index into the file's steps.
    pub(super) from: usize,
}

/// One entry for each rendition of the file; None where it has errors.
pub(super) fn read(nodes: &[Node], drafts: &[Draft<'_>], report: &mut Report) -> Vec<Option<RenditionDraft>> {
    let mut seen: Vec<(String, u32)> = Vec::new();
    let mut renditions = Vec::with_capacity(nodes.len());
    for node in nodes {
        let Some(fields) = Fields::of(node, "a rendition", KEYS, report) else {
            renditions.push(None);
            continue;
        };
        let name = read_name(fields, report);
        if let (Some(name), Some(at)) = (&name, fields.get("name")) {
            // File systems of some users do not tell `A.jpg` from `a.jpg`.
            let folded = name.to_ascii_lowercase();
            match seen.iter().find(|(other, _)| *other == folded) {
                Some((_, line)) => {
                    report.wrong(
                        at,
                        format!("duplicate rendition name `{name}`; it stands already at line {line}"),
                    );
                }
                None => seen.push((folded, at.at.line)),
            }
        }
        let from = read_from(fields, drafts, report);
        let bytes = from.is_some_and(|i| drafts[i].gives() == Some(Flow::Bytes));
        let encode = if bytes {
            as_is(fields, &drafts[from.unwrap_or_default()], report)
        } else {
            read_encode(fields, report)
        };
        renditions.push(match (name, from, encode) {
            (Some(name), Some(from), Some(encode)) => {
                let written = fields.get("from").map(Node::text);
                Some(RenditionDraft {
                    rendition: Rendition {
                        name,
                        from: written,
                        encode,
                    },
                    from,
                })
            }
            _ => None,
        });
    }
    renditions
}

fn read_name(fields: Fields<'_>, report: &mut Report) -> Option<String> {
    let node = fields.require("name", "a rendition", "thumb.jpg", report)?;
    let name = report.text("name", node)?;
    let fits = name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if !fits {
        report.wrong(
            node,
            format!("`{name}` cannot be a file name here; write letters, digits, `.`, `_` and `-`, a letter or digit first, at most 128"),
        );
    }
    fits.then_some(name)
}

fn read_from(fields: Fields<'_>, drafts: &[Draft<'_>], report: &mut Report) -> Option<usize> {
    let Some(node) = fields.get("from") else {
        let last = drafts.iter().rposition(|d| d.gives() == Some(Flow::Frame));
        if last.is_none() && !drafts.is_empty() && drafts.iter().all(|d| d.flow.is_some()) {
            report.error(
                fields.node.at,
                "",
                "no step gives a frame that this rendition could be made from",
            );
        }
        return last;
    };
    let id = report.text("from", node)?;
    let Some(found) = find(drafts, &id) else {
        report.wrong(node, unknown_step(drafts, &id));
        return None;
    };
    if drafts[found].gives() == Some(Flow::Json) {
        report.wrong(
            node,
            format!(
                "`{id}` gives {}, which is part of every job's result; a rendition needs a frame or bytes",
                noun(Flow::Json)
            ),
        );
        return None;
    }
    Some(found)
}

/// A rendition of a step that gives bytes: nothing to encode.
fn as_is(fields: Fields<'_>, from: &Draft<'_>, report: &mut Report) -> Option<Option<Encode>> {
    let mut fits = true;
    for key in ["format"].iter().chain(OPTIONS).filter_map(|key| fields.key(key)) {
        let message = format!(
            "`{}` gives bytes that are published as they are; leave `{}` out, or set it under the step's `with:`",
            from.step.id, key.text
        );
        report.error(key.at, &key.text, message);
        fits = false;
    }
    fits.then_some(None)
}

fn read_encode(fields: Fields<'_>, report: &mut Report) -> Option<Option<Encode>> {
    let names = Format::ALL.map(Format::name);
    let extension = fields.get("name").map(Node::text).unwrap_or_default();
    let extension = extension.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase());
    let by_name = extension.as_deref().and_then(by_extension);
    let format = if fields.get("format").is_some() {
        fields
            .get("format")
            .and_then(|node| report.choice("format", node, &names))
    } else {
        fields.require(
            "format",
            "a rendition",
            by_name.unwrap_or(Format::Webp).name(),
            report,
        );
        None
    };
    if let (Some(format), Some(node)) = (format, fields.get("name"))
        && by_name != Some(format)
    {
        let message = match &extension {
            Some(extension) => format!(
                "the name ends in `.{extension}`, but the format is {}",
                format.name()
            ),
            None => format!(
                "the name has no extension; `.{}` would tell its format",
                usual_extension(format)
            ),
        };
        report.warn(node.at, &node.text(), message);
    }
    let before = Encode::new(format.unwrap_or(Format::Webp));
    let encode = Encode {
        quality: fields
            .get("quality")
            .and_then(|n| report.whole("quality", n, 1..=100))
            .map(|n| n as u8),
        lossless: fields
            .get("lossless")
            .and_then(|n| report.flag("lossless", n))
            .unwrap_or(before.lossless),
        progressive: fields
            .get("progressive")
            .and_then(|n| report.flag("progressive", n))
            .unwrap_or(before.progressive),
        chroma: fields
            .get("chroma")
            .and_then(|n| report.choice("chroma", n, &["4:2:0", "4:2:2", "4:4:4"]))
            .unwrap_or(Chroma::default()),
        effort: fields
            .get("effort")
            .and_then(|n| report.whole("effort", n, 0..=10))
            .map(|n| n as u8),
        keep: read_keep(fields, report),
        background: fields.get("background").and_then(|n| read_colour(n, report)),
        ..before
    };
    let fits = options_fit(fields, format?, &encode, report);
    fits.then_some(Some(encode))
}

fn read_keep(fields: Fields<'_>, report: &mut Report) -> Vec<Keep> {
    let items = fields
        .get("keep")
        .and_then(|node| report.list("keep", node, 10))
        .unwrap_or_default();
    let mut keep: Vec<Keep> = items
        .iter()
        .filter_map(|item| report.choice("keep", item, &["icc", "exif", "copyright"]))
        .collect();
    // A set: the order in the file must not make another key.
    keep.sort_by_key(|k| *k as u8);
    keep.dedup();
    keep
}

fn read_colour(node: &Node, report: &mut Report) -> Option<Colour> {
    let text = report.text("background", node)?;
    match text.parse() {
        Ok(colour) => Some(colour),
        Err(message) => {
            report.wrong(node, format!("`background`: {message}"));
            None
        }
    }
}

/// Options that a format does not know are errors: they would be silently without effect.
fn options_fit(fields: Fields<'_>, format: Format, encode: &Encode, report: &mut Report) -> bool {
    let mut fits = true;
    for key in OPTIONS.iter().filter_map(|key| fields.key(key)) {
        let formats = formats_with(&key.text);
        if !formats.contains(&format) {
            let names: Vec<&str> = formats.iter().map(|f| f.name()).collect();
            let extra = match (key.text.as_str(), format) {
                ("lossless", Format::Png) => "; PNG is lossless as it is",
                _ => "",
            };
            let message = format!(
                "`{}` is for {}, not {}{extra}",
                key.text,
                one_of(&names),
                format.name()
            );
            report.error(key.at, &key.text, message);
            fits = false;
        }
    }
    if encode.lossless
        && encode.quality.is_some()
        && let Some(key) = fields.key("quality")
    {
        report.error(
            key.at,
            "quality",
            "`quality` does nothing with `lossless: true`; leave one of them out",
        );
        fits = false;
    }
    fits
}

fn formats_with(option: &str) -> &'static [Format] {
    match option {
        "quality" => &[Format::Jpeg, Format::Webp, Format::Avif],
        "lossless" => &[Format::Webp, Format::Avif],
        "progressive" | "background" => &[Format::Jpeg],
        "chroma" => &[Format::Jpeg, Format::Avif],
        "keep" => &[Format::Jpeg, Format::Png, Format::Webp, Format::Avif],
        _ => &Format::ALL,
    }
}

fn by_extension(extension: &str) -> Option<Format> {
    match extension {
        "jpg" | "jpeg" => Some(Format::Jpeg),
        other => Format::ALL.into_iter().find(|f| f.name() == other),
    }
}

fn usual_extension(format: Format) -> &'static str {
    if format == Format::Jpeg {
        "jpg"
    } else {
        format.name()
    }
}
