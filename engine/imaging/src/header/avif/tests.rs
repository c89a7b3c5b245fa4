//! Tables that claim more than any picture has, in files made for it.

use super::*;

fn boxed(name: [u8; 4], data: &[u8]) -> Vec<u8> {
    [&(data.len() as u32 + 8).to_be_bytes()[..], &name, data].concat()
}

fn numbers(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// A file with one item of the number 1, these places of items and these references.
fn file(places: &[u8], references: &[u8]) -> Vec<u8> {
    let entry = [&[2, 0, 0, 0], &numbers(&[1, 0])[..], b"av01\0"].concat();
    let items = [&numbers(&[0, 0, 1])[..], &boxed(*b"infe", &entry)].concat();
    let size = [[0; 4], 8_u32.to_be_bytes(), 8_u32.to_be_bytes()].concat();
    let all = [boxed(*b"ispe", &size), boxed(*b"av1C", &[0x81, 0, 0, 0])].concat();
    let assigned = [&[0, 0, 0, 0, 0, 0, 0, 1], &numbers(&[1])[..], &[2, 1, 2]].concat();
    let properties = [boxed(*b"ipco", &all), boxed(*b"ipma", &assigned)].concat();
    let meta = [
        vec![0; 4],
        boxed(*b"pitm", &numbers(&[0, 0, 1])),
        boxed(*b"iinf", &items),
        boxed(*b"iloc", places),
        boxed(*b"iref", references),
        boxed(*b"iprp", &properties),
    ]
    .concat();
    [boxed(*b"ftyp", b"avif\0\0\0\0avif"), boxed(*b"meta", &meta)].concat()
}

/// The table of places: offsets and lengths of four bytes, all pieces of the only item.
fn places(pieces: &[(u32, u32)]) -> Vec<u8> {
    let head = numbers(&[0, 0, 0x4400, 1, 1, 0, pieces.len() as u16]);
    let pieces = pieces
        .iter()
        .flat_map(|(start, length)| [start.to_be_bytes(), length.to_be_bytes()].concat());
    head.into_iter().chain(pieces).collect()
}

fn refused(file: &[u8]) -> Failure {
    parse(file).expect_err("a file that claims too much was taken")
}

#[test]
fn a_file_made_so_is_read() {
    let file = file(&places(&[(0, 10), (20, 10)]), &[0; 4]);
    let header = parse(&file).unwrap().header;
    assert_eq!((header.width, header.height, header.channels), (8, 8, 3));
    assert_eq!(items(&file).unwrap().colour.pieces.concat().len(), 20);
}

#[test]
fn pieces_that_overlap_are_not_more_than_the_file() {
    let failure = refused(&file(&places(&[(0, 300); 60]), &[0; 4]));
    assert_eq!(failure.kind, FailureKind::BadInput);
    assert!(failure.message.contains("larger than the file"), "{failure}");
}

#[test]
fn entries_that_cost_nothing_are_counted() {
    let failure = refused(&file(&places(&[(0, 1); 65]), &[0; 4]));
    assert_eq!(failure.kind, FailureKind::TooLarge);
    assert!(failure.message.contains("65 pieces"), "{failure}");
    // Fields of no width: a piece is nothing at all.
    let failure = refused(&file(&numbers(&[0, 0, 0, 1, 1, 0, 65_535]), &[0; 4]));
    assert!(failure.message.contains("65535 pieces"), "{failure}");
    let failure = refused(&file(&numbers(&[0, 0, 0, 65_535]), &[0; 4]));
    assert!(failure.message.contains("1024 items"), "{failure}");
}

#[test]
fn references_end_where_their_targets_do() {
    let empty = boxed(*b"auxl", &numbers(&[2, 65_535]));
    let mut many = vec![0; 4];
    many.extend(empty.repeat(5_000));
    assert!(parse(&file(&places(&[(0, 10)]), &many)).is_ok());
    let full = boxed(*b"auxl", &numbers(&[&[2, 2_000][..], &[1; 2_000]].concat()));
    let failure = refused(&file(&places(&[(0, 10)]), &[&[0; 4], &full[..]].concat()));
    assert_eq!(failure.kind, FailureKind::TooLarge);
    assert!(failure.message.contains("references"), "{failure}");
}
