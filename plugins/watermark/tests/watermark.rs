//! The whole filter: golden images, and what must stay as it was.

use stopbath_plugin::prelude::*;
use stopbath_plugin::testing::{Tolerance, assert_golden, frame, pixels, run_filter};
use watermark::Watermark;

fn ground(format: PixelFormat) -> Frame {
    frame(240, 160, format, |x, y| [(x / 2) as u8, (y + 40) as u8, 120, 255])
}

#[test]
fn golden() {
    let cases = [
        (
            "corner",
            PixelFormat::Rgba8,
            r#"{"text": "© Größe", "size": "50%", "opacity": 1}"#,
        ),
        (
            "gray",
            PixelFormat::Gray8,
            r#"{"text": "Stopbath", "position": "top-left", "effect": "outline"}"#,
        ),
        (
            "wide",
            PixelFormat::Rgba16,
            r##"{"text": "Ωmega", "position": "center", "color": "#ffcc00", "angle": 20}"##,
        ),
        (
            "tile",
            PixelFormat::Rgba8,
            r#"{"text": "Proof", "position": "tile", "angle": 30, "margin": "8px", "opacity": 0.4}"#,
        ),
    ];
    for (name, format, json) in cases {
        let out = run_filter::<Watermark>(ground(format), json).unwrap();
        assert_golden(name, &out, Tolerance::ROUNDING);
    }
}

#[test]
fn rows_without_the_mark_stay_as_they_are() {
    for format in [PixelFormat::Gray8, PixelFormat::Rgba8, PixelFormat::Rgba16] {
        let before = pixels(&ground(format));
        let after =
            pixels(&run_filter::<Watermark>(ground(format), r#"{"text": "x", "size": "20px"}"#).unwrap());
        let half = before.len() / 2;
        assert_eq!(before[..half], after[..half]);
        assert_ne!(before[half..], after[half..]);
    }
}

#[test]
fn an_invisible_mark_changes_nothing() {
    let out = run_filter::<Watermark>(ground(PixelFormat::Rgba8), r#"{"text": "x", "opacity": 0}"#).unwrap();
    assert_eq!(pixels(&out), pixels(&ground(PixelFormat::Rgba8)));
}

#[test]
fn one_pixel_can_be_marked() {
    let dot = frame(1, 1, PixelFormat::Rgba8, |_, _| [0, 0, 0, 255]);
    let out = run_filter::<Watermark>(dot, r#"{"text": "long text", "margin": "0px"}"#).unwrap();
    assert_eq!(out.info(), ImageInfo::new(1, 1, PixelFormat::Rgba8));
}

#[test]
fn wrong_params_name_the_field() {
    for (json, expected) in [
        ("{}", "`text` or `image` is needed"),
        (r#"{"text": "a", "margin": "wide"}"#, "`margin`: got `wide`"),
        (r#"{"text": "a", "size": "-3px"}"#, "`size`: got `-3px`"),
        (r#"{"text": "a", "color": "red"}"#, "`color`: got `red`"),
        (
            r#"{"text": "a", "effect_color": "blue"}"#,
            "`effect_color`: got `blue`",
        ),
        (
            r#"{"text": "a", "opacity": 3}"#,
            "`opacity`: got 3, expected from 0 to 1",
        ),
        (r#"{"text": "a", "position": "middle"}"#, "`position`: "),
        (r#"{"txt": "a"}"#, "unknown field `txt`"),
    ] {
        let error = run_filter::<Watermark>(ground(PixelFormat::Rgba8), json).unwrap_err();
        assert_eq!(error.kind(), "invalid-params", "{json}");
        assert!(error.message().starts_with(expected), "{json}: {error:?}");
    }
}
