//! What a job gives back: renditions, their formats and encoder options.

mod options;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::op::Colour;
pub use options::EncodeOption;

/// How to encode; each format takes what it knows, `check` refuses the rest. Which takes what: [`EncodeOption`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Encode {
    /// The file format: `jpeg`, `png`, `webp`, `avif` or `gif`.
    pub format: Format,
    /// 1 to 100; default 80 (AVIF: 60).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub quality: Option<u8>,
    /// WebP without loss; PNG always is.
    #[serde(default)]
    pub lossless: bool,
    /// JPEG that sharpens while it loads.
    #[serde(default)]
    pub progressive: bool,
    /// Chroma subsampling of JPEG; `4:2:0` by default. AVIF always keeps full chroma, WebP always halves it.
    #[serde(default)]
    pub chroma: Chroma,
    /// 0 (fast) to 10 (small); default 4. For PNG, WebP, AVIF and GIF; JPEG has one step only: 10 is its slower mode,
    /// which is progressive, and below it nothing changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 10))]
    pub effort: Option<u8>,
    /// Metadata to carry over; none by default, but for the profile where `decode` keeps the colours.
    #[serde(default)]
    pub keep: Vec<Keep>,
    /// What shows through transparent pixels in formats without alpha; white by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Colour>,
}

impl Encode {
    pub fn new(format: Format) -> Self {
        Self {
            format,
            quality: None,
            lossless: false,
            progressive: false,
            chroma: Chroma::default(),
            effort: None,
            keep: Vec::new(),
            background: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Jpeg,
    Png,
    Webp,
    Avif,
    Gif,
}

impl Format {
    pub const ALL: [Self; 5] = [Self::Jpeg, Self::Png, Self::Webp, Self::Avif, Self::Gif];

    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Avif => "avif",
            Self::Gif => "gif",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Avif => "image/avif",
            Self::Gif => "image/gif",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Chroma {
    #[default]
    #[serde(rename = "4:2:0")]
    Half,
    #[serde(rename = "4:2:2")]
    HalfWide,
    #[serde(rename = "4:4:4")]
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The profile that the colours are in. It is carried along in any case, and there is one only where
    /// `decode` says `colour: keep`; the word changes nothing but says that it is wanted.
    Icc,
    /// All of EXIF, its orientation set to upright.
    Exif,
    /// Only the EXIF fields for author and copyright.
    Copyright,
}
