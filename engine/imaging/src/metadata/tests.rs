//! Blocks made for the tests, whole and damaged.

use super::*;

fn block(little: bool, orientation: u16) -> Vec<u8> {
    let (two, four) = if little {
        (
            u16::to_le_bytes as fn(u16) -> [u8; 2],
            u32::to_le_bytes as fn(u32) -> [u8; 4],
        )
    } else {
        (
            u16::to_be_bytes as fn(u16) -> [u8; 2],
            u32::to_be_bytes as fn(u32) -> [u8; 4],
        )
    };
    let mut out = if little {
        b"II*\0".to_vec()
    } else {
        b"MM\0*".to_vec()
    };
    out.extend(four(8));
    out.extend(two(1));
    out.extend([two(ORIENTATION), two(3)].concat());
    out.extend(four(1));
    out.extend([two(orientation), two(0)].concat());
    out.extend(four(0));
    out
}

#[test]
fn orientations_are_read_and_reset_in_both_byte_orders() {
    for little in [true, false] {
        for value in 1..=8 {
            let exif = block(little, value);
            assert_eq!(orientation(&exif), value as u8);
            assert_eq!(upright(&exif), block(little, 1));
        }
        assert_eq!(orientation(&block(little, 9)), 1);
    }
}

fn upright(exif: &[u8]) -> Vec<u8> {
    let mut block = exif.to_vec();
    set_upright(&mut block);
    block
}

#[test]
fn orientations_of_other_types_are_reset_too() {
    // As BYTE and as LONG.
    for (kind, place) in [(1, 0), (4, 3)] {
        let mut exif = block(false, 0);
        exif[13] = kind;
        exif[18..22].fill(0);
        exif[18 + place] = 6;
        assert_eq!(orientation(&exif), 6, "type {kind}");
        let upright = upright(&exif);
        assert_eq!(orientation(&upright), 1, "type {kind}");
        assert_eq!(upright[18..22].iter().sum::<u8>(), 1);
    }
}

#[test]
fn the_thumbnail_goes_and_the_rest_stays() {
    for last in [true, false] {
        let mut exif = block(true, 6);
        let end = exif.len();
        exif[end - 4] = end as u8;
        let start = (end + 2 + 24 + 4) as u32;
        exif.extend(2u16.to_le_bytes());
        for (tag, value) in [(0x0201u16, start), (0x0202, 10)] {
            exif.extend(tag.to_le_bytes());
            exif.extend([4, 0, 1, 0, 0, 0]);
            exif.extend(value.to_le_bytes());
        }
        exif.extend([0; 4]);
        exif.extend(b"\xff\xd8secret\xff\xd9");
        exif.extend(if last { &b""[..] } else { b"more" });
        drop_thumbnail(&mut exif);
        assert_eq!(exif[..end], block(true, 6), "no second directory");
        assert!(!exif.windows(6).any(|part| part == b"secret"));
        assert_eq!(exif.ends_with(b"more"), !last);
    }
    let mut plain = block(false, 3);
    drop_thumbnail(&mut plain);
    assert_eq!(plain, block(false, 3));
}

#[test]
fn damaged_blocks_are_upright_and_stay_as_they_are() {
    let exif = block(true, 6);
    for length in 0..exif.len() {
        let cut = &exif[..length];
        assert!(matches!(orientation(cut), 1 | 6));
        assert_eq!(upright(cut).len(), length);
        drop_thumbnail(&mut cut.to_vec());
    }
    let mut far = exif.clone();
    far[4..8].fill(0xff);
    assert_eq!(orientation(&far), 1);
}
