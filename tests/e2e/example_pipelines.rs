//! Every file in `pipelines/` works: by HTTP and on the command line, and both give the same bytes.

use std::path::{Path, PathBuf};

use e2e::{Answer, Server, pictures, stopbath};
use serde_json::Value;
use tempfile::TempDir;

const DRAWING: &[u8] = br##"<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40">
<rect width="60" height="40" fill="#fff"/><circle cx="30" cy="20" r="15" fill="#c03"/></svg>"##;

fn examples() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(e2e::root().join("pipelines")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    files
}

fn name(file: &Path) -> String {
    file.file_stem().unwrap().to_str().unwrap().to_owned()
}

/// A file that the pipeline takes.
fn original_for(pipeline: &str) -> (&'static str, Vec<u8>) {
    if pipeline == "vector" {
        ("drawing.svg", DRAWING.to_vec())
    } else {
        ("coffee.jpg", pictures::photo("coffee.jpg"))
    }
}

#[test]
fn all_pass_the_check() {
    let ran = stopbath(
        [Path::new("check")]
            .into_iter()
            .chain(examples().iter().map(PathBuf::as_path)),
    )
    .ok();
    assert_eq!(
        ran.output.lines().filter(|line| line.starts_with("ok")).count(),
        examples().len(),
        "{}",
        ran.output
    );
}

#[test]
fn all_process_by_http_and_on_the_command_line() {
    let server = Server::examples().start();
    for file in examples() {
        let pipeline = name(&file);
        let (original_name, original) = original_for(&pipeline);
        let facts = server
            .process_with(&pipeline, &[("accept", "application/json")], &original)
            .ok()
            .json();
        let by_http = renditions_by_http(&server, &pipeline, &original, &facts);
        let by_command = renditions_by_command(&file, original_name, &original);
        assert_eq!(
            by_http.len(),
            facts["renditions"].as_array().unwrap().len(),
            "{pipeline}"
        );
        for (rendition, bytes) in by_http {
            assert_eq!(
                by_command(&rendition),
                bytes,
                "{pipeline}: {rendition} differs between HTTP and command line"
            );
        }
    }
}

fn renditions_by_http(
    server: &Server,
    pipeline: &str,
    original: &[u8],
    facts: &Value,
) -> Vec<(String, Vec<u8>)> {
    let renditions = facts["renditions"].as_array().unwrap();
    let take = |facts: &Value| {
        let name = facts["name"].as_str().unwrap();
        let answer = server
            .process(&format!("{pipeline}?rendition={name}"), original)
            .ok();
        check_rendition(&answer, facts);
        (name.to_owned(), answer.body)
    };
    renditions.iter().map(take).collect()
}

fn check_rendition(answer: &Answer, facts: &Value) {
    assert_eq!(answer.header("content-type"), facts["media_type"], "{facts}");
    assert_eq!(
        answer.header("etag"),
        format!("\"{}\"", facts["key"].as_str().unwrap())
    );
    assert_eq!(answer.body.len() as u64, facts["bytes"]);
    let size = answer.picture().dimensions();
    assert_eq!(
        (u64::from(size.0), u64::from(size.1)),
        (
            facts["width"].as_u64().unwrap(),
            facts["height"].as_u64().unwrap()
        )
    );
}

fn renditions_by_command(file: &Path, name: &str, original: &[u8]) -> impl Fn(&str) -> Vec<u8> {
    let folder = TempDir::new().unwrap();
    let image = folder.path().join(name);
    std::fs::write(&image, original).unwrap();
    let arguments = [Path::new("run"), file, &image, Path::new("-o"), folder.path()];
    drop(stopbath(arguments).ok());
    let stem = image.with_extension("").to_str().unwrap().to_owned();
    move |rendition| {
        let path = format!("{stem}-{rendition}");
        let held = &folder;
        std::fs::read(&path).unwrap_or_else(|error| panic!("{path} in {held:?}: {error}"))
    }
}

#[test]
fn product_photos_of_every_photograph_look_like_them() {
    let server = Server::examples().start();
    for photo in [
        "astronaut.png",
        "rocket.jpg",
        "hubble_deep_field.jpg",
        "retina.jpg",
        "chelsea.jpg",
        "coffee.webp",
    ] {
        let original = pictures::photo(photo);
        let answer = server
            .process_with("product-photos", &[("accept", "application/zip")], &original)
            .ok();
        let files = answer.zip();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["large.webp", "thumb.jpg", "result.json"], "{photo}");
        assert_eq!(pictures::read(&files[1].1).dimensions(), (200, 200));
        let source = pictures::read(&original);
        let large = pictures::read(&files[0].1);
        assert_eq!(large.dimensions(), source.dimensions(), "{photo}: never enlarged");
        // A faint mark, the loss of WebP and the conversion to sRGB are all that differs.
        let difference = pictures::difference(&large, &source);
        assert!((0.05..8.0).contains(&difference), "{photo}: {difference}");
        let facts: Value = serde_json::from_slice(&files[2].1).unwrap();
        assert!(
            facts["analyses"]["placeholder"].is_object() || facts["analyses"]["placeholder"].is_string(),
            "{facts}"
        );
    }
}

#[test]
fn analyses_are_the_same_each_time() {
    let server = Server::examples().start();
    let analyse = |photo| server.process("analyze", &pictures::photo(photo)).ok().json()["analyses"].clone();
    let first = analyse("chelsea.jpg");
    for step in ["blurhash", "thumbhash", "palette", "phash"] {
        assert!(!first[step].is_null(), "{step}: {first}");
    }
    assert_eq!(first, analyse("chelsea.jpg"));
    assert_ne!(first, analyse("coffee.jpg"));
}
