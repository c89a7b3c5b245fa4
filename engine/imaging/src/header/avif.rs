//! AVIF: the item boxes of an ISO media file, as far as one still picture needs them.
//!
//! Finds the primary item, its properties, and the items that hold its alpha and its EXIF block. Grids
//! and sequences are not read: of a sequence the primary item is the picture.

use workflow::failure::{Failure, FailureKind};

use super::{Header, Parsed, array, be16, be32, cut_short};
use crate::sniff::InputType;

/// The parts of a file that its picture is made of.
pub(crate) struct Items<'a> {
    pub(crate) colour: Item<'a>,
    pub(crate) alpha: Option<Item<'a>>,
    exif: Option<Vec<&'a [u8]>>,
    icc: Option<&'a [u8]>,
}

/// An AV1 picture: its pieces in the file, and what its properties say.
pub(crate) struct Item<'a> {
    pub(crate) pieces: Vec<&'a [u8]>,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Matrix coefficients and full range, where the container overrules the stream.
    pub(crate) matrix: Option<(u8, bool)>,
    deep: bool,
    mono: bool,
    orientation: u8,
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
    Ok(parsed)
}

/// The block behind its length prefix; only where it lies in one piece.
fn exif<'a>(pieces: &[&'a [u8]]) -> Option<&'a [u8]> {
    let [piece] = pieces else { return None };
    piece.get(4 + be32(piece, 0)? as usize..)
}

/// # Errors
/// `bad-input` where boxes are missing or reach past the file, `unsupported` for grids.
pub(crate) fn items(bytes: &[u8]) -> Result<Items<'_>, Failure> {
    let meta = find(bytes, *b"meta")
        .and_then(|meta| meta.get(4..))
        .ok_or_else(|| cut_short(InputType::Avif, bytes.len()))?;
    let damaged = || Failure::bad_input("the AVIF is damaged or cut short: its picture cannot be found");
    let file = File { bytes, meta };
    let primary = file.primary().ok_or_else(damaged)?;
    let kind = file.kind(primary).ok_or_else(damaged)?;
    if &kind != b"av01" {
        let kind = String::from_utf8_lossy(&kind).into_owned();
        return Err(Failure::new(
            FailureKind::Unsupported,
            format!("AVIF files of the kind `{kind}` are not read"),
        ));
    }
    let referring = |kind: [u8; 4]| file.referring(kind, primary);
    let alpha = referring(*b"auxl").into_iter().find(|id| file.is_alpha(*id));
    let exif = referring(*b"cdsc")
        .into_iter()
        .find(|id| file.kind(*id) == Some(*b"Exif"));
    Ok(Items {
        colour: file.item(primary).ok_or_else(damaged)?,
        alpha: alpha.map(|id| file.item(id).ok_or_else(damaged)).transpose()?,
        exif: exif.and_then(|id| file.pieces(id)),
        icc: file
            .properties(primary)
            .into_iter()
            .find_map(|(name, data)| match (&name, data.get(..4)?) {
                (b"colr", b"prof" | b"rICC") => data.get(4..),
                _ => None,
            }),
    })
}

struct File<'a> {
    bytes: &'a [u8],
    /// The children of the meta box.
    meta: &'a [u8],
}

impl<'a> File<'a> {
    fn primary(&self) -> Option<u32> {
        let data = find(self.meta, *b"pitm")?;
        if data.first() == Some(&0) {
            be16(data, 4)
        } else {
            be32(data, 4)
        }
    }

    fn kind(&self, id: u32) -> Option<[u8; 4]> {
        let data = find(self.meta, *b"iinf")?;
        let entries = data.get(if data.first() == Some(&0) { 6 } else { 8 }..)?;
        Boxes(entries).find_map(|(_, entry)| {
            let (number, at) = if entry.first()? == &2 {
                (be16(entry, 4)?, 8)
            } else {
                (be32(entry, 4)?, 10)
            };
            (number == id).then(|| array(entry, at)).flatten()
        })
    }

    /// The items with a reference of this kind to `id`.
    fn referring(&self, kind: [u8; 4], id: u32) -> Vec<u32> {
        let Some(data) = find(self.meta, *b"iref") else {
            return Vec::new();
        };
        let wide = data.first() != Some(&0);
        let number = |data: &[u8], i: usize| {
            if wide {
                be32(data, 4 * i)
            } else {
                be16(data, 2 * i)
            }
        };
        let refers = |data: &[u8]| {
            let count = be16(data, if wide { 4 } else { 2 })? as usize;
            let targets = data.get(if wide { 6 } else { 4 }..)?;
            let from = number(data, 0)?;
            (0..count).any(|i| number(targets, i) == Some(id)).then_some(from)
        };
        let boxes = Boxes(data.get(4..).unwrap_or_default());
        boxes
            .filter(|(name, _)| *name == kind)
            .filter_map(|(_, data)| refers(data))
            .collect()
    }

    /// The properties of an item, in order.
    fn properties(&self, id: u32) -> Vec<([u8; 4], &'a [u8])> {
        self.property_indices(id)
            .and_then(|indices| {
                let all: Vec<_> = Boxes(find(find(self.meta, *b"iprp")?, *b"ipco")?).collect();
                Some(
                    indices
                        .into_iter()
                        .filter_map(|i| all.get(i.checked_sub(1)?).copied())
                        .collect(),
                )
            })
            .unwrap_or_default()
    }

