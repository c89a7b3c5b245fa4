//! JPEG: the markers before the first scan.
//!
//! Also says which components the scans cover, because libjpeg fills a component that no scan brings
//! with gray and says nothing.

use workflow::failure::{Failure, FailureKind};

use super::{Header, Parsed, be16, cut_short};
use crate::sniff::InputType;

const ICC: &[u8] = b"ICC_PROFILE\0";
const EXIF: &[u8] = b"Exif\0\0";

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed<'_>, Failure> {
    let cut = || cut_short(InputType::Jpeg, bytes.len());
    let (mut header, mut exif, mut icc, mut inverted) = (None, None, Vec::new(), false);
    let mut at = 2;
    loop {
        let segment = Segment::read(bytes, at, &cut)?;
        let data = segment.data;
        match segment.marker {
            0xc0..=0xcf if !matches!(segment.marker, 0xc4 | 0xc8 | 0xcc) => {
                header = Some(frame(segment.marker, data).ok_or_else(cut)??);
            }
            0xda => {
                let mut header: Header = header.ok_or_else(|| {
                    Failure::bad_input("the JPEG has a scan before its size").at_offset(at as u64)
                })?;
                header.progressive |= data.first().is_some_and(|n| *n < header.channels);
                return Ok(Parsed {
                    inverted,
                    ..Parsed::new(header, exif, in_order(icc))
                });
            }
            0xe1 if data.starts_with(EXIF) => exif = exif.or(Some(&data[EXIF.len()..])),
            0xe2 if data.starts_with(ICC) => icc.extend(data.get(ICC.len()..)),
            0xee if data.starts_with(b"Adobe") => inverted = true,
            0xd9 => return Err(Failure::bad_input("the JPEG ends without a picture").at_offset(at as u64)),
            _ => {}
        }
        at = segment.end;
    }
}

/// The profile's pieces by their sequence numbers; none if a piece is missing.
fn in_order(mut pieces: Vec<&[u8]>) -> Vec<&[u8]> {
    pieces.retain(|piece| piece.len() > 2);
    pieces.sort_by_key(|piece| piece[0]);
    let whole = pieces
        .iter()
        .enumerate()
        .all(|(i, p)| usize::from(p[0]) == i + 1 && usize::from(p[1]) == pieces.len());
    if whole {
        pieces.iter().map(|piece| &piece[2..]).collect()
    } else {
        Vec::new()
    }
}

fn frame(marker: u8, data: &[u8]) -> Option<Result<Header, Failure>> {
    let &[precision, h1, h0, w1, w0, components, ..] = data else {
        return None;
    };
    let unsupported = |what: &str| {
        Some(Err(Failure::new(
            FailureKind::Unsupported,
            format!("JPEG {what} not read"),
        )))
    };
    if precision != 8 {
        return unsupported(&format!("files of {precision} bits a channel are"));
    }
    if !matches!(marker, 0xc0 | 0xc1 | 0xc2 | 0xc9 | 0xca) {
        return unsupported("files that are lossless or hierarchical are");
    }
    if !matches!(components, 1 | 3 | 4) {
        return unsupported(&format!("files of {components} components are"));
    }
    let (width, height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
    Some(Ok(Header {
        channels: components,
        cmyk: components == 4,
        progressive: matches!(marker, 0xc2 | 0xca),
        ..Header::plain(InputType::Jpeg, width.into(), height.into())
    }))
}

/// Checks that the scans bring every component of a file in several scans.
///
/// # Errors
/// `bad-input` where one is missing or the file ends between scans.
pub(crate) fn check_scans(bytes: &[u8]) -> Result<(), Failure> {
    // The header was read before, up to the first scan.
    let cut = || {
        let text = "the jpeg file is cut short: it ends within its scans";
        Failure::bad_input(text).at_offset(bytes.len() as u64)
    };
    let (mut at, mut declared, mut seen) = (2, Vec::new(), Vec::new());
    loop {
        let segment = Segment::read(bytes, at, &cut)?;
        at = segment.end;
        match segment.marker {
            0xd9 => break,
            0xc0..=0xcf if !matches!(segment.marker, 0xc4 | 0xc8 | 0xcc) => {
                declared.extend(segment.data.get(6..).unwrap_or_default().chunks(3).map(|c| c[0]));
            }
            0xda => {
                let count = usize::from(segment.data.first().copied().unwrap_or(0));
                seen.extend(segment.data.iter().skip(1).step_by(2).take(count).copied());
                at = skip_scan(bytes, at);
            }
            _ => {}
        }
    }
    match declared.iter().find(|id| !seen.contains(id)) {
        None => Ok(()),
        Some(id) => Err(Failure::bad_input(format!(
            "the JPEG has no scan for its component {id}"
        ))),
    }
}

/// Where the next marker is that neither stuffs a byte nor restarts.
fn skip_scan(bytes: &[u8], mut at: usize) -> usize {
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| rest.iter().position(|b| *b == 0xff))
    {
        at += found;
        match bytes.get(at + 1) {
            Some(0x00 | 0xd0..=0xd7) => at += 2,
            Some(0xff) => at += 1,
            _ => return at,
        }
    }
    bytes.len()
}

struct Segment<'a> {
    marker: u8,
    /// Without the length.
    data: &'a [u8],
    end: usize,
}

impl<'a> Segment<'a> {
    /// `cut` says that the file ends here.
    fn read(bytes: &'a [u8], mut at: usize, cut: &impl Fn() -> Failure) -> Result<Self, Failure> {
        // Stray bytes between segments are skipped as libjpeg does; it counts them and warns.
        while !matches!(bytes.get(at..at + 2), Some([0xff, marker]) if !matches!(marker, 0 | 0xff)) {
            if at + 2 > bytes.len() {
                return Err(cut());
            }
            at += 1;
        }
        let marker = bytes[at + 1];
        at += 2;
        if matches!(marker, 0x01 | 0xd0..=0xd9) {
            return Ok(Self {
                marker,
                data: &[],
                end: at,
            });
        }
        let length = be16(bytes, at).ok_or_else(cut)? as usize;
        if length < 2 {
            return Err(Failure::bad_input("the JPEG has a segment of no length").at_offset(at as u64));
        }
        let data = bytes.get(at + 2..at + length).ok_or_else(cut)?;
        Ok(Self {
            marker,
            data,
            end: at + length,
        })
    }
}
