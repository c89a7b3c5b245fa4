//! The colours that an image is made of: how much of it each covers, and the mean of all. The grouping is in
//! `cluster`; here the host makes the small copy. The same image always has the same palette.

mod cluster;
mod oklab;

use stopbath_plugin::prelude::*;

/// Pixels on the longer side of the copy.
const COPY: u32 = 64;
/// Pixels with less alpha do not count.
const VISIBLE: u8 = 128;

/// How many colours.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "stopbath_plugin::serde", default, deny_unknown_fields)]
#[schemars(crate = "stopbath_plugin::schemars")]
pub struct Params {
    /// Colours at most; an image of few colours has fewer.
    #[schemars(range(min = 1, max = 16))]
    pub count: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self { count: 5 }
    }
}

/// What the job's metadata gets.
#[derive(Debug, Serialize)]
#[serde(crate = "stopbath_plugin::serde")]
pub struct Output {
    /// The most common first. Empty when the image is transparent.
    pub colors: Vec<Color>,
    /// The mean colour, `#rrggbb`.
    pub average: Option<String>,
}

/// One colour of the palette.
#[derive(Debug, Serialize)]
#[serde(crate = "stopbath_plugin::serde")]
pub struct Color {
    /// `#rrggbb`.
    pub hex: String,
    /// Of the visible pixels, 0..=1, to three places.
    pub share: f64,
}

/// The plugin.
#[derive(Debug)]
pub struct Palette;

impl Analyzer for Palette {
    type Params = Params;
    type Output = Output;
    const INFO: Info = Info::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_DESCRIPTION"),
    );

    fn analyze(source: Frame, params: Params) -> Result<Output, Error> {
        let scale = (f64::from(COPY) / f64::from(source.width().max(source.height()))).min(1.0);
        let side = |length: u32| ((f64::from(length) * scale).round() as u32).clamp(1, COPY);
        let copy = source
            .resize(side(source.width()), side(source.height()), Resample::Bilinear)?
            .to_rgba()?;
        let pixels = copy.read(copy.info().bounds())?;
        let visible: Vec<_> = pixels
            .as_chunks::<4>()
            .0
            .iter()
            .filter(|pixel| pixel[3] >= VISIBLE)
            .map(|&[r, g, b, _]| oklab::from_srgb([r, g, b]))
            .collect();
        Ok(output(&visible, params.count))
    }
}
stopbath_plugin::export_analyzer!(Palette);

fn output(visible: &[oklab::Lab], count: usize) -> Output {
    let colors = cluster::groups(visible, count)
        .into_iter()
        .map(|group| Color {
            hex: hex(group.centre),
            share: (group.pixels as f64 / visible.len() as f64 * 1000.0).round() / 1000.0,
        })
        .collect();
    Output {
        colors,
        average: cluster::mean(visible).map(hex),
    }
}

fn hex(color: oklab::Lab) -> String {
    let [r, g, b] = oklab::to_srgb(color);
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use stopbath_plugin::serde_json::json;
    use stopbath_plugin::testing::{frame, run_analyzer};

    use super::*;

    /// Half red, a quarter each of white and blue.
    fn flag(x: u32, y: u32) -> [u8; 4] {
        match (x < 32, y < 32) {
            (true, _) => [200, 30, 40, 255],
            (false, true) => [255, 255, 255, 255],
            (false, false) => [20, 60, 160, 255],
        }
    }

    #[test]
    fn plain_colours_come_out_exactly() {
        let output = run_analyzer::<Palette>(frame(64, 64, PixelFormat::Rgba8, flag), "{}").unwrap();
        let colors = json!([
            { "hex": "#c81e28", "share": 0.5 },
            { "hex": "#ffffff", "share": 0.25 },
            { "hex": "#143ca0", "share": 0.25 },
        ]);
        assert_eq!(output["colors"], colors);
    }

    #[test]
    fn the_average_of_black_and_white_looks_half_as_light() {
        let stripes = |x: u32, _: u32| {
            let light = if x.is_multiple_of(2) { 0 } else { 255 };
            [light, light, light, 255]
        };
        let output = run_analyzer::<Palette>(frame(64, 64, PixelFormat::Rgba8, stripes), "{}").unwrap();
        assert_eq!(output["average"], "#636363");
    }

    #[test]
    fn clear_pixels_do_not_count() {
        let clear = frame(30, 20, PixelFormat::Rgba8, |_, _| [9, 9, 9, 0]);
        assert_eq!(
            run_analyzer::<Palette>(clear, "{}").unwrap(),
            json!({ "colors": [], "average": null })
        );
    }

    #[test]
    fn shares_sum_to_one_and_count_is_kept() {
        let busy = |x: u32, y: u32| [(x * 4) as u8, (y * 4) as u8, (x * y) as u8, 255];
        for count in [1, 2, 7, 16] {
            let json = format!(r#"{{"count": {count}}}"#);
            let output = run_analyzer::<Palette>(frame(64, 64, PixelFormat::Rgba8, busy), &json).unwrap();
            let colors = output["colors"].as_array().unwrap();
            assert_eq!(colors.len(), count);
            let sum: f64 = colors.iter().map(|color| color["share"].as_f64().unwrap()).sum();
            assert!((sum - 1.0).abs() < 0.01, "{sum}");
        }
    }

    #[test]
    fn none_is_too_few() {
        let error =
            run_analyzer::<Palette>(frame(2, 2, PixelFormat::Gray8, flag), r#"{"count": 0}"#).unwrap_err();
        assert_eq!(
            error,
            Error::InvalidParams("`count`: got 0, expected from 1 to 16".to_owned())
        );
    }
}
