//! Colours as people write them: `#rrggbb`, `#rrggbbaa`, `#rgb` or one of a few names.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// sRGB with straight alpha, 8 bits a channel. Transparent black by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Colour {
    pub r: u8,
    pub g: u8,
    pub b: u8,
    pub a: u8,
}

impl Colour {
    pub const WHITE: Self = Self {
        r: 255,
        g: 255,
        b: 255,
        a: 255,
    };
    pub const BLACK: Self = Self {
        r: 0,
        g: 0,
        b: 0,
        a: 255,
    };
}

impl FromStr for Colour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "transparent" => return Ok(Self::default()),
            "white" => return Ok(Self::WHITE),
            "black" => return Ok(Self::BLACK),
            "gray" | "grey" => {
                return Ok(Self {
                    r: 128,
                    g: 128,
                    b: 128,
                    a: 255,
                });
            }
            _ => {}
        }
        let wrong = || {
            format!(
                "`{}` is not a colour; write `#rrggbb`, `#rrggbbaa`, `#rgb`, `white`, `black`, `gray` or `transparent`",
                crate::words::clip(text)
            )
        };
        let digits: Vec<u8> = text
            .strip_prefix('#')
            .ok_or_else(wrong)?
            .chars()
            .map(|c| c.to_digit(16).map(|d| d as u8))
            .collect::<Option<_>>()
            .ok_or_else(wrong)?;
        let pair = |i: usize| digits[i] * 16 + digits[i + 1];
        match digits.len() {
            3 => Ok(Self {
                r: digits[0] * 17,
                g: digits[1] * 17,
                b: digits[2] * 17,
                a: 255,
            }),
            6 => Ok(Self {
                r: pair(0),
                g: pair(2),
                b: pair(4),
                a: 255,
            }),
            8 => Ok(Self {
                r: pair(0),
                g: pair(2),
                b: pair(4),
                a: pair(6),
            }),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}{:02x}", self.r, self.g, self.b, self.a)
    }
}

impl Serialize for Colour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for Colour {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Colour".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "`#rrggbb`, `#rrggbbaa`, `#rgb`, `white`, `black`, `gray` or `transparent`",
            "pattern": "^(#([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})|white|black|gr[ae]y|transparent)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        assert_eq!("#fff".parse(), Ok(Colour::WHITE));
        assert_eq!(
            "#01020304".parse(),
            Ok(Colour {
                r: 1,
                g: 2,
                b: 3,
                a: 4
            })
        );
        assert_eq!("transparent".parse(), Ok(Colour::default()));
        for wrong in ["", "#", "#12", "#12345", "#ggg", "reddish", "#ééé"] {
            assert!(wrong.parse::<Colour>().is_err(), "{wrong}");
        }
    }
}
