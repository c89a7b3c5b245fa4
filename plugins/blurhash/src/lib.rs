//! The `BlurHash` of an image: 6 to 166 characters from which a page draws a blurred picture until the real one
//! has loaded. The algorithm is in `encode`; here the host makes a small copy, which costs next to nothing
//! however large the image is.

mod encode;

use stopbath_plugin::prelude::*;

/// Pixels on the longer side of the copy. `BlurHash` keeps at most nine waves a side; more pixels add nothing.
const COPY: u32 = 64;

/// How much detail the text holds.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "stopbath_plugin::serde", default, deny_unknown_fields)]
#[schemars(crate = "stopbath_plugin::schemars")]
pub struct Params {
    /// Waves from left to right.
    #[schemars(range(min = 1, max = 9))]
    pub x: u32,
    /// Waves from top to bottom.
    #[schemars(range(min = 1, max = 9))]
    pub y: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self { x: 4, y: 3 }
    }
}

/// What the job's metadata gets.
#[derive(Debug, Serialize)]
#[serde(crate = "stopbath_plugin::serde")]
pub struct Output {
    /// The `BlurHash`.
    pub blurhash: String,
}

/// The plugin.
#[derive(Debug)]
pub struct BlurHash;

impl Analyzer for BlurHash {
    type Params = Params;
    type Output = Output;
    const INFO: Info = Info::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_DESCRIPTION"),
    );

    fn analyze(source: Frame, params: Params) -> Result<Output, Error> {
        let scale = f64::from(COPY) / f64::from(source.width().max(source.height()));
        let side = |length: u32| ((f64::from(length) * scale).round() as u32).clamp(1, COPY);
        let copy = source
            .resize(side(source.width()), side(source.height()), Resample::Bilinear)?
            .to_rgba()?;
        let pixels = copy.read(copy.info().bounds())?;
        let picture = encode::Picture::on_white(copy.width() as usize, &pixels);
        Ok(Output {
            blurhash: picture.blurhash(params.x, params.y),
        })
    }
}
stopbath_plugin::export_analyzer!(BlurHash);

#[cfg(test)]
mod tests {
    use stopbath_plugin::testing::{frame, run_analyzer};

    use super::*;

    fn orange(format: PixelFormat) -> Frame {
        frame(300, 200, format, |_, _| [200, 100, 50, 255])
    }

    #[test]
    fn a_flat_image_has_the_published_hash_whatever_its_size() {
        let output = run_analyzer::<BlurHash>(orange(PixelFormat::Rgba8), r#"{"x": 1, "y": 1}"#);
        assert_eq!(output.unwrap()["blurhash"], "00M|T9");
    }

    #[test]
    fn every_format_is_read() {
        let eight = run_analyzer::<BlurHash>(orange(PixelFormat::Rgba8), "{}").unwrap();
        assert_eq!(
            run_analyzer::<BlurHash>(orange(PixelFormat::Rgba16), "{}").unwrap(),
            eight
        );
        let gray = run_analyzer::<BlurHash>(orange(PixelFormat::Gray8), "{}").unwrap();
        assert_eq!(gray["blurhash"].as_str().unwrap().len(), 4 + 2 * 4 * 3);
    }

    #[test]
    fn a_line_of_one_pixel_has_a_hash() {
        let line = frame(5000, 1, PixelFormat::Rgba8, |x, _| [x as u8, 0, 0, 255]);
        let output = run_analyzer::<BlurHash>(line, "{}").unwrap();
        assert_eq!(output["blurhash"].as_str().unwrap().len(), 28);
    }

    #[test]
    fn too_many_waves_name_the_field() {
        let error = run_analyzer::<BlurHash>(orange(PixelFormat::Rgba8), r#"{"x": 10}"#).unwrap_err();
        assert_eq!(
            error,
            Error::InvalidParams("`x`: got 10, expected from 1 to 9".to_owned())
        );
    }
}
