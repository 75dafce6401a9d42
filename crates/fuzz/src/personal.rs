//! Bodies and addresses without personal data. Input: a limit, `---`, a path and query, `---`, a body.

use serde_json::Value;
use ticketbridge_platforms::http::personal::{SHOWN_IN_QUERIES, SHOWN_MEMBERS, mask_json, mask_target};

use crate::parts::{parts, text};

/// Words of bodies and addresses.
pub const DICTIONARY: &[&str] = &[
    "0",
    "1",
    "100",
    "8192",
    "99999999999999999999",
    "\n---\n",
    "\"ticketId\":",
    "\"status\":",
    "\"nextPageKey\":",
    "\"email\":",
    "\"firstName\":",
    "\"***\":",
    "\"ann@example.org\"",
    "\"ann\\u0040example.org\"",
    "\"\\ud800\"",
    "41790000012",
    "1e300",
    "null",
    "true",
    "[[[[",
    "]]]]",
    "{\"a\":",
    "\u{feff}",
    "\u{1f9e8}",
    "<html>",
    "email=",
    "ticketId=",
    "&",
    "=",
    "%40",
    "@",
];

/// Nothing but what the rules show, within the limit; no `@` anywhere.
pub fn target(data: &[u8]) {
    let input = parts(data, 3);
    let limit = text(input[0]).trim().parse().unwrap_or(1_000_usize);
    let address = text(input.get(1).copied().unwrap_or_default());
    let body = input.get(2).copied().unwrap_or_default();
    addresses(&address);

    let shown = mask_json(body, limit);
    assert_eq!(shown, mask_json(body, limit), "the same each time");
    let mark = format!("… ({} bytes)", body.len());
    let not_json = format!("({} bytes, not JSON)", body.len());
    assert!(shown.len() <= limit.saturating_add(mark.len()) || shown == not_json, "{} bytes", shown.len());
    assert!(!shown.contains('@'), "{shown}");
    if let Some(begin) = shown.strip_suffix(&mark) {
        let whole = mask_json(body, usize::MAX);
        assert!(begin.len() <= limit && (whole == not_json || whole.starts_with(begin)), "{begin}");
    } else if shown != not_json && !body.is_empty() {
        let shown: Value = serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {shown}"));
        only_what_is_shown(&shown, false);
        let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
        assert!(serde_json::from_slice::<Value>(body).is_ok(), "it was JSON");
    }
}

/// Every text and number stands under a name that is shown.
fn only_what_is_shown(value: &Value, is_shown: bool) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(_) => assert!(is_shown, "{value}"),
        Value::String(text) => assert!(is_shown || text == "***", "{value}"),
        Value::Array(values) => values.iter().for_each(|value| only_what_is_shown(value, false)),
        Value::Object(members) => {
            for (name, value) in members {
                let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && name.len() <= 40;
                assert!((is_name && !name.is_empty()) || name == "***", "{name}");
                only_what_is_shown(value, SHOWN_MEMBERS.contains(&&**name));
            }
        }
    }
}

fn addresses(address: &str) {
    let shown = mask_target(address);
    assert_eq!(mask_target(&shown), shown, "what is masked stays so");
    let Some((path, query)) = address.split_once('?') else { return assert_eq!(shown, address) };
    let rest = shown.strip_prefix(path).and_then(|rest| rest.strip_prefix('?')).unwrap_or_else(|| panic!("{shown}"));
    assert!(!rest.contains('@') && !rest.contains("%40"), "{rest}");
    assert_eq!(rest.split('&').count(), query.split('&').count());
    for member in rest.split('&') {
        let is_shown = member.split_once('=').is_some_and(|(name, _)| SHOWN_IN_QUERIES.contains(&name));
        assert!(is_shown || member == "***" || member.ends_with("=***"), "{member}");
    }
}
