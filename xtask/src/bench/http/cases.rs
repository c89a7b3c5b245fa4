//! What is asked for over HTTP, and the pipelines that Stopbath serves for it.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::bench::lab::Lab;

/// Nothing is asked for twice in a row: widths go round between these.
const WIDTHS: std::ops::Range<u32> = 381..421;
pub(super) const MIDDLE: u32 = 400;

/// The renditions of one original.
pub(super) struct Case {
    pub(super) title: &'static str,
    pub(super) picture: &'static str,
    /// First letters of the pipelines' names; the width follows.
    pub(super) pipeline: &'static str,
    /// Widths in 1/100 of the asked-for width.
    pub(super) sizes: &'static [u32],
    pub(super) formats: &'static [&'static str],
    /// Times faster than ipx and than thumbor.
    pub(super) targets: [f64; 2],
}

const ONE: (&str, &[u32], &[&str]) = ("w", &[100], &["jpeg"]);
const BOTH: &[&str] = &["jpeg", "webp"];

pub(super) const CASES: [Case; 4] = [
    Case {
        title: "6 MP -> 400 jpeg",
        picture: "2848x2136",
        pipeline: ONE.0,
        sizes: ONE.1,
        formats: ONE.2,
        targets: [1.4, 1.4],
    },
    Case {
        title: "12 MP -> 400 jpeg",
        picture: "4000x3000",
        pipeline: ONE.0,
        sizes: ONE.1,
        formats: ONE.2,
        targets: [1.25, 1.0],
    },
    Case {
        title: "6 MP -> 100, 200, 400 as jpeg, webp",
        picture: "2848x2136",
        pipeline: "small",
        sizes: &[25, 50, 100],
        formats: BOTH,
        targets: [3.0, 3.0],
    },
    Case {
        title: "6 MP -> 320, 640, 1280 as jpeg, webp",
        picture: "2848x2136",
        pipeline: "large",
        sizes: &[80, 160, 320],
        formats: BOTH,
        targets: [3.0, 3.0],
    },
];

/// The width that request `n` asks for.
pub(super) fn width(n: usize) -> u32 {
    WIDTHS.start + n as u32 % (WIDTHS.end - WIDTHS.start)
}

impl Case {
    /// Width and format of each rendition.
    pub(super) fn renditions(&self, width: u32) -> impl Iterator<Item = (u32, &'static str)> {
        let sizes = self.sizes.iter().map(move |size| width * size / 100);
        sizes.flat_map(|width| self.formats.iter().map(move |format| (width, *format)))
    }

    pub(super) fn original(&self, lab: &Lab) -> Result<Arc<Vec<u8>>> {
        let path = lab.picture(self.picture);
        Ok(Arc::new(
            std::fs::read(&path).with_context(|| format!("read {}", path.display()))?,
        ))
    }

    fn yaml(&self, width: u32) -> String {
        let mut text = format!(
            "pipeline: {}{width}\nsteps:\n  - {{ id: photo, uses: decode }}\n",
            self.pipeline
        );
        for size in self.sizes {
            let width = width * size / 100;
            let _ = writeln!(
                text,
                "  - {{ id: s{width}, from: photo, uses: resize, with: {{ width: {width} }} }}"
            );
        }
        text.push_str("renditions:\n");
        for (width, format) in self.renditions(width) {
            let ending = if format == "jpeg" { "jpg" } else { format };
            let _ = writeln!(
                text,
                "  - {{ name: s{width}.{ending}, from: s{width}, format: {format}, quality: 80 }}"
            );
        }
        text
    }
}

/// One pipeline for each width of each kind of case.
pub(super) fn write_pipelines(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for case in &CASES {
        for width in WIDTHS {
            std::fs::write(
                folder.join(format!("{}{width}.yaml", case.pipeline)),
                case.yaml(width),
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_six_renditions() {
        let set: Vec<_> = CASES[2].renditions(400).collect();
        assert_eq!(
            set,
            [
                (100, "jpeg"),
                (100, "webp"),
                (200, "jpeg"),
                (200, "webp"),
                (400, "jpeg"),
                (400, "webp")
            ]
        );
    }

    #[test]
    fn widths_go_round() {
        assert_eq!((width(0), width(39), width(40)), (381, 420, 381));
    }
}
