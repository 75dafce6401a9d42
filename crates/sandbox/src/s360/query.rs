//! The values that a read asks for: separated by a literal comma, each percent-encoded on its own.

use super::answer::refusal;
use crate::call::{Call, Reply, decode_part};

/// The one filter of a read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Its name.
    pub(super) filter: &'static str,
    /// Its values, each once, in the order in which they came.
    pub(super) values: Vec<String>,
}

/// How often a value is asked for, repeated ones included.
pub(super) fn count(call: &Call) -> usize {
    members(call).map(|(_, values)| values.split(',').filter(|value| !value.is_empty()).count()).sum()
}

/// Reads the filter; it must be one of `filters` and have 1 to its limit of values.
pub(super) fn read(call: &Call, filters: &[(&'static str, usize)]) -> Result<Asked, Reply> {
    let names = || filters.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
    let mut asked: Option<(&'static str, usize, &str)> = None;
    for (name, values) in members(call) {
        let name = decode_part(name);
        let Some((known, limit)) = filters.iter().find(|(known, _)| *known == name) else {
            return Err(refusal(400, "MALFORMED_QUERY", format!("there is no filter `{name}` here, only {}", names())));
        };
        if asked.replace((known, *limit, values)).is_some() {
            let message = format!("give {} once, its values separated by commas", names());
            return Err(refusal(400, "MALFORMED_QUERY", message));
        }
    }
    let too_many = |found: usize, limit: usize| {
        let message = format!("{found} values, from 1 to {limit} are taken by {}", names());
        refusal(400, "TOO_MANY_ITEMS", message)
    };
    let Some((filter, limit, values)) = asked else {
        return Err(too_many(0, filters.iter().map(|(_, most)| *most).max().unwrap_or(0)));
    };
    let found = values.split(',').filter(|value| !value.is_empty()).count();
    if found == 0 || found > limit {
        return Err(too_many(found, limit));
    }
    let mut seen = std::collections::BTreeSet::new();
    let values = values.split(',').filter(|value| !value.is_empty()).map(decode_part);
    Ok(Asked { filter, values: values.filter(|value| seen.insert(value.clone())).collect() })
}

fn members(call: &Call) -> impl Iterator<Item = (&str, &str)> {
    let members = call.raw_query.split('&').filter(|member| !member.is_empty());
    members.map(|member| member.split_once('=').unwrap_or((member, "")))
}

/// An e-mail as reads compare it: without case and outer spaces.
pub(super) fn normalised(email: &str) -> String {
    email.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn values_are_separated_before_they_are_decoded() {
        let call = Call::new(Method::GET, "/contacts?email=a%2Cb,c%2Bd,%20E%20,,c%2Bd,%C3%A9");
        let asked = read(&call, &[("email", 200)]).expect("a filter");
        assert_eq!(asked.values, ["a,b", "c+d", " E ", "é"]);
        assert_eq!(count(&call), 5);
    }

    #[test]
    fn a_wrong_filter_is_refused() {
        for wrong in ["", "?email=", "?email=,,", "?email=a&email=b", "?mail=a", "?email=a,b,c,d"] {
            let call = Call::new(Method::GET, &format!("/contacts{wrong}"));
            assert_eq!(read(&call, &[("email", 3)]).expect_err("a refusal").status, 400, "{wrong}");
        }
    }
}
