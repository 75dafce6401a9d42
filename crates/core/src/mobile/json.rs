//! Reading JSON that nobody vouches for: the asked members of an object, as raw text.
//!
//! Nothing here fails because of a member that was not asked for. Values are skipped without recursion, so depth costs
//! no stack. Of a member that occurs twice the last one counts.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The values of `names` in the JSON object `text`, in their order; null counts as absent. `None`: not an object.
pub(super) fn members<'a, const N: usize>(text: &'a str, names: &[&str; N]) -> Option<[Option<&'a str>; N]> {
    let mut json = serde_json::Deserializer::from_str(text);
    let found = json.deserialize_map(Members { names }).ok()?;
    json.end().ok()?;
    Some(found)
}

/// The JSON string `text`, decoded. `None`: not a string, or one that is not Unicode (half of a surrogate pair).
pub(super) fn string(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(text).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// The decoded key of the next member; empty, as nobody asks for, if it is not Unicode.
pub(super) fn key<'a, A: MapAccess<'a>>(map: &mut A) -> Result<Option<Cow<'a, str>>, A::Error> {
    // Read raw: an undecodable key is an unknown key, not the end of the object.
    Ok(map.next_key::<&RawValue>()?.map(|key| string(key.get()).unwrap_or_default()))
}

struct Members<'n, const N: usize> {
    names: &'n [&'n str; N],
}

impl<'a, const N: usize> Visitor<'a> for Members<'_, N> {
    type Value = [Option<&'a str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        while let Some(key) = key(&mut map)? {
            match found.iter_mut().zip(self.names).find(|(_, name)| **name == key) {
                Some((slot, _)) => *slot = present(map.next_value()?),
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}

fn present(value: &RawValue) -> Option<&str> {
    Some(value.get()).filter(|text| *text != "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_whatever_stands_between_them() {
        let text = r#"{"x":{"a":[1]},"a":1,"\ud800":2,"b":null,"\u0063":"\u0041","d":[[[]]]}"#;
        assert_eq!(members(text, &["a", "b", "c", "d"]), Some([Some("1"), None, Some(r#""\u0041""#), Some("[[[]]]")]));
    }

    #[test]
    fn of_a_repeated_member_the_last_counts() {
        assert_eq!(members(r#"{"a":1,"a":2}"#, &["a"]), Some([Some("2")]));
        assert_eq!(members(r#"{"a":1,"a":null}"#, &["a"]), Some([None]));
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for text in ["[]", "1", "null", "\"{}\"", "{", "{}x", ""] {
            assert_eq!(members(text, &["a"]), None, "{text}");
        }
    }

    #[test]
    fn strings_are_decoded_or_refused() {
        assert_eq!(string(r#""a b""#).as_deref(), Some("a b"));
        assert_eq!(string(r#""a\tb\u00e9""#).as_deref(), Some("a\tbé"));
        for text in [r#""\ud800""#, "1", "null", "\"", ""] {
            assert_eq!(string(text), None, "{text}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!(r#"{{"x":{0}{1},"a":{0}{1}}}"#, "[".repeat(300_000), "]".repeat(300_000));
        assert!(members(&deep, &["a"]).is_some_and(|[a]| a.is_some_and(|a| a.len() == 600_000)));
    }
}
