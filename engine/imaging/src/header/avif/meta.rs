//! The tables of the meta box: which items there are, what they are like and where they lie.
//!
//! Each table is read once and into maps. Entries may cost next to nothing in the file, so their number is
//! capped.

use std::collections::BTreeMap;

use workflow::failure::{Failure, FailureKind};

use super::boxes::{Boxes, Fields, find};

/// Items, and references between them, that a file may have. A still picture has about five.
const MOST: u32 = 1024;
/// Pieces into which an item may be cut. Writers seldom cut at all.
const MOST_PIECES: u64 = 64;

pub(super) struct Meta<'a> {
    bytes: &'a [u8],
    /// What lies inside of the meta box instead of elsewhere in the file.
    inside: &'a [u8],
    kinds: BTreeMap<u32, [u8; 4]>,
    places: BTreeMap<u32, Place>,
    references: Vec<Reference>,
    properties: Vec<([u8; 4], &'a [u8])>,
    /// By item, the properties counted from 1.
    assigned: BTreeMap<u32, Vec<usize>>,
}

struct Place {
    inside: bool,
    /// Start and length.
    pieces: Vec<(u64, u64)>,
}

pub(super) struct Reference {
    pub(super) kind: [u8; 4],
    pub(super) from: u32,
    pub(super) to: u32,
}

impl<'a> Meta<'a> {
    /// `meta` is the content of the meta box behind its version, `bytes` the file.
    ///
    /// # Errors
    /// `too-large` where a table has more entries than any real file; what a damaged table lacks is missing.
    pub(super) fn read(bytes: &'a [u8], meta: &'a [u8]) -> Result<Self, Failure> {
        let table = |name| find(meta, name).unwrap_or_default();
        let iprp = table(*b"iprp");
        Ok(Self {
            bytes,
            inside: table(*b"idat"),
            kinds: kinds(table(*b"iinf"))?,
            places: places(table(*b"iloc"))?,
            references: references(table(*b"iref"))?,
            properties: Boxes(find(iprp, *b"ipco").unwrap_or_default()).collect(),
            assigned: assigned(find(iprp, *b"ipma").unwrap_or_default())?,
        })
    }

    pub(super) fn kind(&self, id: u32) -> Option<[u8; 4]> {
        self.kinds.get(&id).copied()
    }

    /// The references of a kind.
    pub(super) fn references(&self, kind: [u8; 4]) -> impl Iterator<Item = &Reference> {
        self.references.iter().filter(move |found| found.kind == kind)
    }

    /// The properties of an item, in order.
    pub(super) fn properties(&self, id: u32) -> impl Iterator<Item = ([u8; 4], &'a [u8])> {
        let indices = self.assigned.get(&id).map(Vec::as_slice).unwrap_or_default();
        indices
            .iter()
            .filter_map(|i| self.properties.get(i.checked_sub(1)?).copied())
    }

    /// Where an item's bytes lie; `None` if not in the file.
    ///
    /// # Errors
    /// `bad-input` where pieces overlap so that they are more than the file.
    pub(super) fn pieces(&self, id: u32) -> Result<Option<Vec<&'a [u8]>>, Failure> {
        let Some(place) = self.places.get(&id) else {
            return Ok(None);
        };
        let whole = if place.inside { self.inside } else { self.bytes };
        let piece = |(start, length): &(u64, u64)| {
            whole.get(*start as usize..usize::try_from(start.checked_add(*length)?).ok()?)
        };
        let Some(pieces) = place.pieces.iter().map(piece).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        if pieces.iter().map(|piece| piece.len()).sum::<usize>() > self.bytes.len() {
            return Err(Failure::bad_input(
                "the AVIF is damaged: an item of it is larger than the file",
            ));
        }
        Ok(Some(pieces))
    }
}

fn too_many(what: &str) -> Failure {
    Failure::new(
        FailureKind::TooLarge,
        format!(
            "the AVIF has more than {MOST} {what}, which no still picture needs; write it anew with another program"
        ),
    )
}

fn capped(count: Option<u64>, what: &str) -> Result<u64, Failure> {
    match count {
        Some(count) if count > u64::from(MOST) => Err(too_many(what)),
        count => Ok(count.unwrap_or(0)),
    }
}

