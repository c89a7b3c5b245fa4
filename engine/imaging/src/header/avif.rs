//! AVIF: the item boxes of an ISO media file, as far as one still picture needs them.
//!
//! Finds the primary item, its properties, and the items that hold its alpha and its EXIF block. Grids
//! and sequences are not read: of a sequence the primary item is the picture.

mod boxes;
mod meta;
mod sequence;

use workflow::failure::{Failure, FailureKind};

use self::boxes::find;
use self::meta::Meta;
use super::{Header, Parsed, be16, be32, cut_short};
use crate::sniff::InputType;

/// The parts of a file that its picture is made of.
pub(crate) struct Items<'a> {
    pub(crate) colour: Item<'a>,
    pub(crate) alpha: Option<Item<'a>>,
    /// The colours are multiplied by alpha.
    pub(crate) multiplied: bool,
    exif: Option<Vec<&'a [u8]>>,
    icc: Option<&'a [u8]>,
}

/// An AV1 picture: its pieces in the file, and what its properties say.
pub(crate) struct Item<'a> {
    pub(crate) pieces: Vec<&'a [u8]>,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Where the container overrules the stream.
    pub(crate) colours: Option<Nclx>,
    deep: bool,
    mono: bool,
    orientation: u8,
}

/// What the numbers mean, in the codes of ITU-T H.273.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nclx {
    pub(crate) primaries: u8,
    pub(crate) transfer: u8,
    pub(crate) matrix: u8,
    pub(crate) full_range: bool,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Failure> {
    let items = items(bytes)?;
    let Item {
        width,
        height,
        deep,
        mono,
        orientation,
        ..
    } = items.colour;
    let alpha = items.alpha.is_some();
    let header = Header {
        depth: if deep { 16 } else { 8 },
        alpha,
        channels: match (alpha, mono) {
            (true, _) => 4,
            (false, true) => 1,
            (false, false) => 3,
        },
        ..Header::plain(InputType::Avif, width, height)
    };
    let exif = items.exif.and_then(|pieces| exif(&pieces));
    let mut parsed = Parsed::new(header, exif, items.icc.into_iter().collect());
    // The container turns the picture; what EXIF says of it is for information only.
    parsed.header.orientation = orientation;
    parsed.gray = mono;
    parsed.pages = sequence::frames(bytes);
    Ok(parsed)
}

/// The block behind its length prefix; only where it lies in one piece.
fn exif<'a>(pieces: &[&'a [u8]]) -> Option<&'a [u8]> {
    let [piece] = pieces else { return None };
    piece.get((be32(piece, 0)? as usize).checked_add(4)?..)
}

/// # Errors
/// `bad-input` where boxes are missing or reach past the file, `unsupported` for grids and cut-outs,
/// `too-large` for more items than a picture needs.
pub(crate) fn items(bytes: &[u8]) -> Result<Items<'_>, Failure> {
    let tables = find(bytes, *b"meta")
        .and_then(|meta| meta.get(4..))
        .ok_or_else(|| cut_short(InputType::Avif, bytes.len()))?;
    let meta = Meta::read(bytes, tables)?;
    let primary = primary(tables).ok_or_else(damaged)?;
    let kind = meta.kind(primary).ok_or_else(damaged)?;
    if &kind != b"av01" {
        let kind = String::from_utf8_lossy(&kind).into_owned();
        return Err(unsupported(&format!("of the kind `{kind}`")));
    }
    let referring = |kind: [u8; 4]| {
        meta.references(kind)
            .filter(|found| found.to == primary)
            .map(|found| found.from)
    };
    let alpha = referring(*b"auxl").find(|id| is_alpha(&meta, *id));
    let exif = referring(*b"cdsc").find(|id| meta.kind(*id) == Some(*b"Exif"));
    let multiplied = alpha.is_some_and(|alpha| {
        meta.references(*b"prem")
            .any(|found| (found.from, found.to) == (primary, alpha))
    });
    Ok(Items {
        colour: item(&meta, primary)?,
        alpha: alpha.map(|id| item(&meta, id)).transpose()?,
        multiplied,
        exif: exif.map_or(Ok(None), |id| meta.pieces(id))?,
        icc: meta
            .properties(primary)
            .find_map(|(name, data)| match (&name, data.get(..4)?) {
                (b"colr", b"prof" | b"rICC") => data.get(4..),
                _ => None,
            }),
    })
}

