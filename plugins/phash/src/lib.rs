//! Perceptual hashes: images that look alike have hashes that differ in few of their 64 bits, whatever their
//! size, format or compression. Both follow the well-known descriptions by Neal Krawetz (Hacker Factor) and the
//! bit order of the Python package `ImageHash`, so hashes from there can be compared with these.

mod hash;

use stopbath_plugin::prelude::*;

/// What the job's metadata gets: 16 hexadecimal digits each.
#[derive(Debug, Serialize)]
#[serde(crate = "stopbath_plugin::serde")]
pub struct Output {
    /// From the lowest frequencies: robust against edits. Up to about 10 differing bits mean "alike".
    pub phash: String,
    /// From the slopes between neighbours: cheaper, stricter.
    pub dhash: String,
}

/// The plugin.
#[derive(Debug)]
pub struct PHash;

impl Analyzer for PHash {
    type Params = NoParams;
    type Output = Output;
    const INFO: Info = Info::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_DESCRIPTION"),
    );

    fn analyze(source: Frame, _: NoParams) -> Result<Output, Error> {
        let waves = hash::phash(&gray(&source, 32, 32)?);
        let slopes = hash::dhash(&gray(&source, 9, 8)?);
        Ok(Output {
            phash: format!("{waves:016x}"),
            dhash: format!("{slopes:016x}"),
        })
    }
}
stopbath_plugin::export_analyzer!(PHash);

/// The whole image squeezed to this size: the shape is not part of the hash.
fn gray(source: &Frame, width: u32, height: u32) -> Result<Vec<u8>, Error> {
    let copy = source
        .resize(width, height, Resample::Lanczos3)?
        .convert(PixelFormat::Gray8)?;
    copy.read(copy.info().bounds())
}

#[cfg(test)]
mod tests {
    use stopbath_plugin::testing::{frame, run_analyzer};

    use super::*;

    fn bits(frame: Frame, key: &str) -> u64 {
        let output = run_analyzer::<PHash>(frame, "").unwrap();
        u64::from_str_radix(output[key].as_str().unwrap(), 16).unwrap()
    }

    /// Rings around a point; `gain` in percent of the brightness.
    fn rings(width: u32, height: u32, gain: u32) -> Frame {
        frame(width, height, PixelFormat::Rgba8, |x, y| {
            let (x, y) = (x as f32 / width as f32 - 0.3, y as f32 / height as f32 - 0.6);
            let value = ((x * x + y * y).sqrt() * 14.0).sin() * 100.0 + 128.0;
            let value = (value as u32 * gain / 100) as u8;
            [value, value, value, 255]
        })
    }

    #[test]
    fn size_and_brightness_hardly_change_the_hash() {
        for key in ["phash", "dhash"] {
            let original = bits(rings(400, 300, 100), key);
            assert!(
                (original ^ bits(rings(200, 150, 100), key)).count_ones() <= 4,
                "{key}: half the size"
            );
            assert!(
                (original ^ bits(rings(400, 300, 80), key)).count_ones() <= 4,
                "{key}: darker"
            );
        }
    }

    #[test]
    fn another_image_is_far_away() {
        let stripes = frame(400, 300, PixelFormat::Gray8, |x, _| {
            [if x / 40 % 2 == 0 { 30 } else { 220 }; 4]
        });
        assert!((bits(rings(400, 300, 100), "phash") ^ bits(stripes, "phash")).count_ones() > 16);
    }

    #[test]
    fn one_pixel_has_a_hash() {
        assert_eq!(bits(frame(1, 1, PixelFormat::Gray8, |_, _| [90; 4]), "dhash"), 0);
    }
}
