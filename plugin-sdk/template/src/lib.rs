//! Tints an image: replace this with what your plugin does.

use stopbath_plugin::prelude::*;

/// The step's `with:`. These comments and ranges become the JSON Schema that checks pipelines.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "stopbath_plugin::serde", default, deny_unknown_fields)]
#[schemars(crate = "stopbath_plugin::schemars")]
pub struct Params {
    /// The colour: red, green, blue.
    pub color: [u8; 3],
    /// How much of it: 0 leaves the image as it is, 1 leaves only the colour.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub amount: f32,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            color: [255, 160, 60],
            amount: 0.25,
        }
    }
}

/// The plugin.
#[derive(Debug)]
pub struct MyPlugin;

impl Filter for MyPlugin {
    type Params = Params;
    // `banded`: each pixel depends on itself alone, so the host may use several cores.
    const INFO: Info = Info::new(
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_DESCRIPTION"),
    )
    .banded();

    fn apply(source: Frame, params: Params) -> Result<Frame, Error> {
        let [red, green, blue] = params.color.map(u32::from);
        let part = (params.amount * 256.0) as u32;
        let mix = |value: u8, color: u32| ((u32::from(value) * (256 - part) + color * part) >> 8) as u8;
        source.map_pixels(|[r, g, b, a]| [mix(r, red), mix(g, green), mix(b, blue), a])
    }
}

stopbath_plugin::export_filter!(MyPlugin);