fn damaged() -> Failure {
    Failure::bad_input("the AVIF is damaged or cut short: its picture cannot be found")
}

fn unsupported(what: &str) -> Failure {
    Failure::new(
        FailureKind::Unsupported,
        format!("AVIF files {what} are not read"),
    )
}

fn primary(meta: &[u8]) -> Option<u32> {
    let data = find(meta, *b"pitm")?;
    if data.first() == Some(&0) {
        be16(data, 4)
    } else {
        be32(data, 4)
    }
}

fn is_alpha(meta: &Meta<'_>, id: u32) -> bool {
    meta.properties(id)
        .any(|(name, data)| &name == b"auxC" && data.windows(5).any(|text| text == b"alpha"))
}

fn item<'a>(meta: &Meta<'a>, id: u32) -> Result<Item<'a>, Failure> {
    let mut item = Item {
        pieces: meta.pieces(id)?.ok_or_else(damaged)?,
        width: 0,
        height: 0,
        colours: None,
        deep: false,
        mono: false,
        orientation: 1,
    };
    let (mut turn, mut aperture) = (Turn::default(), None);
    for (name, data) in meta.properties(id) {
        if &name == b"clap" {
            aperture = Some(data);
        } else {
            item.property(name, data, &mut turn).ok_or_else(damaged)?;
        }
    }
    if aperture.is_some_and(|data| !shows_all(data, item.width, item.height)) {
        return Err(unsupported("that show only a part of their pixels (`clap`)"));
    }
    item.orientation = turn.orientation();
    Ok(item)
}

/// Whether a clean aperture is the whole picture: each side a fraction, and offsets of nothing.
fn shows_all(aperture: &[u8], width: u32, height: u32) -> bool {
    let number = |i: usize| be32(aperture, 4 * i).map(u64::from);
    let side = |i: usize, side: u32| {
        number(i)
            .zip(number(i + 1))
            .is_some_and(|(whole, part)| part > 0 && whole == u64::from(side) * part)
    };
    side(0, width) && side(2, height) && number(4) == Some(0) && number(6) == Some(0)
}

impl Item<'_> {
    fn property(&mut self, name: [u8; 4], data: &[u8], turn: &mut Turn) -> Option<()> {
        match &name {
            b"ispe" => (self.width, self.height) = (be32(data, 4)?, be32(data, 8)?),
            b"av1C" => (self.deep, self.mono) = (data.get(2)? & 0x40 != 0, data.get(2)? & 0x10 != 0),
            b"irot" => turn.quarters = data.first()? & 3,
            b"imir" => turn.mirror = Some(data.first()? & 1),
            b"colr" if data.starts_with(b"nclx") => {
                self.colours = Some(Nclx {
                    primaries: be16(data, 4)? as u8,
                    transfer: be16(data, 6)? as u8,
                    matrix: be16(data, 8)? as u8,
                    full_range: data.get(10)? & 0x80 != 0,
                });
            }
            _ => {}
        }
        Some(())
    }
}

/// Turned counter-clockwise by quarters, then mirrored: 0 exchanges top and bottom.
#[derive(Default)]
struct Turn {
    quarters: u8,
    mirror: Option<u8>,
}

impl Turn {
    /// In EXIF's numbers.
    fn orientation(&self) -> u8 {
        match (self.quarters, self.mirror) {
            (0, None) => 1,
            (0, Some(1)) | (2, Some(0)) => 2,
            (2, None) => 3,
            (0 | 2, Some(_)) => 4,
            (1, Some(0)) | (3, Some(1)) => 5,
            (3, None) => 6,
            (1 | 3, Some(_)) => 7,
            _ => 8,
        }
    }
}

#[cfg(test)]
mod tests;
