//! The whole decoder: golden images, and what is refused.

use stopbath_plugin::prelude::*;
use stopbath_plugin::testing::{Tolerance, assert_golden, pixels, run_decoder};
use svg::Svg;

const FIGURE: &str = r##"<?xml version="1.0"?><!-- a figure --><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 40">
<defs><linearGradient id="g"><stop stop-color="#f80"/><stop offset="1" stop-color="#08f"/></linearGradient></defs>
<rect x="5" y="5" width="50" height="30" rx="6" fill="url(#g)"/><circle cx="20" cy="20" r="8" fill="#fff" opacity=".5"/>
<text x="28" y="24" font-family="Some Font" font-size="10" fill="#000">Aß</text></svg>"##;

#[test]
fn golden() {
    for (name, json) in [
        ("figure", r#"{"width": 180}"#),
        ("on-white", r##"{"scale": 2, "background": "#ffffff"}"##),
    ] {
        assert_golden(
            name,
            &run_decoder::<Svg>(FIGURE.as_bytes(), json).unwrap(),
            Tolerance::ROUNDING,
        );
    }
}

#[test]
fn colours_are_not_premultiplied() {
    let half = "<svg xmlns='http://www.w3.org/2000/svg' width='2' height='2'><rect width='2' height='2' fill='#c86432' opacity='.5'/></svg>";
    let frame = run_decoder::<Svg>(half.as_bytes(), "").unwrap();
    assert_eq!(frame.info(), ImageInfo::new(2, 2, PixelFormat::Rgba8));
    let pixels = pixels(&frame);
    let near = pixels[..4]
        .iter()
        .zip([200, 100, 50, 128])
        .all(|(found, wanted)| found.abs_diff(wanted) <= 1);
    assert!(near, "{:?}", &pixels[..4]);
}

#[test]
fn each_kind_of_refusal() {
    for (input, json, kind, part) in [
        (
            "<svg xmlns='http://www.w3.org/2000/svg'><image href='a.png'/></svg>",
            "",
            "unsupported",
            "`a.png`",
        ),
        (
            "<svg xmlns='http://www.w3.org/2000/svg' width='90000' height='90000'/>",
            "",
            "unsupported",
            "90000 x 90000",
        ),
        (
            "<svg xmlns='http://www.w3.org/2000/svg'><rect></svg>",
            "",
            "bad-input",
            "not well-formed",
        ),
        (
            "<svg xmlns='http://www.w3.org/2000/svg' width='0' height='5'/>",
            "",
            "bad-input",
            "size",
        ),
        (
            FIGURE,
            r#"{"background": "red"}"#,
            "invalid-params",
            "`background`: got `red`",
        ),
        (FIGURE, r#"{"width": 0}"#, "invalid-params", "`width`: got 0"),
        ("GIF89a", "", "unsupported", "probe"),
    ] {
        let error = run_decoder::<Svg>(input.as_bytes(), json).unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(error.message().contains(part), "{error:?}");
    }
    assert_eq!(
        run_decoder::<Svg>(b"<svg>\xff</svg>", "").unwrap_err(),
        Error::BadInput("not UTF-8 at byte 5".to_owned())
    );
}

#[test]
fn entities_do_not_explode() {
    let mut bomb = "<!DOCTYPE svg [<!ENTITY a0 'ha'>".to_owned();
    for level in 1..20 {
        let below = format!("&a{};", level - 1);
        bomb.extend([format!("<!ENTITY a{level} '{}'>", below.repeat(10))]);
    }
    bomb += "]><svg xmlns='http://www.w3.org/2000/svg'><text>&a19;</text></svg>";
    assert_eq!(
        run_decoder::<Svg>(bomb.as_bytes(), "").unwrap_err().kind(),
        "bad-input"
    );
}

#[test]
fn no_picture_is_too_deep_to_be_drawn() {
    let nested = |depth: usize| {
        let (open, close) = ("<g opacity='.9'>".repeat(depth), "</g>".repeat(depth));
        let xmlns = "xmlns='http://www.w3.org/2000/svg' width='4' height='4'";
        let svg = format!("<svg {xmlns}>{open}<rect width='4' height='4'/>{close}</svg>");
        run_decoder::<Svg>(svg.as_bytes(), "")
    };
    assert!(nested(190).is_ok());
    for depth in [200, 50_000] {
        let error = nested(depth).unwrap_err();
        assert_eq!(error.kind(), "bad-input");
        assert!(error.message().contains("flatten"), "{error:?}");
    }
}
