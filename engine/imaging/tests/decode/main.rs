//! Whole files in, pictures or refusals out: every kind, every orientation, every way to be damaged.
//!
//! What each fixture is stands in `../fixtures/README.md`.

#![expect(clippy::float_cmp, reason = "what is lossless differs by nothing at all")]

mod bombs;
mod colours;
mod common;
mod damage;
mod kept;
mod memory;
mod pages;
mod reduced;
#[cfg(feature = "reference")]
mod reference;

use common::{decode_with, fixture, full, mean_difference, picture, psnr};
use imaging::colour::{to_rgb8, to_rgba8};
use imaging::{Consumer, DecodeRequest, Frame, Pixels, decode, header, sniff};
use workflow::limits::InputLimits;
use workflow::op::{ColourTarget, Decode, Depth, Frames, Orient, Resize, Scale};

const STILLS: [&str; 17] = [
    "plain.png",
    "palette.png",
    "gray.png",
    "alpha.png",
    "deep.png",
    "oriented-1.jpg",
    "odd-420.jpg",
    "odd-422.jpg",
    "progressive.jpg",
    "gray.jpg",
    "cmyk.jpg",
    "lossy.webp",
    "alpha.webp",
    "plain.gif",
    "plain.tiff",
    "plain.bmp",
    "png.ico",
];

const MORE: [&str; 9] = [
    "plain.qoi",
    "cmyk.tiff",
    "alpha.tiff",
    "palette.tiff",
    "bilevel.tiff",
    "bmp.ico",
    "plain.avif",
    "alpha.avif",
    "oriented-6.avif",
];

const MOVING: [&str; 3] = ["moving.gif", "moving.png", "moving.webp"];

