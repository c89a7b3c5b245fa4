//! Files with more pictures than are read: the first is given, and the notes say that there were others.

use crate::common::{fixture, full};

fn boxed(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    [&(data.len() as u32 + 8).to_be_bytes()[..], &name, data].concat()
}

/// A track of so many samples.
fn track(handler: [u8; 4], samples: u32) -> Vec<u8> {
    let handler = boxed(*b"hdlr", &[&[0_u8; 8][..], &handler, &[0; 13]].concat());
    let sizes = boxed(*b"stsz", &[&[0_u8; 8][..], &samples.to_be_bytes()].concat());
    let table = boxed(*b"minf", &boxed(*b"stbl", &sizes));
    boxed(*b"trak", &boxed(*b"mdia", &[handler, table].concat()))
}

/// The same file with copies of its directory behind each other.
fn with_pages(mut tiff: Vec<u8>, more: usize) -> Vec<u8> {
    assert_eq!(&tiff[..4], b"II*\0");
    let number = |bytes: &[u8], at: usize| {
        u32::from_le_bytes(bytes[at..at + 4].try_into().expect("as many bytes")) as usize
    };
    let start = number(&tiff, 4);
    let entries = usize::from(u16::from_le_bytes(
        tiff[start..start + 2].try_into().expect("as many bytes"),
    ));
    let directory = tiff[start..start + 2 + 12 * entries].to_vec();
    let mut link = start + directory.len();
    for _ in 0..more {
        let at = tiff.len() as u32;
        tiff[link..link + 4].copy_from_slice(&at.to_le_bytes());
        tiff.extend(&directory);
        link = tiff.len();
        tiff.extend([0; 4]);
    }
    tiff
}

/// What is said of pictures that are not read.
fn told(bytes: &[u8]) -> Vec<String> {
    let decoded = full(bytes).expect("a picture");
    assert_eq!(decoded.picture.frames.len(), 1);
    let mut notes = decoded.notes;
    notes.retain(|note| note.contains("only the first"));
    notes
}

#[test]
fn the_frames_of_an_avif_sequence_are_told() {
    let still = fixture("plain.avif");
    assert!(told(&still).is_empty());
    let tracks = [track(*b"pict", 5), track(*b"auxv", 9)].concat();
    let moving = [still, boxed(*b"moov", &tracks)].concat();
    assert_eq!(told(&moving), ["the avif has 5 frames, only the first is read"]);
}

#[test]
fn the_pages_of_a_tiff_are_told() {
    let one = fixture("plain.tiff");
    assert!(told(&one).is_empty());
    let three = with_pages(one.clone(), 2);
    assert_eq!(told(&three), ["the tiff has 3 pages, only the first is read"]);
    // A directory that names itself as the next one is one page all the same.
    let mut circle = with_pages(one, 1);
    let (end, start) = (circle.len() - 4, circle[4..8].to_vec());
    circle[end..].copy_from_slice(&start);
    assert_eq!(told(&circle), ["the tiff has 2 pages, only the first is read"]);
}
