//! Baseline JPEG at 1/2, 1/4 and 1/8 by a decoder of our own: a fast path in front of libjpeg-turbo.
//!
//! Nearly all time of a thumbnail goes into entropy decoding. Whoever knows the scale beforehand need not
//! make the coefficients that it throws away, so tables here cover several symbols at once. The path can
//! only say yes: for whatever it does not know, and for anything at all that looks odd, the answer is `None`, and
//! libjpeg-turbo decodes from the start and gives the verdict. What it does decode is what libjpeg-turbo
//! gives, byte for byte; `tests` and a fuzz target hold it to that.

#![expect(
    clippy::inline_always,
    reason = "measured: the loops over bits must stay in registers"
)]

mod bits;
mod block;
mod channel;
mod colour;
mod huffman;
mod idct;
mod markers;
mod scan;
#[cfg(test)]
mod tests;

use super::libjpeg::Ycc;
use markers::Image;

/// The planes as stored, as `Decoder::planes` gives them. The caller knows from libjpeg that the three
/// components are YCbCr and that nothing before the scan is amiss.
pub(super) fn planes(jpeg: &[u8], denominator: u8) -> Option<Ycc> {
    let image = read(jpeg, denominator)?;
    let [y, cb, cr] = scan::planes(&image, denominator.into())?.try_into().ok()?;
    Some(Ycc {
        chroma: (cb.width, cb.height),
        planes: [y.bytes, cb.bytes, cr.bytes],
    })
}

/// One channel for one component, RGB for YCbCr, as `Decoder::pixels` gives them.
pub(super) fn pixels(jpeg: &[u8], denominator: u8) -> Option<Vec<u8>> {
    let image = read(jpeg, denominator)?;
    if image.components.len() == 1 {
        let gray = scan::planes(&image, denominator.into())?.pop()?;
        Some(gray.bytes)
    } else {
        scan::rgb(&image, denominator.into())
    }
}

fn read(jpeg: &[u8], denominator: u8) -> Option<Image<'_>> {
    matches!(denominator, 2 | 4 | 8)
        .then(|| Image::read(jpeg))
        .flatten()
}
