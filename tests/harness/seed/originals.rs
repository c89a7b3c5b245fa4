//! The mix: what an original with a number is, its bytes, and how to find the number again in its rendition.
//!
//! Each picture shows its number in squares, black for 0 and white for 1, as large as an eighth of its width: they come
//! through any format and any scale, so a rendition proves which original it was made of.

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, RgbaImage};

use crate::{damage, pictures};

/// What an original is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    Valid,
    NoPicture,
    CutShort,
    BitFlipped,
    TooLarge,
    /// A picture on which a plugin traps, until it is mended.
    Traps,
    /// A picture on which a plugin never ends, and has little fuel.
    Spins,
    /// A picture on which a plugin never ends, and has little time.
    Lingers,
}

/// The widths of pictures on which a plugin fails; no others have them.
pub(super) const TRAPS: u32 = 72;
pub(super) const SPINS: u32 = 88;
pub(super) const LINGERS: u32 = 104;

/// Of every other picture. All widths are multiples of the squares in a row.
const WIDTHS: [u32; 4] = [64, 80, 96, 128];
const FORMATS: [ImageFormat; 3] = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP];

/// Squares in a row; there are two rows of them.
const COLUMNS: u32 = 8;
const BITS: u32 = 2 * COLUMNS;

/// More would not fit into the squares.
pub(crate) const MOST: u32 = 1 << BITS;

/// Of a rendition: the pipeline makes it a fraction of every width, and the height is three quarters of it.
const RENDITION: (u32, u32) = (32, 24);

impl Sort {
    /// Of twenty, seventeen are valid, and one each is damaged, makes a plugin trap, or makes one slow.
    pub(super) fn of(n: u32) -> Self {
        let turn = n / 20;
        match (n % 20, turn % 4) {
            (0, 0) => Self::NoPicture,
            (0, 1) => Self::CutShort,
            (0, 2) => Self::BitFlipped,
            (0, _) => Self::TooLarge,
            (1, _) => Self::Traps,
            (2, 0 | 2) => Self::Spins,
            (2, _) => Self::Lingers,
            _ => Self::Valid,
        }
    }

    /// The kind of failure that it must end in.
    pub(super) fn dies_of(self) -> Option<&'static str> {
        match self {
            Self::Valid => None,
            Self::NoPicture => Some("unsupported"),
            Self::CutShort | Self::BitFlipped => Some("bad-input"),
            Self::TooLarge => Some("too-large"),
            Self::Traps => Some("trap"),
            Self::Spins => Some("out-of-fuel"),
            Self::Lingers => Some("timeout"),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::NoPicture => "no picture",
            Self::CutShort => "cut short",
            Self::BitFlipped => "a bit flipped",
            Self::TooLarge => "too large",
            Self::Traps => "plugin traps",
            Self::Spins => "plugin spins",
            Self::Lingers => "plugin lingers",
        }
    }
}

/// The same bytes for the same number, others for any other.
pub(super) fn original(n: u32) -> Vec<u8> {
    let ordinary = WIDTHS[n as usize % WIDTHS.len()];
    match Sort::of(n) {
        Sort::Valid => encoded(n, ordinary),
        Sort::NoPicture => format!("no picture {n}").into_bytes(),
        Sort::CutShort => {
            let mut whole = encoded(n, ordinary);
            whole.truncate(whole.len() * 3 / 4);
            whole
        }
        Sort::BitFlipped => flipped(pictures::encode(&drawn(n, ordinary), ImageFormat::Png)),
        Sort::TooLarge => damage::png_header_lie(20_000 + n, 20_000),
        Sort::Traps => encoded(n, TRAPS),
        Sort::Spins => encoded(n, SPINS),
        Sort::Lingers => encoded(n, LINGERS),
    }
}

/// Whether this rendition was made of the original with this number.
pub(crate) fn shows(rendition: &RgbaImage, n: u32) -> bool {
    let side = RENDITION.0 / COLUMNS;
    let middle = |at: u32| at * side + side / 2;
    let is_white = |bit: u32| rendition.get_pixel(middle(bit % COLUMNS), middle(bit / COLUMNS))[0] > 127;
    rendition.dimensions() == RENDITION && (0..BITS).all(|bit| is_white(bit) == is_set(n, bit))
}

fn encoded(n: u32, width: u32) -> Vec<u8> {
    pictures::encode(&drawn(n, width), FORMATS[n as usize % FORMATS.len()])
}

/// The picture of a number; the width is a multiple of the squares in a row.
pub(crate) fn drawn(n: u32, width: u32) -> DynamicImage {
    let side = width / COLUMNS;
    let pixel = |x: u32, y: u32| {
        let bit = y / side * COLUMNS + x / side;
        match bit {
            ..BITS if is_set(n, bit) => Rgb([255, 255, 255]),
            ..BITS => Rgb([0, 0, 0]),
            _ => Rgb([x as u8, (x + y) as u8, y as u8]),
        }
    };
    DynamicImage::from(RgbImage::from_fn(width, width * 3 / 4, pixel))
}

fn is_set(n: u32, bit: u32) -> bool {
    (n >> bit) & 1 == 1
}

/// In the middle of the pixels, so that the checksum after them is wrong.
fn flipped(mut png: Vec<u8>) -> Vec<u8> {
    let name = png.windows(4).position(|name| name == b"IDAT");
    let data = name.expect("a PNG has pixels") + 4;
    let length = png[data - 8..data - 4]
        .iter()
        .fold(0, |length, &byte| (length << 8) | usize::from(byte));
    png[data + length / 2] ^= 8;
    png
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use image::imageops::{FilterType, resize};

    use super::*;

    #[test]
    fn fifteen_percent_are_poison_a_third_of_each() {
        let mut mix: BTreeMap<Sort, u32> = BTreeMap::new();
        for n in 0..10_000 {
            *mix.entry(Sort::of(n)).or_default() += 1;
        }
        assert_eq!(mix.remove(&Sort::Valid), Some(8_500));
        assert_eq!(mix.remove(&Sort::Traps), Some(500));
        assert_eq!(
            (mix.remove(&Sort::Spins), mix.remove(&Sort::Lingers)),
            (Some(250), Some(250))
        );
        assert_eq!(mix.into_values().collect::<Vec<_>>(), [125; 4]);
    }

    #[test]
    fn originals_differ_and_renditions_tell_which_is_which() {
        let distinct: BTreeSet<Vec<u8>> = (0..400).map(original).collect();
        assert_eq!(distinct.len(), 400);
        for n in [3, 4, 5, 6, 9_999, 43_690, MOST - 1] {
            assert_eq!(Sort::of(n), Sort::Valid);
            let picture = pictures::read(&original(n));
            let small = resize(&picture, RENDITION.0, RENDITION.1, FilterType::Lanczos3);
            assert!(shows(&small, n) && !shows(&small, n ^ 1), "{n}");
            assert!(!shows(&picture, n), "another size");
        }
    }
}
