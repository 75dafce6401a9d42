//! Tickets as a sender hands them over. Input: the body of a call.

use serde_json::Value;
use ticketbridge_core::ticket::{DedupeKey, MAX_MESSAGE_ID, parse_intake};

/// Words of a ticket.
pub const DICTIONARY: &[&str] = &[
    "\"message_id\":",
    "\"kind\":",
    "\"dedupe_key\":",
    "\"source\":",
    "\"group_id\":",
    "\"SNR\"",
    "\"Falla de Línea\"",
    "\"\\u0000\"",
    "\"\\u00a0\"",
    "\" \"",
    "\"a\"",
    "{\"message_id\":\"M\",\"kind\":\"SNR\",\"dedupe_key\":\"K\"},",
    "é",
    "漢",
    "1e5",
    "\"\\ud83e\\udde8\"",
    "\"\\t\"",
];

/// Longest body that is kept (`docs/api.md`).
const MAX_BODY: usize = 256 * 1024;
const MAX_KIND: usize = 100;

/// Each element has exactly one result, which is the same each time; what is accepted keeps to all limits, and its body
/// is the ticket that was sent.
pub fn target(data: &[u8]) {
    let Ok(elements) = serde_json::from_slice::<Vec<Value>>(data) else { return };
    for element in &elements {
        let result = parse_intake(element);
        assert_eq!(result, parse_intake(element), "the same each time");
        match result {
            Ok(item) => {
                let length = item.message_id.chars().count();
                assert!((1..=MAX_MESSAGE_ID).contains(&length) && !item.message_id.trim().is_empty());
                assert!((1..=MAX_KIND).contains(&item.kind.chars().count()));
                assert!(item.body.len() <= MAX_BODY, "{} bytes", item.body.len());
                assert_eq!(DedupeKey::new(item.key.as_str()).as_ref(), Ok(&item.key));
                assert_eq!(element.get("message_id").and_then(Value::as_str), Some(item.message_id.as_str()));
                let kept: Result<Value, _> = serde_json::from_str(&item.body);
                let Ok(kept) = kept else { panic!("the kept body is no JSON") };
                assert_eq!(&kept, element, "the ticket is kept whole");
                // What is kept is taken in again as the same.
                let again = parse_intake(&kept);
                let Ok(again) = again else { panic!("{again:?}") };
                assert_eq!((&again.message_id, &again.kind, &again.key), (&item.message_id, &item.kind, &item.key));
                assert_eq!(again.body == item.body, again.body_hash == item.body_hash);
            }
            Err((message_id, error)) => {
                let text = error.to_string();
                assert!(!text.is_empty() && text.len() < 500, "{text}");
                let sent = element.get("message_id").and_then(Value::as_str);
                assert!(message_id.is_none() || message_id.as_deref() == sent);
            }
        }
    }
}
