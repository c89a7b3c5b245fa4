//! Blobs belong to one database: with another one, or an older copy, nothing is served and so nothing is lost.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use e2e::{Server, pictures, refused_start, sqlite};
use image::ImageFormat;
use tempfile::TempDir;

use crate::jobs::THUMB;

/// In a folder that is made for it.
fn database(folder: &Path) -> String {
    std::fs::create_dir_all(folder).unwrap();
    sqlite(folder)
}

/// A place for blobs and two databases, in one folder.
fn places() -> (TempDir, PathBuf, [String; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().join("blobs");
    let databases = ["one", "other"].map(|name| database(&folder.path().join(name)));
    (folder, blobs, databases)
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
fn refused(folder: &TempDir, database: &str, blobs: &Path) -> String {
    let blobs = blobs.to_str().unwrap();
    let errors = refused_start(folder.path(), database, blobs);
    for word in ["--store", "--blobs", "--adopt-blobs", blobs, database] {
        assert!(errors.contains(word), "{word}: {errors}");
    }
    errors
}

#[test]
fn blobs_of_another_database_are_refused_until_they_are_adopted() {
    let (folder, blobs, [one, other]) = places();
    let photo = pictures::small(ImageFormat::Png, 64, 48);
    let server = start(&one, &blobs, &[]);
    drop(server.process("thumb?wait=30s", &photo).ok());
    drop(server);
    let errors = refused(&folder, &other, &blobs);
    assert!(errors.contains("this database is new"), "{errors}");
    // The first one is as welcome as before.
    drop(start(&one, &blobs, &[]));
    drop(start(&other, &blobs, &["--adopt-blobs"]));
    drop(start(&other, &blobs, &[]));
    let errors = refused(&folder, &one, &blobs);
    assert!(errors.contains("and this one is"), "{errors}");
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
    let errors = refused(&folder, &copy, &blobs);
    assert!(errors.contains("older copy"), "{errors}");
}

#[test]
fn a_server_whose_blobs_were_adopted_takes_in_nothing() {
    let (_folder, blobs, [one, other]) = places();
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
