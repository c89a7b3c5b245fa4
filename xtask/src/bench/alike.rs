//! Are two outputs alike? Both are measured against the same reference downscale of the original.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::lab::Lab;
use crate::shell;

/// How far the size of a file may be from its peer's before the comparison of times is unfair.
const BYTES: f64 = 0.06;
/// How much closer to the reference a peer may be, in dB.
const DECIBELS: f64 = 0.5;
/// What each dB that is gained may cost in size: detail that a peer lost takes bytes.
const BYTES_PER_DECIBEL: f64 = 0.1;

/// What `compare.py` says of one output.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Facts {
    width: u32,
    height: u32,
    format: String,
    bytes: u64,
    psnr: f64,
    ssim: f64,
}

/// The verdict over one or more pairs.
#[derive(Debug, Clone)]
pub(super) struct Likeness {
    pub(super) alike: bool,
    /// Sizes and qualities, ours first.
    pub(super) words: String,
}

/// Facts of each output, in the order given; a ZIP counts as the files in it.
pub(super) fn measure(lab: &Lab, original: &Path, outputs: &[&Path]) -> Result<Vec<Facts>> {
    let text = shell::output(
        lab.python("python")
            .arg(lab.script("compare.py"))
            .arg(original)
            .args(outputs),
    )?;
    let facts: Vec<Value> = serde_json::from_str(&text)?;
    facts
        .iter()
        .map(|fact| Facts::read(fact).context("compare.py leaves nothing out"))
        .collect()
}

impl Facts {
    fn read(fact: &Value) -> Option<Self> {
        Some(Self {
            width: u32::try_from(fact["width"].as_u64()?).ok()?,
            height: u32::try_from(fact["height"].as_u64()?).ok()?,
            format: fact["format"].as_str()?.to_owned(),
            bytes: fact["bytes"].as_u64()?,
            psnr: fact["psnr"].as_f64()?,
            ssim: fact["ssim"].as_f64()?,
        })
    }
}

/// `ours` and `theirs` pair by pair.
pub(super) fn judge(ours: &[Facts], theirs: &[Facts]) -> Result<Likeness> {
    if ours.len() != theirs.len() || ours.is_empty() {
        bail!(
            "{} outputs of ours stand against {} of theirs",
            ours.len(),
            theirs.len()
        );
    }
    let alike = ours.iter().zip(theirs).all(|(a, b)| is_alike(a, b));
    let bytes = |facts: &[Facts]| facts.iter().map(|f| f.bytes).sum::<u64>();
    let mean =
        |facts: &[Facts], value: fn(&Facts) -> f64| facts.iter().map(value).sum::<f64>() / facts.len() as f64;
    let (our_bytes, their_bytes) = (bytes(ours), bytes(theirs));
    let words = format!(
        "{:.1} : {:.1} kB, PSNR {:.1} : {:.1} dB, SSIM {:.3} : {:.3}",
        our_bytes as f64 / 1e3,
        their_bytes as f64 / 1e3,
        mean(ours, |f| f.psnr),
        mean(theirs, |f| f.psnr),
        mean(ours, |f| f.ssim),
        mean(theirs, |f| f.ssim),
    );
    Ok(Likeness { alike, words })
}

/// The same picture, no worse than the peer's, and of nearly its size (smaller is not unfair).
fn is_alike(ours: &Facts, theirs: &Facts) -> bool {
    let same_shape = ours.format == theirs.format
        && ours.width == theirs.width
        && ours.height.abs_diff(theirs.height) <= 1;
    let size = ours.bytes as f64 / theirs.bytes as f64;
    let gain = ours.psnr - theirs.psnr;
    same_shape && size <= 1.0 + BYTES + BYTES_PER_DECIBEL * gain.max(0.0) && gain >= -DECIBELS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            width: 400,
            height: 300,
            format: "jpeg".to_owned(),
            bytes: 10_000,
            psnr: 40.0,
            ssim: 0.97,
        }
    }

    #[test]
    fn a_rounded_height_is_alike() {
        assert!(is_alike(
            &Facts {
                height: 301,
                ..facts()
            },
            &facts()
        ));
        assert!(!is_alike(
            &Facts {
                height: 302,
                ..facts()
            },
            &facts()
        ));
        assert!(!is_alike(
            &Facts {
                width: 401,
                ..facts()
            },
            &facts()
        ));
    }

    #[test]
    fn larger_files_and_worse_pictures_are_not_alike() {
        assert!(is_alike(
            &Facts {
                bytes: 10_500,
                ..facts()
            },
            &facts()
        ));
        assert!(!is_alike(
            &Facts {
                bytes: 10_700,
                ..facts()
            },
            &facts()
        ));
        assert!(is_alike(
            &Facts {
                psnr: 39.6,
                ..facts()
            },
            &facts()
        ));
        assert!(!is_alike(
            &Facts {
                psnr: 39.4,
                ..facts()
            },
            &facts()
        ));
    }

    #[test]
    fn better_pictures_may_be_larger() {
        assert!(is_alike(
            &Facts {
                bytes: 11_500,
                psnr: 41.0,
                ..facts()
            },
            &facts()
        ));
        assert!(!is_alike(
            &Facts {
                bytes: 11_700,
                psnr: 41.0,
                ..facts()
            },
            &facts()
        ));
    }

    #[test]
    fn a_missing_output_is_an_error() {
        assert!(judge(&[facts()], &[]).is_err());
        assert!(judge(&[], &[]).is_err());
    }
}
