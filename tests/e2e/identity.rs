//! Blobs belong to one database: with another one, or an older copy, nothing is served and so nothing is lost.

use std::path::Path;
use std::time::{Duration, Instant};

use e2e::{Ran, Server, pictures, stopbath};
use image::ImageFormat;
use tempfile::TempDir;

const THUMB: &str = "steps:
  - { id: photo, uses: decode }
  - { id: small, uses: resize, with: { width: 32, height: 32 } }
renditions:
  - { name: small.png, from: small, format: png }
";

/// In a folder that is made for it.
fn database(folder: &Path) -> String {
    std::fs::create_dir_all(folder).unwrap();
    format!("sqlite:{}", folder.join("jobs.db").display())
}

/// On this database and these blobs.
fn start(database: &str, blobs: &Path, options: &[&str]) -> Server {
    Server::of([("thumb", THUMB)])
        .store(database)
        .blobs(blobs)
        .args(options)
        .start()
}

/// A start that must fail.
fn refused(folder: &TempDir, database: &str, blobs: &Path) -> Ran {
    let done = stopbath([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--plugins",
        folder.path().to_str().unwrap(),
        "--store",
        database,
        "--blobs",
        blobs.to_str().unwrap(),
    ]);
    assert_eq!(done.code, Some(1), "{}{}", done.output, done.errors);
    for word in [
        "--store",
        "--blobs",
        "--adopt-blobs",
        blobs.to_str().unwrap(),
        database,
    ] {
        assert!(done.errors.contains(word), "{word}: {}", done.errors);
    }
    done
}

#[test]
fn blobs_of_another_database_are_refused_until_they_are_adopted() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().join("blobs");
    let (one, other) = (
        database(&folder.path().join("one")),
        database(&folder.path().join("other")),
    );
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let server = start(&one, &blobs, &[]);
    drop(server.process("thumb?wait=30s", &photo).ok());
    drop(server);
    let done = refused(&folder, &other, &blobs);
    assert!(done.errors.contains("this database is new"), "{}", done.errors);
    // The first one is as welcome as before.
    drop(start(&one, &blobs, &[]));
    drop(start(&other, &blobs, &["--adopt-blobs"]));
    drop(start(&other, &blobs, &[]));
    let done = refused(&folder, &one, &blobs);
    assert!(done.errors.contains("and this one is"), "{}", done.errors);
}

#[test]
fn an_older_copy_of_the_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().join("blobs");
    let (now, then) = (folder.path().join("now"), folder.path().join("then"));
    drop(start(&database(&now), &blobs, &[]));
    let copy = database(&then);
    for file in std::fs::read_dir(&now).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), then.join(file.file_name())).unwrap();
    }
    drop(start(&database(&now), &blobs, &[]));
    let done = refused(&folder, &copy, &blobs);
    assert!(done.errors.contains("older copy"), "{}", done.errors);
}

#[test]
fn a_server_whose_blobs_were_adopted_takes_in_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().join("blobs");
    let (one, other) = (
        database(&folder.path().join("one")),
        database(&folder.path().join("other")),
    );
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let submit = |server: &Server| server.post("/v1/pipelines/thumb/jobs", &[], &photo);
    // It looks so often whose the blobs are.
    let first = start(&one, &blobs, &["--grace-ms", "50"]);
    assert_eq!(submit(&first).status, 202);
    let second = start(&other, &blobs, &["--adopt-blobs"]);
    let begun = Instant::now();
    let refused = loop {
        let answer = submit(&first);
        if answer.status != 202 {
            break answer.json();
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it takes in jobs");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(refused["status"], 503, "{refused}");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("another database"), "{detail}");
    assert_eq!(submit(&second).status, 202);
}
