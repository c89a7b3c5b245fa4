//! Several renditions in one answer: `multipart/mixed`, a ZIP that stores without compressing again, or
//! none of them, just the facts.
//!
//! Runs where it may take its time. A multipart sends the renditions as they are; only a ZIP copies them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{Cursor, Write};
use std::sync::Arc;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use serde_json::Value;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::{Shape, media_type};
use crate::budget::Share;
use crate::http::problem::Problem;
use crate::outcome::{Rendition, Report, StepReport};

/// Everything about the job but the pictures.
#[derive(Serialize)]
struct Facts<'a> {
    original: &'a str,
    salvaged: bool,
    skipped: &'a [String],
    replaced: &'a [String],
    renditions: Vec<Fact<'a>>,
    analyses: &'a BTreeMap<String, Value>,
    metadata: &'a BTreeMap<String, BTreeMap<String, Value>>,
    steps: &'a [StepReport],
    ms: f64,
}

#[derive(Serialize)]
struct Fact<'a> {
    name: &'a str,
    media_type: &'a str,
    width: u32,
    height: u32,
    bytes: u64,
    key: &'a str,
}

/// `share` grows by what is made here.
pub(super) fn pack(
    shape: Shape,
    renditions: &[Rendition],
    report: &Report,
    mut share: Share,
) -> Result<Response, Problem> {
    let failed =
        |error: String| Problem::new(500, "internal", format!("the answer could not be made: {error}"));
    let facts = serde_json::to_vec(&facts(renditions, report)).map_err(|e| failed(e.to_string()))?;
    share.grow(facts.len() as u64)?;
    let response = match shape {
        Shape::Bytes | Shape::Multipart => {
            let facts = Arc::new(share).hold(facts.into());
            multipart(renditions, facts, &boundary().map_err(|e| failed(e.to_string()))?)
        }
        Shape::Zip => {
            share.grow(zip_size(renditions, &facts))?;
            let zip = zip(renditions, &facts).map_err(|e| failed(e.to_string()))?;
            whole("application/zip", Arc::new(share).hold(zip.into()))
        }
        Shape::Json => whole("application/json", Arc::new(share).hold(facts.into())),
    };
    Ok(response)
}

fn whole(media_type: &'static str, body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, media_type)], Body::from(body)).into_response()
}

fn facts<'a>(renditions: &'a [Rendition], report: &'a Report) -> Facts<'a> {
    let fact = |r: &'a Rendition| Fact {
        name: &r.name,
        media_type: media_type(&r.media_type),
        width: r.width,
        height: r.height,
        bytes: r.length,
        key: &r.key,
    };
    Facts {
        original: &report.original,
        salvaged: report.salvaged,
        skipped: &report.skipped,
        replaced: &report.replaced,
        renditions: renditions.iter().map(fact).collect(),
        analyses: &report.analyses,
        metadata: &report.metadata,
        steps: &report.steps,
        ms: report.ms,
    }
}

/// Each rendition is a part with its type and name; the last part is `result.json`.
fn multipart(renditions: &[Rendition], facts: Bytes, boundary: &str) -> Response {
    let mut pieces = Vec::with_capacity(renditions.len() * 3 + 4);
    let mut part = |media_type: &str, name: &str, bytes: Bytes| {
        let head = format!(
            "--{boundary}\r\nContent-Type: {media_type}\r\nContent-Disposition: attachment; \
             filename=\"{name}\"\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        pieces.extend([head.into(), bytes, Bytes::from_static(b"\r\n")]);
    };
    for r in renditions {
        part(media_type(&r.media_type), &r.name, r.bytes.clone());
    }
    part("application/json", "result.json", facts);
    pieces.push(format!("--{boundary}--\r\n").into());
    let length: usize = pieces.iter().map(Bytes::len).sum();
    let headers = [
        (
            header::CONTENT_TYPE,
            format!("multipart/mixed; boundary={boundary}"),
        ),
        (header::CONTENT_LENGTH, length.to_string()),
    ];
    let body = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, Infallible>)));
    (headers, body).into_response()
}

/// By chance, so that nobody can put it into a picture beforehand.
fn boundary() -> Result<String, getrandom::Error> {
    let mut chance = [0; 16];
    getrandom::fill(&mut chance)?;
    Ok(format!("stopbath-{}", hex::encode(chance)))
}

/// No less than the ZIP will take.
fn zip_size(renditions: &[Rendition], facts: &[u8]) -> u64 {
    const ENTRY: usize = 512;
    let stored = |r: &Rendition| r.bytes.len() + ENTRY;
    (renditions.iter().map(stored).sum::<usize>() + facts.len() + 2 * ENTRY) as u64
}

fn zip(renditions: &[Rendition], facts: &[u8]) -> Result<Vec<u8>, zip::result::ZipError> {
    let space = Vec::with_capacity(zip_size(renditions, facts) as usize);
    let mut zip = ZipWriter::new(Cursor::new(space));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for rendition in renditions {
        zip.start_file(&*rendition.name, options)?;
        zip.write_all(&rendition.bytes)?;
    }
    zip.start_file("result.json", options)?;
    zip.write_all(facts)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    fn rendition(bytes: &Bytes) -> Rendition {
        Rendition {
            name: "a.bin".to_owned(),
            media_type: "text/html\r\nSet-Cookie: a=b".to_owned(),
            width: 1,
            height: 1,
            key: "k".to_owned(),
            length: bytes.len() as u64,
            bytes: bytes.clone(),
        }
    }

    #[test]
    fn a_multipart_sends_the_renditions_own_bytes() {
        let bytes = Bytes::from(vec![7; 1000]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let share = Budget::new(1 << 20).share();
        let response = pack(Shape::Multipart, &[rendition(&bytes)], &Report::default(), share).unwrap();
        let length: usize = response.headers()[header::CONTENT_LENGTH]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        let mut body = response.into_body().into_data_stream();
        let (mut total, mut shared, mut text) = (0, false, Vec::new());
        while let Some(piece) = runtime.block_on(futures_util::StreamExt::next(&mut body)) {
            let piece = piece.unwrap();
            total += piece.len();
            shared |= piece.as_ptr() == bytes.as_ptr();
            text.extend_from_slice(&piece);
        }
        assert_eq!(total, length);
        assert!(shared, "the bytes were copied");
        assert!(!String::from_utf8_lossy(&text).contains("Set-Cookie: a=b\r\n"));
    }

    #[test]
    fn a_zip_is_no_larger_than_was_set_aside_for_it() {
        let renditions = [rendition(&Bytes::from(vec![7; 1000]))];
        let facts = vec![b' '; 100];
        let made = zip(&renditions, &facts).unwrap();
        assert!(
            made.len() as u64 <= zip_size(&renditions, &facts),
            "{}",
            made.len()
        );
        let mut small = Budget::new(1500).share();
        small.grow(500).unwrap();
        assert!(pack(Shape::Zip, &renditions, &Report::default(), small).is_err());
    }
}
