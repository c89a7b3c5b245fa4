//! Files that the commands read and write.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use workflow::failure::{Failure, FailureKind};
use workflow::plan::Plan;

use crate::original::{AppendError, Original};
use crate::outcome::{Kept, Rendition};

/// Takes a file into memory for an executor, up to `limit` bytes; one that is larger is not read.
pub(super) fn original(path: &Path, limit: u64) -> Result<Original, Failure> {
    let name = path.display();
    let too_large = || {
        let text =
            format!("{name} is larger than the {limit} bytes that the pipeline takes (`input.max_bytes`)");
        Failure::new(FailureKind::TooLarge, text)
    };
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Failure::bad_input(format!("there is no file {name}")),
        io::ErrorKind::IsADirectory => {
            Failure::bad_input(format!("{name} is a folder; name the images in it"))
        }
        _ => Failure::new(
            FailureKind::Infrastructure,
            format!("{name} could not be read: {error}"),
        ),
    };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > limit {
        return Err(too_large());
    }
    let mut original = Original::new(limit);
    original.fill(file).map_err(|error| match error {
        AppendError::TooLarge(_) => too_large(),
        AppendError::Io(error) => failed(error),
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

/// `DIR/01-photo.png` and so on for what each step made, in the plan's order; the paths by place.
pub(super) fn write_steps(folder: &Path, kept: &[Kept]) -> Result<BTreeMap<usize, PathBuf>> {
    let mut written = BTreeMap::new();
    for one in kept {
        let name = format!("{:02}-{}.{}", one.place + 1, one.report.id, one.ending);
        let path = folder.join(plain(&name));
        write(&path, &one.bytes)?;
        written.insert(one.place, path);
    }
    Ok(written)
}

/// A name that stays in its folder, whoever made it up.
pub(super) fn plain(name: &str) -> String {
    let keep = |c: char| {
        if c.is_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = name.chars().map(keep).collect();
    match name.trim_start_matches('.') {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
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
    fn originals_are_judged_before_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large.jpg");
        let kind = |path: &Path, limit| original(path, limit).err().map(|failure| failure.kind);
        // A terabyte of nothing: who reads it does not come back.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(kind(&path, 1000), Some(FailureKind::TooLarge));
        std::fs::write(&path, [7; 1000]).unwrap();
        assert_eq!(
            (kind(&path, 1000), kind(&path, 999)),
            (None, Some(FailureKind::TooLarge))
        );
        assert_eq!(kind(Path::new("/dev/zero"), 999), Some(FailureKind::TooLarge));
        let missing = original(Path::new("/no/such.jpg"), 9).err().unwrap();
        assert!(
            missing.message.contains("there is no file /no/such.jpg"),
            "{missing}"
        );
        assert_eq!(kind(folder.path(), 1 << 30), Some(FailureKind::BadInput));
    }

    #[test]
    fn names_stay_in_their_folder() {
        let names = ["a b.png", "../../etc/passwd", "/abs", "..", "ünï.jpg", ""];
        let expected = [
            "a-b.png",
            "-..-etc-passwd",
            "-abs",
            "unnamed",
            "ünï.jpg",
            "unnamed",
        ];
        assert_eq!(names.map(plain), expected);
    }

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
