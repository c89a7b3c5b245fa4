//! Write Stopbath plugins in Rust.
//!
//! A plugin is a type that implements [`Filter`], [`Analyzer`], [`Decoder`] or [`Encoder`], and one `export_…!`
//! line. Built for `wasm32-wasip2` it becomes a component; built natively (`cargo test`) the same code runs on
//! in-memory frames, see [`testing`]. The guide is in `plugin-sdk/README.md`, the contract in `wit/plugin.wit`.
//!
//! ```
//! use stopbath_plugin::prelude::*;
//!
//! struct Invert;
//!
//! impl Filter for Invert {
//!     type Params = NoParams;
//!     const INFO: Info = Info::new("invert", "0.1.0", "Turn light to dark and dark to light").banded();
//!
//!     fn apply(source: Frame, _: NoParams) -> Result<Frame, Error> {
//!         source.map_pixels(|[r, g, b, a]| [255 - r, 255 - g, 255 - b, a])
//!     }
//! }
//! stopbath_plugin::export_filter!(Invert);
//! ```

#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod export;

mod backend;
mod builder;
mod frame;
mod host;
mod info;
mod params;
mod plugin;
mod types;

#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use builder::FrameBuilder;
pub use frame::{Frame, Strip};
pub use host::{Level, emit, log};
pub use info::Info;
pub use params::NoParams;
pub use plugin::{Analyzer, Decoder, Encoder, Filter};
pub use types::{Error, ImageInfo, PixelFormat, Rect, Resample};

pub use {schemars, serde, serde_json};

/// All that a plugin usually needs.
pub mod prelude {
    pub use crate::{
        Analyzer, Decoder, Encoder, Error, Filter, Frame, FrameBuilder, ImageInfo, Info, Level, NoParams,
        PixelFormat, Rect, Resample, Strip, emit, log,
    };
    pub use schemars::JsonSchema;
    pub use serde::{Deserialize, Serialize};
}
