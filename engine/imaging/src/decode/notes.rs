//! Sentences on what was done to an original.

use super::{Consumer, Job};
use crate::header::Header;
use crate::sniff::InputType;

pub(super) fn turned(orientation: u8) -> &'static str {
    match orientation {
        2 => "mirrored left to right",
        3 => "turned by 180 degrees",
        4 => "mirrored top to bottom",
        5 => "mirrored left to right and turned 90 degrees counter-clockwise",
        6 => "turned 90 degrees clockwise",
        7 => "mirrored left to right and turned 90 degrees clockwise",
        _ => "turned 90 degrees counter-clockwise",
    }
}

/// Where the file has more pictures than are read.
pub(super) fn only_the_first(job: &Job<'_>) -> Option<String> {
    let (kind, pages) = (job.header().kind, job.parsed.pages);
    let what = if kind == InputType::Tiff {
        "pages"
    } else {
        "frames"
    };
    (pages > 1).then(|| format!("the {kind} has {pages} {what}, only the first is read"))
}

pub(super) fn scaled(job: &Job<'_>, denominator: u8) -> String {
    let Header { width, height, .. } = job.header();
    let n = u32::from(denominator);
    let widest = job
        .request
        .consumers
        .iter()
        .filter_map(|consumer| match consumer {
            Consumer::Resize(resize) => resize
                .width
                .map(|w| (w, "wide"))
                .or(resize.height.map(|h| (h, "high"))),
            Consumer::Full => None,
        });
    let serves = widest
        .max()
        .map(|(side, which)| format!(" serves resize {side} {which}"))
        .unwrap_or_default();
    format!(
        "decoded at 1/{n}: {width}x{height} -> {}x{}{serves}",
        width.div_ceil(n),
        height.div_ceil(n)
    )
}
