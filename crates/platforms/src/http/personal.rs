//! Exchanges without personal data: what may be kept of the bodies and addresses of platforms whose answers tell about
//! people (TIXNGO, S-360).
//!
//! Guarantee: of a body only this is shown: its brackets, the names of members that look like names, `true`, `false` and
//! `null`, and the texts and numbers of the members in [`SHOWN_MEMBERS`], as long as they hold no `@` and have at most 512
//! bytes. Of a query, the values of the names in [`SHOWN_IN_QUERIES`], under the same condition. `***` stands in place of
//! all the rest. Nothing here panics, whatever the input is. Time is linear in what is shown, not in the body.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// What stands in place of a value.
const MASK: &str = "***";
/// Longest value that is shown, in bytes.
const LONGEST_VALUE: usize = 512;
/// Longest name that is shown, in bytes.
const LONGEST_NAME: usize = 40;

/// Members whose texts and numbers tell nothing about a person, or only by a number that the platform gave.
pub const SHOWN_MEMBERS: [&str; 32] = [
    "action",
    "activatedAt",
    "assignedAt",
    "at",
    "changeRef",
    "checkedAt",
    "code",
    "contactNumber",
    "controlledAt",
    "culturalContactNumber",
    "deliveredAt",
    "distributionRef",
    "eventId",
    "fileId",
    "initiatedAt",
    "injectedAt",
    "limit",
    "method",
    "model",
    "newContactNumber",
    "nextPageKey",
    "oldContactNumber",
    "organizationCode",
    "printStatus",
    "requestRef",
    "role",
    "source",
    "status",
    "statusDate",
    "taxNumber",
    "ticketId",
    "updatedAt",
];

/// Names in a query whose values tell nothing about a person.
pub const SHOWN_IN_QUERIES: [&str; 4] = ["limit", "paginationKey", "requestRef", "ticketId"];

/// A body as compact JSON without personal data: at most `limit` bytes of it, then `… (N bytes)` with the length of the
/// body. What is not JSON within that limit is `(N bytes, not JSON)`; an empty body is empty.
pub fn mask_json(body: &[u8], limit: usize) -> String {
    let Masked { mut text, is_cut } = masked(body, limit);
    if is_cut {
        text.extend(["… (", &body.len().to_string(), " bytes)"]);
    }
    text
}

/// A path and query without personal data.
pub fn mask_target(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let mut shown = format!("{path}?");
    for (place, member) in query.split('&').enumerate() {
        let and = if place > 0 { "&" } else { "" };
        let _infallible = match member.split_once('=') {
            Some((name, value)) if SHOWN_IN_QUERIES.contains(&name) && is_harmless(value) => {
                write!(shown, "{and}{member}")
            }
            Some((name, _)) if is_name(name) => write!(shown, "{and}{name}={MASK}"),
            _ => write!(shown, "{and}{MASK}"),
        };
    }
    shown
}

/// A body without personal data.
pub(super) struct Masked {
    /// What is shown of it.
    pub(super) text: String,
    /// There is more.
    pub(super) is_cut: bool,
}

/// [`mask_json`] without the mark of a cut.
pub(super) fn masked(body: &[u8], limit: usize) -> Masked {
    if body.is_empty() {
        return Masked { text: String::new(), is_cut: false };
    }
    let mut page = Page { text: String::new(), limit, is_full: false };
    let mut json = serde_json::Deserializer::from_slice(body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body));
    let value = Value { page: &mut page, is_shown: false };
    let is_read = value.deserialize(&mut json).and_then(|()| json.end()).is_ok();
    if page.is_full {
        page.text.truncate(page.text.floor_char_boundary(limit));
    } else if !is_read {
        page.text = format!("({} bytes, not JSON)", body.len());
    }
    Masked { text: page.text, is_cut: page.is_full }
}

/// What is shown so far.
struct Page {
    text: String,
    limit: usize,
    /// The limit is reached: reading stops.
    is_full: bool,
}

impl Page {
    fn put<E: Error>(&mut self, part: impl Display) -> Result<(), E> {
        write!(self.text, "{part}").map_err(E::custom)?;
        self.is_full = self.text.len() > self.limit;
        if self.is_full { Err(E::custom("enough")) } else { Ok(()) }
    }
}

/// One value, written to the page while it is read.
struct Value<'p> {
    page: &'p mut Page,
    /// Texts and numbers are shown.
    is_shown: bool,
}

impl Value<'_> {
    fn scalar<E: Error>(self, value: impl Display) -> Result<(), E> {
        if self.is_shown { self.page.put(value) } else { self.page.put(format_args!("\"{MASK}\"")) }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.page.put("null")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.page.put(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let is_shown = self.is_shown && is_harmless(text);
        let shown = if is_shown { serde_json::Value::from(text).to_string() } else { format!("\"{MASK}\"") };
        self.page.put(shown)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.page.put('[')?;
        let mut comma = "";
        while let Some(()) = seq.next_element_seed(Element { page: self.page, comma })? {
            comma = ",";
        }
        self.page.put(']')
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.page.put('{')?;
        let mut comma = "";
        while let Some(name) = map.next_key::<Cow<'_, str>>()? {
            let shown = if is_name(&name) { &*name } else { MASK };
            self.page.put(format_args!("{comma}\"{shown}\":"))?;
            map.next_value_seed(Value { page: self.page, is_shown: SHOWN_MEMBERS.contains(&&*name) })?;
            comma = ",";
        }
        self.page.put('}')
    }
}

