//! How many frames an image sequence has. They are not read, but whoever gets one picture should know.

use super::boxes::{Boxes, find};
use crate::header::{array, be32};

/// Of the longest track of pictures; 1 for a still.
pub(super) fn frames(bytes: &[u8]) -> u32 {
    let tracks = Boxes(find(bytes, *b"moov").unwrap_or_default()).filter(|(name, _)| name == b"trak");
    let longest = tracks.filter_map(|(_, track)| samples(track)).max();
    longest.unwrap_or(1).max(1)
}

/// `None` for tracks of something else, such as alpha.
fn samples(track: &[u8]) -> Option<u32> {
    let media = find(track, *b"mdia")?;
    let handler: [u8; 4] = array(find(media, *b"hdlr")?, 8)?;
    if &handler != b"pict" {
        return None;
    }
    let table = find(find(media, *b"minf")?, *b"stbl")?;
    let sizes = find(table, *b"stsz").or_else(|| find(table, *b"stz2"))?;
    be32(sizes, 8)
}