    fn property_indices(&self, id: u32) -> Option<Vec<usize>> {
        let data = find(find(self.meta, *b"iprp")?, *b"ipma")?;
        let (wide_ids, wide_indices) = (data.first()? > &0, data.get(3)? & 1 == 1);
        let count = be32(data, 4)?;
        let mut at = 8;
        for _ in 0..count {
            let item = if wide_ids {
                be32(data, at)?
            } else {
                be16(data, at)?
            };
            at += if wide_ids { 4 } else { 2 };
            let properties = usize::from(*data.get(at)?);
            let (start, size) = (at + 1, if wide_indices { 2 } else { 1 });
            if item == id {
                let index = |i: usize| {
                    let at = start + i * size;
                    if wide_indices {
                        be16(data, at).map(|v| v & 0x7fff)
                    } else {
                        data.get(at).map(|v| u32::from(v & 0x7f))
                    }
                };
                return (0..properties).map(|i| index(i).map(|v| v as usize)).collect();
            }
            at = start + properties * size;
        }
        None
    }

    fn is_alpha(&self, id: u32) -> bool {
        let properties = self.properties(id);
        properties
            .iter()
            .any(|(name, data)| name == b"auxC" && data.windows(5).any(|text| text == b"alpha"))
    }

    fn item(&self, id: u32) -> Option<Item<'a>> {
        let mut item = Item {
            pieces: self.pieces(id)?,
            width: 0,
            height: 0,
            matrix: None,
            deep: false,
            mono: false,
            orientation: 1,
        };
        let (mut quarters, mut mirror) = (0, None);
        for (name, data) in self.properties(id) {
            match &name {
                b"ispe" => (item.width, item.height) = (be32(data, 4)?, be32(data, 8)?),
                b"av1C" => (item.deep, item.mono) = (data.get(2)? & 0x40 != 0, data.get(2)? & 0x10 != 0),
                b"irot" => quarters = data.first()? & 3,
                b"imir" => mirror = Some(data.first()? & 1),
                b"colr" if data.starts_with(b"nclx") => {
                    item.matrix = Some((be16(data, 8)? as u8, data.get(10)? & 0x80 != 0));
                }
                _ => {}
            }
        }
        // Turned counter-clockwise by quarters, then mirrored: 0 exchanges top and bottom.
        item.orientation = match (quarters, mirror) {
            (0, None) => 1,
            (0, Some(1)) | (2, Some(0)) => 2,
            (2, None) => 3,
            (0 | 2, Some(_)) => 4,
            (1, Some(0)) | (3, Some(1)) => 5,
            (3, None) => 6,
            (1 | 3, Some(_)) => 7,
            _ => 8,
        };
        Some(item)
    }

    /// Where an item's bytes lie.
    fn pieces(&self, id: u32) -> Option<Vec<&'a [u8]>> {
        let data = find(self.meta, *b"iloc")?;
        let version = *data.first()?;
        let sizes = be16(data, 4)?;
        let [offset_size, length_size, base_size, index_size] =
            [12, 8, 4, 0].map(|shift| (sizes >> shift & 15) as usize);
        let index_size = if version == 0 { 0 } else { index_size };
        let mut reader = Fields { data, at: 6 };
        let id_size = if version < 2 { 2 } else { 4 };
        for _ in 0..reader.number(id_size)? {
            let item = reader.number(id_size)?;
            let method = if version == 0 { 0 } else { reader.number(2)? & 15 };
            reader.number(2)?;
            let base = reader.number(base_size)?;
            let extents = reader.number(2)?;
            let mut pieces = Vec::new();
            for _ in 0..extents {
                reader.number(index_size)?;
                let start = base.checked_add(reader.number(offset_size)?)?;
                let length = reader.number(length_size)?;
                if item == u64::from(id) {
                    let whole = if method == 1 {
                        find(self.meta, *b"idat")?
                    } else {
                        self.bytes
                    };
                    pieces.push(whole.get(start as usize..start.checked_add(length)? as usize)?);
                }
            }
            if item == u64::from(id) {
                return Some(pieces);
            }
        }
        None
    }
}

/// Numbers of varying width, one after the other.
struct Fields<'a> {
    data: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn number(&mut self, size: usize) -> Option<u64> {
        let bytes = self.data.get(self.at..self.at + size.min(8))?;
        self.at += size;
        Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }
}

fn find(boxes: &[u8], name: [u8; 4]) -> Option<&[u8]> {
    Boxes(boxes).find(|found| found.0 == name).map(|found| found.1)
}

/// Names and contents of the boxes in a row; the last may be cut short.
struct Boxes<'a>(&'a [u8]);

impl<'a> Iterator for Boxes<'a> {
    type Item = ([u8; 4], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (size, name) = (be32(self.0, 0)? as usize, array(self.0, 4)?);
        let (head, size) = match size {
            0 => (8, self.0.len()),
            1 => (16, usize::try_from(u64::from_be_bytes(array(self.0, 8)?)).ok()?),
            size => (8, size),
        };
        if size < head {
            return None;
        }
        let (whole, rest) = self.0.split_at(size.min(self.0.len()));
        self.0 = rest;
        Some((name, whole.get(head..)?))
    }
}
