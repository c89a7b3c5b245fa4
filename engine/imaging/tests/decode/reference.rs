//! The same files through Pillow: orientation, colours and inks must come out alike.
//!
//! Needs a Python with Pillow, named by `STOPBATH_PYTHON`; hence behind the feature `reference`, which
//! `cargo xtask test` turns on.

use std::process::Command;

use imaging::{Frame, Pixels};

use crate::common::{mean_difference, picture};

/// Mean absolute difference in 255ths. Lossless kinds agree exactly; libjpeg-turbo is the same library
/// on both sides, where profiles differ by rounding; the two AV1 decoders' colour conversions, too.
const TOLERANCES: [(&str, f64); 24] = [
    ("plain.png", 0.0),
    ("palette.png", 0.0),
    ("alpha.png", 0.0),
    ("plain.gif", 0.0),
    ("plain.bmp", 0.0),
    ("plain.qoi", 0.0),
    ("palette.tiff", 0.0),
    ("bilevel.tiff", 0.0),
    ("oriented-6.tiff", 0.0),
    ("oriented-2.jpg", 0.1),
    ("oriented-5.jpg", 0.1),
    ("oriented-6.jpg", 0.1),
    ("oriented-7.jpg", 0.1),
    ("odd-420.jpg", 0.1),
    ("progressive.jpg", 0.1),
    ("lossy.webp", 0.1),
    ("wide.png", 0.6),
    ("wide.jpg", 0.6),
    ("cmyk.jpg", 0.6),
    ("cmyk.tiff", 0.6),
    ("cmyk-icc.jpg", 1.5),
    ("plain.avif", 0.6),
    ("oriented-6.avif", 1.0),
    ("alpha.avif", 0.6),
];

#[test]
fn pictures_are_those_of_pillow() {
    let differences =
        TOLERANCES.map(|(name, most)| (name, mean_difference(&picture(name), &pillow(name)), most));
    let wrong: Vec<_> = differences
        .iter()
        .filter(|(_, difference, most)| difference > most)
        .collect();
    assert!(wrong.is_empty(), "(file, difference, tolerance): {wrong:?}");
}

fn pillow(name: &str) -> Frame {
    let python = std::env::var("STOPBATH_PYTHON")
        .expect("STOPBATH_PYTHON must name a Python with Pillow, such as .venv/bin/python; `cargo xtask test` sets it");
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let out = std::env::temp_dir().join(format!("stopbath-reference-{}-{name}", std::process::id()));
    let status = Command::new(python)
        .args([
            format!("{here}/decode/reference.py"),
            format!("{here}/fixtures/{name}"),
        ])
        .arg(&out)
        .status()
        .expect("the Python that STOPBATH_PYTHON names does not start");
    assert!(status.success(), "{name}: Pillow cannot read it");
    let raw = std::fs::read(&out).expect("Pillow wrote it");
    std::fs::remove_file(&out).expect("it was there");
    let number = |at: usize| u32::from_le_bytes(raw[at..at + 4].try_into().expect("four bytes"));
    Frame::new(number(0), number(4), Pixels::Rgba8(raw[8..].to_vec().into()))
}
