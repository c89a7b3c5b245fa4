//! Writes QOI files (<https://qoiformat.org/qoi-specification.pdf>): lossless, larger than PNG, very fast to
//! write and read. Pixels are coded as they come in, so the frame is never in memory as a whole; the file is.

mod code;

use stopbath_plugin::prelude::*;

const STRIP_BYTES: usize = 128 * 1024;

/// What to write.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(crate = "stopbath_plugin::serde", default, deny_unknown_fields)]
#[schemars(crate = "stopbath_plugin::schemars")]
pub struct Params {
    /// The channels that the file declares.
    pub channels: Channels,
}

/// The file's channels.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(crate = "stopbath_plugin::serde", rename_all = "lowercase")]
#[schemars(crate = "stopbath_plugin::schemars")]
pub enum Channels {
    /// `rgba` when a pixel is not opaque, else `rgb`.
    #[default]
    Auto,
    /// Drops alpha.
    Rgb,
    /// Keeps alpha.
    Rgba,
}

/// The plugin.
#[derive(Debug)]
pub struct Qoi;

impl Encoder for Qoi {
    type Params = Params;
    const INFO: Info = Info::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_DESCRIPTION"),
    )
    .media_types(&["image/qoi"])
    .memory(256 << 20);

    fn encode(source: Frame, params: Params) -> Result<Vec<u8>, Error> {
        let source = source.to_rgba()?;
        let mut writer = code::Writer::new(source.width(), source.height());
        let mut opaque = true;
        for strip in source.strips(STRIP_BYTES) {
            for &[r, g, b, a] in strip?.pixels.as_chunks::<4>().0 {
                opaque &= a == u8::MAX;
                writer.push([
                    r,
                    g,
                    b,
                    if params.channels == Channels::Rgb {
                        u8::MAX
                    } else {
                        a
                    },
                ]);
            }
        }
        let alpha = match params.channels {
            Channels::Auto => !opaque,
            Channels::Rgb => false,
            Channels::Rgba => true,
        };
        Ok(writer.finish(alpha))
    }
}
stopbath_plugin::export_encoder!(Qoi);

#[cfg(test)]
mod tests {
    use stopbath_plugin::testing::{frame, run_encoder};

    use super::*;

    fn paint(x: u32, y: u32) -> [u8; 4] {
        [(x * 9) as u8, (y * 5) as u8, 40, if x > 10 { 90 } else { 255 }]
    }

    #[test]
    fn channels_follow_the_pixels_or_the_params() {
        let channels = |frame: Frame, json: &str| run_encoder::<Qoi>(frame, json).unwrap()[12];
        let clear = || frame(20, 20, PixelFormat::Rgba8, paint);
        let solid = || frame(20, 20, PixelFormat::Gray8, paint);
        assert_eq!((channels(clear(), ""), channels(solid(), "")), (4, 3));
        assert_eq!(channels(clear(), r#"{"channels": "rgb"}"#), 3);
        assert_eq!(channels(solid(), r#"{"channels": "rgba"}"#), 4);
    }

    #[test]
    fn sixteen_bits_become_eight() {
        let [wide, eight] = [PixelFormat::Rgba16, PixelFormat::Rgba8]
            .map(|format| run_encoder::<Qoi>(frame(33, 17, format, paint), "").unwrap());
        assert_eq!(wide, eight);
    }

    #[test]
    fn an_unknown_choice_names_the_field() {
        let error = run_encoder::<Qoi>(frame(1, 1, PixelFormat::Gray8, paint), r#"{"channels": "cmyk"}"#);
        let error = error.unwrap_err();
        assert_eq!(error.kind(), "invalid-params");
        assert!(
            error.message().contains("channels") && error.message().contains("rgba"),
            "{error:?}"
        );
    }
}
