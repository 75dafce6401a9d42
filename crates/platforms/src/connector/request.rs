//! From a method, a path and jq expressions to an [`HttpCall`].

use bytes::Bytes;
use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::filter::{Draft, Filter, RunFault};
use crate::HttpCall;

/// Everything but RFC 3986's unreserved characters is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Longest target; most servers take 8 KiB, some gateways less.
const MAX_TARGET: usize = 16 * 1024;

/// Where a request goes.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Fixed(String),
    Segments(Filter),
}

/// How to make a request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) place: Place,
    pub(super) query: Option<Filter>,
    pub(super) body: Option<Filter>,
}

impl Request {
    /// Whether any of its expressions may read the member `name`.
    pub(super) fn may_read(&self, name: &str) -> bool {
        let place = match &self.place {
            Place::Fixed(_) => None,
            Place::Segments(filter) => Some(filter),
        };
        [place, self.query.as_ref(), self.body.as_ref()].into_iter().flatten().any(|filter| filter.may_read(name))
    }

    /// The request for `input`. The error is for people.
    pub(super) fn call(&self, input: &Value) -> Result<HttpCall, String> {
        let target = self.target(input)?;
        let body = self.body.as_ref().map(|filter| filter.write(input));
        self.finish(target, body)
    }

    /// The request for the value that `input` stands for, which is not built unless an expression needs it.
    pub(super) fn call_draft(&self, input: &Draft<'_>) -> Result<HttpCall, String> {
        let target = match (&self.place, &self.query) {
            (Place::Fixed(path), None) => path.clone(),
            _ => self.target(&input.to_value().map_err(|fault| fault.to_string())?)?,
        };
        let body = self.body.as_ref().map(|filter| filter.write_draft(input));
        self.finish(target, body)
    }

    fn finish(&self, target: String, body: Option<Result<Vec<u8>, RunFault>>) -> Result<HttpCall, String> {
        if target.len() > MAX_TARGET {
            return Err(format!(
                "path and query have {} bytes; the limit is {MAX_TARGET}: lower `max_keys`",
                target.len()
            ));
        }
        let body = body.transpose().map_err(|fault| format!("body: {fault}"))?;
        Ok(HttpCall { method: self.method.clone(), target, body: body.map(Bytes::from) })
    }

    fn target(&self, input: &Value) -> Result<String, String> {
        let mut target = match &self.place {
            Place::Fixed(path) => path.clone(),
            Place::Segments(filter) => segments(&filter.run_one(input).map_err(|fault| format!("segments: {fault}"))?)?,
        };
        if let Some(filter) = &self.query {
            let query = query(&filter.run_one(input).map_err(|fault| format!("query: {fault}"))?)?;
            if !query.is_empty() {
                target.push('?');
                target.push_str(&query);
            }
        }
        Ok(target)
    }
}

fn segments(value: &Value) -> Result<String, String> {
    let wrong = || String::from("segments: the expression must answer an array of texts or whole numbers, none empty");
    let mut path = String::new();
    let parts = value.as_array().filter(|parts| !parts.is_empty()).ok_or_else(wrong)?;
    for part in parts {
        let text = scalar(part).filter(|text| !text.is_empty()).ok_or_else(wrong)?;
        if text == "." || text == ".." {
            return Err(String::from("segments: `.` and `..` would leave the path"));
        }
        path.push('/');
        path.extend(utf8_percent_encode(&text, ENCODED));
    }
    Ok(path)
}

fn query(value: &Value) -> Result<String, String> {
    let members = value.as_object().ok_or("query: the expression must answer an object of names and values")?;
    let mut query = String::new();
    let mut put = |name: &str, value: &Value| {
        let text = scalar(value).ok_or_else(|| {
            format!(
                "query: `{name}` must be a text, a number, a boolean, null (left out), or an array of those (repeated)"
            )
        })?;
        if !query.is_empty() {
            query.push('&');
        }
        query.extend(utf8_percent_encode(name, ENCODED));
        query.push('=');
        query.extend(utf8_percent_encode(&text, ENCODED));
        Ok::<(), String>(())
    };
    for (name, value) in members {
        match value {
            Value::Null => {}
            Value::Array(values) => values.iter().try_for_each(|value| put(name, value))?,
            other => put(name, other)?,
        }
    }
    Ok(query)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// A path as written in the file: checked, not encoded.
pub(super) fn check_path(path: &str) -> Result<(), &'static str> {
    if !path.starts_with('/') {
        return Err("the path must begin with `/`");
    }
    if path.starts_with("//") {
        return Err("the path must not begin with `//`: that is another host in some ears");
    }
    if path.contains(['?', '#']) {
        return Err("the path must have no `?` or `#`; parameters go into `query`");
    }
    if path.contains(['{', '}']) {
        return Err("there are no placeholders in paths; use `segments`, an expression that answers the path's parts");
    }
    if path.split('/').any(|part| part == "." || part == "..") {
        return Err("`.` and `..` would leave the path");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the path must be percent-encoded already");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_that_could_be_another_host_is_refused() {
        assert!(check_path("//evil.example/tickets").is_err());
        assert!(check_path("/api//tickets").is_ok());
    }

    #[test]
    fn segments_and_query_are_encoded_and_stay_inside_the_path() {
        assert_eq!(segments(&json!(["a b", 7, "x/y?z"])).unwrap(), "/a%20b/7/x%2Fy%3Fz");
        assert!(segments(&json!(["a", ".."])).is_err());
        assert!(segments(&json!(["a", ""])).is_err());
        assert!(segments(&json!(["a", null])).is_err());
        assert!(segments(&json!([])).is_err());
        let value = json!({"kind": "Falla de Línea", "key": ["SNR|A&B", "C"], "none": null, "n": 1, "b": true});
        assert_eq!(query(&value).unwrap(), "b=true&key=SNR%7CA%26B&key=C&kind=Falla%20de%20L%C3%ADnea&n=1");
        assert!(query(&json!({"a": {"b": 1}})).is_err());
        assert!(query(&json!("a=b")).is_err());
    }
}
