//! TIFF: the first directory. Further pages are not pictures of their own here.

use workflow::failure::Failure;

use super::{Header, Parsed};
use crate::metadata::Directory;
use crate::sniff::InputType;

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
pub(crate) const PHOTOMETRIC: u16 = 262;
const SAMPLES: u16 = 277;
const EXTRA_SAMPLES: u16 = 338;
const ICC: u16 = 34_675;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Failure> {
    let damaged = |what: &str| Failure::bad_input(format!("the TIFF is damaged or cut short: {what}"));
    let directory = Directory::open(bytes).ok_or_else(|| damaged("its directory cannot be read"))?;
    let (width, height) = directory
        .number(WIDTH)
        .zip(directory.number(HEIGHT))
        .ok_or_else(|| damaged("its directory has no width or height"))?;
    let samples = directory.number(SAMPLES).unwrap_or(1);
    let photometric = directory.number(PHOTOMETRIC).unwrap_or(1);
    let (cmyk, alpha) = (photometric == 5, directory.number(EXTRA_SAMPLES).is_some());
    let header = Header {
        depth: if directory.number(BITS).unwrap_or(1) > 8 {
            16
        } else {
            8
        },
        alpha,
        channels: match (alpha, cmyk, samples) {
            (true, ..) | (_, true, _) => 4,
            (_, _, 1) if photometric != 3 => 1,
            _ => 3,
        },
        orientation: directory.orientation(),
        cmyk,
        ..Header::plain(InputType::Tiff, width, height)
    };
    Ok(Parsed {
        gray: photometric < 2,
        pages: Directory::open(bytes).map_or(1, Directory::pages),
        ..Parsed::new(header, None, directory.bytes(ICC).into_iter().collect())
    })
}

/// Whether the pixels are a JPEG, of the old way or the new.
pub(crate) fn holds_jpeg(bytes: &[u8]) -> bool {
    let compression = Directory::open(bytes).and_then(|directory| directory.number(COMPRESSION));
    matches!(compression, Some(6 | 7))
}

/// What the first extra sample is: 1 is alpha by which the colours are multiplied, 2 is straight alpha.
pub(crate) fn extra_sample(bytes: &[u8]) -> Option<u32> {
    Directory::open(bytes)?.number(EXTRA_SAMPLES)
}
