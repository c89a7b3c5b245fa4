//! Files that are small and claim, or unfold to, a great deal.
//!
//! Each is refused by its header or by a cap, quickly and without the memory that it asks for.

use std::io::Write;
use std::time::{Duration, Instant};

use imaging::header;
use workflow::failure::{Failure, FailureKind};

use crate::common::{chunk, fixture, full};
use crate::memory::peak;

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

/// Refused before more memory is taken than a few times the file.
fn refused_at_once(bytes: &[u8]) -> Failure {
    let (failure, peak) = peak(|| refused(bytes));
    assert!(peak < 4 * bytes.len() + (64 << 10), "{peak} bytes: {failure}");
    failure
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
        refused_at_once(&png(65_536, 65_536, 1, 0, &[]))
            .message
            .contains("max_side")
    );
    assert!(
        refused_at_once(&png(16_000, 16_000, 1, 0, &[]))
            .message
            .contains("max_pixels")
    );
    let mut gif = fixture("plain.gif");
    gif[6..10].fill(0xff);
    assert_eq!(refused_at_once(&gif).kind, FailureKind::TooLarge);
    let mut jpeg = fixture("odd-420.jpg");
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff);
    assert_eq!(refused_at_once(&jpeg).kind, FailureKind::TooLarge);
    let mut bmp = fixture("plain.bmp");
    bmp[18..26].copy_from_slice(&[0, 0, 1, 0, 0, 0, 1, 0]);
    assert_eq!(refused_at_once(&bmp).kind, FailureKind::TooLarge);
    let qoi = [b"qoif".as_slice(), &[0, 1, 0, 0, 0, 1, 0, 0, 4, 0], &[0; 8]].concat();
    assert_eq!(refused_at_once(&qoi).kind, FailureKind::TooLarge);
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
    assert_eq!(refused_at_once(&ico).kind, FailureKind::TooLarge);
}

#[test]
fn compressed_extras_are_capped() {
    let bomb = deflated(256 << 20);
    let profile = chunk(*b"iCCP", &[b"bomb\0\0".as_slice(), &bomb].concat());
    let text = chunk(*b"zTXt", &[b"bomb\0\0".as_slice(), &bomb].concat());
    for extra in [profile, text] {
        let file = png(4, 4, 8, 0, &[extra]);
        // Refused or left aside, but not unfolded.
        let (read, peak) = peak(|| full(&file));
        assert!(peak < 40 << 20, "{peak} bytes");
        if let Err(failure) = read {
            assert!(
                matches!(failure.kind, FailureKind::TooLarge | FailureKind::BadInput),
                "{failure}"
            );
        }
    }
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

/// Where the first chunk of an animation frame starts.
fn frame_of_webp(webp: &[u8]) -> usize {
    let frame = webp.windows(4).position(|name| name == b"ANMF");
    frame.expect("the file is an animation") + 8
}

#[test]
fn frames_that_leave_the_canvas_are_refused_by_the_header() {
    for at in [0, 3, 6, 9] {
        let mut webp = fixture("moving.webp");
        let start = frame_of_webp(&webp);
        webp[start + at..start + at + 3].copy_from_slice(&[0xff, 0x3f, 0]);
        let failure = refused_at_once(&webp);
        assert!(failure.message.contains("outside the picture"), "{failure}");
    }
}

#[test]
fn a_frame_larger_than_it_says_takes_no_memory() {
    let mut webp = fixture("moving.webp");
    let stream = webp.windows(4).position(|name| name == b"VP8L").unwrap() + 8;
    let alpha = webp[stream + 4] & 0x10;
    // 14 bits of width, 14 of height.
    webp[stream + 1..stream + 5].copy_from_slice(&(16_383 * 0x4001u32).to_le_bytes());
    webp[stream + 4] |= alpha;
    assert_eq!(refused_at_once(&webp).kind, FailureKind::BadInput);
}

#[test]
fn more_memory_than_there_is_for_an_original_is_refused_by_the_header() {
    // Three frames of 12000 x 8000 pixels keep every limit of their own.
    let mut gif = fixture("moving.gif");
    gif[6..10].copy_from_slice(&[0xe0, 0x2e, 0x40, 0x1f]);
    let failure = refused_at_once(&gif);
    assert_eq!(failure.kind, FailureKind::TooLarge);
    assert!(
        failure.message.contains("MB of memory") && failure.message.contains("`frames: first`"),
        "{failure}"
    );
}

#[test]
fn a_jpeg_inside_a_tiff_is_not_read() {
    let mut tiff = fixture("plain.tiff");
    let at = (0..tiff.len() - 12)
        .find(|i| tiff[*i..*i + 4] == [3, 1, 3, 0])
        .expect("the compression tag");
    for compression in [6, 7] {
        tiff[at + 8] = compression;
        let failure = refused(&tiff);
        assert_eq!(failure.kind, FailureKind::Unsupported);
        assert!(failure.message.contains("hold a JPEG"), "{failure}");
    }
}
