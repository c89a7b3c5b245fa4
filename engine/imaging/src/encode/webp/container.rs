//! WebP's container, as far as metadata needs it: chunks put around an encoded picture.

use crate::encode::kept::Kept;

const ICC: u8 = 1 << 5;
const ALPHA: u8 = 1 << 4;
const EXIF: u8 = 1 << 3;

/// The file with an ICC profile and an EXIF block. `bytes` is what libwebp wrote.
pub(super) fn with_metadata(bytes: Vec<u8>, kept: &Kept) -> Vec<u8> {
    if kept.icc.is_none() && kept.exif.is_none() {
        return bytes;
    }
    let Some((mut header, rest)) = extended(&bytes) else {
        return bytes;
    };
    let mut body = b"WEBP".to_vec();
    header[0] |= if kept.icc.is_some() { ICC } else { 0 } | if kept.exif.is_some() { EXIF } else { 0 };
    push(&mut body, *b"VP8X", &header);
    if let Some(icc) = &kept.icc {
        push(&mut body, *b"ICCP", icc);
    }
    body.extend(rest);
    if let Some(exif) = &kept.exif {
        push(&mut body, *b"EXIF", exif);
    }
    let mut out = Vec::with_capacity(body.len() + 8);
    push(&mut out, *b"RIFF", &body);
    out
}

fn push(out: &mut Vec<u8>, name: [u8; 4], payload: &[u8]) {
    out.extend(name);
    out.extend((payload.len() as u32).to_le_bytes());
    out.extend(payload);
    out.resize(out.len().next_multiple_of(2), 0);
}

/// The payload of the `VP8X` chunk, made up where there is none, and all chunks after it.
fn extended(bytes: &[u8]) -> Option<([u8; 10], &[u8])> {
    let (name, payload) = (bytes.get(12..16)?, bytes.get(20..)?);
    if name == b"VP8X" {
        return Some((*payload.first_chunk()?, payload.get(10..)?));
    }
    let (width, height, alpha) = match name {
        b"VP8 " => {
            let side = |at: usize| {
                Some(u32::from(
                    u16::from_le_bytes([*payload.get(at)?, *payload.get(at + 1)?]) & 0x3fff,
                ))
            };
            (side(6)?, side(8)?, false)
        }
        b"VP8L" => {
            let bits = u32::from_le_bytes(*payload.get(1..)?.first_chunk()?);
            (
                (bits & 0x3fff) + 1,
                (bits >> 14 & 0x3fff) + 1,
                bits >> 28 & 1 == 1,
            )
        }
        _ => return None,
    };
    let [w, h] = [width - 1, height - 1].map(u32::to_le_bytes);
    let flags = if alpha { ALPHA } else { 0 };
    Some(([flags, 0, 0, 0, w[0], w[1], w[2], h[0], h[1], h[2]], &bytes[12..]))
}
