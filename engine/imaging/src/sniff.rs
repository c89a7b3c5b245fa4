//! What kind of file the bytes are, by their content alone.
//!
//! Names, extensions and `Content-Type` headers lie; the first bytes of a file seldom do. A match here
//! promises nothing about the rest: that is for `header` and `decode` to find out.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of originals that are read natively.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputType {
    Jpeg,
    Png,
    Webp,
    Gif,
    Tiff,
    Bmp,
    Ico,
    Qoi,
    Avif,
}

/// The kind of the file that starts with `head`; 64 bytes are enough, fewer may do.
pub fn sniff(head: &[u8]) -> Option<InputType> {
    let at = |from: usize, magic: &[u8]| head.get(from..).is_some_and(|rest| rest.starts_with(magic));
    let kind = if at(0, b"\xff\xd8\xff") {
        InputType::Jpeg
    } else if at(0, b"\x89PNG\r\n\x1a\n") {
        InputType::Png
    } else if at(0, b"RIFF") && at(8, b"WEBP") {
        InputType::Webp
    } else if at(0, b"GIF87a") || at(0, b"GIF89a") {
        InputType::Gif
    } else if at(0, b"II*\0") || at(0, b"MM\0*") {
        InputType::Tiff
    } else if at(0, b"qoif") {
        InputType::Qoi
    } else if is_avif(head) {
        InputType::Avif
    } else if at(0, b"BM")
        && head
            .get(14)
            .is_some_and(|size| matches!(size, 12 | 40 | 52 | 56 | 64 | 108 | 124))
    {
        InputType::Bmp
    } else if is_ico(head) {
        InputType::Ico
    } else {
        return None;
    };
    Some(kind)
}

/// An ISO media file whose brands name AVIF.
fn is_avif(head: &[u8]) -> bool {
    if head.get(4..8) != Some(b"ftyp") {
        return false;
    }
    let size = head
        .first_chunk()
        .map_or(0, |size| u32::from_be_bytes(*size) as usize);
    let brands = &head[8..size.clamp(8, head.len())];
    brands
        .as_chunks::<4>()
        .0
        .iter()
        .any(|brand| brand == b"avif" || brand == b"avis")
}

/// Two short fixed fields are weak evidence, so the first directory entry must make sense, too.
fn is_ico(head: &[u8]) -> bool {
    let Some(&[0, 0, 1, 0, low, high, _, _, _, 0, planes, 0, ..]) = head.get(..22) else {
        return false;
    };
    (low, high) != (0, 0) && planes <= 1
}

impl InputType {
    pub const ALL: [Self; 9] = [
        Self::Jpeg,
        Self::Png,
        Self::Webp,
        Self::Gif,
        Self::Tiff,
        Self::Bmp,
        Self::Ico,
        Self::Qoi,
        Self::Avif,
    ];

    /// As written in YAML under `input: types`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Tiff => "tiff",
            Self::Bmp => "bmp",
            Self::Ico => "ico",
            Self::Qoi => "qoi",
            Self::Avif => "avif",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
            Self::Ico => "image/vnd.microsoft.icon",
            Self::Qoi => "image/qoi",
            Self::Avif => "image/avif",
        }
    }
}

impl fmt::Display for InputType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_serde_and_lead_back() {
        for kind in InputType::ALL {
            assert_eq!(InputType::from_name(kind.name()), Some(kind));
            assert!(kind.media_type().starts_with("image/"));
        }
        assert_eq!(InputType::from_name("jpg"), None);
    }

    #[test]
    fn every_kind_is_known_by_its_first_bytes() {
        let heads: [(&[u8], InputType); 9] = [
            (b"\xff\xd8\xff\xe0", InputType::Jpeg),
            (b"\x89PNG\r\n\x1a\n", InputType::Png),
            (b"RIFF\0\0\0\0WEBPVP8 ", InputType::Webp),
            (b"GIF89a", InputType::Gif),
            (b"MM\0*", InputType::Tiff),
            (b"BM\0\0\0\0\0\0\0\0\0\0\0\0\x28", InputType::Bmp),
            (
                b"\0\0\x01\0\x01\0\x20\x20\0\0\x01\0\x20\0\0\0\0\0\0\0\0\0",
                InputType::Ico,
            ),
            (b"qoif", InputType::Qoi),
            (b"\0\0\0\x18ftypmif1\0\0\0\0miafavif", InputType::Avif),
        ];
        for (head, kind) in heads {
            assert_eq!(sniff(head), Some(kind));
            assert_eq!(
                sniff(&head[..3.min(head.len() - 1)]).filter(|k| *k != InputType::Jpeg),
                None
            );
        }
    }

    #[test]
    fn other_bytes_are_nothing() {
        for head in [
            &b""[..],
            b"\0",
            b"<svg",
            b"%PDF-1.7",
            b"RIFF\0\0\0\0WAVE",
            b"BMW is a car maker",
            b"\0\0\0\x18ftypheic",
        ] {
            assert_eq!(sniff(head), None);
        }
        // A box size that lies must not read past the end.
        assert_eq!(sniff(b"\xff\xff\xff\xffftypavif"), Some(InputType::Avif));
        assert_eq!(sniff(b"\0\0\0\x01ftyp"), None);
    }
}
