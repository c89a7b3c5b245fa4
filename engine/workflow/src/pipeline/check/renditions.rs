//! Reads the renditions: their names and where they come from; encoder options in `encode`.

mod encode;

use super::{
    super::{Rendition, node::Node},
    fields::Fields,
    graph::{find, noun, unknown_step},
    report::{Report, clip},
    steps::Draft,
};
use crate::{plan::Flow, rendition::EncodeOption};

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
        // It may give bytes once its own error is mended, and then it needs no format.
        let unknown = from.is_some_and(|i| drafts[i].flow.is_none()) && fields.get("format").is_none();
        let encode = if unknown {
            None
        } else if bytes {
            as_is(fields, &drafts[from.unwrap_or_default()], report).then_some(None)
        } else {
            encode::read(fields, report).map(Some)
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
            format!("`{}` cannot be a file name here; write letters, digits, `.`, `_` and `-`, a letter or digit first, at most 128", clip(&name)),
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
fn as_is(fields: Fields<'_>, from: &Draft<'_>, report: &mut Report) -> bool {
    let mut fits = true;
    let options = EncodeOption::ALL.map(EncodeOption::name);
    for key in ["format"]
        .into_iter()
        .chain(options)
        .filter_map(|key| fields.key(key))
    {
        let message = format!(
            "`{}` gives bytes that are published as they are; leave `{}` out, or set it under the step's `with:`",
            from.step.id, key.text
        );
        report.error(key.at, &key.text, message);
        fits = false;
    }
    fits
}
