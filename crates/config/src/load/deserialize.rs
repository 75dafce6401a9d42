//! Tree → typed structs, through serde. Errors carry their path and, for an unknown key, what was expected, so that
//! the caller can name the line and the nearest valid key, take the culprit out and go on.
//!
//! A text from the environment is read as whatever type the setting has.

use std::fmt;

use serde::de::value::{StrDeserializer, StringDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};

use super::file;
use super::problem::Problem;
use super::suggest::hint;
use super::tree::{Node, Origin, Table, Value};

/// Most rounds of taking a culprit out.
const MAX_ROUNDS: usize = 100;

/// Reads a `T` out of `node`, which is a table. Every problem is reported under `path`; `None` if the rest did not
/// suffice. `also` are keys that stand in the same table and were taken out before.
pub(crate) fn read<T: DeserializeOwned>(
    node: &Node,
    path: &str,
    also: &[&str],
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let mut node = node.clone();
    for _ in 0..MAX_ROUNDS {
        let error = match T::deserialize(NodeDeserializer(&node)) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let place = error.path.clone();
        let found = node.at(&place);
        if found.is_some_and(|found| matches!(found.value, Value::Missing)) {
            // Already reported; a type that nothing can stand in for.
            return None;
        }
        let origin = error.origin.clone().or_else(|| found.map(|found| found.origin.clone()));
        let key = std::iter::once(path).filter(|path| !path.is_empty()).chain(place.iter().map(String::as_str));
        let mut key = key.collect::<Vec<_>>().join(".");
        if let Kind::Missing(name) = &error.kind {
            key = format!("{key}.{name}");
        }
        let text = error.text(also);
        problems.push(Problem { origin: origin.unwrap_or_else(|| node.origin.clone()), key, text });
        let repaired = match error.kind {
            Kind::Missing(name) => insert_missing(&mut node, &place, name),
            _ => node.remove(&place),
        };
        if !repaired {
            return None;
        }
    }
    None
}

fn insert_missing(node: &mut Node, path: &[String], name: &'static str) -> bool {
    let mut node = node;
    for segment in path {
        let Some(next) = node.table_mut().and_then(|table| table.get_mut(segment)) else { return false };
        node = next;
    }
    let origin = node.origin.clone();
    node.table_mut()
        .is_some_and(|table| table.insert(name.to_owned(), Node { origin, value: Value::Missing }).is_none())
}

/// What went wrong, and where.
#[derive(Debug)]
pub(crate) struct Error {
    path: Vec<String>,
    origin: Option<Origin>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Unknown { name: String, expected: &'static [&'static str] },
    Variant { name: String, expected: &'static [&'static str] },
    Missing(&'static str),
    Type { found: String, expected: String },
    Other(String),
}

impl Error {
    fn new(kind: Kind) -> Self {
        Self { path: Vec::new(), origin: None, kind }
    }

    fn under(mut self, name: &str, origin: &Origin) -> Self {
        self.path.insert(0, name.to_owned());
        self.origin.get_or_insert_with(|| origin.clone());
        self
    }

    fn text(&self, also: &[&str]) -> String {
        match &self.kind {
            Kind::Unknown { name, expected } => {
                let mut all: Vec<&str> = expected.iter().chain(also).copied().collect();
                all.sort_unstable();
                format!("there is no such key{}", hint(name, &all))
            }
            Kind::Variant { name, expected } => format!("`{name}` is not possible here{}", hint(name, expected)),
            Kind::Missing(_) => String::from("is missing and has no default; add it"),
            Kind::Type { found, expected } => format!("expected {}, found {found}", plain(expected)),
            Kind::Other(text) => text.clone(),
        }
    }
}

/// The words of the standard library's readers, for people.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false, without quotes",
        "a string" | "string" => "a text in quotes",
        "a sequence" => "a list in square brackets",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other if other.contains("nonzero") || other.contains("NonZero") => "a whole number above 0",
        other => other,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(&[]))
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(Kind::Other(text.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::new(Kind::Type { found: describe(found), expected: expected.to_string() })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::Unknown { name: name.to_owned(), expected })
    }

    fn unknown_variant(name: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Kind::Variant { name: name.to_owned(), expected })
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(Kind::Missing(name))
    }
}

