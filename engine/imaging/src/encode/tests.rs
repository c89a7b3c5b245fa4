//! Round trips: what goes in comes out again, as far as the format allows.

use bytes::Bytes;
use workflow::limits::InputLimits;
use workflow::op::{Decode, Depth};
use workflow::rendition::{EncodeOption, Keep};

use super::*;
use crate::colour;
use crate::decode::{DecodeRequest, decode};
use crate::frame::{Metadata, Pixels};
use crate::ops::{frame_of, samples, view};

fn read(bytes: &[u8]) -> Picture {
    let params = Decode {
        depth: Depth::Keep,
        ..Decode::default()
    };
    let limits = InputLimits::default();
    let request = DecodeRequest {
        params: &params,
        limits: &limits,
        consumers: &[],
        planes: false,
    };
    decode(bytes, &request).unwrap().picture
}

fn with(format: Format, change: impl Fn(&mut Encode)) -> Encode {
    let mut options = Encode::new(format);
    change(&mut options);
    options
}

fn round_trip(frame: &Frame, options: &Encode) -> f64 {
    let bytes = encode(&Picture::still(frame.clone()), options).unwrap();
    samples::psnr(read(&bytes).first(), frame)
}

fn length(frame: &Frame, options: &Encode) -> usize {
    encode(&Picture::still(frame.clone()), options).unwrap().len()
}

#[test]
fn a_jpeg_looks_like_the_picture_and_more_so_at_higher_quality() {
    let frame = samples::smooth(151, 101);
    let at = |quality, chroma| {
        round_trip(
            &frame,
            &with(Format::Jpeg, |o| (o.quality, o.chroma) = (Some(quality), chroma)),
        )
    };
    let (low, high, best) = (at(20, Chroma::Half), at(80, Chroma::Half), at(95, Chroma::Full));
    assert!(
        low > 25.0 && high > low + 3.0 && best > high + 3.0,
        "{low:.1} {high:.1} {best:.1}"
    );
    assert!(at(95, Chroma::HalfWide) > at(95, Chroma::Half));
}

#[test]
fn planes_become_the_jpeg_that_their_rgb_does() {
    for (w, h) in [(64, 48), (65, 49)] {
        for (ratio_x, ratio_y) in [(1, 1), (2, 1), (2, 2), (1, 2), (4, 1)] {
            let frame = samples::planes(w, h, ratio_x, ratio_y);
            let bytes = encode(&Picture::still(frame.clone()), &Encode::new(Format::Jpeg)).unwrap();
            let got = samples::psnr(read(&bytes).first(), &colour::to_rgb8(&frame));
            assert!(got > 30.0, "{ratio_x}x{ratio_y}: {got:.1} dB");
        }
    }
}

#[test]
fn planes_become_the_webp_that_their_rgb_does() {
    let frame = samples::planes(129, 97, 2, 2);
    let options = with(Format::Webp, |o| o.quality = Some(95));
    let decoded = |frame: &Frame| {
        let bytes = encode(&Picture::still(frame.clone()), &options).unwrap();
        let mut decoder = image_webp::WebPDecoder::new(std::io::Cursor::new(bytes)).unwrap();
        let mut pixels = vec![0; decoder.output_buffer_size().unwrap()];
        decoder.read_image(&mut pixels).unwrap();
        frame_of(129, 97, 3, pixels)
    };
    let rgb = colour::to_rgb8(&frame);
    let (direct, by_rgb) = (
        samples::psnr(&decoded(&frame), &rgb),
        samples::psnr(&decoded(&rgb), &rgb),
    );
    assert!(
        direct > 34.0 && direct > by_rgb - 0.5,
        "{direct:.1} {by_rgb:.1} dB"
    );
}

#[test]
fn options_make_the_difference_that_they_promise() {
    let frame = samples::smooth(256, 256);
    let size = |format, change: fn(&mut Encode)| length(&frame, &with(format, change));
    assert!(size(Format::Jpeg, |o| o.progressive = true) < size(Format::Jpeg, |_| {}));
    assert!(size(Format::Png, |o| o.effort = Some(10)) < size(Format::Png, |_| {}));
    assert!(size(Format::Webp, |o| o.quality = Some(30)) < size(Format::Webp, |_| {}));
    assert!(!encode_accepts_planes(
        &with(Format::Jpeg, |o| o.chroma = Chroma::Full)
    ));
    let gray = colour::to_gray8(&frame);
    let bytes = encode(&Picture::still(gray), &Encode::new(Format::Jpeg)).unwrap();
    assert!(matches!(read(&bytes).first().pixels, Pixels::Gray8(_)));
}

