//! `stopbath job fetch`: what jobs made, as files named like those of `stopbath run`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use serde_json::Value;

use crate::cli::client::{Client, entries, escape, text};
use crate::cli::files;

/// `DIR/IMAGE-RENDITION` of each job, and `DIR/IMAGE.json` where it found something out; the paths.
pub(super) fn into(client: &Client, jobs: &[Value], folder: &Path) -> Result<Vec<PathBuf>> {
    let images: Vec<PathBuf> = jobs.iter().map(image).collect();
    let renditions = jobs.iter().flat_map(|job| entries(job, "renditions"));
    let mut endings: Vec<String> = renditions.map(ending).collect();
    endings.push(".json".to_owned());
    endings.sort();
    endings.dedup();
    let mut written = Vec::new();
    for (job, stem) in jobs.iter().zip(files::stems(&images, &endings)) {
        written.append(&mut one(client, job, folder, &stem)?);
    }
    Ok(written)
}

fn one(client: &Client, job: &Value, folder: &Path, stem: &str) -> Result<Vec<PathBuf>> {
    let (id, state) = (text(job, "id"), text(job, "state"));
    if state != "succeeded" {
        bail!("job {id} is {state}, so there are no results of it");
    }
    let mut written = Vec::new();
    for rendition in entries(job, "renditions") {
        let name = text(rendition, "name");
        let path = format!("/v1/jobs/{}/renditions/{}", escape(id), escape(name));
        let bytes = client.send(client.get(&path))?.bytes()?;
        ensure!(
            blake3::hash(&bytes).to_hex().as_str() == text(rendition, "digest"),
            "{name} of job {id} arrived with other bytes than the job made"
        );
        let path = folder.join(format!("{stem}{}", ending(rendition)));
        files::write(&path, &bytes)?;
        written.push(path);
    }
    let facts = &job["report"]["analyses"];
    if facts.as_object().is_some_and(|facts| !facts.is_empty()) {
        let path = folder.join(format!("{stem}.json"));
        files::write(&path, format!("{facts:#}\n").as_bytes())?;
        written.push(path);
    }
    Ok(written)
}

fn ending(rendition: &Value) -> String {
    files::plain(&format!("-{}", text(rendition, "name")))
}

/// Its owner's name for it, or else the job's.
fn image(job: &Value) -> PathBuf {
    match text(&job["original"], "filename") {
        "" => files::plain(text(job, "id")).into(),
        name => files::plain(name).into(),
    }
}
