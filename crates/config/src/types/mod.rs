//! Typed values of settings. Each reads from text, says what is wrong with a bad one and how to write a good one.

mod mail_address;
mod platform_address;
mod schedule;
mod secret;
mod size;
mod span;

pub use mail_address::{EmailAddress, HostName};
pub use platform_address::{HostAddress, WebAddress};
pub use schedule::Schedule;
pub use secret::{MissingSecret, SecretReference};
pub use size::Size;
pub use span::Span;

/// Serde by `FromStr` and `Display`, and a schema of the given description, for a type that is written as text.
macro_rules! written_as_text {
    ($type:ty, $name:literal, $expected:literal, $pattern:expr) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $expected, "pattern": $pattern })
            }
        }
    };
}
pub(crate) use written_as_text;
