//! Cuts an image to a shape and a size, and keeps the part that people look at: edges, strong colours, skin. The
//! choice is made on a small copy (`features`, `choose`); the host cuts and resizes the real pixels.

mod choose;
mod features;

use stopbath_plugin::prelude::*;

/// Pixels on the longer side of the copy.
const COPY: u32 = 128;

/// The size to end with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "stopbath_plugin::serde", deny_unknown_fields)]
#[schemars(crate = "stopbath_plugin::schemars")]
pub struct Params {
    /// Pixels across.
    #[schemars(range(min = 1, max = 16384))]
    pub width: u32,
    /// Pixels down.
    #[schemars(range(min = 1, max = 16384))]
    pub height: u32,
    /// How far the cut may go below the largest one that fits: 0.5 allows half its sides, 1 never comes closer.
    #[serde(default = "whole")]
    #[schemars(range(min = 0.3, max = 1.0))]
    pub min_scale: f32,
}

const fn whole() -> f32 {
    1.0
}

/// The plugin.
#[derive(Debug)]
pub struct SmartCrop;

impl Filter for SmartCrop {
    type Params = Params;
    const INFO: Info = Info::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_DESCRIPTION"),
    );

    fn apply(source: Frame, params: Params) -> Result<Frame, Error> {
        let region = best_region(&source, &params)?;
        source
            .crop(region)?
            .resize(params.width, params.height, Resample::Lanczos3)
    }
}
stopbath_plugin::export_filter!(SmartCrop);

/// The part of the source, in its own pixels and in the wanted shape.
fn best_region(source: &Frame, params: &Params) -> Result<Rect, Error> {
    let (width, height) = (f64::from(source.width()), f64::from(source.height()));
    let fit = (width / f64::from(params.width)).min(height / f64::from(params.height));
    let (crop_width, crop_height) = (f64::from(params.width) * fit, f64::from(params.height) * fit);

    let scale = (f64::from(COPY) / width.max(height)).min(1.0);
    let side = |length: f64| ((length * scale).round() as u32).max(1);
    let copy = source
        .resize(side(width), side(height), Resample::Bilinear)?
        .to_rgba()?;
    let map = features::Map::new(copy.width() as usize, &copy.read(copy.info().bounds())?);
    // A zoom that would have to be enlarged again only loses detail.
    let min_scale = f64::from(params.min_scale).max(1.0 / fit).min(1.0);
    let shape = ((crop_width * scale) as f32, (crop_height * scale) as f32);
    let best = choose::best(&map, shape, min_scale as f32);

    let zoom = f64::from(best.scale);
    let length = |length: f64, limit: u32| ((length * zoom).round() as u32).clamp(1, limit);
    let (w, h) = (
        length(crop_width, source.width()),
        length(crop_height, source.height()),
    );
    let place = |at: f32, room: u32| ((f64::from(at) / scale).round() as u32).min(room);
    Ok(Rect::new(
        place(best.x, source.width() - w),
        place(best.y, source.height() - h),
        w,
        h,
    ))
}

#[cfg(test)]
mod tests {
    use stopbath_plugin::testing::{Tolerance, assert_golden, frame, run_filter};

    use super::*;

    /// A dull wall with a coloured disc at `(cx, cy)`.
    fn disc(cx: u32, cy: u32) -> Frame {
        frame(400, 300, PixelFormat::Rgba8, |x, y| {
            let inside = x.abs_diff(cx).pow(2) + y.abs_diff(cy).pow(2) < 30 * 30;
            if inside {
                [220, 150 - (x % 8) as u8 * 9, 90, 255]
            } else {
                [96, 100, 104, 255]
            }
        })
    }

    fn region(frame: &Frame, width: u32, height: u32, min_scale: f32) -> Rect {
        best_region(
            frame,
            &Params {
                width,
                height,
                min_scale,
            },
        )
        .unwrap()
    }

    #[test]
    fn the_disc_is_kept_wherever_it_is() {
        for cx in [40, 150, 250, 360] {
            let region = region(&disc(cx, 150), 100, 150, 1.0);
            assert_eq!((region.y, region.width, region.height), (0, 200, 300));
            assert!(region.x + 20 < cx && cx < region.x + 180, "{cx}: {region:?}");
        }
        for cy in [40, 260] {
            let region = region(&disc(200, cy), 400, 100, 1.0);
            assert!(region.y + 20 <= cy && cy <= region.y + 80, "{cy}: {region:?}");
        }
    }

    #[test]
    fn min_scale_comes_closer() {
        let region = region(&disc(90, 90), 100, 100, 0.5);
        assert!(region.width < 300 && region.width >= 150, "{region:?}");
        assert!(
            region.x + 30 <= 90 && 90 <= region.x + region.width - 30,
            "{region:?}"
        );
    }

    #[test]
    fn the_size_is_exact_for_every_format_and_shape() {
        for format in [PixelFormat::Gray8, PixelFormat::Rgba8, PixelFormat::Rgba16] {
            for (w, h) in [(1, 1), (640, 3), (3, 480), (77, 77)] {
                let source = disc(100, 100).convert(format).unwrap();
                let json = format!(r#"{{"width": {w}, "height": {h}}}"#);
                let out = run_filter::<SmartCrop>(source, &json).unwrap();
                assert_eq!(out.info(), ImageInfo::new(w, h, format));
            }
        }
        let line = frame(3000, 1, PixelFormat::Gray8, |x, _| [x as u8; 4]);
        assert_eq!(
            run_filter::<SmartCrop>(line, r#"{"width": 9, "height": 9}"#)
                .unwrap()
                .height(),
            9
        );
    }

    #[test]
    fn golden() {
        let out = run_filter::<SmartCrop>(disc(330, 120), r#"{"width": 80, "height": 120}"#).unwrap();
        assert_golden("disc", &out, Tolerance::ROUNDING);
    }

    #[test]
    fn a_size_is_needed() {
        let error = run_filter::<SmartCrop>(disc(9, 9), r#"{"width": 100}"#).unwrap_err();
        assert!(error.message().contains("height"), "{error:?}");
        let error = run_filter::<SmartCrop>(disc(9, 9), r#"{"width": 0, "height": 1}"#).unwrap_err();
        assert_eq!(
            error,
            Error::InvalidParams("`width`: got 0, expected from 1 to 16384".to_owned())
        );
    }
}
