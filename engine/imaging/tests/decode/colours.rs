//! Files that say what their colours mean in another way than by an ICC profile.

use imaging::colour::to_rgb8;
use imaging::{Frame, Pixels};
use workflow::failure::FailureKind;
use workflow::op::{ColourTarget, Decode};

use crate::common::{chunk, decode_with, fixture, full, mean_difference, picture};

/// `plain.png` with chunks behind its header.
fn png_with(chunks: &[Vec<u8>]) -> Vec<u8> {
    let png = fixture("plain.png");
    let (head, rest) = png.split_at(33);
    [head, &chunks.concat(), rest].concat()
}

/// `plain.avif` whose container gives these primaries and this transfer.
fn avif_with(primaries: u8, transfer: u8) -> Vec<u8> {
    let mut avif = fixture("plain.avif");
    let codes = avif.windows(4).position(|name| name == b"nclx");
    let at = codes.expect("the file has codes for its colours") + 4;
    avif[at..at + 4].copy_from_slice(&[0, primaries, 0, transfer]);
    avif
}

fn numbers(values: [f64; 8]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| ((value * 100_000.0).round() as u32).to_be_bytes())
        .collect()
}

const P3: [f64; 8] = [0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06];
const SRGB: [f64; 8] = [0.3127, 0.329, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06];

#[test]
fn codes_and_measured_primaries_are_converted_alike() {
    let by_code = full(&png_with(&[chunk(*b"cICP", &[12, 13, 0, 1])])).unwrap();
    assert!(by_code.notes[0].contains("Display P3"), "{:?}", by_code.notes);
    let by_points = full(&png_with(&[chunk(*b"cHRM", &numbers(P3))])).unwrap();
    let (a, b) = (by_code.picture.first(), by_points.picture.first());
    assert!(mean_difference(a, b) < 0.5);
    assert!(mean_difference(a, &picture("plain.png")) > 1.0);
    for plain in [
        chunk(*b"cICP", &[1, 13, 0, 1]),
        chunk(*b"cHRM", &numbers(SRGB)),
        chunk(*b"cHRM", &numbers([0.3; 8])),
    ] {
        let read = full(&png_with(&[plain])).unwrap();
        assert!(read.notes.is_empty(), "{:?}", read.notes);
        assert_eq!(mean_difference(read.picture.first(), &picture("plain.png")), 0.0);
    }
}

#[test]
fn an_avif_of_display_p3_is_converted() {
    let read = full(&avif_with(12, 13)).unwrap();
    assert!(read.notes[0].contains("Display P3"), "{:?}", read.notes);
    let difference = mean_difference(read.picture.first(), &picture("plain.avif"));
    assert!(difference > 1.0, "{difference}");
    let keep = Decode {
        colour: ColourTarget::Keep,
        ..Decode::default()
    };
    let kept = decode_with(&avif_with(12, 13), &keep, &[]).unwrap().picture;
    assert!(kept.metadata.icc.is_some());
    assert_eq!(mean_difference(kept.first(), &picture("plain.avif")), 0.0);
    assert!(full(&avif_with(1, 13)).unwrap().notes.is_empty());
}

#[test]
fn high_dynamic_range_is_refused() {
    for transfer in [16, 18] {
        for file in [
            avif_with(9, transfer),
            png_with(&[chunk(*b"cICP", &[9, transfer, 0, 1])]),
        ] {
            let failure = full(&file).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Unsupported);
            assert!(failure.message.contains("high dynamic range"), "{failure}");
        }
    }
}

#[test]
fn a_cut_out_of_an_avif_is_refused() {
    let mut avif = fixture("plain.avif");
    let at = avif.windows(4).position(|name| name == b"pixi").unwrap();
    avif[at..at + 4].copy_from_slice(b"clap");
    let failure = full(&avif).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unsupported);
    assert!(failure.message.contains("`clap`"), "{failure}");
}

#[test]
fn colours_multiplied_by_alpha_are_divided_again() {
    let file = fixture("multiplied.avif");
    assert!(file.windows(4).any(|name| name == b"prem"));
    let (a, b) = (picture("multiplied.avif"), picture("alpha.png"));
    let (Pixels::Rgba8(a), Pixels::Rgba8(b)) = (a.pixels, b.pixels) else {
        panic!("no alpha")
    };
    // Where little is seen, little is kept.
    let pixels = a.as_chunks::<4>().0.iter().zip(b.as_chunks::<4>().0);
    let seen = pixels
        .filter(|(_, b)| b[3] > 100)
        .flat_map(|(a, b)| a.iter().zip(b));
    let differences: Vec<f64> = seen.map(|(a, b)| f64::from(a.abs_diff(*b))).collect();
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    assert!(mean < 2.5, "{mean}");
}

#[test]
fn a_gray_profile_does_not_take_colours_away() {
    // Gamma 2.2 for gray, as an `iCCP` chunk.
    let gray = moxcms::ColorProfile::new_gray_with_gamma(2.2).encode().unwrap();
    let mut deflate = flate2::write::ZlibEncoder::new(b"gray\0\0".to_vec(), flate2::Compression::fast());
    std::io::Write::write_all(&mut deflate, &gray).unwrap();
    let file = png_with(&[chunk(*b"iCCP", &deflate.finish().unwrap())]);
    let read = full(&file).unwrap();
    assert!(read.notes[0].contains("not for such pixels"), "{:?}", read.notes);
    assert_eq!(mean_difference(read.picture.first(), &picture("plain.png")), 0.0);
    let keep = Decode {
        colour: ColourTarget::Keep,
        ..Decode::default()
    };
    let kept = decode_with(&file, &keep, &[]).unwrap().picture;
    assert!(kept.metadata.icc.is_none());
    assert!(colourful(kept.first()));
}

fn colourful(frame: &Frame) -> bool {
    let Pixels::Rgb8(pixels) = to_rgb8(frame).pixels else {
        panic!()
    };
    pixels
        .as_chunks::<3>()
        .0
        .iter()
        .any(|[r, g, b]| r.abs_diff(*g) > 50 || g.abs_diff(*b) > 50)
}
