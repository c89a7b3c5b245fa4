//! Tone and colour: brightness, contrast, saturation, gamma, grayscale and sepia.
//!
//! Here are the params and the choice of format; the arithmetic is in [`Kernel`]. All changes but gamma are one
//! matrix, so nothing is clipped between them; gamma comes last.

mod amount;
mod kernel;

pub use amount::Amount;
pub use kernel::Kernel;

use stopbath_plugin::prelude::*;

/// What to change, in this order; all that is left out stays as it is.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(crate = "stopbath_plugin::serde", default, deny_unknown_fields)]
#[schemars(crate = "stopbath_plugin::schemars")]
pub struct Params {
    /// Added to every channel: -1 gives black, 1 gives white.
    #[schemars(range(min = -1.0, max = 1.0))]
    pub brightness: f32,
    /// Distance from middle grey: -1 gives flat grey, 1 doubles it.
    #[schemars(range(min = -1.0, max = 1.0))]
    pub contrast: f32,
    /// Distance from the grey of the same lightness: -1 gives grey, 1 doubles it.
    #[schemars(range(min = -1.0, max = 1.0))]
    pub saturation: f32,
    /// Takes the colour away: `true`, or how much of it from 0 to 1.
    pub grayscale: Amount,
    /// The brown of old prints: `true`, or how much of it from 0 to 1.
    pub sepia: Amount,
    /// Above 1 lightens the middle tones, below 1 darkens them; black and white stay.
    #[schemars(range(min = 0.1, max = 10.0))]
    pub gamma: f32,
}

impl Default for Params {
    fn default() -> Self {
        let none = Amount::default();
        Self {
            brightness: 0.0,
            contrast: 0.0,
            saturation: 0.0,
            grayscale: none,
            sepia: none,
            gamma: 1.0,
        }
    }
}

/// The plugin.
#[derive(Debug)]
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
        if params == Params::default() {
            return Ok(source);
        }
        match source.format() {
            PixelFormat::Gray8 if params.sepia == Amount::default() => {
                let kernel = Kernel::of_gray(&params);
                source.map_rows(|_, row| kernel.gray8(row))
            }
            PixelFormat::Gray8 => Self::apply(source.to_rgba()?, params),
            PixelFormat::Rgba8 => {
                let kernel = Kernel::new(&params);
                source.map_rows(|_, row| kernel.rgba8(row))
            }
            PixelFormat::Rgba16 => {
                let kernel = Kernel::new(&params);
                let curve = kernel.curve16();
                source.map_rows(|_, row| kernel.rgba16(row, curve.as_deref()))
            }
        }
    }
}

stopbath_plugin::export_filter!(Adjust);
