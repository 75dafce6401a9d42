//! Input that is arranged without being built: texts are borrowed, and JSON is copied as it stands.
//!
//! A request for tickets mostly copies whole parts of stored tickets, and of an answer only a few members count. To build
//! all of it as trees of values takes several times as long as all else together. So a native filter that does nothing but
//! pick and arrange works on a [`Draft`]; every other filter gets the values that the draft stands for. Property tests
//! hold both ways together.
//!
//! JSON that is copied into a request must be as `serde_json` writes it (stored tickets are). What is never picked is
//! read as far as its syntax only: levels, numbers and escapes in it are not judged.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::RunFault;
use super::value::{within, write_text, write_value};

/// A value that need not exist as a whole.
#[derive(Debug, Clone)]
pub enum Draft<'a> {
    /// Nothing.
    Null,
    /// A text.
    Text(Cow<'a, str>),
    /// A value.
    Value(&'a Value),
    /// JSON, with no white space around it.
    Json(&'a str),
    /// A JSON object whose members were found.
    Members(Vec<(Cow<'a, str>, &'a RawValue)>),
    /// An object, its names in the order of the alphabet.
    Object(Vec<(&'static str, Draft<'a>)>),
    /// An array.
    Array(Vec<Draft<'a>>),
    /// Another draft.
    Part(&'a Draft<'a>),
}

impl<'a> Draft<'a> {
    /// JSON as it is stored. The error is for people.
    pub fn stored(text: &'a str) -> Result<Self, String> {
        let text = text.trim_matches([' ', '\n', '\r', '\t']);
        if text.starts_with('{') {
            return members(text).map(Self::Members).map_err(|error| error.to_string());
        }
        let value: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Ok(Self::Json(value.get()))
    }

    /// The value that it stands for.
    pub fn to_value(&self) -> Result<Value, RunFault> {
        Ok(match self {
            Self::Null => Value::Null,
            Self::Text(text) => Value::String(text.clone().into_owned()),
            Self::Value(value) => (*value).clone(),
            Self::Json(text) => read(text)?,
            Self::Members(members) => {
                let member = |(name, value): &(Cow<'_, str>, &RawValue)| Ok((name.to_string(), read(value.get())?));
                Value::Object(members.iter().map(member).collect::<Result<Map<_, _>, RunFault>>()?)
            }
            Self::Object(members) => {
                let member = |(name, draft): &(&str, Draft<'_>)| Ok(((*name).to_owned(), draft.to_value()?));
                Value::Object(members.iter().map(member).collect::<Result<Map<_, _>, RunFault>>()?)
            }
            Self::Array(items) => Value::Array(items.iter().map(Draft::to_value).collect::<Result<_, _>>()?),
            Self::Part(draft) => draft.to_value()?,
        })
    }

    /// The member at the end of a path; a missing one, and any of nothing, is nothing.
    pub(super) fn walk<'d>(&'d self, steps: &[String]) -> Result<Draft<'d>, RunFault> {
        let mut at = self.part();
        for step in steps {
            at = at.member(step)?;
        }
        Ok(at)
    }

    /// The same, borrowed.
    fn part(&self) -> Draft<'_> {
        match self {
            Self::Null => Draft::Null,
            Self::Text(text) => Draft::Text(Cow::Borrowed(text)),
            Self::Value(value) => Draft::Value(value),
            Self::Json(text) => Draft::Json(text),
            Self::Part(draft) => draft.part(),
            Self::Members(_) | Self::Object(_) | Self::Array(_) => Draft::Part(self),
        }
    }

    fn member(self, name: &str) -> Result<Self, RunFault> {
        let json = |found: Option<&'a RawValue>| found.map_or(Self::Null, |value| Self::Json(value.get()));
        let wrong = |kind: &str| Err(RunFault(format!("cannot index {kind} with \"{name}\"")));
        match self {
            Self::Null | Self::Value(Value::Null) | Self::Json("null") => Ok(Self::Null),
            Self::Value(Value::Object(members)) => Ok(members.get(name).map_or(Self::Null, Self::Value)),
            Self::Part(Self::Members(members)) => {
                // The last one of several counts, as it does when the object is built.
                Ok(json(members.iter().rev().find(|(known, _)| known == name).map(|(_, value)| *value)))
            }
            Self::Part(Self::Object(members)) => {
                Ok(members.iter().find(|(known, _)| *known == name).map_or(Self::Null, |(_, draft)| draft.part()))
            }
            Self::Part(Self::Part(draft)) => draft.part().member(name),
            Self::Json(text) if text.starts_with('{') => Ok(json(find(text, name)?)),
            other => wrong(other.kind()),
        }
    }

    /// Calls `take` with each element of an array, or each member's value of an object.
    pub(super) fn each(&self, mut take: impl FnMut(&Draft<'_>) -> Result<(), RunFault>) -> Result<(), RunFault> {
        let unreadable = |error: serde_json::Error| RunFault(error.to_string());
        match self {
            Self::Part(draft) => draft.each(take),
            Self::Array(items) => items.iter().try_for_each(take),
            Self::Object(members) => members.iter().try_for_each(|(_, draft)| take(draft)),
            Self::Value(Value::Array(items)) => items.iter().try_for_each(|item| take(&Draft::Value(item))),
            Self::Value(Value::Object(members)) => members.values().try_for_each(|item| take(&Draft::Value(item))),
            Self::Members(members) => {
                let members = in_order(members.iter().map(|(name, value)| (name.as_ref(), *value)));
                members.into_values().try_for_each(|value| take(&Draft::Json(value.get())))
            }
            Self::Json(text) if text.starts_with('[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(unreadable)?;
                items.into_iter().try_for_each(|item| take(&opened(item.get())?))
            }
            Self::Json(text) if text.starts_with('{') => {
                let members = members(text).map_err(unreadable)?;
                let members = in_order(members.iter().map(|(name, value)| (name.as_ref(), *value)));
                members.into_values().try_for_each(|value| take(&Draft::Json(value.get())))
            }
            other => Err(RunFault(format!("cannot use {} as iterable (array or object)", other.kind()))),
        }
    }

    /// Whether `//` goes on to its other side.
    pub(super) fn is_null_or_false(&self) -> bool {
        match self {
            Self::Null | Self::Value(Value::Null | Value::Bool(false)) | Self::Json("null" | "false") => true,
            Self::Part(draft) => draft.is_null_or_false(),
            _ => false,
        }
    }

    /// Appends it as compact JSON.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), RunFault> {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Text(text) => write_text(text, out)?,
            Self::Value(value) => write_value(value, out)?,
            Self::Json(text) => out.extend_from_slice(text.as_bytes()),
            Self::Part(draft) => draft.write(out)?,
            Self::Members(members) => {
                let members = members.iter().map(|(name, value)| (name.as_ref(), Draft::Json(value.get())));
                write_object(members, out)?;
            }
            Self::Object(members) => write_object(members.iter().map(|(name, draft)| (*name, draft.part())), out)?,
            Self::Array(items) => {
                out.push(b'[');
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        out.push(b',');
                    }
                    item.write(out)?;
                }
                out.push(b']');
            }
        }
        within(out)
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null | Self::Value(Value::Null) => "null",
            Self::Text(_) | Self::Value(Value::String(_)) => "a text",
            Self::Value(Value::Bool(_)) => "a boolean",
            Self::Value(Value::Number(_)) => "a number",
            Self::Array(_) | Self::Value(Value::Array(_)) => "an array",
            Self::Members(_) | Self::Object(_) | Self::Value(Value::Object(_)) => "an object",
            Self::Part(draft) => draft.kind(),
            Self::Json(text) => match text.as_bytes().first() {
                Some(b'{') => "an object",
                Some(b'[') => "an array",
                Some(b'"') => "a text",
                Some(b't' | b'f') => "a boolean",
                Some(b'n') => "null",
                _ => "a number",
            },
        }
    }
}

