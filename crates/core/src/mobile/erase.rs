//! Removing a person from a stored page (data protection): what is personal in the items that carry an e-mail becomes
//! null, and every other byte stays as it came.
//!
//! An item carries an e-mail if `spectatorDetails.email`, `transfer.senderEmail`, `transfer.recipientEmail` or
//! `previousOwnerEmail` normalises to it. Of such an item these stay: the members in [`KEPT`] and `transfer.initiatedAt`.
//! All others become null, also those that the contract does not name, since nobody knows what they tell. A member
//! that occurs twice is looked at, and blanked, twice.
//!
//! Nothing panics, whatever the JSON is, and depth costs no stack.

use std::ops::Range;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json;
use super::page::{Page, PageError};
use super::personal::Email;

/// Members of an item that tell nothing about a person.
const KEPT: [&str; 12] = [
    "ticketId",
    "taxNumber",
    "status",
    "updatedAt",
    "model",
    "attributes",
    "activation",
    "deletion",
    "control",
    "eventId",
    "fileId",
    "legacyStatus",
];

/// A page without a person.
#[derive(Clone, PartialEq, Eq)]
pub struct ErasedPage {
    /// The body as it is from now on; `None`: as it was.
    pub body: Option<String>,
    /// Items that were blanked.
    pub blanked: usize,
    /// Items that carry the e-mail and were left as they are.
    pub kept: usize,
}

impl std::fmt::Debug for ErasedPage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ErasedPage(blanked={} kept={})", self.blanked, self.kept)
    }
}

/// Blanks the items of the page `body` that carry `email`, but for those whose position `may_blank` denies. The number
/// and order of the items stay. A second time it finds nothing. `Err`: the body is no page.
pub fn erase(
    body: &[u8],
    email: &Email<'_>,
    mut may_blank: impl FnMut(usize) -> bool,
) -> Result<ErasedPage, PageError> {
    let page = Page::read(body)?;
    // Cannot fail: the page was read from it.
    let text = std::str::from_utf8(body).map_err(|error| PageError::NotUtf8(error.valid_up_to()))?;
    let mut erased = ErasedPage { body: None, blanked: 0, kept: 0 };
    let mut personal = Vec::new();
    for (position, item) in page.items.iter().enumerate() {
        if !carries(item, email) {
            continue;
        }
        if may_blank(position) {
            erased.blanked += 1;
            personal_values(item, &mut personal);
        } else {
            erased.kept += 1;
        }
    }
    if erased.blanked > 0 {
        erased.body = Some(without(text, &personal));
    }
    Ok(erased)
}

/// Whether one of the item's e-mails is this one.
fn carries(item: &str, email: &Email<'_>) -> bool {
    let is_it =
        |raw: &str| json::string(raw).and_then(Email::normalised).is_some_and(|found| found.as_str() == email.as_str());
    let mut found = false;
    for_each_member(item, |name, value| match name {
        "previousOwnerEmail" => found |= is_it(value),
        "spectatorDetails" => for_each_member(value, |name, value| found |= name == "email" && is_it(value)),
        "transfer" => for_each_member(value, |name, value| {
            found |= matches!(name, "senderEmail" | "recipientEmail") && is_it(value);
        }),
        _ => {}
    });
    found
}

/// The values of the item that become null, in order.
fn personal_values<'a>(item: &'a str, values: &mut Vec<&'a str>) {
    for_each_member(item, |name, value| match name {
        "transfer" if value.starts_with('{') => for_each_member(value, |name, value| {
            if name != "initiatedAt" {
                values.push(value);
            }
        }),
        name if KEPT.contains(&name) => {}
        _ => values.push(value),
    });
}

/// `text` with null in place of `values`, which are pieces of it, in order.
fn without(text: &str, values: &[&str]) -> String {
    let mut rest = String::with_capacity(text.len());
    let mut from = 0;
    for value in values {
        let Some(place) = place_of(text, value) else { continue };
        rest.push_str(text.get(from..place.start).unwrap_or_default());
        rest.push_str("null");
        from = place.end;
    }
    rest.push_str(text.get(from..).unwrap_or_default());
    rest
}

/// Where in `text` its piece `value` lies.
fn place_of(text: &str, value: &str) -> Option<Range<usize>> {
    let start = (value.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let place = start..start + value.len();
    (text.get(place.clone()) == Some(value)).then_some(place)
}

/// Calls `see` with the decoded name and the raw value of each member, in order. What is no object has none.
fn for_each_member<'a>(object: &'a str, see: impl FnMut(&str, &'a str)) {
    // Whatever is not read to its end is no object, and was refused when the page was read.
    drop(serde_json::Deserializer::from_str(object).deserialize_map(Members(see)));
}

struct Members<F>(F);

impl<'a, F: FnMut(&str, &'a str)> Visitor<'a> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = json::key(&mut map)? {
            let value: &'a RawValue = map.next_value()?;
            (self.0)(&name, value.get());
        }
        Ok(())
    }
}
