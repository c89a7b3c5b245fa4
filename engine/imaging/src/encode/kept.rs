//! The metadata that a rendition keeps: what `keep` names, and always the profile that its pixels are in,
//! without which their colours would be wrong.

use std::io::Cursor;

use bytes::Bytes;
use exif::experimental::Writer;
use exif::{In, Reader, Tag};
use workflow::rendition::{Encode, Keep};

use crate::frame::Metadata;

#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) icc: Option<Bytes>,
    /// A TIFF-structured block without the `Exif` prefix.
    pub(super) exif: Option<Bytes>,
}

/// `gray` is whether the file will store gray.
pub(super) fn kept(metadata: &Metadata, options: &Encode, gray: bool) -> Kept {
    let keep = |what| options.keep.contains(&what);
    let exif = metadata.exif.as_ref();
    Kept {
        icc: metadata.icc.clone().filter(|icc| fits(icc, gray)),
        exif: match () {
            () if keep(Keep::Exif) => exif.cloned(),
            () if keep(Keep::Copyright) => exif.and_then(|block| copyright(block)),
            () => None,
        },
    }
}

/// No reader applies a profile of one kind of pixels to another, and some refuse the file.
fn fits(icc: &[u8], gray: bool) -> bool {
    match icc.get(16..20) {
        Some(b"GRAY") => gray,
        Some(b"RGB ") => !gray,
        Some(b"CMYK") => false,
        _ => true,
    }
}

/// A new block with nothing but author and copyright; none if the original names neither.
fn copyright(block: &[u8]) -> Option<Bytes> {
    let original = Reader::new().read_raw(block.to_vec()).ok()?;
    let fields = [Tag::Artist, Tag::Copyright].map(|tag| original.get_field(tag, In::PRIMARY));
    let mut writer = Writer::new();
    let mut found = false;
    for field in fields.into_iter().flatten() {
        writer.push_field(field);
        found = true;
    }
    let mut out = Cursor::new(Vec::new());
    (found && writer.write(&mut out, original.little_endian()).is_ok()).then(|| out.into_inner().into())
}

#[cfg(test)]
mod tests {
    use exif::{Field, Value};
    use workflow::rendition::Format;

    use super::*;

    fn text(tag: Tag, text: &str) -> Field {
        Field {
            tag,
            ifd_num: In::PRIMARY,
            value: Value::Ascii(vec![text.into()]),
        }
    }

    fn metadata() -> Metadata {
        let fields = [
            text(Tag::Artist, "Ada"),
            text(Tag::Copyright, "(c) Ada"),
            text(Tag::Model, "Camera"),
        ];
        let mut writer = Writer::new();
        for field in &fields {
            writer.push_field(field);
        }
        let mut out = Cursor::new(Vec::new());
        writer.write(&mut out, true).unwrap();
        Metadata {
            icc: Some(Bytes::from_static(b"profile")),
            exif: Some(out.into_inner().into()),
        }
    }

    fn keep(what: &[Keep]) -> Kept {
        kept(
            &metadata(),
            &Encode {
                keep: what.to_vec(),
                ..Encode::new(Format::Jpeg)
            },
            false,
        )
    }

    #[test]
    fn nothing_but_the_profile_of_the_pixels_is_kept_unless_named() {
        assert!(keep(&[]).icc.is_some() && keep(&[]).exif.is_none());
        assert!(keep(&[Keep::Icc]).exif.is_none());
        assert_eq!(keep(&[Keep::Exif, Keep::Copyright]).exif, metadata().exif);
    }

    #[test]
    fn copyright_leaves_everything_else_behind() {
        let block = keep(&[Keep::Copyright]).exif.unwrap();
        let read = Reader::new().read_raw(block.to_vec()).unwrap();
        let tags: Vec<Tag> = read.fields().map(|field| field.tag).collect();
        assert_eq!(tags, [Tag::Artist, Tag::Copyright]);
        assert!(copyright(b"no such thing").is_none());
    }

    #[test]
    fn a_profile_of_other_pixels_is_left_out() {
        let with = |space: &[u8]| Metadata {
            icc: Some([&[0; 16], space, &[0; 108]].concat().into()),
            exif: None,
        };
        let options = Encode::new(Format::Jpeg);
        for (space, colour, gray) in [
            (b"RGB ", true, false),
            (b"GRAY", false, true),
            (b"CMYK", false, false),
        ] {
            assert_eq!(kept(&with(space), &options, false).icc.is_some(), colour);
            assert_eq!(kept(&with(space), &options, true).icc.is_some(), gray);
        }
    }
}
