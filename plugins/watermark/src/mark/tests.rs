use png::ColorType;

use super::*;
use crate::picture::tests::png;

fn with(change: impl FnOnce(&mut Params)) -> Mark {
    let mut params = Params {
        text: "Hallo".to_owned(),
        opacity: 1.0,
        effect: Effect::None,
        ..Params::default()
    };
    change(&mut params);
    make(&params, 1000, 600, 20).unwrap()
}

#[test]
fn the_size_is_a_share_or_pixels_and_never_more_than_the_image() {
    assert!(with(|_| ()).width.abs_diff(250) <= 3);
    assert!(
        with(|params| params.size = "120px".to_owned())
            .width
            .abs_diff(120)
            <= 3
    );
    let huge = with(|params| params.size = "900%".to_owned());
    assert!(
        huge.width <= 963 && huge.height <= 563,
        "{} x {}",
        huge.width,
        huge.height
    );
    let letter = with(|params| {
        params.text = "I".to_owned();
        params.size = "100%".to_owned();
    });
    assert!(letter.height <= 563, "{}", letter.height);
}

#[test]
fn a_picture_alone_keeps_its_shape() {
    let logo = with(|params| {
        params.text.clear();
        params.image = png(40, 20, ColorType::Rgba, &[200, 10, 20, 255]);
    });
    assert_eq!((logo.width, logo.height), (250, 125));
    assert_eq!(logo.line(60)[100], [200, 10, 20, 255]);
}

#[test]
fn picture_and_text_stand_side_by_side() {
    let both = with(|params| params.image = png(20, 20, ColorType::Rgb, &[255, 0, 0]));
    assert!(both.width.abs_diff(250) <= 4, "{}", both.width);
    assert_eq!(both.line(both.height as usize / 2)[2], [255, 0, 0, 255]);
    let right = both
        .pixels
        .iter()
        .skip(both.width as usize / 2)
        .any(|pixel| *pixel == [255; 4]);
    assert!(right, "white letters");
}

#[test]
fn effects_are_dark_and_reach_beyond_the_letters() {
    let dark = |mark: &Mark| {
        mark.pixels
            .iter()
            .filter(|pixel| pixel[0] < 40 && pixel[3] > 60)
            .count()
    };
    assert_eq!(dark(&with(|_| ())), 0);
    for effect in [Effect::Shadow, Effect::Outline] {
        assert!(dark(&with(|params| params.effect = effect)) > 200, "{effect:?}");
    }
}

#[test]
fn a_quarter_turn_swaps_the_sides() {
    let (flat, up) = (with(|_| ()), with(|params| params.angle = 90.0));
    assert_eq!((up.width, up.height), (flat.height, flat.width));
    let opaque = |mark: &Mark| mark.pixels.iter().map(|pixel| u64::from(pixel[3])).sum::<u64>();
    assert!(opaque(&flat).abs_diff(opaque(&up)) < opaque(&flat) / 100);
}

#[test]
fn opacity_counts_for_all() {
    assert_eq!(
        with(|params| params.opacity = 0.5)
            .pixels
            .iter()
            .map(|pixel| pixel[3])
            .max(),
        Some(128)
    );
}

#[test]
fn blur_keeps_flat_areas() {
    let blurred = blurred(&[90; 81], 9, 1);
    assert_eq!(blurred[40], 90);
    assert!(blurred[0] < 90);
}
