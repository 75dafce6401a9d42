//! TIXNGO's diff call and its answer. Input: a pagination key, `---`, `STATUS [HEADER: VALUE]`, a line end, the body.

use ticketbridge_core::mobile::{Page, PaginationKey};
use ticketbridge_core::time::Wall;
use ticketbridge_platforms::tixngo::{diff_call, read_diff};
use ticketbridge_platforms::{CallFaultKind, Transport};

use crate::parts::{first_line, parts, text};
use crate::sample::{CANARY, LONGEST_WISH, MAX_WORDS, transport};

/// Words of keys and answers.
pub const DICTIONARY: &[&str] = &[
    "%",
    "+",
    "&",
    "%2B",
    "#",
    "\u{e9}",
    "\u{202e}",
    "\u{0}",
    "\n---\n",
    "200",
    "204",
    "301",
    "401",
    "429 Retry-After: 99999999999",
    "503 Retry-After: Sat, 21 Nov 2026 08:01:30 GMT",
    "none",
    "timeout",
    "unsent",
    "{\"result\":[",
    "]}",
    "\"nextPageKey\":",
    "<html>",
    CANARY,
];

/// An address that says the key and nothing else; the body byte by byte, if it is a page; otherwise a fault that shows
/// nothing of it.
pub fn target(data: &[u8]) {
    let input = parts(data, 2);
    let key = text(input[0]);
    let call = diff_call(&PaginationKey::from(&*key), 1000);
    let sent = call.target.strip_prefix("/diff?limit=1000").unwrap_or_else(|| panic!("{}", call.target));
    let value = sent.strip_prefix("&paginationKey=");
    assert_eq!(value.map(decoded), (!key.is_empty()).then(|| key.into_bytes()));

    let (line, body) = first_line(input.get(1).copied().unwrap_or_default());
    let answer = transport(&line, body);
    let wall = Wall(1_795_248_000_000);
    let read = read_diff(&answer, wall);
    assert_eq!(read, read_diff(&answer, wall), "the same each time");
    match read {
        Ok(page) => {
            assert!(matches!(&answer, Transport::Answered(answer) if answer.status.as_u16() == 200));
            assert_eq!(page, body);
            assert!(Page::read(&page).is_ok());
        }
        Err(fault) => {
            assert!(fault.why.len() < MAX_WORDS && !fault.why.contains(CANARY), "{fault}");
            assert!(!matches!(fault.kind, CallFaultKind::Transient { retry_after: Some(wish) } if wish > LONGEST_WISH));
        }
    }
}

/// The bytes that a server reads from a value of a query.
fn decoded(value: &str) -> Vec<u8> {
    let mut bytes = value.bytes();
    let mut found = Vec::new();
    while let Some(byte) = bytes.next() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        assert!(is_plain || byte == b'%', "{value}");
        let mut digit =
            || bytes.next().and_then(|byte| char::from(byte).to_digit(16)).unwrap_or_else(|| panic!("{value}"));
        found.push(if is_plain { byte } else { (digit() * 16 + digit()) as u8 });
    }
    found
}
