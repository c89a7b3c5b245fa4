//! What a plugin says of itself, checked.

use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::abi::v1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub name: String,
    pub version: Version,
    pub kind: Kind,
    pub description: String,
    /// JSON Schema of the step's `with:`.
    pub params_schema: Value,
    /// A filter that maps each pixel alone, so that it may run in horizontal bands.
    pub banded: bool,
    /// Decoders: types read. Encoders: the one written.
    pub media_types: Vec<String>,
    pub hints: LimitsHint,
    /// Room to grow: a JSON object.
    pub extra: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Filter,
    Analyzer,
    Decoder,
    Encoder,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Filter, Self::Analyzer, Self::Decoder, Self::Encoder];

    /// The interface that a plugin of this kind exports, and its function.
    pub(crate) fn export(self) -> (&'static str, &'static str) {
        match self {
            Self::Filter => ("filter", "apply"),
            Self::Analyzer => ("analyzer", "analyze"),
            Self::Decoder => ("decoder", "decode"),
            Self::Encoder => ("encoder", "encode"),
        }
    }
}

/// What the plugin wishes for; a pipeline's own limits go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LimitsHint {
    pub fuel_base: Option<u64>,
    pub fuel_per_pixel: Option<u64>,
    pub memory_bytes: Option<u64>,
    pub timeout_ms: Option<u32>,
}

impl Manifest {
    /// Names the first thing that does not fit, and what would.
    pub(crate) fn check(raw: v1::Manifest, exported: Kind) -> Result<Self, String> {
        let name = raw.name;
        if !valid_name(&name) {
            return Err(format!(
                "its name is `{name}`; a name is a lowercase letter, then up to 63 lowercase letters, digits or `-`"
            ));
        }
        let version = Version::parse(&raw.version).map_err(|error| {
            format!(
                "its version is `{}`, which is not a semantic version such as 1.0.0: {error}",
                raw.version
            )
        })?;
        let kind = Kind::from(raw.kind);
        if kind != exported {
            return Err(format!(
                "its manifest says {kind:?}, but it exports `{}`",
                exported.export().0
            ));
        }
        let params_schema = object("params-schema", &raw.params_schema)?;
        if params_schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err(
                "its params-schema does not say `\"type\": \"object\"`; `with:` is always an object"
                    .to_owned(),
            );
        }
        let extra = object(
            "extra-json",
            if raw.extra_json.is_empty() {
                "{}"
            } else {
                &raw.extra_json
            },
        )?;
        if let Some(wrong) = raw.media_types.iter().find(|name| !valid_type(name)) {
            return Err(format!("its media type {wrong:?} is not one such as `image/png`"));
        }
        let hints = LimitsHint {
            fuel_base: raw.hints.fuel_base,
            fuel_per_pixel: raw.hints.fuel_per_pixel,
            memory_bytes: raw.hints.memory_bytes,
            timeout_ms: raw.hints.timeout_ms,
        };
        Ok(Self {
            name,
            version,
            kind,
            description: raw.description,
            params_schema,
            banded: raw.banded && kind == Kind::Filter,
            media_types: raw.media_types,
            hints,
            extra,
        })
    }
}

/// `type/subtype`, both of the letters that RFC 6838 allows.
fn valid_type(name: &str) -> bool {
    let token = |part: &str| {
        let letter = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c);
        !part.is_empty() && part.len() <= 127 && part.chars().all(letter)
    };
    name.split_once('/')
        .is_some_and(|(kind, rest)| token(kind) && token(rest))
}

fn valid_name(name: &str) -> bool {
    let tail = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= 64 && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(tail)
}

fn object(what: &str, json: &str) -> Result<Value, String> {
    match serde_json::from_str(json) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(format!("its {what} is JSON, but not an object")),
        Err(error) => Err(format!("its {what} is not JSON: {error}")),
    }
}

impl From<v1::Kind> for Kind {
    fn from(kind: v1::Kind) -> Self {
        match kind {
            v1::Kind::Filter => Self::Filter,
            v1::Kind::Analyzer => Self::Analyzer,
            v1::Kind::Decoder => Self::Decoder,
            v1::Kind::Encoder => Self::Encoder,
        }
    }
}
