//! The `ThumbHash` of an image: about 28 bytes that hold a blurred picture, its shape and its transparency. The
//! algorithm is in `encode`; here the host makes the small copy that it works on.

mod encode;

use base64::prelude::{BASE64_STANDARD, Engine};
use stopbath_plugin::prelude::*;

/// Pixels on the longer side of the copy; the format allows 100 at most.
const COPY: u32 = 100;

/// What the job's metadata gets.
#[derive(Debug, Serialize)]
#[serde(crate = "stopbath_plugin::serde")]
pub struct Output {
    /// The `ThumbHash` in base64.
    pub thumbhash: String,
}

/// The plugin.
#[derive(Debug)]
pub struct ThumbHash;

impl Analyzer for ThumbHash {
    type Params = NoParams;
    type Output = Output;
    const INFO: Info = Info::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_DESCRIPTION"),
    );

    fn analyze(source: Frame, _: NoParams) -> Result<Output, Error> {
        let scale = f64::from(COPY) / f64::from(source.width().max(source.height()));
        let side = |length: u32| ((f64::from(length) * scale.min(1.0)).round() as u32).clamp(1, COPY);
        let copy = source
            .resize(side(source.width()), side(source.height()), Resample::Bilinear)?
            .to_rgba()?;
        let pixels = copy.read(copy.info().bounds())?;
        let hash = encode::thumbhash(copy.width() as usize, copy.height() as usize, &pixels);
        Ok(Output {
            thumbhash: BASE64_STANDARD.encode(hash),
        })
    }
}
stopbath_plugin::export_analyzer!(ThumbHash);

#[cfg(test)]
mod tests {
    use stopbath_plugin::testing::{frame, run_analyzer};

    use super::*;

    fn hash(frame: Frame) -> Vec<u8> {
        let output = run_analyzer::<ThumbHash>(frame, "{}").unwrap();
        BASE64_STANDARD
            .decode(output["thumbhash"].as_str().unwrap())
            .unwrap()
    }

    #[test]
    fn a_large_image_has_the_hash_of_its_small_copy() {
        let flat = |width, height| frame(width, height, PixelFormat::Rgba8, |_, _| [20, 120, 220, 255]);
        assert_eq!(hash(flat(1000, 500)), hash(flat(100, 50)));
    }

    #[test]
    fn only_transparent_images_pay_for_alpha() {
        let half = |alpha| move |x: u32, _: u32| [200, 10, 10, if x < 50 { 255 } else { alpha }];
        let clear = hash(frame(100, 100, PixelFormat::Rgba8, half(0)));
        let solid = hash(frame(100, 100, PixelFormat::Rgba8, half(255)));
        assert_eq!((clear[2] >> 7, solid[2] >> 7), (1, 0));
    }

    #[test]
    fn wide_and_gray_formats_are_read() {
        let paint = |x: u32, y: u32| [(x * 2) as u8, (y * 2) as u8, 77, 255];
        let eight = hash(frame(90, 60, PixelFormat::Rgba8, paint));
        assert_eq!(hash(frame(90, 60, PixelFormat::Rgba16, paint)), eight);
        assert_ne!(hash(frame(90, 60, PixelFormat::Gray8, paint)), eight);
        assert!(hash(frame(3000, 1, PixelFormat::Gray8, paint)).len() > 5);
    }

    #[test]
    fn params_are_refused() {
        let error =
            run_analyzer::<ThumbHash>(frame(2, 2, PixelFormat::Gray8, |_, _| [0; 4]), r#"{"size": 3}"#);
        assert_eq!(error.unwrap_err().kind(), "invalid-params");
    }
}