/// What was found. A text is not repeated: it may be a secret in the wrong place.
fn describe(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(value) => format!("`{value}`"),
        Unexpected::Signed(value) => format!("`{value}`"),
        Unexpected::Float(value) => format!("`{value}`"),
        Unexpected::Str(_) => String::from("a text"),
        Unexpected::Seq => String::from("a list"),
        Unexpected::Map => String::from("a table"),
        other => other.to_string(),
    }
}

pub(crate) struct NodeDeserializer<'a>(pub(crate) &'a Node);

impl NodeDeserializer<'_> {
    /// The text, if it comes from the environment, where everything is text.
    fn loose(&self) -> Option<&str> {
        matches!(self.0.origin, Origin::Environment { .. }).then(|| self.0.text()).flatten().map(str::trim)
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if let Some(text) = self.loose() {
            if let Ok(number) = text.parse::<i64>() {
                return visitor.visit_i64(number);
            }
            if let Ok(number) = text.parse::<f64>() {
                return visitor.visit_f64(number);
            }
        }
        if matches!(self.0.value, Value::Missing) { visitor.visit_u64(1) } else { self.deserialize_any(visitor) }
    }

    /// The value, a text from the environment read in TOML's own form; a plain list may do without brackets.
    fn compound<'de, V: Visitor<'de>>(self, visitor: V, list: bool) -> Result<V::Value, Error> {
        let Some(text) = self.loose() else { return self.deserialize_any(visitor) };
        let origin = &self.0.origin;
        let value = if list && !text.starts_with('[') {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            let leaf = |part: &str| Node { origin: origin.clone(), value: Value::Text(part.to_owned()) };
            Value::List(parts.map(leaf).collect())
        } else {
            let Some(value) = file::parse_value(text, origin) else {
                let form = if list { "[\"a\", \"b\"] or a,b" } else { "{ key = \"value\" }" };
                return Err(Error::custom(format!("the variable's text cannot be read; write {form}")));
            };
            value
        };
        let node = Node { origin: origin.clone(), value };
        NodeDeserializer(&node).deserialize_any(visitor)
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.number(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(value) => visitor.visit_str(value),
            Value::List(list) => visitor.visit_seq(Elements { rest: list.iter(), number: 0 }),
            Value::Table(table) => visitor.visit_map(Entries::of(table)),
            Value::Missing => visitor.visit_str(""),
        }
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_f32 deserialize_f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.loose().map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "1" | "yes" | "on") => visitor.visit_bool(true),
            Some("false" | "0" | "no" | "off") => visitor.visit_bool(false),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.0.value {
            Value::Text(text) => visitor.visit_enum(text.trim().into_deserializer()),
            Value::Missing => visitor.visit_enum("".into_deserializer()),
            _ => Err(Error::new(Kind::Type {
                found: self.0.describe().to_owned(),
                expected: String::from("a word in quotes"),
            })),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.compound(visitor, true)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.compound(visitor, true)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.compound(visitor, false)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.compound(visitor, false)
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple_struct identifier ignored_any
    }
}

struct Entries<'a> {
    rest: std::collections::btree_map::Iter<'a, String, Node>,
    current: Option<(&'a String, &'a Node)>,
}

impl<'a> Entries<'a> {
    fn of(table: &'a Table) -> Self {
        Self { rest: table.iter(), current: None }
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.current = self.rest.next();
        let Some((key, node)) = self.current else { return Ok(None) };
        let key_reader: StringDeserializer<Error> = key.clone().into_deserializer();
        seed.deserialize(key_reader).map(Some).map_err(|error| error.under(key, &node.origin))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some((key, node)) = self.current else { return Err(Error::custom("a value without a key")) };
        seed.deserialize(NodeDeserializer(node)).map_err(|error| error.under(key, &node.origin))
    }
}

struct Elements<'a> {
    rest: std::slice::Iter<'a, Node>,
    number: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(node) = self.rest.next() else { return Ok(None) };
        let number = self.number;
        self.number += 1;
        seed.deserialize(NodeDeserializer(node))
            .map(Some)
            .map_err(|error| error.under(&number.to_string(), &node.origin))
    }
}

/// A word of an enum, for callers that have it as text already.
pub(crate) fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let reader: StrDeserializer<'_, Error> = text.into_deserializer();
    T::deserialize(reader).map_err(|error| error.to_string())
}
