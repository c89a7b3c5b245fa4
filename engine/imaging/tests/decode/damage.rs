//! Damage: files cut short, salvaged, followed by rubbish, with bits flipped.

use crate::common::{decode_with, fixture, full, mean_difference, picture};
use crate::{MORE, MOVING, STILLS};
use workflow::failure::FailureKind;
use workflow::op::{Decode, OnCorrupt};

#[test]
fn files_cut_short_anywhere_are_refused() {
    for name in STILLS.iter().chain(&MORE).chain(&MOVING) {
        let bytes = fixture(name);
        let end = bytes.len();
        let lengths = (0..40)
            .map(|i| i * end / 40)
            .chain(end.saturating_sub(12)..end)
            .filter(|l| *l > 30);
        for length in lengths {
            match full(&bytes[..length]) {
                Err(failure) => assert_eq!(
                    failure.kind,
                    FailureKind::BadInput,
                    "{name} at {length} of {end}: {failure}"
                ),
                Ok(_) => panic!("{name} cut to {length} of {end} bytes was taken as whole"),
            }
        }
    }
}

#[test]
fn a_progressive_jpeg_that_ends_among_its_scans_is_told_so() {
    let bytes = fixture("progressive.jpg");
    let scan = bytes.windows(2).position(|w| w == [0xff, 0xda]).unwrap();
    let why = |length: usize| full(&bytes[..length]).unwrap_err().message;
    assert!(why(scan).contains("inside its header"), "{}", why(scan));
    for length in [scan + 30, bytes.len() / 2, bytes.len() - 2] {
        let message = why(length);
        assert!(message.contains("within its scans"), "{length}: {message}");
    }
}

#[test]
fn salvage_takes_what_is_there_and_says_so() {
    let salvage = Decode {
        on_corrupt: OnCorrupt::Salvage,
        ..Decode::default()
    };
    for name in [
        "odd-420.jpg",
        "progressive.jpg",
        "plain.png",
        "lossy.webp",
        "moving.gif",
    ] {
        let bytes = fixture(name);
        let decoded = decode_with(&bytes[..bytes.len() * 4 / 5], &salvage, &[])
            .unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(decoded.picture.salvaged, "{name}");
        assert!(
            decoded.notes.iter().any(|n| n.contains("salvaged")),
            "{name}: {:?}",
            decoded.notes
        );
        let whole = decode_with(&bytes, &salvage, &[]).unwrap();
        assert!(!whole.picture.salvaged, "{name}");
        assert!(decode_with(&bytes[..20], &salvage, &[]).is_err(), "{name}");
    }
}

#[test]
fn bytes_after_the_end_do_no_harm() {
    for name in ["odd-420.jpg", "plain.png", "plain.gif", "lossy.webp"] {
        let mut bytes = fixture(name);
        bytes.extend([0x55; 100]);
        assert_eq!(
            mean_difference(full(&bytes).unwrap().picture.first(), &picture(name)),
            0.0
        );
    }
}

#[test]
fn no_flipped_bit_changes_a_png_in_silence() {
    for name in ["plain.png", "alpha.png", "wide.png", "moving.png"] {
        let bytes = fixture(name);
        let whole = full(&bytes).unwrap().picture;
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            if let Ok(decoded) = full(&flipped) {
                let same = decoded
                    .picture
                    .frames
                    .iter()
                    .zip(&whole.frames)
                    .all(|(a, b)| mean_difference(a, b) == 0.0);
                assert!(
                    same && decoded.picture.delays == whole.delays,
                    "{name}: byte {at}"
                );
            }
        }
    }
}

#[test]
fn damaged_files_never_panic_or_change_size() {
    let mut seed = 1u32;
    for name in STILLS.iter().chain(&MORE).chain(&MOVING) {
        let bytes = fixture(name);
        for _ in 0..60 {
            let mut damaged = bytes.clone();
            for _ in 0..3 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (seed >> 8) as usize % damaged.len();
                damaged[at] = (seed >> 3) as u8;
            }
            for on_corrupt in [OnCorrupt::Reject, OnCorrupt::Salvage] {
                let Ok(decoded) = decode_with(
                    &damaged,
                    &Decode {
                        on_corrupt,
                        ..Decode::default()
                    },
                    &[],
                ) else {
                    continue;
                };
                let frame = decoded.picture.first();
                assert_eq!((frame.width, frame.height), decoded.header.upright(), "{name}");
            }
        }
    }
}

#[test]
fn salvage_marks_every_file_that_is_not_right() {
    let salvage = Decode {
        on_corrupt: OnCorrupt::Salvage,
        ..Decode::default()
    };
    for name in ["plain.png", "alpha.png", "moving.png"] {
        let bytes = fixture(name);
        let whole = full(&bytes).unwrap().picture;
        for at in 8..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let Ok(decoded) = decode_with(&flipped, &salvage, &[]) else {
                continue;
            };
            let frames = &decoded.picture.frames;
            let same = frames.len() == whole.frames.len()
                && frames
                    .iter()
                    .zip(&whole.frames)
                    .all(|(a, b)| mean_difference(a, b) == 0.0);
            assert!(decoded.picture.salvaged || same, "{name}: byte {at}");
        }
    }
    // Cut where what is left is whole in itself: in the chunk behind the pixels, and between two frames.
    let webp = fixture("oriented-6.webp");
    let gif = fixture("moving.gif");
    let frame = (0..gif.len() - 1)
        .rev()
        .find(|i| gif[*i..*i + 2] == [0x21, 0xf9])
        .unwrap();
    for (name, cut) in [("webp", &webp[..webp.len() - 4]), ("gif", &gif[..frame])] {
        assert!(full(cut).is_err(), "{name}");
        let decoded = decode_with(cut, &salvage, &[]).unwrap();
        assert!(decoded.picture.salvaged, "{name}");
        assert!(
            decoded.notes.iter().any(|note| note.contains("salvaged")),
            "{name}"
        );
    }
}
