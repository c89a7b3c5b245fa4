//! Hands images to a server: several in one request, which makes a job of each or of none.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};

use super::{Submit, watch};
use crate::cli::client::{Client, escape, text};
use crate::cli::style;

/// Images in one request.
const MOST: usize = 50;
/// Bytes in one request, unless a single image is larger.
const LARGEST: u64 = 64 << 20;

pub(super) fn main(args: &Submit) -> Result<ExitCode> {
    let client = Client::new(&args.server)?;
    let mut ids = Vec::new();
    let sent = send_all(&client, args, |job, what| {
        let line = if args.server.json {
            job.to_string()
        } else {
            format!("{}  {what}", text(job, "id"))
        };
        if !args.watch {
            anstream::println!("{line}");
        }
        ids.push(text(job, "id").to_owned());
    });
    // What was accepted before something went wrong is followed all the same.
    if let Err(error) = &sent
        && args.watch
        && !ids.is_empty()
    {
        anstream::eprintln!("{}: {error:#}", style::error("error"));
        watch::main(&client, &ids, args.server.json, args.output.as_deref())?;
        return Ok(ExitCode::FAILURE);
    }
    sent?;
    if args.watch {
        return watch::main(&client, &ids, args.server.json, args.output.as_deref());
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells of each job, and what it is of.
fn send_all(client: &Client, args: &Submit, mut tell: impl FnMut(&Value, &str)) -> Result<()> {
    if !args.sources.is_empty() {
        for (job, source) in send_sources(client, args)?.iter().zip(&args.sources) {
            tell(job, source);
        }
        return Ok(());
    }
    for (place, batch) in batches(&args.images)?.into_iter().enumerate() {
        let jobs = send(client, args, batch, place).with_context(|| match batch {
            [one] => one.display().to_string(),
            _ => format!(
                "{} and those after it, {} in all",
                batch[0].display(),
                batch.len()
            ),
        })?;
        for (job, image) in jobs.iter().zip(batch) {
            tell(job, &image.display().to_string());
        }
    }
    Ok(())
}

/// The jobs, in the order of the images.
fn send(client: &Client, args: &Submit, images: &[PathBuf], place: usize) -> Result<Vec<Value>> {
    if let [image] = images {
        let more = format!("&filename={}", escape(&name(image)));
        let request = request(client, args, place, &more).body(read(image)?);
        return Ok(vec![client.json(request)?]);
    }
    let (content_type, body) = form(images)?;
    let request = request(client, args, place, "").header("content-type", content_type);
    each(client.json(request.body(body))?, images.len())
}

fn send_sources(client: &Client, args: &Submit) -> Result<Vec<Value>> {
    let request = request(client, args, 0, "");
    if let [source] = &args.sources[..] {
        return Ok(vec![client.json(request.json(&json!({ "source": source })))?]);
    }
    let answer = client.json(request.json(&json!({ "sources": args.sources })))?;
    each(answer, args.sources.len())
}

fn request(client: &Client, args: &Submit, place: usize, more: &str) -> RequestBuilder {
    let lane = if args.bulk { "bulk" } else { args.lane.as_str() };
    let path = format!("/v1/pipelines/{}/jobs?lane={lane}{more}", escape(&args.pipeline));
    let request = client.post(&path);
    match &args.idempotency_key {
        Some(key) if place == 0 => request.header("idempotency-key", key),
        // Another request, so another key; the same one when all are sent again.
        Some(key) => request.header("idempotency-key", format!("{key}.{}", place + 1)),
        None => request,
    }
}

fn each(mut answer: Value, expected: usize) -> Result<Vec<Value>> {
    match answer.get_mut("jobs").map(Value::take) {
        Some(Value::Array(jobs)) if jobs.len() == expected => Ok(jobs),
        _ => bail!("the server did not answer with a job for each image"),
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

/// In their order, none too large. All are looked at before the first is sent.
fn batches(images: &[PathBuf]) -> Result<Vec<&[PathBuf]>> {
    let size = |image: &PathBuf| {
        let name = image.display();
        let found = std::fs::metadata(image).with_context(|| format!("read {name}"))?;
        if found.is_dir() {
            bail!("{name} is a folder; name the images in it");
        }
        if found.is_file() {
            drop(File::open(image).with_context(|| format!("read {name}"))?);
            ensure!(found.len() > 0, "{name} is empty");
        }
        Ok(found.len())
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
