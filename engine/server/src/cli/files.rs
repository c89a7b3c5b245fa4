//! Files that the commands read and write.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use workflow::plan::Plan;

use crate::original::{AppendError, Original};
use crate::outcome::Rendition;

/// Takes a file into memory for an executor, up to `limit` bytes.
pub(super) fn original(path: &Path, limit: u64) -> Result<Original> {
    let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let mut original = Original::new(limit);
    original.append(&bytes).map_err(|error| match error {
        AppendError::TooLarge(limit) => {
            anyhow::anyhow!(
                "{} is larger than the {limit} bytes that the pipeline takes (`input.max_bytes`)",
                path.display()
            )
        }
        AppendError::Memory(error) => error.into(),
    })?;
    Ok(original)
}

/// Writes a file whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let mut temp =
        tempfile::NamedTempFile::new_in(folder).with_context(|| format!("write in {}", folder.display()))?;
    temp.write_all(bytes)
        .with_context(|| format!("write {}", path.display()))?;
    temp.persist(path)
        .with_context(|| format!("write {}", path.display()))?;
    Ok(())
}

/// `DIR/STEM-NAME` for each rendition; the paths that were written.
pub(super) fn write_renditions(folder: &Path, stem: &str, renditions: &[Rendition]) -> Result<Vec<PathBuf>> {
    renditions
        .iter()
        .map(|rendition| {
            let path = folder.join(format!("{stem}-{}", rendition.name));
            write(&path, &rendition.bytes)?;
            Ok(path)
        })
        .collect()
}

/// What the results of each of several images begin with: the stem, made unique by the extension or a number.
/// `endings` is all that may follow it; no two images ever share a file.
pub(super) fn stems(images: &[PathBuf], endings: &[String]) -> Vec<String> {
    let mut taken = std::collections::HashSet::new();
    let text = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let mut take = |name: &String| {
        let files: Vec<String> = std::iter::once(name.clone())
            .chain(endings.iter().map(|ending| format!("{name}{ending}")))
            .collect();
        let free = files.iter().all(|file| !taken.contains(file));
        if free {
            taken.extend(files);
        }
        free
    };
    images
        .iter()
        .map(|image| {
            let stem = text(image.file_stem());
            let with_ending = format!("{stem}-{}", text(image.extension()));
            let numbered = (2..).map(|n| format!("{stem}-{n}"));
            let free = [stem.clone(), with_ending]
                .into_iter()
                .chain(numbered)
                .find(&mut take);
            free.unwrap_or(stem)
        })
        .collect()
}

/// What follows the stem in the names of a plan's results.
pub(super) fn endings(plan: &Plan) -> Vec<String> {
    let renditions = plan.renditions.iter().map(|r| format!("-{}", r.name));
    renditions.chain([".json".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_never_share_a_name() {
        let images: Vec<PathBuf> = ["a/x.jpg", "b/x.jpg", "x.png", "c/x.jpg"]
            .map(PathBuf::from)
            .into();
        assert_eq!(
            stems(&images, &["-thumb.jpg".to_owned()]),
            ["x", "x-jpg", "x-png", "x-2"]
        );
        // `a` with `b-c.png`, and `a-b` with `c.png`.
        let images: Vec<PathBuf> = ["a.jpg", "a-b.jpg", "a-b-c.jpg"].map(PathBuf::from).into();
        let endings = ["-b-c.png", "-c.png", ".json"].map(str::to_owned);
        let mut files = std::collections::HashSet::new();
        for stem in stems(&images, &endings) {
            for ending in &endings {
                let file = format!("{stem}{ending}");
                assert!(files.insert(file.clone()), "{file} twice");
            }
        }
    }
}
