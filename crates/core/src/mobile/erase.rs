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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn email(text: &str) -> Email<'static> {
        Email::normalised(text.to_owned().into()).expect("an e-mail")
    }

    fn all(body: &str) -> ErasedPage {
        erase(body.as_bytes(), &email("ada@x.org"), |_| true).expect("a page")
    }

    fn page_of(items: &[&str]) -> String {
        format!(r#"{{ "result": [{}], "pagination": {{"nextPageKey": "k"}} }}"#, items.join(" , "))
    }

    #[test]
    fn what_is_personal_becomes_null_and_the_rest_stays_byte_for_byte() {
        let ada = concat!(
            r#"{ "ticketId":"t0", "taxNumber" : "1","status":"TRANSFERRED","updatedAt":"2026-05-04T08:00:00Z","#,
            r#""spectatorDetails": {"email":" ADA@x.org ","firstName":"Ada","x":[{}]},"holder":{"lastName":"L"},"#,
            r#""transfer":{ "senderEmail":"bob@x.org", "initiatedAt" : "2026-05-04T07:00:00Z","recipientEmail":7},"#,
            r#""activation":{"beaconName":"b"},"deletion":{"reason":"r"},"extraInfo":{"extraInfo1":"cats"},"#,
            r#""model":"V4","attributes":{"assignedAt":"x"},"previousOwnerEmail":"c@x.org","nickname":"Countess"}"#
        );
        let blank = concat!(
            r#"{ "ticketId":"t0", "taxNumber" : "1","status":"TRANSFERRED","updatedAt":"2026-05-04T08:00:00Z","#,
            r#""spectatorDetails": null,"holder":null,"#,
            r#""transfer":{ "senderEmail":null, "initiatedAt" : "2026-05-04T07:00:00Z","recipientEmail":null},"#,
            r#""activation":{"beaconName":"b"},"deletion":{"reason":"r"},"extraInfo":null,"#,
            r#""model":"V4","attributes":{"assignedAt":"x"},"previousOwnerEmail":null,"nickname":null}"#
        );
        let bob = r#"{"ticketId":"t1","spectatorDetails":{"email":"bob@x.org","note":"ada@x.org"}}"#;
        let erased = all(&page_of(&[bob, ada, "17", bob]));
        assert_eq!((erased.blanked, erased.kept), (1, 0));
        assert_eq!(erased.body, Some(page_of(&[bob, blank, "17", bob])));
    }

    #[test]
    fn each_place_of_an_e_mail_is_looked_at_and_no_other() {
        for (item, is_carried) in [
            (r#"{"spectatorDetails":{"email":"ada@x.org"}}"#, true),
            (r#"{"spectatorDetails":{"email":"\u0061DA@x.org\t"}}"#, true),
            (r#"{"\u0073pectatorDetails":{"em\u0061il":"ada@x.org"}}"#, true),
            (r#"{"transfer":{"senderEmail":"ada@x.org"}}"#, true),
            (r#"{"transfer":{"recipientEmail":"Ada@x.org"}}"#, true),
            (r#"{"previousOwnerEmail":"ada@x.org"}"#, true),
            (r#"{"spectatorDetails":{"email":"ada@x.org"},"spectatorDetails":null}"#, true),
            (r#"{"spectatorDetails":{"email":"ada@x.org","email":"bob@x.org"}}"#, true),
            (r#"{"spectatorDetails":{"email":"ada@x.orgs"}}"#, false),
            (r#"{"spectatorDetails":{"email":["ada@x.org"]}}"#, false),
            (r#"{"spectatorDetails":"ada@x.org"}"#, false),
            (r#"{"holder":{"email":"ada@x.org"}}"#, false),
            (r#"{"email":"ada@x.org"}"#, false),
            (r#"["ada@x.org"]"#, false),
            (r#""ada@x.org""#, false),
        ] {
            let erased = all(&page_of(&[item]));
            assert_eq!(erased.blanked, usize::from(is_carried), "{item}");
            let rest = erased.body.unwrap_or_default().to_lowercase();
            assert!(!rest.contains("ada@x.org") && !rest.contains("bob@x.org"), "{rest}");
        }
    }

    #[test]
    fn a_transfer_that_is_no_object_goes_whole() {
        let erased = all(&page_of(&[r#"{"previousOwnerEmail":"ada@x.org","transfer":"from ada@x.org"}"#]));
        assert_eq!(erased.body, Some(page_of(&[r#"{"previousOwnerEmail":null,"transfer":null}"#])));
    }

    #[test]
    fn items_that_may_not_be_blanked_are_counted_and_left() {
        let ada = r#"{"previousOwnerEmail":"ada@x.org"}"#;
        let body = page_of(&[ada, "{}", ada, ada]);
        let some = erase(body.as_bytes(), &email("ada@x.org"), |position| position == 2).expect("a page");
        assert_eq!((some.blanked, some.kept), (1, 2));
        assert_eq!(some.body, Some(page_of(&[ada, "{}", r#"{"previousOwnerEmail":null}"#, ada])));
        let none = erase(body.as_bytes(), &email("ada@x.org"), |_| false).expect("a page");
        assert_eq!(none, ErasedPage { body: None, blanked: 0, kept: 3 });
    }

    #[test]
    fn what_is_no_page_is_refused_and_depth_costs_no_stack() {
        assert_eq!(erase(b"\xff", &email("ada@x.org"), |_| true), Err(PageError::NotUtf8(0)));
        assert_eq!(erase(b"[]", &email("ada@x.org"), |_| true), Err(PageError::NoResult));
        let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        let item = format!(r#"{{"previousOwnerEmail":"ada@x.org","holder":{deep},"attributes":{deep}}}"#);
        let rest = format!(r#"{{"previousOwnerEmail":null,"holder":null,"attributes":{deep}}}"#);
        assert_eq!(all(&page_of(&[&item])).body, Some(page_of(&[&rest])));
        let marked = format!("\u{feff}{}", page_of(&[r#"{"previousOwnerEmail":"ada@x.org"}"#]));
        let rest = format!("\u{feff}{}", page_of(&[r#"{"previousOwnerEmail":null}"#]));
        assert_eq!(all(&marked).body, Some(rest));
    }

    fn text() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(json!("ada@x.org")),
            Just(json!(" ADA@X.ORG")),
            Just(json!("bob@x.org")),
            Just(Value::Null),
            Just(json!({"email": "ada@x.org"})),
            any::<String>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
        ]
    }

    fn item() -> impl Strategy<Value = Value> {
        let member = |name: &'static str| text().prop_map(move |value| (name.to_owned(), value));
        let object = |names: [&'static str; 3]| {
            proptest::collection::vec(prop_oneof![member(names[0]), member(names[1]), member(names[2])], 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
        };
        let whole = (
            object(["email", "firstName", "x"]),
            object(["senderEmail", "recipientEmail", "initiatedAt"]),
            object(["previousOwnerEmail", "holder", "surprise"]),
            object(["ticketId", "status", "taxNumber"]),
        );
        let whole = whole.prop_map(|(owner, transfer, others, kept)| {
            let mut item = json!({"spectatorDetails": owner, "transfer": transfer});
            for part in [others, kept] {
                let members = part.as_object().cloned().unwrap_or_default();
                item.as_object_mut().expect("an object").extend(members);
            }
            item
        });
        prop_oneof![8 => whole, 1 => text()]
    }

    /// The rule, said once more on parsed JSON.
    fn carries_it(item: &Value) -> bool {
        let places =
            ["/spectatorDetails/email", "/transfer/senderEmail", "/transfer/recipientEmail", "/previousOwnerEmail"];
        let texts = places.iter().filter_map(|place| item.pointer(place)?.as_str());
        texts.map(|text| text.trim().to_lowercase()).any(|text| text == "ada@x.org")
    }

    fn blanked(item: &Value) -> Value {
        let mut item = item.clone();
        for (name, value) in item.as_object_mut().expect("an object") {
            if name == "transfer" {
                for (name, value) in value.as_object_mut().expect("an object") {
                    if name != "initiatedAt" {
                        *value = Value::Null;
                    }
                }
            } else if !KEPT.contains(&name.as_str()) {
                *value = Value::Null;
            }
        }
        item
    }

    proptest! {
        #[test]
        fn any_page_loses_the_person_and_nothing_else(
            items in proptest::collection::vec(item(), 0..6),
            left in any::<u8>(),
        ) {
            let may = |position: usize| left >> (position % 8) & 1 == 0;
            let body = json!({"result": items, "x": "ada@x.org"}).to_string();
            let erased = erase(body.as_bytes(), &email("ada@x.org"), may).expect("a page");
            let is_hit = |position: usize| carries_it(&items[position]) && may(position);
            let hits = (0..items.len()).filter(|position| is_hit(*position)).count();
            let kept = items.iter().filter(|item| carries_it(item)).count() - hits;
            prop_assert_eq!((erased.blanked, erased.kept), (hits, kept));
            prop_assert_eq!(erased.body.is_some(), hits > 0);
            let after = erased.body.unwrap_or(body);
            let expected: Vec<_> = items
                .iter()
                .enumerate()
                .map(|(position, item)| if is_hit(position) { blanked(item) } else { item.clone() })
                .collect();
            prop_assert_eq!(json!({"result": expected, "x": "ada@x.org"}).to_string(), after.clone());
            let again = erase(after.as_bytes(), &email("ada@x.org"), may).expect("a page");
            prop_assert_eq!(again, ErasedPage { body: None, blanked: 0, kept });
        }

        #[test]
        fn no_bytes_make_it_panic(body in any::<Vec<u8>>(), tail in ".{0,40}") {
            let _any = erase(&body, &email("ada@x.org"), |_| true);
            let page = format!(r#"{{"result":[{{"previousOwnerEmail":"ada@x.org",{tail}"#);
            let _any = erase(page.as_bytes(), &email("ada@x.org"), |_| true);
        }
    }
}