/// One element of an array: the comma before it is due only if there is one.
struct Element<'p> {
    page: &'p mut Page,
    comma: &'static str,
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.page.put(self.comma)?;
        deserializer.deserialize_any(Value { page: self.page, is_shown: false })
    }
}

fn is_harmless(value: &str) -> bool {
    value.len() <= LONGEST_VALUE && !value.contains('@') && !value.contains("%40")
}

/// Whether `name` is the name of a member or setting, and not an e-mail or a sentence that was made one.
fn is_name(name: &str) -> bool {
    let is_fitting = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_fitting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_tells_nothing_about_people_is_shown() {
        let page = r#"{"pagination":{"limit":2,"nextPageKey":"k+/=","hasMore":true},"result":[
            {"ticketId":"T1","status":"TRANSFERRED","updatedAt":"2026-05-04T08:06:00Z","eventId":17,
             "spectatorDetails":{"firstName":"Bo","email":"bo@example.org","phoneNumber":41790000012,
               "organizerSpectatorPreference":{"allowPromoEmail":true}},
             "holder":null,"extraInfo":{"extraInfo1":"row A"},"bo@example.org":1,"Bo Buyer":{}}]}"#;
        let shown = mask_json(page.as_bytes(), 10_000);
        insta::assert_snapshot!(shown, @r#"{"pagination":{"limit":2,"nextPageKey":"k+/=","hasMore":true},"result":[{"ticketId":"T1","status":"TRANSFERRED","updatedAt":"2026-05-04T08:06:00Z","eventId":17,"spectatorDetails":{"firstName":"***","email":"***","phoneNumber":"***","organizerSpectatorPreference":{"allowPromoEmail":true}},"holder":null,"extraInfo":{"extraInfo1":"***"},"***":"***","***":{}}]}"#);
        let write = r#"{"items":[{"requestRef":"tng:1","email":"bo@example.org","individualLastname":"Buyer"}]}"#;
        insta::assert_snapshot!(mask_json(write.as_bytes(), 10_000), @r#"{"items":[{"requestRef":"tng:1","email":"***","individualLastname":"***"}]}"#);
        let answer = r#"{"results":[{"ok":false,"ticketId":"T1","error":{"code":"LOCKED","message":"Bo edits","retryable":true}}]}"#;
        insta::assert_snapshot!(mask_json(answer.as_bytes(), 10_000), @r#"{"results":[{"ok":false,"ticketId":"T1","error":{"code":"LOCKED","message":"***","retryable":true}}]}"#);
    }

    #[test]
    fn a_shown_member_shows_no_e_mail_no_long_text_and_nothing_below_it() {
        let long = "x".repeat(513);
        for (body, shown) in [
            (r#"{"status":"bo@example.org"}"#, r#"{"status":"***"}"#),
            (r#"{"status":"bo\u0040example.org"}"#, r#"{"status":"***"}"#),
            (&*format!(r#"{{"status":"{long}"}}"#), r#"{"status":"***"}"#),
            (r#"{"status":["Bo",{"x":"Bo"}]}"#, r#"{"status":["***",{"x":"***"}]}"#),
            (r#"{"status":{"at":"a\"b\n"}}"#, r#"{"status":{"at":"a\"b\n"}}"#),
            (r#"{"s\u0074atus":"X"}"#, r#"{"status":"X"}"#),
            (r#""Bo""#, r#""***""#),
            ("41790000012", r#""***""#),
            ("[-1.5,null,true]", r#"["***",null,true]"#),
            ("\u{feff}[ ]", "[]"),
            ("{ }", "{}"),
            ("", ""),
        ] {
            assert_eq!(mask_json(body.as_bytes(), 10_000), shown, "{body}");
        }
    }

    #[test]
    fn what_is_not_json_is_only_counted() {
        let deep = "[".repeat(100_000);
        for body in ["Bo", "<html>Bo", r#"{"status":"Bo""#, r#"{"status":"X"} Bo"#, r#"["\ud800"]"#, " ", &deep] {
            assert_eq!(mask_json(body.as_bytes(), 10_000), format!("({} bytes, not JSON)", body.len()));
        }
        assert_eq!(mask_json(b"[\"\xff\"]", 10_000), "(5 bytes, not JSON)");
    }

    #[test]
    fn a_long_body_is_cut_and_says_so() {
        let body = format!(r#"{{"taxNumber":"é{}"}}"#, "1".repeat(50));
        assert_eq!(mask_json(body.as_bytes(), 14), "{\"taxNumber\":\"… (68 bytes)");
        assert_eq!(mask_json(body.as_bytes(), 15), "{\"taxNumber\":\"… (68 bytes)", "never half a letter");
        assert_eq!(mask_json(body.as_bytes(), body.len()), body);
        assert_eq!(mask_json(b"[1,2", 0), "… (4 bytes)");
    }

    #[test]
    fn a_query_shows_no_e_mail() {
        for (target, shown) in [
            ("/contacts?email=ann%40example.org,bo%40example.org", "/contacts?email=***"),
            ("/contacts?requestRef=tng%3A1,tng%3A2", "/contacts?requestRef=tng%3A1,tng%3A2"),
            ("/diff?limit=10&paginationKey=k%2B", "/diff?limit=10&paginationKey=k%2B"),
            ("/tickets?ticketId=1,2&email=x&ann@example.org&a%40b=1&=2", "/tickets?ticketId=1,2&email=***&***&***&***"),
            ("/tickets?ticketId=ann%40example.org", "/tickets?ticketId=***"),
            ("/tickets/mobile", "/tickets/mobile"),
            ("?", "?***"),
        ] {
            assert_eq!(mask_target(target), shown);
        }
    }
}
