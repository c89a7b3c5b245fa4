//! Damaged files are refused: never a wrong picture with 200, never a dead server.
//!
//! A file that is cut short must be refused, or give the very picture that the whole one gives. A flipped bit can be
//! noticed for certain only where the format has checksums (PNG); elsewhere it may give another valid file,
//! and what is demanded is an answer, of the caller's class where it is an error.

use std::time::{Duration, Instant};

use e2e::{Server, Watch, damage, pictures};
use image::RgbaImage;

const PIPELINE: &str = "steps:
  - { id: photo, uses: decode }
  - { id: small, uses: resize, with: { width: 48, height: 48 } }
renditions:
  - { name: out.png, format: png }
";
const CALLERS_FAULT: [&str; 3] = ["bad-input", "unsupported", "too-large"];
const IN_TIME: Duration = Duration::from_secs(5);
const MEMORY_MIB: u64 = 600;

/// Sends a damaged file; the picture if there was one.
fn send(server: &Server, what: &str, file: &[u8]) -> Option<RgbaImage> {
    let begun = Instant::now();
    let answer = server.process("small", file);
    assert!(begun.elapsed() < IN_TIME, "{what}: {:?}", begun.elapsed());
    if answer.status == 200 {
        return Some(answer.picture());
    }
    let kind = answer.problem();
    assert!(
        CALLERS_FAULT.contains(&kind.as_str()),
        "{what}: {kind}: {}",
        answer.json()["detail"]
    );
    None
}

fn files() -> Vec<(String, Vec<u8>)> {
    let encoded = pictures::FORMATS.map(|format| (format!("{format:?}"), pictures::small(format, 64, 48)));
    let photos = ["coffee.jpg", "chelsea-cmyk.jpg", "coffee.webp", "chelsea-pan.gif"];
    encoded
        .into_iter()
        .chain(photos.map(|name| (name.to_owned(), pictures::photo(name))))
        .collect()
}

#[test]
fn truncated_files_never_give_a_wrong_picture() {
    let mut server = Server::of([("small", PIPELINE)]).start();
    let watch = Watch::start(server.pid());
    let mut wrong = Vec::new();
    for (name, file) in files() {
        let whole = server.process("small", &file).ok().picture();
        // Large photographs in coarser steps, so that each file costs about the same.
        let step = 37 * (file.len() / 12_000).max(1);
        for cut in damage::truncations(&file, step) {
            let what = format!("{name}, {} of {} bytes", cut.len(), file.len());
            if let Some(picture) = send(&server, &what, &cut) {
                let difference = pictures::difference(&picture, &whole);
                if difference > 0.0 {
                    wrong.push(format!(
                        "{what}: 200 with a picture that is off by {difference:.2}"
                    ));
                }
            }
        }
    }
    assert!(server.lives());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let peak = watch.peak().mib();
    assert!(peak < MEMORY_MIB, "{peak} MiB");
}

#[test]
fn flipped_bits_never_harm_the_server() {
    let mut server = Server::of([("small", PIPELINE)]).start();
    let watch = Watch::start(server.pid());
    for (name, file) in files() {
        let whole = server.process("small", &file).ok().picture();
        let (mut refused, mut same, mut other) = (0, 0, 0);
        for (index, flipped) in damage::bit_flips(&file, 120).enumerate() {
            match send(&server, &format!("{name}, flip {index}"), &flipped) {
                None => refused += 1,
                Some(picture) if pictures::difference(&picture, &whole) < 0.5 => same += 1,
                Some(_) => other += 1,
            }
        }
        println!("{name}: {refused} refused, {same} the same, {other} other pictures");
        assert!(
            other == 0 || name != "Png",
            "checksums were not looked at: {other} wrong pictures"
        );
    }
    assert!(server.lives());
    let peak = watch.peak().mib();
    assert!(peak < MEMORY_MIB, "{peak} MiB");
}

#[test]
fn a_reason_and_the_kind_are_given() {
    let server = Server::of([("small", PIPELINE)]).start();
    let photo = pictures::photo("chelsea.jpg");
    let answer = server.process("small", &photo[..photo.len() / 2]);
    assert_eq!((answer.status, answer.problem().as_str()), (422, "bad-input"));
    assert_eq!(answer.json()["step"], "photo");
    let answer = server.process("small", b"%PDF-1.7 and so on, for a while");
    assert_eq!((answer.status, answer.problem().as_str()), (415, "unsupported"));
}

#[test]
fn salvage_is_a_choice_and_marks_the_result() {
    let salvage = PIPELINE.replace("uses: decode", "uses: decode, with: { on_corrupt: salvage }");
    let server = Server::of([("small", salvage)]).start();
    let photo = pictures::photo("chelsea.jpg");
    let whole = server.process("small", &photo).ok();
    assert_eq!(whole.header("stopbath-salvaged"), "");
    let half = server.process("small", &photo[..photo.len() / 2]).ok();
    assert_eq!(half.header("stopbath-salvaged"), "true");
    assert_eq!(half.picture().dimensions(), whole.picture().dimensions());
}