fn kinds(table: &[u8]) -> Result<BTreeMap<u32, [u8; 4]>, Failure> {
    let size = if table.first() == Some(&0) { 2 } else { 4 };
    let mut fields = Fields { data: table, at: 4 };
    capped(fields.number(size), "items")?;
    let mut kinds = BTreeMap::new();
    for (_, entry) in Boxes(table.get(fields.at..).unwrap_or_default()) {
        let mut fields = Fields { data: entry, at: 4 };
        let id = fields.small(if entry.first() == Some(&2) { 2 } else { 4 });
        fields.at += 2;
        if let Some((id, kind)) = id.zip(fields.small(4)) {
            kinds.entry(id).or_insert(kind.to_be_bytes());
        }
        if kinds.len() > MOST as usize {
            return Err(too_many("items"));
        }
    }
    Ok(kinds)
}

/// Up to the first that is cut short.
fn references(table: &[u8]) -> Result<Vec<Reference>, Failure> {
    let size = if table.first() == Some(&0) { 2 } else { 4 };
    let mut references = Vec::new();
    for (kind, data) in Boxes(table.get(4..).unwrap_or_default()) {
        let mut fields = Fields { data, at: 0 };
        let Some((from, count)) = fields.small(size).zip(fields.number(2)) else {
            break;
        };
        for _ in 0..count {
            let Some(to) = fields.small(size) else { break };
            references.push(Reference { kind, from, to });
            if references.len() > MOST as usize {
                return Err(too_many("references between its items"));
            }
        }
    }
    Ok(references)
}

fn assigned(table: &[u8]) -> Result<BTreeMap<u32, Vec<usize>>, Failure> {
    let id_size = if table.first() == Some(&0) { 2 } else { 4 };
    let wide = table.get(3).is_some_and(|flags| flags & 1 == 1);
    let mut fields = Fields { data: table, at: 4 };
    let mut assigned = BTreeMap::new();
    for _ in 0..capped(fields.number(4), "items with properties")? {
        let Some((id, count)) = fields.small(id_size).zip(fields.number(1)) else {
            break;
        };
        let index = |fields: &mut Fields<'_>| {
            // The highest bit says that the property is essential.
            let (size, mask) = if wide { (2, 0x7fff) } else { (1, 0x7f) };
            fields.small(size).map(|index| (index & mask) as usize)
        };
        let Some(indices) = (0..count).map(|_| index(&mut fields)).collect() else {
            break;
        };
        assigned.entry(id).or_insert(indices);
    }
    Ok(assigned)
}

fn places(table: &[u8]) -> Result<BTreeMap<u32, Place>, Failure> {
    let mut places = BTreeMap::new();
    let mut fields = Fields { data: table, at: 4 };
    let version = table.first().copied().unwrap_or(0);
    let Some(sizes) = fields.number(2) else {
        return Ok(places);
    };
    let id_size = if version < 2 { 2 } else { 4 };
    for _ in 0..capped(fields.number(id_size), "items")? {
        let Some((id, place)) = place(&mut fields, version, sizes)? else {
            break;
        };
        places.entry(id).or_insert(place);
    }
    Ok(places)
}

/// An entry of the table of places; `None` where it is cut short.
fn place(fields: &mut Fields<'_>, version: u8, sizes: u64) -> Result<Option<(u32, Place)>, Failure> {
    let [offset_size, length_size, base_size, index_size] =
        [12, 8, 4, 0].map(|shift| (sizes >> shift & 15) as usize);
    let mut head = || {
        let id = fields.small(if version < 2 { 2 } else { 4 })?;
        let method = if version == 0 { 0 } else { fields.number(2)? & 15 };
        fields.number(2)?;
        Some((id, method, fields.number(base_size)?, fields.number(2)?))
    };
    let Some((id, method, base, count)) = head() else {
        return Ok(None);
    };
    if count > MOST_PIECES {
        return Err(Failure::new(
            FailureKind::TooLarge,
            format!(
                "an item of the AVIF is cut into {count} pieces, more than {MOST_PIECES}; write it anew with another program"
            ),
        ));
    }
    let mut piece = || {
        fields.number(if version == 0 { 0 } else { index_size })?;
        let start = base.checked_add(fields.number(offset_size)?)?;
        Some((start, fields.number(length_size)?))
    };
    let pieces = (0..count).map(|_| piece()).collect::<Option<Vec<_>>>();
    Ok(pieces.map(|pieces| {
        (
            id,
            Place {
                inside: method == 1,
                pieces,
            },
        )
    }))
}
