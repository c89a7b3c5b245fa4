//! The step's `with:`, and how its lengths and colours are written.

use stopbath_plugin::prelude::*;

/// Give `text`, `image` or both; the rest has defaults.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(crate = "stopbath_plugin::serde", default, deny_unknown_fields)]
#[schemars(crate = "stopbath_plugin::schemars")]
pub struct Params {
    /// Latin, Greek or Cyrillic letters and common signs; line breaks are kept.
    pub text: String,
    /// A PNG file in base64, at most 4 megapixels. Stands to the left of the text.
    pub image: String,
    /// An anchor, or `tile` for all over.
    pub position: Position,
    /// Distance from the borders, and between tiles: `16px`, or `2%` of the image's width.
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?(px|%)$"))]
    pub margin: String,
    /// Width of the whole mark, like `margin`. It shrinks to fit into the image.
    #[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?(px|%)$"))]
    pub size: String,
    /// Of the text: `#rrggbb`. Grey images take its brightness.
    #[schemars(regex(pattern = "^#[0-9a-fA-F]{6}$"))]
    pub color: String,
    /// Of the whole mark: 0 is invisible, 1 covers.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub opacity: f32,
    /// Degrees, counter-clockwise.
    #[schemars(range(min = -180.0, max = 180.0))]
    pub angle: f32,
    /// What keeps the text readable on any ground.
    pub effect: Effect,
    /// Of the shadow or outline: `#rrggbb`.
    #[schemars(regex(pattern = "^#[0-9a-fA-F]{6}$"))]
    pub effect_color: String,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            text: String::new(),
            image: String::new(),
            position: Position::BottomRight,
            margin: "2%".to_owned(),
            size: "25%".to_owned(),
            color: "#ffffff".to_owned(),
            opacity: 0.7,
            angle: 0.0,
            effect: Effect::Shadow,
            effect_color: "#000000".to_owned(),
        }
    }
}

/// Where the mark goes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(crate = "stopbath_plugin::serde", rename_all = "kebab-case")]
#[schemars(crate = "stopbath_plugin::schemars")]
pub enum Position {
    TopLeft,
    Top,
    TopRight,
    Left,
    Center,
    Right,
    BottomLeft,
    Bottom,
    BottomRight,
    /// All over, every second row shifted by half.
    Tile,
}

/// What is drawn beneath the text.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(crate = "stopbath_plugin::serde", rename_all = "kebab-case")]
#[schemars(crate = "stopbath_plugin::schemars")]
pub enum Effect {
    None,
    /// A soft shadow below and to the right.
    Shadow,
    /// A soft line around each letter.
    Outline,
}

/// Pixels of `16px` or of `2%` of `whole`.
pub(crate) fn length(field: &str, text: &str, whole: u32) -> Result<u32, Error> {
    let wrong = || {
        Error::InvalidParams(format!(
            "`{field}`: got `{text}`, expected pixels like `16px` or a share of the width like `2%`"
        ))
    };
    let (number, unit) = match (text.strip_suffix("px"), text.strip_suffix('%')) {
        (Some(number), _) => (number, 1.0),
        (_, Some(number)) => (number, whole as f32 / 100.0),
        _ => return Err(wrong()),
    };
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match number.parse::<f32>() {
        Ok(number) if plain => Ok((number * unit).round().min(65535.0) as u32),
        _ => Err(wrong()),
    }
}

/// Channels of `#rrggbb`.
pub(crate) fn color(field: &str, text: &str) -> Result<[u8; 3], Error> {
    let digits = text
        .strip_prefix('#')
        .filter(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    value
        .map(|value| [(value >> 16) as u8, (value >> 8) as u8, value as u8])
        .ok_or_else(|| {
            Error::InvalidParams(format!(
                "`{field}`: got `{text}`, expected a colour like `#ff8800`"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(length("margin", "16px", 500).unwrap(), 16);
        assert_eq!(length("margin", "2.5%", 400).unwrap(), 10);
        for wrong in ["16", "-1px", "px", "1e9%", "nan%", "2 %", ""] {
            let error = length("margin", wrong, 400).unwrap_err();
            assert!(error.message().starts_with("`margin`: got"), "{error:?}");
        }
    }

    #[test]
    fn colours() {
        assert_eq!(color("color", "#ff8001").unwrap(), [255, 128, 1]);
        for wrong in ["red", "#fff", "ff8800", "#ff88zz", "#+12345"] {
            assert!(
                color("color", wrong)
                    .unwrap_err()
                    .message()
                    .starts_with("`color`: got")
            );
        }
    }
}
