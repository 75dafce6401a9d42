//! Request bodies as Cherwell takes them: member names without case, booleans and numbers also as texts, unknown members
//! ignored, forms where an object is expected.
//!
//! Limit: JSON nested at most 128 deep.

use std::borrow::Cow;

use serde_json::Value;

use crate::call::decode_query;

/// The members of an object or form; names are in lower case, a repeated one counts with its last value.
#[derive(Debug, Default, Clone)]
pub(super) struct Members(Vec<(String, Value)>);

/// Why a body is not readable.
#[derive(Debug)]
pub(super) struct Unreadable(pub(super) String);

impl Members {
    /// Reads a JSON object, or a form if it is no JSON.
    pub(super) fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let body = body.trim_ascii();
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        match body.first() {
            None => Err(Unreadable("The request body is empty".to_owned())),
            Some(b'{') => {
                let value = serde_json::from_slice(body);
                value.map(Self::of).map_err(|error| Unreadable(format!("The request body is not readable: {error}")))
            }
            Some(b'[' | b'"') => Err(Unreadable("The request body must be an object".to_owned())),
            Some(_) => Self::read_form(body),
        }
    }

    /// Reads `name=value&name=value`, percent-encoded.
    pub(super) fn read_form(body: &[u8]) -> Result<Self, Unreadable> {
        match std::str::from_utf8(body) {
            Ok(text) if text.contains('=') => Ok(Self::of_pairs(decode_query(text))),
            _ => Err(Unreadable("The request body is neither an object nor a form".to_owned())),
        }
    }

    pub(super) fn of_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let lower = |(name, value): (String, String)| {
            // Lists come as `fields[]=a&fields[]=b` or `fields[0]=a`.
            let name = name.split('[').next().unwrap_or_default().to_ascii_lowercase();
            (name, Value::String(value))
        };
        Self(pairs.into_iter().map(lower).collect())
    }

    pub(super) fn of(value: Value) -> Self {
        match value {
            Value::Object(members) => {
                Self(members.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
            }
            _ => Self::default(),
        }
    }

    /// Adds a member that counts before all others of its name.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.push((name.to_ascii_lowercase(), Value::String(value.to_owned())));
    }

    fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// A text; numbers and logicals are taken as texts. `None` if it is absent, null or of another type.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        as_text(self.get(name)?)
    }

    /// A text that is not blank.
    pub(super) fn filled(&self, name: &str) -> Option<Cow<'_, str>> {
        self.text(name).filter(|text| !text.trim().is_empty())
    }

    /// Whether a member says nothing: it is absent, null, or a blank text.
    pub(super) fn is_blank(&self, name: &str) -> bool {
        self.get(name).is_none_or(|value| value.as_str().is_some_and(|text| text.trim().is_empty()))
    }

    /// A logical, also as a text in any case.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => super::culture::read_logical(text),
            _ => None,
        }
    }

    /// A whole number, also as a text.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// How long a list is; 0 if the member is none.
    pub(super) fn length(&self, name: &str) -> usize {
        self.get(name).and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// A list of objects; what is no object in it counts as one without members. Absent and null are an empty list.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Members>, Unreadable> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => Ok(list.iter().cloned().map(Self::of).collect()),
            Some(_) => Err(Unreadable(format!("The member '{name}' must be a list"))),
        }
    }

    /// A list of texts; in a form the member is repeated.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let all = self.0.iter().filter(|(known, _)| known == name);
        all.flat_map(|(_, value)| match value {
            Value::Array(list) => list.iter().filter_map(as_text).map(Cow::into_owned).collect(),
            value => {
                as_text(value).filter(|text| !text.is_empty()).map(Cow::into_owned).into_iter().collect::<Vec<_>>()
            }
        })
        .collect()
    }
}

fn as_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(true) => Some(Cow::Borrowed("True")),
        Value::Bool(false) => Some(Cow::Borrowed("False")),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_no_case_and_values_come_as_texts_too() {
        let body =
            br#"{"BusObID": "a", "PageSize": "5", "persist": "False", "STOPONERROR": true, "n": 3, "none": null}"#;
        let members = Members::read(body).expect("an object");
        assert_eq!(members.text("busobid").as_deref(), Some("a"));
        assert_eq!(members.number("pagesize"), Some(5));
        assert_eq!(members.flag("persist"), Some(false));
        assert_eq!(members.flag("stoponerror"), Some(true));
        assert_eq!(members.text("n").as_deref(), Some("3"));
        assert_eq!(members.text("none"), None);
    }

    #[test]
    fn forms_are_read_and_anything_else_is_refused() {
        let form = Members::read(b"busObId=6dd5&includeAll=True&fieldNames[]=a&fieldNames[]=b%20c").expect("a form");
        assert_eq!(form.flag("includeall"), Some(true));
        assert_eq!(form.texts("fieldnames"), ["a", "b c"]);
        for wrong in [&b""[..], b"  ", b"[]", b"\"a\"", b"{", b"nonsense", b"{\"a\":1} x", b"\xff\xfe=1"] {
            assert!(Members::read(wrong).is_err(), "{wrong:?}");
        }
        let deep = "[".repeat(5_000);
        assert!(Members::read(format!("{{\"a\":{deep}").as_bytes()).is_err());
    }
}
