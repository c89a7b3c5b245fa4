//! Where a picture lies in a box: an anchor, a strategy that looks at the pixels, or a focal point.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `center`, `top-left`, …, `attention`, `entropy` or `{ x: 0.3, y: 0.7 }`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Position {
    Anchor(Anchor),
    Focus(Focus),
}

impl Default for Position {
    fn default() -> Self {
        Self::Anchor(Anchor::Center)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    Center,
    Top,
    Bottom,
    Left,
    Right,
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
    /// The part that draws the eye: edges, saturation, skin tones.
    Attention,
    /// The part with the most detail.
    Entropy,
}

/// A point of interest, as shares of width and height from the top left corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Focus {
    #[schemars(range(min = 0.0, max = 1.0))]
    pub x: f32,
    #[schemars(range(min = 0.0, max = 1.0))]
    pub y: f32,
}
