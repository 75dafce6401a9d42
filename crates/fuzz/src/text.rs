//! Texts that come with data: notes and their markers, dedupe keys, instants.
//! Input: a note's template, `---`, a ticket, `---`, a limit, `---`, any text.

use serde_json::Value;
use ticketbridge_core::mobile::UtcInstant;
use ticketbridge_core::network::load::FileKind;
use ticketbridge_core::network::{dedupe_key, kind_key, parse_timestamp};
use ticketbridge_core::ticket::{DedupeKey, MAX_NOTE, OriginId, note_text, note_text_within};
use uuid::Uuid;

use crate::parts::{parts, text};

/// Words of templates, tickets and instants.
pub const DICTIONARY: &[&str] = &[
    "{description}",
    "{incidents}",
    "{as_of}",
    "{kind}",
    "{severity}",
    "{",
    "}",
    "[ref:",
    "[ref:00000000-0000-7000-8000-000000000001]",
    "\"description\":",
    "\"incidents\":",
    "\"worst\":",
    "1e308",
    "\u{85}",
    "\u{2028}",
    "2026-11-20T10:00:00Z",
    "2026-02-29",
    "+23:59",
    "-00:01",
    ".999999999999",
    "9999-12-31T23:59:59",
    "0000-01-01T00:00:00Z",
    "1970-01-01",
    "us_channel_snr.csv",
    "\u{130}",
    "\u{df}",
    "|",
    "e\u{301}",
];

/// Notes end with their one marker and keep to their limit; keys and instants are what they were written as.
pub fn target(data: &[u8]) {
    let input = parts(data, 4);
    let part = |place: usize| text(input.get(place).copied().unwrap_or_default());
    note(&part(0), input.get(1).copied().unwrap_or_default(), part(2).trim().parse().unwrap_or(100));
    for piece in [part(3), part(2), part(0)] {
        key(&piece);
        instant(piece.trim());
        if let Some(kind) = FileKind::of_file_name(&piece) {
            assert!(piece.strip_suffix(".csv").is_some_and(|stem| stem.starts_with(kind.as_str())));
        }
    }
}

fn note(template: &str, ticket: &[u8], limit: usize) {
    let origin = OriginId(Uuid::from_u128(0x7000_8000_0000_0000_0001));
    let marker = format!("[ref:{origin}]");
    let ticket: Value = serde_json::from_slice(ticket).unwrap_or_default();
    for (note, limit) in
        [(note_text(template, &ticket, origin), MAX_NOTE), (note_text_within(template, &ticket, origin, limit), limit)]
    {
        assert!(note.ends_with(&marker), "{note}");
        assert_eq!(note.matches("[ref:").count(), 1, "{note}");
        assert!(note.chars().count() <= limit.max(marker.len()), "{limit}: {note}");
        assert!(!note.contains("\n\n"), "{note:?}");
    }
}

fn key(text: &str) {
    let plain = kind_key(text);
    assert!(plain.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_'));
    assert_eq!(kind_key(&plain), plain, "a key of a key is the key");
    assert!(dedupe_key(text, "G|1").ends_with("|G|1"));
    match DedupeKey::new(text) {
        Ok(key) => {
            assert_eq!(key.as_str(), text);
            assert!(!text.is_empty() && text.len() <= DedupeKey::MAX_LENGTH && text.trim() == text);
            assert!(!text.chars().any(char::is_control));
            let again = serde_json::to_value(&key).and_then(serde_json::from_value::<DedupeKey>);
            assert_eq!(again.ok(), Some(key));
        }
        Err(error) => assert!(error.to_string().len() < 200),
    }
}

fn instant(text: &str) {
    if let Some(at) = parse_timestamp(text) {
        assert!(at.0 >= 0 && text.len() >= 19);
        assert_eq!(parse_timestamp(&at.to_string()), Some(at), "{text}");
    }
    if let Some(at) = UtcInstant::parse(text) {
        assert_eq!(UtcInstant::parse(&at.to_string()), Some(at), "{text}");
    }
}
