//! Hands images to a server: several in one request, which makes a job of each or of none.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Submit, watch};
use crate::cli::client::{Client, escape, text};

/// Images in one request.
const MOST: usize = 50;
/// Bytes in one request, unless a single image is larger.
const LARGEST: u64 = 64 << 20;

pub(super) fn main(args: &Submit) -> Result<ExitCode> {
    let client = Client::new(&args.server)?;
    let mut ids = Vec::new();
    for batch in batches(&args.images)? {
        for (job, image) in send(&client, args, batch)?.iter().zip(batch) {
            if args.server.json && !args.watch {
                anstream::println!("{job:#}");
            } else if !args.watch {
                anstream::println!("{}  {}", text(job, "id"), image.display());
            }
            ids.push(text(job, "id").to_owned());
        }
    }
    if args.watch {
        return watch::main(&client, &ids, args.server.json);
    }
    Ok(ExitCode::SUCCESS)
}

/// The jobs, in the order of the images.
fn send(client: &Client, args: &Submit, images: &[PathBuf]) -> Result<Vec<Value>> {
    let lane = if args.bulk { "bulk" } else { "interactive" };
    let path = format!("/v1/pipelines/{}/jobs?lane={lane}", escape(&args.pipeline));
    if let [image] = images {
        let path = format!("{path}&filename={}", escape(&name(image)));
        return Ok(vec![client.json(client.post(&path).body(read(image)?))?]);
    }
    let (content_type, body) = form(images)?;
    let request = client.post(&path).header("content-type", content_type).body(body);
    let mut answer = client.json(request)?;
    match answer.get_mut("jobs").map(Value::take) {
        Some(Value::Array(jobs)) if jobs.len() == images.len() => Ok(jobs),
        _ => anyhow::bail!("the server did not answer with a job for each image"),
    }
}

/// A form with all of them: what it is, and its bytes.
fn form(images: &[PathBuf]) -> Result<(String, Vec<u8>)> {
    // By chance, so that no image has it.
    let boundary = format!("stopbath-{}", uuid::Uuid::new_v4().simple());
    let mut body = Vec::new();
    for image in images {
        let name = quoted(&name(image));
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.append(&mut read(image)?);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((format!("multipart/form-data; boundary={boundary}"), body))
}

fn read(image: &Path) -> Result<Vec<u8>> {
    std::fs::read(image).with_context(|| format!("read {}", image.display()))
}

fn name(image: &Path) -> String {
    image
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// As forms in browsers write names.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// In their order, none too large.
fn batches(images: &[PathBuf]) -> Result<Vec<&[PathBuf]>> {
    let size = |image: &PathBuf| {
        let found = std::fs::metadata(image).with_context(|| format!("read {}", image.display()));
        found.map(|found| found.len())
    };
    let sizes = images.iter().map(size).collect::<Result<Vec<_>>>()?;
    Ok(split(images, &sizes))
}

fn split<'a, T>(images: &'a [T], sizes: &[u64]) -> Vec<&'a [T]> {
    let mut batches = Vec::new();
    let (mut begin, mut bytes) = (0, 0_u64);
    for (n, size) in sizes.iter().enumerate() {
        if n > begin && (n - begin == MOST || bytes + size > LARGEST) {
            batches.push(&images[begin..n]);
            (begin, bytes) = (n, 0);
        }
        bytes += size;
    }
    batches.push(&images[begin..]);
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_neither_long_nor_large() {
        let lengths =
            |sizes: &[u64]| -> Vec<usize> { split(sizes, sizes).iter().map(|batch| batch.len()).collect() };
        assert_eq!(lengths(&[1; 120]), [50, 50, 20]);
        assert_eq!(lengths(&[40 << 20, 24 << 20, 1, 200 << 20, 1]), [2, 1, 1, 1]);
        assert_eq!(lengths(&[200 << 20]), [1]);
    }

    #[test]
    fn a_name_cannot_end_its_header() {
        assert_eq!(quoted("a\"\r\nB: c.png"), "a%22%0D%0AB: c.png");
    }
}