/// JSON whose members are going to be asked for: found once, where it is an object.
fn opened(text: &str) -> Result<Draft<'_>, RunFault> {
    if text.starts_with('{') {
        return members(text).map(Draft::Members).map_err(|error| RunFault(error.to_string()));
    }
    Ok(Draft::Json(text))
}

fn write_object<'d>(members: impl Iterator<Item = (&'d str, Draft<'d>)>, out: &mut Vec<u8>) -> Result<(), RunFault> {
    out.push(b'{');
    for (place, (name, draft)) in members.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_text(name, out)?;
        out.push(b':');
        draft.write(out)?;
    }
    out.push(b'}');
    Ok(())
}

/// Members as the built object has them: by name, and of several of one name the last.
fn in_order<'m>(members: impl Iterator<Item = (&'m str, &'m RawValue)>) -> BTreeMap<&'m str, &'m RawValue> {
    members.collect()
}

fn read(text: &str) -> Result<Value, RunFault> {
    serde_json::from_str(text).map_err(|error| RunFault(error.to_string()))
}

/// A member's name; without escapes it is borrowed.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// Goes through the members of an object.
struct Walk<F>(F);

impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> Visitor<'de> for Walk<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = members.next_key()? {
            (self.0)(name, members.next_value()?);
        }
        Ok(())
    }
}

fn go_through<'a>(text: &'a str, take: impl FnMut(Cow<'a, str>, &'a RawValue)) -> serde_json::Result<()> {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.deserialize_map(Walk(take))?;
    reader.end()
}

fn members(text: &str) -> serde_json::Result<Vec<(Cow<'_, str>, &RawValue)>> {
    let mut members = Vec::with_capacity(8);
    go_through(text, |name, value| members.push((name, value)))?;
    Ok(members)
}

fn find<'a>(text: &'a str, wanted: &str) -> Result<Option<&'a RawValue>, RunFault> {
    let mut found = None;
    let take = |name: Cow<'a, str>, value| {
        if name == wanted {
            found = Some(value);
        }
    };
    go_through(text, take).map_err(|error| RunFault(error.to_string()))?;
    Ok(found)
}