#[test]
fn every_kind_is_read_as_its_header_says() {
    for name in STILLS.iter().chain(&MORE) {
        let bytes = fixture(name);
        let header = header(&bytes).unwrap();
        assert_eq!(sniff(&bytes), Some(header.kind));
        let decoded = full(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let frame = decoded.picture.first();
        assert_eq!((frame.width, frame.height), header.upright(), "{name}");
        assert!(
            !decoded.picture.salvaged && decoded.picture.delays.is_empty(),
            "{name}"
        );
        let layout = match (&frame.pixels, header.channels) {
            (Pixels::Gray8(_), 1) | (Pixels::Rgb8(_), 3) | (Pixels::Rgba8(_), 4) => true,
            (Pixels::Rgb8(_), 4) => header.cmyk,
            _ => false,
        };
        assert!(layout, "{name}: {} channels", header.channels);
    }
}

#[test]
fn lossless_kinds_agree_to_the_byte() {
    let plain = picture("plain.png");
    for name in [
        "plain.tiff",
        "plain.bmp",
        "plain.qoi",
        "oriented-6.png",
        "oriented-6.webp",
        "oriented-6.tiff",
    ] {
        assert_eq!(mean_difference(&plain, &picture(name)), 0.0, "{name}");
    }
    let alpha = picture("alpha.png");
    for name in ["alpha.webp", "alpha.tiff"] {
        assert_eq!(visible_difference(&alpha, &picture(name)), 0.0, "{name}");
    }
}

/// WebP may drop the colour of what cannot be seen.
fn visible_difference(a: &Frame, b: &Frame) -> f64 {
    let hide = |frame: &Frame| {
        let Pixels::Rgba8(pixels) = to_rgba8(frame).pixels else {
            panic!()
        };
        let hidden = pixels
            .as_chunks::<4>()
            .0
            .iter()
            .flat_map(|p| if p[3] == 0 { [0; 4] } else { *p });
        Frame::new(
            frame.width,
            frame.height,
            Pixels::Rgba8(hidden.collect::<Vec<_>>().into()),
        )
    };
    mean_difference(&hide(a), &hide(b))
}

#[test]
fn all_eight_orientations_give_the_same_upright_picture() {
    let upright = picture("oriented-1.jpg");
    for n in 2..=8 {
        let bytes = fixture(&format!("oriented-{n}.jpg"));
        assert_eq!(header(&bytes).unwrap().orientation, n);
        let decoded = full(&bytes).unwrap();
        let frame = decoded.picture.first();
        assert_eq!((frame.width, frame.height), (96, 64));
        assert!(
            psnr(&upright, frame) > 40.0,
            "orientation {n}: {}",
            psnr(&upright, frame)
        );
        assert!(
            decoded.notes.iter().any(|n| n.contains("EXIF orientation")),
            "{:?}",
            decoded.notes
        );
        // What is handed on must not be turned again.
        let exif = decoded.picture.metadata.exif.unwrap();
        assert!(
            exif.windows(4)
                .any(|w| w == [0x12, 1, 3, 0] || w == [1, 0x12, 0, 3])
        );
        let stored = decode_with(
            &bytes,
            &Decode {
                orient: Orient::Ignore,
                ..Decode::default()
            },
            &[Consumer::Full],
        );
        assert_eq!(
            stored.unwrap().picture.first().width,
            if n >= 5 { 64 } else { 96 }
        );
    }
}

#[test]
fn orientation_and_planes_go_together() {
    for n in 1..=8 {
        let bytes = fixture(&format!("oriented-{n}.jpg"));
        let request = DecodeRequest {
            params: &Decode::default(),
            limits: &InputLimits::default(),
            consumers: &[Consumer::Full],
            planes: true,
        };
        let frame = decode(&bytes, &request).unwrap().picture.first().clone();
        assert!(matches!(frame.pixels, Pixels::Ycc(_)));
        assert!(mean_difference(&to_rgb8(&frame), full(&bytes).unwrap().picture.first()) < 0.6);
    }
}

#[test]
fn subsampled_planes_become_the_rgb_that_libjpeg_makes() {
    let bytes = fixture("odd-420.jpg");
    let request = DecodeRequest {
        params: &Decode::default(),
        limits: &InputLimits::default(),
        consumers: &[Consumer::Full],
        planes: true,
    };
    let frame = decode(&bytes, &request).unwrap().picture.first().clone();
    let Pixels::Ycc(planes) = &frame.pixels else {
        panic!("no planes")
    };
    assert_eq!(
        (
            frame.width,
            frame.height,
            planes.chroma_width,
            planes.chroma_height
        ),
        (157, 101, 79, 51)
    );
    let difference = mean_difference(&to_rgb8(&frame), &picture("odd-420.jpg"));
    assert!(difference < 0.3, "{difference}");
    // 4:2:2 is not among the planes that steps work on.
    let other = decode(&fixture("odd-422.jpg"), &request).unwrap();
    assert!(matches!(other.picture.first().pixels, Pixels::Rgb8(_)));
}

#[test]
fn scaled_decodes_know_their_exact_extent_and_look_alike() {
    for planes in [false, true] {
        for (target, scale) in [(78, 2), (39, 4), (19, 8)] {
            let bytes = fixture("odd-420.jpg");
            let resize = Resize {
                width: Some(target),
                ..Resize::default()
            };
            let request = DecodeRequest {
                params: &Decode::default(),
                limits: &InputLimits::default(),
                consumers: &[Consumer::Resize(&resize)],
                planes,
            };
            let decoded = decode(&bytes, &request).unwrap();
            assert_eq!(decoded.scale, (1, scale));
            let frame = decoded.picture.first();
            let n = f64::from(scale);
            assert_eq!(frame.extent, Some((157.0 / n, 101.0 / n)));
            assert_eq!(
                (frame.width, frame.height),
                (157u32.div_ceil(scale.into()), 101u32.div_ceil(scale.into()))
            );
            let boxed = common::box_shrink(&picture("odd-420.jpg"), scale.into());
            let psnr = psnr(&boxed, &common::crop(&to_rgb8(frame), boxed.width, boxed.height));
            // Planes keep chroma subsampled at every scale, which shows at a few pixels across.
            assert!(
                psnr > if planes { 24.0 } else { 30.0 },
                "1/{scale} planes {planes}: {psnr}"
            );
        }
    }
    let resize = Resize {
        width: Some(19),
        ..Resize::default()
    };
    let pinned = Decode {
        scale: Scale::Full,
        ..Decode::default()
    };
    let decoded = decode_with(&fixture("odd-420.jpg"), &pinned, &[Consumer::Resize(&resize)]).unwrap();
    assert_eq!((decoded.scale, decoded.picture.first().extent), ((1, 1), None));
}

#[test]
fn sixteen_bits_are_kept_only_on_demand() {
    for (name, alpha) in [("deep.png", false), ("deep-alpha.png", true)] {
        let bytes = fixture(name);
        assert_eq!(header(&bytes).unwrap().depth, 16);
        let kept = decode_with(
            &bytes,
            &Decode {
                depth: Depth::Keep,
                ..Decode::default()
            },
            &[],
        )
        .unwrap();
        let Pixels::Rgba16(wide) = &kept.picture.first().pixels else {
            panic!()
        };
        // Pixel (1, 0): red 2113, alpha 2114 or full.
        assert_eq!(u16::from_le_bytes([wide[8], wide[9]]), 2113);
        assert_eq!(
            u16::from_le_bytes([wide[14], wide[15]]),
            if alpha { 2114 } else { u16::MAX }
        );
        let eight = full(&bytes).unwrap();
        let frame = eight.picture.first();
        let (Pixels::Rgb8(pixels) | Pixels::Rgba8(pixels)) = &frame.pixels else {
            panic!()
        };
        assert_eq!(pixels[if alpha { 4 } else { 3 }], 8, "2113 / 257 = 8.2");
        assert_eq!(imaging::colour::has_alpha(frame), alpha);
    }
}

#[test]
fn profiles_are_applied_or_carried_along() {
    for name in ["wide.png", "wide.jpg"] {
        let converted = full(&fixture(name)).unwrap();
        assert!(
            converted.notes[0].contains("converted to sRGB"),
            "{:?}",
            converted.notes
        );
        assert!(converted.picture.metadata.icc.is_none());
        let keep = Decode {
            colour: ColourTarget::Keep,
            ..Decode::default()
        };
        let kept = decode_with(&fixture(name), &keep, &[]).unwrap();
        assert!(kept.picture.metadata.icc.is_some() && kept.notes.is_empty());
        let difference = mean_difference(kept.picture.first(), converted.picture.first());
        assert!(difference > 1.0, "{name}: {difference}");
    }
    let srgb = full(&fixture("srgb.jpg")).unwrap();
    assert!(srgb.notes.is_empty() && srgb.header.icc, "{:?}", srgb.notes);
}

#[test]
fn ink_becomes_light() {
    let plain = picture("plain.png");
    for name in ["cmyk.jpg", "cmyk.tiff"] {
        assert!(header(&fixture(name)).unwrap().cmyk);
        let difference = mean_difference(&plain, &picture(name));
        assert!(difference < 3.0, "{name}: {difference}");
    }
}

#[test]
fn animations_are_whole_frames_with_their_times() {
    for (name, loops) in [("moving.gif", 0), ("moving.png", 2), ("moving.webp", 3)] {
        let bytes = fixture(name);
        assert_eq!(header(&bytes).unwrap().frames, 3, "{name}");
        let moving = full(&bytes).unwrap().picture;
        assert_eq!(
            (moving.frames.len(), &moving.delays[..], moving.loops),
            (3, &[100, 200, 300][..], loops),
            "{name}"
        );
        for (i, frame) in moving.frames.iter().enumerate() {
            let Pixels::Rgba8(pixels) = &to_rgba8(frame).pixels else {
                panic!()
            };
            let at = |x: usize| <[u8; 4]>::try_from(&pixels[(5 * 24 + x) * 4..][..4]).unwrap();
            assert_eq!(
                at(i * 6 + 2),
                [[255, 0, 0, 255], [0, 200, 0, 255], [0, 0, 255, 255]][i],
                "{name} {i}"
            );
            assert_eq!(at((i * 6 + 12) % 24)[3], 0, "{name} {i}");
        }
        let first = Decode {
            frames: Frames::First,
            ..Decode::default()
        };
        let still = decode_with(&bytes, &first, &[]).unwrap().picture;
        assert!(!still.is_animated() && still.delays.is_empty());
    }
}
