//! Several renditions in one answer: `multipart/mixed`, or a ZIP that stores without compressing again.

use std::io::{Cursor, Write};

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::http::problem::Problem;
use crate::outcome::Rendition;

/// Each rendition is a part with its type and name; the last part is `result.json`.
pub(super) fn multipart(renditions: &[Rendition], facts: &Value) -> Response {
    let facts = facts.to_string();
    let boundary = boundary(renditions, &facts);
    let size: usize = renditions.iter().map(|r| r.bytes.len() + 256).sum();
    let mut body = Vec::with_capacity(size + facts.len() + 256);
    for r in renditions {
        part(&mut body, &boundary, &r.media_type, &r.name, &r.bytes);
    }
    part(
        &mut body,
        &boundary,
        "application/json",
        "result.json",
        facts.as_bytes(),
    );
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (
        [(
            header::CONTENT_TYPE,
            format!("multipart/mixed; boundary={boundary}"),
        )],
        body,
    )
        .into_response()
}

fn part(body: &mut Vec<u8>, boundary: &str, media_type: &str, name: &str, bytes: &[u8]) {
    let head = format!(
        "--{boundary}\r\nContent-Type: {media_type}\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
         Content-Length: {}\r\n\r\n",
        bytes.len()
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n");
}

/// Derived from what is sent, so that it cannot be chosen by who made the original.
fn boundary(renditions: &[Rendition], facts: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for rendition in renditions {
        hasher.update(&rendition.bytes);
    }
    hasher.update(facts.as_bytes());
    format!("stopbath-{}", &hasher.finalize().to_hex()[..32])
}

pub(super) fn zip(renditions: &[Rendition], facts: &Value) -> Result<Response, Problem> {
    let name = |result: Result<Vec<u8>, zip::result::ZipError>| {
        result.map_err(|error| Problem::new(500, "internal", format!("the ZIP could not be made: {error}")))
    };
    let body = name(write_zip(renditions, facts))?;
    Ok(([(header::CONTENT_TYPE, "application/zip")], body).into_response())
}

fn write_zip(renditions: &[Rendition], facts: &Value) -> Result<Vec<u8>, zip::result::ZipError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for rendition in renditions {
        zip.start_file(&*rendition.name, options)?;
        zip.write_all(&rendition.bytes)?;
    }
    zip.start_file("result.json", options)?;
    zip.write_all(facts.to_string().as_bytes())?;
    Ok(zip.finish()?.into_inner())
}
