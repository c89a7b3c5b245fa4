//! The whole filter: golden images, what must stay as it was, and what is refused.

use adjust::{Adjust, Kernel, Params};
use stopbath_plugin::prelude::*;
use stopbath_plugin::testing::{self, Tolerance, assert_golden, frame, pixels, run_filter};

/// Every hue, dark to light, with a transparent corner.
fn colours(format: PixelFormat) -> Frame {
    frame(96, 64, format, |x, y| {
        let hue = |shift: u32| ((x * 8 + shift) % 768).abs_diff(384).saturating_sub(128).min(255);
        let channel = |shift| (hue(shift) * (y + 1) / 64) as u8;
        [
            channel(0),
            channel(256),
            channel(512),
            if x + y < 20 { 40 } else { 255 },
        ]
    })
}

fn one_pixel(pixel: [u8; 4], json: &str) -> Result<Vec<u8>, Error> {
    let out = run_filter::<Adjust>(frame(1, 1, PixelFormat::Rgba8, |_, _| pixel), json)?;
    Ok(pixels(&out))
}

#[test]
fn golden() {
    let cases = [
        ("bright", r#"{"brightness": 0.2}"#),
        ("contrast", r#"{"contrast": 0.5, "brightness": -0.1}"#),
        ("vivid", r#"{"saturation": 0.6}"#),
        ("gamma", r#"{"gamma": 2.2}"#),
        ("grayscale", r#"{"grayscale": true}"#),
        ("sepia", r#"{"sepia": 0.8}"#),
        (
            "all",
            r#"{"brightness": 0.1, "contrast": 0.3, "saturation": -0.4, "sepia": 0.3, "gamma": 0.8}"#,
        ),
    ];
    for (name, json) in cases {
        let out = run_filter::<Adjust>(colours(PixelFormat::Rgba8), json).unwrap();
        assert_golden(name, &out, Tolerance::ROUNDING);
    }
}

#[test]
fn each_change_does_what_its_description_says() {
    let cases = [
        (r#"{"brightness": -1}"#, [0, 0, 0, 200]),
        (r#"{"brightness": 1}"#, [255, 255, 255, 200]),
        (r#"{"contrast": -1}"#, [128, 128, 128, 200]),
        (r#"{"contrast": 1}"#, [73, 0, 153, 200]),
        (r#"{"saturation": -1}"#, [75, 75, 75, 200]),
        (r#"{"saturation": 1}"#, [125, 25, 205, 200]),
        (r#"{"grayscale": 0.5}"#, [88, 63, 108, 200]),
        (r#"{"sepia": true}"#, [104, 93, 72, 200]),
        (r#"{"gamma": 2}"#, [160, 113, 189, 200]),
        (r#"{"saturation": -1, "gamma": 2}"#, [138, 138, 138, 200]),
    ];
    for (json, expected) in cases {
        assert_eq!(
            one_pixel([100, 50, 140, 200], json),
            Ok(expected.to_vec()),
            "{json}"
        );
    }
}

#[test]
fn neutral_params_leave_every_format_as_it_was() {
    for format in [PixelFormat::Gray8, PixelFormat::Rgba8, PixelFormat::Rgba16] {
        let before = pixels(&colours(format));
        for json in [
            "",
            "null",
            "{}",
            r#"{"gamma": 1, "grayscale": false, "sepia": 0}"#,
        ] {
            let out = run_filter::<Adjust>(colours(format), json).unwrap();
            assert_eq!(
                (out.format(), pixels(&out)),
                (format, before.clone()),
                "{format:?} {json}"
            );
        }
    }
}

#[test]
fn sixteen_bits_and_eight_agree() {
    for json in [
        r#"{"sepia": 0.7, "gamma": 0.7}"#,
        r#"{"contrast": 0.4}"#,
        r#"{"saturation": 0.5}"#,
    ] {
        let narrow = run_filter::<Adjust>(colours(PixelFormat::Rgba8), json).unwrap();
        let wide = run_filter::<Adjust>(colours(PixelFormat::Rgba16), json).unwrap();
        assert_eq!(wide.format(), PixelFormat::Rgba16);
        let difference = |(a, b): (&u8, &u8)| a.abs_diff(*b);
        let wide = pixels(&wide.to_rgba().unwrap());
        let largest = pixels(&narrow).iter().zip(&wide).map(difference).max();
        assert!(largest <= Some(2), "{json}: {largest:?}");
    }
}

#[test]
fn grey_stays_grey_until_it_gets_a_colour() {
    let grey = || {
        frame(2, 1, PixelFormat::Gray8, |x, _| {
            [[100, 100, 100, 255], [0, 0, 0, 255]][x as usize]
        })
    };
    let out = run_filter::<Adjust>(grey(), r#"{"contrast": 1, "saturation": 1}"#).unwrap();
    assert_eq!((out.format(), pixels(&out)), (PixelFormat::Gray8, vec![73, 0]));
    let out = run_filter::<Adjust>(grey(), r#"{"sepia": true}"#).unwrap();
    assert_eq!(
        (out.format(), pixels(&out)),
        (PixelFormat::Rgba8, vec![135, 120, 94, 255, 0, 0, 0, 255])
    );
}

#[test]
fn the_largest_weights_neither_overflow_nor_clip_between_steps() {
    let params = Params {
        brightness: 1.0,
        contrast: 1.0,
        saturation: 1.0,
        ..Params::default()
    };
    let mut row = [255, 0, 255, 7, 0, 0, 0, 9];
    Kernel::new(&params).rgba8(&mut row);
    assert_eq!(row, [255, 172, 255, 7, 255, 255, 255, 9]);
}

#[test]
fn wrong_params_are_refused_with_the_field_and_the_range() {
    let cases = [
        (
            r#"{"brightness": 2}"#,
            "`brightness`: got 2, expected from -1 to 1",
        ),
        (r#"{"gamma": 0}"#, "`gamma`: got 0, expected from 0.1 to 10"),
        (
            r#"{"sepia": 1.5}"#,
            "`sepia`: got floating point `1.5`, expected true, false or a number from 0 to 1",
        ),
        (
            r#"{"contrast": "high"}"#,
            "`contrast`: got string \"high\", expected f32",
        ),
    ];
    for (json, expected) in cases {
        let error = run_filter::<Adjust>(colours(PixelFormat::Rgba8), json).unwrap_err();
        assert_eq!(error, Error::InvalidParams(expected.to_owned()), "{json}");
    }
    let error = run_filter::<Adjust>(colours(PixelFormat::Rgba8), r#"{"brigthness": 0.1}"#).unwrap_err();
    assert!(
        error
            .message()
            .starts_with("unknown field `brigthness`, expected one of `brightness`"),
        "{error:?}"
    );
}

/// Once with the component in the sandbox: `STOPBATH_BIN=… STOPBATH_PLUGINS_DIR=… cargo test -- --ignored`.
#[test]
#[ignore = "needs the built binary and components"]
fn the_component_makes_the_same_pixels() {
    for json in [r#"{"sepia": 0.8}"#, r#"{"gamma": 2.2}"#] {
        let native = run_filter::<Adjust>(colours(PixelFormat::Rgba8), json).unwrap();
        let out = testing::sandbox::run_filter("adjust", &colours(PixelFormat::Rgba8), json).unwrap();
        assert_eq!(pixels(&out.to_rgba().unwrap()), pixels(&native), "{json}");
    }
}
