//! Baseline JPEG at 1/2, 1/4 and 1/8 by a decoder of our own: a fast path in front of libjpeg-turbo.
//!
//! Nearly all time of a thumbnail goes into entropy decoding. Whoever knows the scale beforehand need not
//! make the coefficients that it throws away, so tables here cover several symbols at once. The path can
//! only say yes: for whatever it does not know, and for anything at all that looks odd, the answer is `None`, and
//! libjpeg-turbo decodes from the start and gives the verdict. What it does decode is what libjpeg-turbo
//! gives, byte for byte; `tests` and a fuzz target hold it to that.

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
use channel::Plane;
use markers::Image;

/// What a caller may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Chroma keeps its subsampling.
    Stored,
    /// Every plane has the size of the picture.
    Even,
}

/// The planes as stored, as `Decoder::planes` gives them. The caller knows from libjpeg that the three
/// components are YCbCr and that nothing before the scan is amiss.
pub(super) fn planes(jpeg: &[u8], denominator: u8) -> Option<Ycc> {
    let [y, cb, cr] = decode(jpeg, denominator, Layout::Stored)?.try_into().ok()?;
    Some(Ycc {
        chroma: (cb.width, cb.height),
        planes: [y.bytes, cb.bytes, cr.bytes],
    })
}

/// One channel for one component, three for YCbCr, as `Decoder::pixels` gives them.
pub(super) fn pixels(jpeg: &[u8], denominator: u8) -> Option<Vec<u8>> {
    let mut planes = decode(jpeg, denominator, Layout::Even)?;
    match &planes[..] {
        [y, cb, cr] => Some(colour::rgb(&y.bytes, &cb.bytes, &cr.bytes)),
        _ => planes.pop().map(|plane| plane.bytes),
    }
}

fn decode(jpeg: &[u8], denominator: u8, layout: Layout) -> Option<Vec<Plane>> {
    if !matches!(denominator, 2 | 4 | 8) {
        return None;
    }
    let image = Image::read(jpeg)?;
    scan::decode(&image, denominator.into(), layout)
}