#[test]
fn png_keeps_every_pixel_of_every_layout() {
    let rgb = samples::rgb(31, 17);
    let mut clear = view(&colour::to_rgba8(&rgb)).0.to_vec();
    clear[3] = 7;
    let clear = frame_of(31, 17, 4, clear);
    for frame in [
        rgb.clone(),
        colour::to_gray8(&rgb),
        clear.clone(),
        colour::to_rgba16(&clear),
    ] {
        let bytes = encode(&Picture::still(frame.clone()), &Encode::new(Format::Png)).unwrap();
        let back = read(&bytes);
        assert_eq!(view(back.first()), view(&frame));
    }
    let opaque = Picture::still(colour::to_rgba8(&rgb));
    let bytes = encode(&opaque, &Encode::new(Format::Png)).unwrap();
    assert_eq!(bytes[25], 2, "stored as RGB");
}

#[test]
fn transparent_pictures_get_a_background_where_there_is_no_alpha() {
    let clear = frame_of(16, 16, 4, vec![0; 1024]);
    let shade = |options: &Encode| {
        let bytes = encode(&Picture::still(clear.clone()), options).unwrap();
        view(&colour::to_rgb8(read(&bytes).first())).0[..3].to_vec()
    };
    assert_eq!(shade(&Encode::new(Format::Jpeg)), [255; 3]);
    let black = with(Format::Jpeg, |o| o.background = Some(Colour::BLACK));
    assert_eq!(shade(&black), [0; 3]);
}

#[test]
fn every_format_takes_the_options_that_the_table_gives_it_and_no_others() {
    let picture = Picture::still(samples::rgb(16, 16));
    for format in Format::ALL {
        for option in EncodeOption::ALL {
            let options = with(format, |o| match option {
                EncodeOption::Quality => o.quality = Some(50),
                EncodeOption::Lossless => o.lossless = true,
                EncodeOption::Progressive => o.progressive = true,
                EncodeOption::Chroma => o.chroma = Chroma::Full,
                EncodeOption::Effort => o.effort = Some(5),
                EncodeOption::Keep => o.keep = vec![Keep::Icc, Keep::Exif, Keep::Copyright],
                EncodeOption::Background => o.background = Some(Colour::BLACK),
            });
            let takes = option.formats().contains(&format);
            match encode(&picture, &options) {
                Ok(_) => assert!(takes, "{format:?} took {option:?}"),
                Err(failure) => {
                    assert!(!takes, "{format:?} {option:?}: {failure}");
                    assert_eq!(failure.kind, FailureKind::InvalidParams);
                    assert!(failure.message.contains(option.name()), "{failure}");
                }
            }
        }
    }
}

#[test]
fn what_a_format_does_not_have_is_refused() {
    for (format, change) in [
        (Format::Jpeg, (|o| o.lossless = true) as fn(&mut Encode)),
        (Format::Avif, |o| o.lossless = true),
        (Format::Avif, |o| o.chroma = Chroma::HalfWide),
        (Format::Webp, |o| o.progressive = true),
        (Format::Png, |o| o.quality = Some(50)),
        (Format::Gif, |o| o.chroma = Chroma::Full),
        (Format::Jpeg, |o| o.quality = Some(0)),
        (Format::Jpeg, |o| o.effort = Some(11)),
    ] {
        let error = encode(&Picture::still(samples::rgb(4, 4)), &with(format, change)).unwrap_err();
        assert_eq!(error.kind, FailureKind::InvalidParams, "{format:?}");
    }
}

#[test]
fn kept_metadata_is_found_again() {
    let exif = Bytes::from_static(b"II*\0\x08\0\0\0\0\0\0\0\0\0");
    let icc = Bytes::from(vec![9; 70_000]);
    let picture = Picture {
        metadata: Metadata {
            icc: Some(icc.clone()),
            exif: Some(exif.clone()),
        },
        ..Picture::still(samples::smooth(20, 10))
    };
    let keep = |format| with(format, |o| o.keep = vec![Keep::Icc, Keep::Exif]);
    let jpeg = encode(&picture, &keep(Format::Jpeg)).unwrap();
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(holds(&jpeg, &exif) && holds(&jpeg, b"ICC_PROFILE\0\x02\x02"));
    let webp = encode(&picture, &keep(Format::Webp)).unwrap();
    let mut decoder = image_webp::WebPDecoder::new(std::io::Cursor::new(webp)).unwrap();
    assert_eq!(decoder.icc_profile().unwrap().unwrap(), icc);
    assert_eq!(decoder.exif_metadata().unwrap().unwrap(), exif);
    let png = encode(&picture, &keep(Format::Png)).unwrap();
    let reader = ::png::Decoder::new(std::io::Cursor::new(png))
        .read_info()
        .unwrap();
    assert_eq!(reader.info().icc_profile.as_deref(), Some(&icc[..]));
    assert_eq!(reader.info().exif_metadata.as_deref(), Some(&exif[..]));
    for format in [Format::Avif, Format::Gif] {
        let error = encode(&picture, &Encode::new(format)).unwrap_err();
        assert!(error.message.contains("colour: srgb"), "{error}");
    }
    // Without its profile the picture would show in other colours.
    let bare = encode(&picture, &Encode::new(Format::Jpeg)).unwrap();
    assert!(!holds(&bare, &exif) && holds(&bare, b"ICC_PROFILE"));
}
