//! The gate lets through what was encoded and nothing else.

use super::*;
use crate::colour::{frame8, to_rgb8, to_rgba16};

#[test]
fn srgb_is_recognised_by_what_it_does() {
    let srgb = ColorProfile::new_srgb().encode().unwrap();
    let profile = Profile::read(srgb);
    assert!(!profile.converts() && !profile.bytes.is_empty());
    let wide = Profile::read(ColorProfile::new_display_p3().encode().unwrap());
    assert!(wide.converts());
}

#[test]
fn wide_gamut_becomes_more_saturated_numbers_in_both_depths() {
    let wide = Profile::read(ColorProfile::new_adobe_rgb().encode().unwrap());
    let eight = frame8(1, 1, 3, vec![60, 200, 60]);
    let mut frames = [eight.clone(), to_rgba16(&eight)];
    let note = wide.to_srgb(&mut frames, false).unwrap().unwrap();
    assert!(
        note.starts_with("ICC profile") && note.ends_with("converted to sRGB"),
        "{note}"
    );
    let [narrow, wide] = frames.map(|f| to_rgb8(&f));
    let (Pixels::Rgb8(a), Pixels::Rgb8(b)) = (narrow.pixels, wide.pixels) else {
        panic!()
    };
    assert!(a[0] < 20 && a[1].abs_diff(201) <= 3, "{a:?}");
    assert!(a.iter().zip(&b).all(|(a, b)| a.abs_diff(*b) <= 1), "{a:?} {b:?}");
}

#[test]
fn gray_stays_neutral() {
    let mut frames = [frame8(3, 1, 1, vec![0, 128, 255])];
    let profile = Profile::read(ColorProfile::new_gray_with_gamma(1.0).encode().unwrap());
    profile.to_srgb(&mut frames, true).unwrap();
    let Pixels::Gray8(out) = &frames[0].pixels else {
        panic!()
    };
    assert!(
        out[0] == 0 && out[1].abs_diff(188) <= 1 && out[2] == 255,
        "{out:?}"
    );
}

#[test]
fn rubbish_is_left_aside_with_a_note() {
    let profile = Profile::read(vec![7; 200]);
    assert!(!profile.converts());
    assert!(
        profile
            .to_srgb(&mut [], false)
            .unwrap()
            .unwrap()
            .contains("cannot be read")
    );
}

#[test]
fn ink_without_a_profile_is_subtracted() {
    let (out, _) = Profile::none()
        .cmyk_to_srgb(&[0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255])
        .unwrap();
    assert_eq!(out, [255, 255, 255, 0, 255, 255, 0, 0, 0]);
}

#[test]
fn a_gray_profile_leaves_colours_alone() {
    let profile = Profile::read(ColorProfile::new_gray_with_gamma(1.0).encode().unwrap());
    let colour = frame8(1, 1, 3, vec![200, 30, 60]);
    let mut frames = [colour.clone(), to_rgba16(&colour)];
    let note = profile.to_srgb(&mut frames, false).unwrap().unwrap();
    assert!(note.contains("not for such pixels"), "{note}");
    for frame in frames {
        let Pixels::Rgb8(out) = to_rgb8(&frame).pixels else {
            panic!()
        };
        assert_eq!(out[..], [200, 30, 60]);
    }
    assert!(profile.fitting(false).is_none() && profile.fitting(true).is_some());
    assert!(!profile.converts());
}

fn one(profile: &Profile, pixel: [u8; 3]) -> [u8; 3] {
    let mut frames = [frame8(1, 1, 3, pixel.to_vec())];
    profile.to_srgb(&mut frames, false).unwrap();
    let Pixels::Rgb8(out) = &frames[0].pixels else {
        panic!()
    };
    [out[0], out[1], out[2]]
}

#[test]
fn codes_mean_what_a_profile_of_that_space_does() {
    let p3 = Profile::cicp(12, 13).unwrap();
    let icc = Profile::read(ColorProfile::new_display_p3().encode().unwrap());
    for pixel in [[180, 90, 60], [60, 200, 90], [128; 3]] {
        let (a, b) = (one(&p3, pixel), one(&icc, pixel));
        assert!(a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 1), "{a:?} {b:?}");
    }
    assert!(one(&p3, [60, 200, 90])[0] < 20, "more saturated");
    let embedded = Profile::read(p3.fitting(false).unwrap());
    assert_eq!(one(&embedded, [180, 90, 60]), one(&p3, [180, 90, 60]));
    for (primaries, transfer) in [(1, 13), (2, 2), (1, 1), (0, 0), (1, 6)] {
        assert!(!Profile::cicp(primaries, transfer).unwrap().converts());
    }
    assert!(Profile::cicp(9, 14).unwrap().converts());
    for transfer in [16, 18] {
        let failure = Profile::cicp(9, transfer).err().unwrap();
        assert_eq!(failure.kind, FailureKind::Unsupported);
        assert!(failure.message.contains("high dynamic range"));
    }
}

#[test]
fn measured_colours_are_converted_and_nonsense_is_not() {
    let p3 = [(0.3127, 0.329), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)];
    let measured = Profile::measured(Some(0.454_55), Some(p3));
    let (a, b) = (
        one(&measured, [180, 90, 60]),
        one(&Profile::cicp(12, 13).unwrap(), [180, 90, 60]),
    );
    assert!(a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 2), "{a:?} {b:?}");
    assert!(one(&Profile::measured(Some(1.0), None), [128; 3])[0].abs_diff(188) <= 1);
    assert!(!Profile::measured(Some(0.454_55), Some(SRGB)).converts());
    for flat in [
        [(0.3, 0.3); 4],
        [(0.0, 0.0); 4],
        [(f32::NAN, 0.3); 4],
        [(0.9, 0.05), p3[1], p3[2], p3[3]],
    ] {
        assert!(!Profile::measured(None, Some(flat)).converts());
    }
}

#[test]
fn gray_pixels_keep_their_layout_under_any_profile() {
    for profile in [
        ColorProfile::new_gray_with_gamma(1.0),
        ColorProfile::new_adobe_rgb(),
    ] {
        let profile = Profile::read(profile.encode().unwrap());
        let mut frames = [frame8(3, 1, 1, vec![0, 128, 255])];
        profile.to_srgb(&mut frames, true).unwrap();
        let Pixels::Gray8(out) = &frames[0].pixels else {
            panic!()
        };
        assert_eq!((out[0], out[2]), (0, 255));
    }
}
