//! Natively, without a host: quick to run and to debug.

use my_plugin::MyPlugin;
use stopbath_plugin::prelude::*;
use stopbath_plugin::testing::{self, Tolerance, assert_golden, frame, pixels, run_filter};

fn picture() -> Frame {
    frame(64, 48, PixelFormat::Rgba8, |x, y| {
        [x as u8 * 4, y as u8 * 5, 90, 255]
    })
}

/// `UPDATE_GOLDEN=1 cargo test` writes tests/golden/warm.png; look at it before you commit it.
#[test]
fn golden() {
    let out = run_filter::<MyPlugin>(picture(), r#"{"amount": 0.5}"#).unwrap();
    assert_golden("warm", &out, Tolerance::ROUNDING);
}

#[test]
fn nothing_of_the_colour_changes_nothing() {
    let out = run_filter::<MyPlugin>(picture(), r#"{"amount": 0}"#).unwrap();
    assert_eq!(pixels(&out), pixels(&picture()));
}

#[test]
fn too_much_is_refused() {
    let error = run_filter::<MyPlugin>(picture(), r#"{"amount": 2}"#).unwrap_err();
    assert_eq!(
        error,
        Error::InvalidParams("`amount`: got 2, expected from 0 to 1".to_owned())
    );
}

/// With the built component: `STOPBATH_BIN=… STOPBATH_PLUGINS_DIR=… cargo test -- --ignored`.
#[test]
#[ignore = "needs the built binary and component"]
fn the_component_makes_the_same_pixels() {
    let native = run_filter::<MyPlugin>(picture(), "{}").unwrap();
    let out = testing::sandbox::run_filter("my_plugin", &picture(), "{}").unwrap();
    assert_eq!(pixels(&out.to_rgba().unwrap()), pixels(&native));
}
