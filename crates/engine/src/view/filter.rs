//! Which tickets are meant: as given in a query string, a JSON body or on the command line, checked.

use serde::{Deserialize, Deserializer};
use ticketbridge_core::ticket::{BackendName, DedupeKey, KeyError, State, UnknownState};
use ticketbridge_store::TicketFilter;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Most values of one filter (`state=…` so often).
pub const MAX_FILTER_VALUES: usize = 50;
/// Longest value of a filter, in characters.
pub const MAX_FILTER_TEXT: usize = 200;

/// Which tickets are meant. What is empty does not restrict; several values of one filter mean any of them, several
/// filters all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = RedriveFilter)]
pub struct TicketQuery {
    /// In one of these states, whatever their case.
    #[serde(deserialize_with = "one_or_more")]
    #[schema(schema_with = errors)]
    pub state: Vec<String>,
    /// Of one of these kinds, compared as kind keys.
    #[serde(deserialize_with = "one_or_more")]
    #[schema(schema_with = texts)]
    pub kind: Vec<String>,
    /// Carried by one of these backends.
    #[serde(deserialize_with = "one_or_more")]
    #[schema(schema_with = texts)]
    pub backend: Vec<String>,
    /// About exactly this.
    #[schema(inline, value_type = Option<KeyText>)]
    pub dedupe_key: Option<String>,
    /// With exactly this message id.
    #[schema(inline, value_type = Option<FilterText>)]
    pub message_id: Option<String>,
    /// This text in key, ticket number, work order, message id or reason, ignoring ASCII case.
    #[schema(inline, value_type = Option<FilterText>)]
    pub text: Option<String>,
}

/// 1 to 200 characters, not only blanks.
#[derive(ToSchema)]
#[schema(value_type = String, min_length = 1, max_length = 200, pattern = r"\S")]
#[expect(dead_code, reason = "it is only described")]
pub struct FilterText(String);

/// A dedupe key: 1 to 200 bytes, no control characters, no blanks at its ends.
#[derive(ToSchema)]
#[schema(
    value_type = String,
    min_length = 1,
    max_length = 200,
    pattern = r"^[^\s\x00-\x1f\x7f-\x9f](?:[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
)]
#[expect(dead_code, reason = "it is only described")]
pub struct KeyText(String);

/// A state of a ticket, whatever its case.
pub struct StateText;

impl PartialSchema for StateText {
    fn schema() -> RefOr<Schema> {
        in_any_case(&State::ALL)
    }
}

impl ToSchema for StateText {}

/// One of these states, whatever its case.
fn in_any_case(states: &[State]) -> RefOr<Schema> {
    let letter = |letter: char| format!("[{}{}]", letter.to_ascii_uppercase(), letter.to_ascii_lowercase());
    let names: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let patterns: Vec<String> = names.iter().map(|name| name.chars().map(letter).collect()).collect();
    let described = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(format!("^(?:{})$", patterns.join("|"))))
        .description(Some(format!("{}, whatever their case.", names.join(", "))));
    described.into()
}

/// One value, or up to [`MAX_FILTER_VALUES`].
fn one_or_list(value: RefOr<Schema>) -> RefOr<Schema> {
    let list = ArrayBuilder::new().items(value.clone()).max_items(Some(MAX_FILTER_VALUES));
    OneOfBuilder::new().item(value).item(list).into()
}

fn texts() -> RefOr<Schema> {
    one_or_list(FilterText::schema())
}

/// A redrive is about tickets in Error.
fn errors() -> RefOr<Schema> {
    one_or_list(in_any_case(&[State::Error]))
}

/// Why a filter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterFault {
    /// No such state.
    #[error(transparent)]
    State(#[from] UnknownState),
    /// The dedupe key is unusable.
    #[error("`dedupe_key`: {0}")]
    Key(#[from] KeyError),
    /// Empty.
    #[error("`{0}` is empty; give a value, or leave it out")]
    Empty(&'static str),
    /// Too long.
    #[error("`{name}` has {length} characters; the limit is {MAX_FILTER_TEXT}")]
    Long {
        /// The filter.
        name: &'static str,
        /// Its length.
        length: usize,
    },
    /// Too many values.
    #[error("`{name}` has {count} values; the limit is {MAX_FILTER_VALUES}")]
    Many {
        /// The filter.
        name: &'static str,
        /// Their number.
        count: usize,
    },
}

impl TicketQuery {
    /// The filter as the store wants it.
    pub fn filter(&self) -> Result<TicketFilter, FilterFault> {
        let states = several("state", &self.state)?.iter().map(|text| text.parse::<State>());
        let states = states.collect::<Result<_, _>>()?;
        let key = one("dedupe_key", self.dedupe_key.as_deref())?.map(DedupeKey::new).transpose()?;
        Ok(TicketFilter {
            states,
            kinds: several("kind", &self.kind)?.to_vec(),
            backends: several("backend", &self.backend)?.iter().map(|name| BackendName::new(name)).collect(),
            key,
            message_id: one("message_id", self.message_id.as_deref())?.map(str::to_owned),
            text: one("text", self.text.as_deref())?.map(str::to_owned),
        })
    }
}

pub(super) fn one<'a>(name: &'static str, value: Option<&'a str>) -> Result<Option<&'a str>, FilterFault> {
    value.map_or(Ok(()), |text| check(name, text))?;
    Ok(value)
}

pub(super) fn several<'a>(name: &'static str, values: &'a [String]) -> Result<&'a [String], FilterFault> {
    if values.len() > MAX_FILTER_VALUES {
        return Err(FilterFault::Many { name, count: values.len() });
    }
    values.iter().try_for_each(|value| check(name, value))?;
    Ok(values)
}

/// Whether a value of a filter can be used.
pub(crate) fn check(name: &'static str, text: &str) -> Result<(), FilterFault> {
    match text.chars().count() {
        _ if text.trim().is_empty() => Err(FilterFault::Empty(name)),
        length if length > MAX_FILTER_TEXT => Err(FilterFault::Long { name, length }),
        _ => Ok(()),
    }
}

/// `"SNR"` is short for `["SNR"]`.
fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text or a list of texts")]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    Ok(match OneOrMore::deserialize(deserializer)? {
        OneOrMore::One(text) => vec![text],
        OneOrMore::More(texts) => texts,
    })
}

#[cfg(test)]
mod tests {
    use super::{FilterFault, TicketQuery};
    use serde_json::json;
    use ticketbridge_core::ticket::State;

    fn query(json: serde_json::Value) -> TicketQuery {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn one_value_is_short_for_a_list() {
        let filter = query(json!({"state": "error", "kind": ["SNR", "Falla de Linea"]})).filter().unwrap();
        assert_eq!(filter.states, [State::Error]);
        assert_eq!(filter.kinds, ["SNR", "Falla de Linea"]);
    }

    #[test]
    fn unusable_values_are_named() {
        assert!(matches!(query(json!({"state": "Lost"})).filter(), Err(FilterFault::State(_))));
        assert_eq!(query(json!({"text": " "})).filter(), Err(FilterFault::Empty("text")));
        assert!(matches!(query(json!({"dedupe_key": " x"})).filter(), Err(FilterFault::Key(_))));
        let long = "x".repeat(201);
        assert!(matches!(query(json!({"kind": long})).filter(), Err(FilterFault::Long { .. })));
        assert!(matches!(query(json!({"kind": vec!["x"; 51]})).filter(), Err(FilterFault::Many { .. })));
        assert!(serde_json::from_value::<TicketQuery>(json!({"colour": "red"})).is_err());
    }
}
