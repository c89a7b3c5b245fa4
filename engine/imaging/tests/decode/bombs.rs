//! Files that are small and claim, or unfold to, a great deal.
//!
//! Each is refused by its header or by a cap, quickly and without the memory that it asks for.

use std::io::Write;
use std::time::{Duration, Instant};

use imaging::header;
use workflow::failure::{Failure, FailureKind};

use crate::common::{fixture, full};

fn refused(bytes: &[u8]) -> Failure {
    let start = Instant::now();
    let failure = full(bytes).expect_err("a bomb was decoded");
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}: {failure}",
        start.elapsed()
    );
    failure
}

fn chunk(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in name.iter().chain(data) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    [
        &(data.len() as u32).to_be_bytes()[..],
        &name,
        data,
        &(!crc).to_be_bytes(),
    ]
    .concat()
}

fn png(width: u32, height: u32, depth: u8, colour: u8, between: &[Vec<u8>]) -> Vec<u8> {
    let header = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[depth, colour, 0, 0, 0],
    ]
    .concat();
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    out.extend(chunk(*b"IHDR", &header));
    out.extend(between.concat());
    out.extend(chunk(*b"IDAT", &deflated(64)));
    out.extend(chunk(*b"IEND", b""));
    out
}

/// Zeroes, deflated.
fn deflated(length: usize) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![0; length]).expect("memory takes bytes");
    encoder.finish().expect("memory takes bytes")
}

#[test]
fn huge_sizes_are_refused_by_the_header() {
    assert!(
        refused(&png(65_536, 65_536, 1, 0, &[]))
            .message
            .contains("max_side")
    );
    assert!(
        refused(&png(16_000, 16_000, 1, 0, &[]))
            .message
            .contains("max_pixels")
    );
    let mut gif = fixture("plain.gif");
    gif[6..10].fill(0xff);
    assert_eq!(refused(&gif).kind, FailureKind::TooLarge);
    let mut jpeg = fixture("odd-420.jpg");
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    assert_eq!(refused(&jpeg).kind, FailureKind::TooLarge);
    let mut bmp = fixture("plain.bmp");
    bmp[18..26].copy_from_slice(&[0, 0, 1, 0, 0, 0, 1, 0]);
    assert_eq!(refused(&bmp).kind, FailureKind::TooLarge);
    let qoi = [b"qoif".as_slice(), &[0, 1, 0, 0, 0, 1, 0, 0, 4, 0], &[0; 8]].concat();
    assert_eq!(refused(&qoi).kind, FailureKind::TooLarge);
}

#[test]
fn sizes_that_lie_within_the_limits_are_found_out() {
    // 81 million pixels announced, 64 bytes there.
    assert_eq!(refused(&png(9_000, 9_000, 8, 2, &[])).kind, FailureKind::BadInput);
    let mut webp = fixture("alpha.webp");
    let canvas = webp.windows(4).position(|w| w == b"VP8X");
    if let Some(at) = canvas {
        webp[at + 12..at + 18].copy_from_slice(&[0x1f, 0x1f, 0, 0x1f, 0x1f, 0]);
        assert_eq!(refused(&webp).kind, FailureKind::BadInput);
    } else {
        // A bare lossless stream: 14 bits of width, 14 of height.
        webp[21..25].copy_from_slice(&(8_000 * 0x4001u32).to_le_bytes());
        assert_eq!(refused(&webp).kind, FailureKind::BadInput);
    }
}

#[test]
fn an_icon_with_a_giant_inside_is_judged_by_the_giant() {
    let inside = png(60_000, 60_000, 8, 6, &[]);
    let entry = [
        &[16, 16, 0, 0, 1, 0, 32, 0][..],
        &(inside.len() as u32).to_le_bytes(),
        &22u32.to_le_bytes(),
    ]
    .concat();
    let ico = [&[0, 0, 1, 0, 1, 0][..], &entry, &inside].concat();
    assert_eq!(header(&ico).unwrap().width, 60_000);
    assert_eq!(refused(&ico).kind, FailureKind::TooLarge);
}

#[test]
fn compressed_extras_are_capped() {
    let bomb = deflated(256 << 20);
    let profile = chunk(*b"iCCP", &[b"bomb\0\0".as_slice(), &bomb].concat());
    let text = chunk(*b"zTXt", &[b"bomb\0\0".as_slice(), &bomb].concat());
    let start = Instant::now();
    for extra in [profile, text] {
        // Refused or left aside, but not unfolded.
        if let Err(failure) = full(&png(4, 4, 8, 0, &[extra])) {
            assert!(
                matches!(failure.kind, FailureKind::TooLarge | FailureKind::BadInput),
                "{failure}"
            );
        }
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn too_many_frames_are_refused_by_the_header() {
    let gif = fixture("moving.gif");
    let (head, rest) = gif.split_at(gif.windows(2).position(|w| w == [0x21, 0xf9]).unwrap());
    let frames = &rest[..rest.len() - 1];
    let many = [head, &frames.repeat(100), &[0x3b]].concat();
    assert_eq!(header(&many).unwrap().frames, 300);
    assert!(refused(&many).message.contains("max_frames"));
    let control = chunk(*b"acTL", &[[0, 1, 0, 0], [0, 0, 0, 0]].concat());
    assert!(
        refused(&png(4, 4, 8, 0, &[control]))
            .message
            .contains("max_frames")
    );
}

#[test]
fn thousands_of_scans_are_refused() {
    let jpeg = fixture("progressive.jpg");
    // The last scan again and again: each costs a pass over the picture.
    let last = (0..jpeg.len() - 1)
        .rev()
        .find(|i| jpeg[*i..*i + 2] == [0xff, 0xda])
        .unwrap();
    let scan = &jpeg[last..jpeg.len() - 2];
    let many = [&jpeg[..last], &scan.repeat(3000), &[0xff, 0xd9]].concat();
    assert_eq!(refused(&many).kind, FailureKind::BadInput);
}

#[test]
fn tiff_strips_that_claim_too_much_are_refused() {
    let tiff = fixture("plain.tiff");
    for tag in [[0x16, 1], [0x17, 1], [0x11, 1]] {
        // Rows a strip, bytes a strip, where the strip lies.
        let at = (0..tiff.len() - 12)
            .find(|i| tiff[*i..*i + 2] == tag && matches!(tiff[*i + 2], 3 | 4))
            .unwrap();
        let mut lying = tiff.clone();
        lying[at + 2..at + 12].copy_from_slice(&[4, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f]);
        if let Err(failure) = full(&lying) {
            assert_eq!(failure.kind, FailureKind::BadInput, "{failure}");
        } else {
            // One strip of "all" rows is a lawful way to write it.
            assert_eq!(tag, [0x16, 1]);
        }
    }
}
