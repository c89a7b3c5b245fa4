//! Encoder options of a rendition, and whether its format knows them.

use super::super::{super::node::Node, fields::Fields, report::Report};
use crate::{
    op::Colour,
    rendition::{Encode, EncodeOption, Format, Keep},
};

/// How to encode, if format and options fit each other.
pub(super) fn read(fields: Fields<'_>, report: &mut Report) -> Option<Encode> {
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
            .unwrap_or_default(),
        effort: fields
            .get("effort")
            .and_then(|n| report.whole("effort", n, 0..=10))
            .map(|n| n as u8),
        keep: read_keep(fields, report),
        background: fields.get("background").and_then(|n| read_colour(n, report)),
        ..before
    };
    let fits = options_fit(fields, format?, &encode, report);
    fits.then_some(encode)
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

/// Options that a format does not know are errors, also where they say the default: they would be silently
/// without effect. An effort that makes no difference is a warning.
fn options_fit(fields: Fields<'_>, format: Format, encode: &Encode, report: &mut Report) -> bool {
    let mut fits = true;
    let mut refuse = |option: EncodeOption, why: String, report: &mut Report| {
        if let Some(key) = fields.key(option.name()) {
            report.error(key.at, &key.text, why);
        }
        fits = false;
    };
    for option in EncodeOption::ALL {
        if fields.key(option.name()).is_some()
            && let Some(why) = option.refusal(format)
        {
            refuse(option, why, report);
        }
    }
    for (option, why) in encode.refusals() {
        if option.refusal(format).is_none() {
            refuse(option, why, report);
        }
    }
    if format == Format::Jpeg
        && encode.effort.is_some_and(|effort| effort < 10)
        && let Some(key) = fields.key(EncodeOption::Effort.name())
    {
        let message =
            "an `effort` below 10 changes nothing for jpeg; 10 makes it progressive and a little smaller";
        report.warn(key.at, &key.text, message);
    }
    fits
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
