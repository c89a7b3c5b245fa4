//! Both JPEG decoders side by side, for the tests, the fuzz target and the example.

use super::libjpeg::{Decoder, Space};
use super::reduced;

/// What to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Planes as stored.
    Planes,
    /// Interleaved pixels.
    Pixels,
}

/// Whether a file is one that the engine would give to the fast path.
pub fn is_candidate(jpeg: &[u8], want: Want) -> bool {
    Decoder::open(jpeg, true).is_ok_and(|decoder| match want {
        Want::Planes => decoder.has_planes(),
        Want::Pixels => matches!(decoder.space, Space::Ycc | Space::Gray),
    })
}

/// The fast path, where it says yes.
pub fn ours(jpeg: &[u8], denominator: u8, want: Want) -> Option<Vec<Vec<u8>>> {
    match want {
        Want::Planes => reduced::planes(jpeg, denominator).map(|ycc| ycc.planes.into()),
        Want::Pixels => reduced::pixels(jpeg, denominator).map(|pixels| vec![pixels]),
    }
}

/// libjpeg-turbo, stopping at the first warning.
pub fn library(jpeg: &[u8], denominator: u8, want: Want) -> Result<Vec<Vec<u8>>, String> {
    let mut decoder = Decoder::open(jpeg, true)?;
    decoder.scale(denominator);
    match want {
        Want::Planes => decoder.planes().map(|(ycc, _)| ycc.planes.into()),
        Want::Pixels => decoder.pixels().map(|(pixels, _)| vec![pixels]),
    }
}
