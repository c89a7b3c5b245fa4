//! A switch that can also be turned half-way: `true`, `false`, or a number from 0 to 1.

use std::borrow::Cow;
use std::fmt;

use stopbath_plugin::prelude::Serialize;
use stopbath_plugin::schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use stopbath_plugin::serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// From 0, nothing, to 1, all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(crate = "stopbath_plugin::serde", transparent)]
pub struct Amount(pub f32);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

impl JsonSchema for Amount {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "boolean" }, { "type": "number", "minimum": 0, "maximum": 1 }] })
    }
}

struct AmountVisitor;

impl Visitor<'_> for AmountVisitor {
    type Value = Amount;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("true, false or a number from 0 to 1")
    }

    fn visit_bool<E: Error>(self, on: bool) -> Result<Amount, E> {
        Ok(Amount(f32::from(on)))
    }

    fn visit_f64<E: Error>(self, part: f64) -> Result<Amount, E> {
        if (0.0..=1.0).contains(&part) {
            return Ok(Amount(part as f32));
        }
        Err(E::invalid_value(Unexpected::Float(part), &self))
    }

    fn visit_u64<E: Error>(self, part: u64) -> Result<Amount, E> {
        self.visit_f64(part as f64)
    }

    fn visit_i64<E: Error>(self, part: i64) -> Result<Amount, E> {
        self.visit_f64(part as f64)
    }
}
