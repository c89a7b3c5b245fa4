//! Amounts in serde and in the JSON Schema: always as the text that a person would write.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Bytes, Duration, Percent, Pixels, Unit};

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Number(u64),
    Text(String),
}

fn read<'de, T: Unit, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Text(text) => text,
        TextOrNumber::Number(number) => number.to_string(),
    };
    text.parse().map_err(de::Error::custom)
}

fn schema<T: Unit>(description: &str) -> Schema {
    let text = json_schema!({ "type": "string", "pattern": T::PATTERN });
    if T::BARE {
        json_schema!({ "description": description, "anyOf": [text, { "type": "integer", "minimum": 1 }] })
    } else {
        json_schema!({ "description": description, "type": "string", "pattern": T::PATTERN })
    }
}

/// The same serde and schema code for each unit, which Rust's orphan rule does not let stand once.
macro_rules! as_text {
    ($($unit:ident: $description:literal),*) => {$(
        impl Serialize for $unit {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read(deserializer)
            }
        }
        impl JsonSchema for $unit {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($unit).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schema::<Self>($description)
            }
        }
    )*};
}
as_text!(
    Bytes: "A size such as `50MB` or `64MiB`.",
    Pixels: "A number of pixels such as `100MP`.",
    Duration: "A duration such as `250ms`, `2s`, `15m` or `1h`.",
    Percent: "A share such as `50%`."
);
