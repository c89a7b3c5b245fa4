//! The built-in steps and their params, as written under `with:`.
//!
//! Only what they *say* is here; what they do to pixels is in the crate `imaging`. Every type derives its
//! part of the JSON Schema, so a doc comment here is what an editor shows.

mod colour;
mod position;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use colour::Colour;
pub use position::{Anchor, Focus, Position};

/// A built-in step with its params.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", content = "with", rename_all = "lowercase")]
pub enum Op {
    Decode(Decode),
    Resize(Resize),
    Crop(Crop),
    Rotate(Rotate),
    Flip(Flip),
    Pad(Pad),
    Sharpen(Sharpen),
    Blur(Blur),
}

/// Reads the original: type by content, EXIF orientation and ICC profile applied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Decode {
    /// Turn the picture as its EXIF orientation says.
    pub orient: Orient,
    /// `srgb` converts by the ICC profile; `keep` leaves the numbers and carries the profile along.
    pub colour: ColourTarget,
    /// `eight` reduces 16-bit pictures to 8 bits; `keep` leaves them.
    pub depth: Depth,
    /// `all` keeps an animation; `first` takes its first frame. Of an AVIF sequence and of a TIFF with several pages
    /// the first is read in any case.
    pub frames: Frames,
    /// `auto` decodes a JPEG at the coarsest scale that serves every step; `full` never scales.
    pub scale: Scale,
    /// `reject` refuses damaged files; `salvage` takes what can be read and marks the result.
    pub on_corrupt: OnCorrupt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Orient {
    #[default]
    Exif,
    Ignore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ColourTarget {
    #[default]
    Srgb,
    Keep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    #[default]
    Eight,
    Keep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Frames {
    #[default]
    All,
    First,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    #[default]
    Auto,
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnCorrupt {
    #[default]
    Reject,
    Salvage,
}

/// Native SIMD resize. At least one of `width` and `height` must be given.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Resize {
    /// Pixels, 1 to 16384.
    #[schemars(range(min = 1, max = 16384))]
    pub width: Option<u32>,
    /// Pixels, 1 to 16384.
    #[schemars(range(min = 1, max = 16384))]
    pub height: Option<u32>,
    /// How the picture meets the box: `inside` (default), `outside`, `cover`, `contain`, `fill`.
    pub fit: Fit,
    /// Which part `cover` keeps, and where `contain` puts the picture: an anchor such as `top-left`,
    /// `attention`, `entropy`, or a focal point `{ x: 0.3, y: 0.7 }`.
    pub position: Position,
    pub filter: Filter,
    /// Make small pictures larger, too. Off by default.
    pub enlarge: bool,
    /// What fills the rest with `contain`; transparent by default.
    pub background: Colour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// As large as fits inside the box; aspect ratio kept.
    #[default]
    Inside,
    /// As small as covers the box, nothing cut off; aspect ratio kept.
    Outside,
    /// The box; what sticks out is cut off by `position`. A side on which the picture is smaller than the box stays
    /// as it is, unless `enlarge` is on.
    Cover,
    /// Exactly the box; the rest is filled with `background`. Small pictures are not made larger inside of it, unless
    /// `enlarge` is on.
    Contain,
    /// The box; aspect ratio not kept. A side on which the picture is smaller than the box stays as it is, unless
    /// `enlarge` is on.
    Fill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Filter {
    Nearest,
    Bilinear,
    CatmullRom,
    Mitchell,
    #[default]
    Lanczos3,
}

/// Cuts out a region.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Crop {
    /// Left edge in pixels; without `x` and `y` the region lies at `position`.
    #[serde(default)]
    pub x: Option<u32>,
    /// Top edge in pixels.
    #[serde(default)]
    pub y: Option<u32>,
    #[schemars(range(min = 1, max = 16384))]
    pub width: u32,
    #[schemars(range(min = 1, max = 16384))]
    pub height: u32,
    #[serde(default)]
    pub position: Position,
}

/// Turns the picture clockwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// Degrees clockwise: 90, 180 and 270 are exact; others interpolate and fill with `background`.
    #[schemars(range(min = -360, max = 360))]
    pub angle: f32,
    #[serde(default)]
    pub background: Colour,
}

/// Mirrors the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flip {
    pub axis: Axis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Axis {
    /// Left becomes right.
    Horizontal,
    /// Top becomes bottom.
    Vertical,
}

/// Adds a border and puts the picture on a background.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pad {
    #[schemars(range(max = 4096))]
    pub top: u32,
    #[schemars(range(max = 4096))]
    pub right: u32,
    #[schemars(range(max = 4096))]
    pub bottom: u32,
    #[schemars(range(max = 4096))]
    pub left: u32,
    /// Also shows through transparent pixels, unless it is transparent itself.
    pub background: Colour,
}

/// Unsharp mask on all colours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sharpen {
    /// Radius as the standard deviation of the blur, in pixels.
    #[schemars(range(min = 0.3, max = 10.0))]
    pub sigma: f32,
    /// How much of the difference is added.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub amount: f32,
    /// Differences below this (0 to 255) are left alone.
    #[schemars(range(min = 0.0, max = 255.0))]
    pub threshold: f32,
}

impl Default for Sharpen {
    fn default() -> Self {
        Self {
            sigma: 1.0,
            amount: 1.0,
            threshold: 0.0,
        }
    }
}

/// Gaussian blur.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blur {
    /// Standard deviation in pixels.
    #[schemars(range(min = 0.3, max = 100.0))]
    pub sigma: f32,
}
