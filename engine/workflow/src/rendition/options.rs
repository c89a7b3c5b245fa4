//! Which format takes which option: the one table that `check` and the encoders go by.

use super::{Chroma, Encode, Format};
use crate::words::one_of;

/// An option of [`Encode`], by its key in YAML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeOption {
    Quality,
    Lossless,
    Progressive,
    Chroma,
    Effort,
    Keep,
    Background,
}

impl EncodeOption {
    pub const ALL: [Self; 7] = [
        Self::Quality,
        Self::Lossless,
        Self::Progressive,
        Self::Chroma,
        Self::Effort,
        Self::Keep,
        Self::Background,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Quality => "quality",
            Self::Lossless => "lossless",
            Self::Progressive => "progressive",
            Self::Chroma => "chroma",
            Self::Effort => "effort",
            Self::Keep => "keep",
            Self::Background => "background",
        }
    }

    /// The formats for which the option means something.
    pub const fn formats(self) -> &'static [Format] {
        match self {
            Self::Quality => &[Format::Jpeg, Format::Webp, Format::Avif],
            Self::Lossless => &[Format::Webp],
            Self::Progressive | Self::Chroma | Self::Background => &[Format::Jpeg],
            Self::Effort => &Format::ALL,
            Self::Keep => &[Format::Jpeg, Format::Png, Format::Webp, Format::Avif],
        }
    }

    /// Why a format does not take the option, if it does not.
    pub fn refusal(self, format: Format) -> Option<String> {
        let formats = self.formats();
        if formats.contains(&format) {
            return None;
        }
        let names: Vec<&str> = formats.iter().map(|f| f.name()).collect();
        let extra = match (self, format) {
            (Self::Lossless, Format::Png) => "; PNG is lossless as it is",
            _ => "",
        };
        let (option, names) = (self.name(), one_of(&names));
        Some(format!("`{option}` is for {names}, not {}{extra}", format.name()))
    }

    /// Whether it says anything but the default.
    fn is_set(self, encode: &Encode) -> bool {
        match self {
            Self::Quality => encode.quality.is_some(),
            Self::Lossless => encode.lossless,
            Self::Progressive => encode.progressive,
            Self::Chroma => encode.chroma != Chroma::default(),
            Self::Effort => encode.effort.is_some(),
            Self::Keep => !encode.keep.is_empty(),
            Self::Background => encode.background.is_some(),
        }
    }
}

impl Encode {
    /// Every option that no encoder would take, and why; empty if all is well.
    pub fn refusals(&self) -> Vec<(EncodeOption, String)> {
        let refusal = |option: EncodeOption| {
            if option.is_set(self)
                && let Some(why) = option.refusal(self.format)
            {
                return Some(why);
            }
            let why = match option {
                EncodeOption::Quality if self.quality.is_some_and(|q| !(1..=100).contains(&q)) => {
                    "`quality` is 1 to 100"
                }
                EncodeOption::Quality if self.lossless && self.quality.is_some() => {
                    "`quality` does nothing with `lossless: true`; leave one of them out"
                }
                EncodeOption::Effort if self.effort.is_some_and(|e| e > 10) => "`effort` is 0 to 10",
                _ => return None,
            };
            Some(why.to_owned())
        };
        EncodeOption::ALL
            .into_iter()
            .filter_map(|option| Some((option, refusal(option)?)))
            .collect()
    }
}
