//! Amounts as people write them: `50MB`, `64MiB`, `100MP`, `2s`, `50%`.
//!
//! Each reads from a text with a unit; bytes and pixels also from a bare number, a duration never, because
//! nobody agrees whether `30` is seconds or milliseconds. How they stand in JSON and its schema is in `text`.

mod text;

use std::{fmt, str::FromStr};

/// A size in bytes; written `50MB` (powers of 1000) or `64MiB` (powers of 1024).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// A number of pixels; written `100MP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pixels(pub u64);

/// A length of time in milliseconds; written `250ms`, `2s`, `15m`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub u64);

/// A share in percent, above 0 and up to 100; written `50%`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

impl Duration {
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1000)
    }

    pub const fn as_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }
}

/// An amount that a pipeline file gives as text.
pub(super) trait Unit: FromStr<Err = String> + fmt::Display + Copy {
    /// What to write, for messages: "a size such as `50MB`".
    const EXPECTED: &'static str;
    /// Texts that are accepted, as a regular expression.
    const PATTERN: &'static str;
    /// Whether a bare whole number is accepted.
    const BARE: bool;
}

const BYTES: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("", 1),
];
const PIXELS: &[(&str, u64)] = &[
    ("px", 1),
    ("kP", 1000),
    ("KP", 1000),
    ("MP", 1_000_000),
    ("GP", 1_000_000_000),
    ("", 1),
];
const TIMES: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("min", 60_000),
    ("h", 3_600_000),
];

/// `1.5MB` -> 1 500 000. None for anything else: no number, unknown unit, zero, or beyond 2^53.
fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start();
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    let value = number.parse::<f64>().ok()? * *factor as f64;
    // Beyond 2^53 an f64 no longer holds every whole number.
    (value >= 1.0 && value <= (1_u64 << 53) as f64).then_some(value.round() as u64)
}

fn wrong<T: Unit>(text: &str) -> String {
    format!("`{}` is not {}", crate::words::clip(text), T::EXPECTED)
}

impl Unit for Bytes {
    const EXPECTED: &'static str = "a size; write a number with a unit, such as `50MB` or `64MiB`";
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)? ?(B|kB|KB|MB|GB|KiB|MiB|GiB)?$";
    const BARE: bool = true;
}

impl FromStr for Bytes {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        amount(text, BYTES).map(Self).ok_or_else(|| wrong::<Self>(text))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        exact(
            f,
            self.0,
            &[
                ("GiB", 1 << 30),
                ("GB", 1_000_000_000),
                ("MiB", 1 << 20),
                ("MB", 1_000_000),
                ("kB", 1000),
                ("B", 1),
            ],
        )
    }
}

impl Unit for Pixels {
    const EXPECTED: &'static str = "a number of pixels; write megapixels, such as `100MP`, or a whole number";
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)? ?(px|kP|KP|MP|GP)?$";
    const BARE: bool = true;
}

impl FromStr for Pixels {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        amount(text, PIXELS).map(Self).ok_or_else(|| wrong::<Self>(text))
    }
}

impl fmt::Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        exact(
            f,
            self.0,
            &[("GP", 1_000_000_000), ("MP", 1_000_000), ("kP", 1000), ("px", 1)],
        )
    }
}

impl Unit for Duration {
    const EXPECTED: &'static str = "a duration; write a number with a unit, such as `250ms`, `2s` or `15m`";
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)? ?(ms|s|m|min|h)$";
    const BARE: bool = false;
}

impl FromStr for Duration {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        amount(text, TIMES).map(Self).ok_or_else(|| wrong::<Self>(text))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        exact(
            f,
            self.0,
            &[("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)],
        )
    }
}

impl Unit for Percent {
    const EXPECTED: &'static str = "a share above 0% and up to 100%; write it such as `50%`";
    const PATTERN: &'static str = r"^[0-9]+(\.[0-9]+)? ?%$";
    const BARE: bool = false;
}

impl FromStr for Percent {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.trim().strip_suffix('%').map(str::trim_end).filter(|n| {
            n.starts_with(|c: char| c.is_ascii_digit()) && n.chars().all(|c| c.is_ascii_digit() || c == '.')
        });
        number
            .and_then(|n| n.parse().ok())
            .filter(|p| *p > 0.0 && *p <= 100.0)
            .map(Self)
            .ok_or_else(|| wrong::<Self>(text))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// Writes the amount in the largest unit that divides it, so that reading it back gives the same.
fn exact(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let (name, factor) = units
        .iter()
        .find(|(_, factor)| value.is_multiple_of(*factor))
        .unwrap_or(&("", 1));
    write!(f, "{}{name}", value / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_amounts() {
        assert_eq!("50MB".parse(), Ok(Bytes(50_000_000)));
        assert_eq!("64 MiB".parse(), Ok(Bytes(64 << 20)));
        assert_eq!("1.5kB".parse(), Ok(Bytes(1500)));
        assert_eq!("100MP".parse(), Ok(Pixels(100_000_000)));
        assert_eq!("250ms".parse(), Ok(Duration(250)));
        assert_eq!("15m".parse(), Ok(Duration::from_secs(900)));
        assert_eq!("12.5%".parse(), Ok(Percent(12.5)));
    }

    #[test]
    fn refuses_what_is_unclear() {
        for wrong in [
            "",
            "MB",
            "50mb",
            "-1MB",
            "0MB",
            "1e9MB",
            "99999999GB",
            "1.2.3MB",
            "50 M B",
        ] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
        for wrong in ["30", "s", "2 weeks", "0s"] {
            assert!(wrong.parse::<Duration>().is_err(), "{wrong}");
        }
        for wrong in ["50", "0%", "101%", "nan%", "-5%", "1e1%"] {
            assert!(wrong.parse::<Percent>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["64MiB", "50MB", "1500B", "1kB"] {
            let bytes: Bytes = text.parse().unwrap();
            assert_eq!(bytes.to_string(), text);
            let json = serde_json::to_value(bytes).unwrap();
            assert_eq!(serde_json::from_value::<Bytes>(json).unwrap(), bytes);
        }
        assert_eq!(Duration(90_000).to_string(), "90s");
    }
}
