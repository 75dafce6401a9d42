//! Query parameters: read into the type that describes them, and held to what that description says.
//!
//! Guarantee: the description ([`IntoParams`]) that callers are shown is the one that is checked here: names, how
//! often, type, allowed values, smallest and largest number, length. Nothing unknown is passed over, and nothing is
//! repaired: bytes that are no UTF-8 are refused.

use std::borrow::Cow;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa::openapi::path::ParameterIn;

use crate::problem::Problem;

/// A parameter's name and value.
type Pair<'q> = (Cow<'q, str>, Cow<'q, str>);

/// The query parameters of a route.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned + IntoParams, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn read<T: DeserializeOwned + IntoParams>(query: &str) -> Result<T, Problem> {
    check(&described::<T>(), &pairs(query)?)?;
    serde_html_form::from_str(query).map_err(|error| Problem::bad_request(format!("the query string: {error}")))
}

/// Name and schema of each parameter.
fn described<T: IntoParams>() -> Vec<(String, Value)> {
    let parameters = T::into_params(|| Some(ParameterIn::Query)).into_iter();
    parameters.map(|one| (one.name, serde_json::to_value(one.schema).unwrap_or_default())).collect()
}

/// What the query string says, in its order.
fn pairs(query: &str) -> Result<Vec<Pair<'_>>, Problem> {
    let decoded = |text| decoded(text).ok_or_else(|| Problem::bad_request("the query string is not UTF-8"));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| Ok((decoded(name)?, decoded(value)?)))
        .collect()
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return percent_decode_str(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()));
    }
    percent_decode_str(text).decode_utf8().ok()
}

fn check(described: &[(String, Value)], pairs: &[Pair<'_>]) -> Result<(), Problem> {
    for (name, value) in pairs {
        let Some((_, schema)) = described.iter().find(|(known, _)| known == name) else {
            let name: String = name.chars().take(64).collect();
            return Err(Problem::bad_request(format!("this address does not know the parameter `{name}`")));
        };
        let count = pairs.iter().filter(|(other, _)| other == name).count();
        match schema.get("items") {
            None if count > 1 => {
                return Err(Problem::bad_request(format!("`{name}` stands there {count} times; it may come once")));
            }
            None => check_value(name, value, schema)?,
            Some(items) => {
                let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
                if count as u64 > most {
                    return Err(Problem::bad_request(format!("`{name}` has {count} values; the limit is {most}")));
                }
                check_value(name, value, items)?;
            }
        }
    }
    Ok(())
}

fn check_value(name: &str, value: &str, schema: &Value) -> Result<(), Problem> {
    let refused = |text: String| Err(Problem::bad_request(format!("`{name}` {text}")));
    if let Some(allowed) = allowed(schema) {
        if allowed.contains(&value) {
            return Ok(());
        }
        let shown: String = value.chars().take(64).collect();
        return refused(format!("is `{shown}`; it is one of {}", allowed.join(", ")));
    }
    match kind(schema) {
        "boolean" if !matches!(value, "true" | "false") => refused(String::from("must be true or false")),
        "integer" => {
            let Ok(number) = value.parse::<i128>() else { return refused(String::from("must be a whole number")) };
            let bound = |name: &str| schema[name].as_i64().map(i128::from);
            let (least, most) = (bound("minimum").unwrap_or(0), bound("maximum").unwrap_or_else(|| i64::MAX.into()));
            if (least..=most).contains(&number) {
                Ok(())
            } else {
                refused(format!("is {number}; it must be {least} to {most}"))
            }
        }
        "string" => {
            let length = value.chars().count() as u64;
            let most = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
            if schema["minLength"].as_u64().is_some_and(|least| least > 0) && value.trim().is_empty() {
                refused(String::from("is empty; give a value, or leave it out"))
            } else if length > most {
                refused(format!("has {length} characters; the limit is {most}"))
            } else {
                Ok(())
            }
        }
        _ => Ok(()),
    }
}

/// The values of an enumeration, also of one that may be left out.
fn allowed(schema: &Value) -> Option<Vec<&str>> {
    let of = |schema: &'_ Value| schema["enum"].as_array().is_some();
    let schema = match schema["oneOf"].as_array() {
        Some(choices) => choices.iter().find(|choice| of(choice))?,
        None => schema,
    };
    Some(schema["enum"].as_array()?.iter().filter_map(Value::as_str).collect())
}

/// The type, also of something that may be left out.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default(),
        kind => kind.as_str().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use ticketbridge_engine::view::{AggregationQuery, GroupOrder};

    fn refusal(query: &str) -> String {
        let problem = read::<AggregationQuery>(query).err().unwrap_or_else(|| panic!("{query} was taken"));
        problem.detail().to_owned()
    }

    #[test]
    fn what_is_described_is_read() {
        let query = read::<AggregationQuery>("").unwrap();
        assert_eq!(query, AggregationQuery::default());
        let query = "group=a%26b&group=c+d&severity=critical&severity=timeout&sort=group&limit=1000&text=%C3%B1";
        let read = read::<AggregationQuery>(query).unwrap();
        assert_eq!(read.group, ["a&b", "c d"]);
        assert_eq!((read.severity.len(), read.sort, read.limit), (2, GroupOrder::Group, 1_000));
        assert_eq!(read.text.as_deref(), Some("ñ"));
    }

    #[test]
    fn what_is_not_is_refused_by_name() {
        for (query, expected) in [
            ("colour=red", "this address does not know the parameter `colour`"),
            ("limit=1&limit=2", "`limit` stands there 2 times; it may come once"),
            ("limit=x", "`limit` must be a whole number"),
            ("limit=", "`limit` must be a whole number"),
            ("limit=0", "`limit` is 0; it must be 1 to 1000"),
            ("limit=1001", "`limit` is 1001; it must be 1 to 1000"),
            ("limit=99999999999999999999999", "`limit` is 99999999999999999999999; it must be 1 to 1000"),
            ("limit=-1", "`limit` is -1; it must be 1 to 1000"),
            ("severity=bad", "`severity` is `bad`; it is one of timeout, normal, warning, minor, major, critical"),
            ("level=city", "`level` is `city`; it is one of ccap, hub, market, network"),
            ("text=", "`text` is empty; give a value, or leave it out"),
            ("text=%20", "`text` is empty; give a value, or leave it out"),
            ("text=%FF", "the query string is not UTF-8"),
        ] {
            assert_eq!(refusal(query), expected);
        }
        assert_eq!(refusal(&format!("text={}", "x".repeat(201))), "`text` has 201 characters; the limit is 200");
        assert_eq!(refusal(&"group=a&".repeat(51)), "`group` has 51 values; the limit is 50");
    }
}
