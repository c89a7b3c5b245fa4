//! What is handed on of an original's EXIF must hold of the pixels that are handed on.

use exif::{In, Reader, Tag};
use workflow::op::{Decode, Orient};

use crate::common::{decode_with, fixture, full};

fn orientation(block: &[u8]) -> Option<u32> {
    let read = Reader::new()
        .read_raw(block.to_vec())
        .expect("the block can be read");
    read.get_field(Tag::Orientation, In::PRIMARY)
        .and_then(|field| field.value.get_uint(0))
}

#[test]
fn pixels_that_stay_as_stored_keep_their_orientation() {
    let ignore = Decode {
        orient: Orient::Ignore,
        ..Decode::default()
    };
    for name in [
        "oriented-6.jpg",
        "oriented-6.png",
        "oriented-6.webp",
        "oriented-6.tiff",
    ] {
        let of = |params: &Decode| {
            let decoded = decode_with(&fixture(name), params, &[]).unwrap();
            orientation(&decoded.picture.metadata.exif.unwrap())
        };
        assert_eq!(of(&ignore), Some(6), "{name}");
        assert_eq!(of(&Decode::default()), Some(1), "{name}");
    }
}

/// An uncompressed gray TIFF of one pixel, by an author, with a tag of a kind that nobody knows.
fn authored() -> Vec<u8> {
    let mut out = b"II*\0\x08\0\0\0".to_vec();
    let entries: [(u16, u16, u32, u32); 10] = [
        (256, 3, 1, 1),
        (257, 3, 1, 1),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 134),
        (278, 3, 1, 1),
        (279, 4, 1, 1),
        (315, 2, 4, u32::from_le_bytes(*b"Ada\0")),
        (65_000, 99, 1, 7),
    ];
    out.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        out.extend(tag.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(value.to_le_bytes());
    }
    out.extend([0; 4]);
    out.extend([0x80]);
    out
}

#[test]
fn a_tiff_hands_on_what_it_says_of_its_picture() {
    let block = full(&authored()).unwrap().picture.metadata.exif.unwrap();
    let read = Reader::new().read_raw(block.to_vec()).unwrap();
    let tags: Vec<Tag> = read.fields().map(|field| field.tag).collect();
    assert_eq!(tags, [Tag::Artist], "and nothing of where its pixels lie");
}
