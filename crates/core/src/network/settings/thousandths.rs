//! Decimal numbers of the settings, exact to the thousandth.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Thousandths of a dB or of a percent. Written as a plain number: 20.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Thousandths(pub i32);

impl Thousandths {
    /// As a floating-point number, for output: one division.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1_000.0
    }
}

impl Serialize for Thousandths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_f64())
    }
}

impl<'de> Deserialize<'de> for Thousandths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// Beyond any dB or percent, and far inside the type.
        const LIMIT: f64 = 1_000_000.0;
        let number = f64::deserialize(deserializer)?;
        if !(-LIMIT..=LIMIT).contains(&number) {
            return Err(de::Error::custom(format!("{number} is no number of dB or percent; write one like 20.0")));
        }
        Ok(Self((number * 1_000.0).round() as i32))
    }
}

impl JsonSchema for Thousandths {
    fn schema_name() -> Cow<'static, str> {
        f64::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        f64::json_schema(generator)
    }

    fn inline_schema() -> bool {
        true
    }
}
