//! Intake: what an outside sender, or the workflow manager, hands over (`docs/api.md`).
//!
//! Limits: 5,000 tickets per call, 64 characters per `message_id`, 256 KiB per ticket.

use std::sync::Arc;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{BackendName, DedupeKey, KeyError, OriginId, PlatformName};
use crate::network::{dedupe_key, kind_key};
use crate::time::Wall;

/// Most tickets in one call.
pub const MAX_INTAKE_ITEMS: usize = 5_000;
/// Longest `message_id`, in characters.
pub const MAX_MESSAGE_ID: usize = 64;
/// Longest ticket, in bytes of compact JSON.
const MAX_BODY: usize = 256 * 1024;
/// Longest ticket as sent, with its white space and escapes, in bytes: a longer one is not even read.
const MAX_RAW: usize = 4 * MAX_BODY;
/// Longest `kind`, in characters.
const MAX_KIND: usize = 100;

/// One ticket of a call, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeItem {
    /// The sender's id of the message; the same one twice is one ticket.
    pub message_id: String,
    /// Kind, as sent.
    pub kind: Arc<str>,
    /// What it is about.
    pub key: DedupeKey,
    /// The whole ticket as compact JSON with sorted keys.
    pub body: Arc<str>,
    /// SHA-256 of `body`.
    pub body_hash: [u8; 32],
}

/// Why one ticket of a call was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// Not a JSON object.
    #[error("the ticket is not a JSON object")]
    NotAnObject,
    /// JSON, but with more than 128 levels, a number too large, or half of a surrogate pair.
    #[error("the ticket cannot be read: {0}")]
    Unreadable(String),
    /// No `message_id`, or an empty one.
    #[error("`message_id` is missing; send a text of 1 to 64 characters that is the same on every resend")]
    MissingMessageId,
    /// `message_id` is too long.
    #[error("`message_id` has {0} characters; the limit is 64")]
    LongMessageId(usize),
    /// No `kind`, or an unusable one.
    #[error("`kind` is missing or not a text of 1 to 100 characters")]
    BadKind,
    /// Neither `dedupe_key` nor `source.group_id`.
    #[error("the ticket has neither `dedupe_key` nor `source.group_id`; one of them says what it is about")]
    MissingKey,
    /// No key can be made of the kind: another kind without letters would have the same.
    #[error("`kind` has no Latin letter and no digit, so no dedupe key can be made of it; send a `dedupe_key`")]
    NoKeyOfKind,
    /// The dedupe key is unusable.
    #[error("{0}")]
    BadKey(#[from] KeyError),
    /// Too large.
    #[error("the ticket has {0} bytes; the limit is 262144")]
    TooLarge(usize),
}

/// What became of one ticket of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum IntakeOutcome {
    /// Durable, under this id.
    Accepted {
        /// Our id of the new row.
        id: OriginId,
    },
    /// The message is known, with the same body; nothing changed.
    Duplicate {
        /// Our id of the row it made when it first came.
        id: OriginId,
    },
    /// The message is known with another body; nothing changed.
    Conflict {
        /// Our id of the row it made when it first came.
        id: OriginId,
    },
}

/// A ticket ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// What was sent.
    pub item: IntakeItem,
    /// Our id for it.
    pub origin: OriginId,
    /// The backend that will carry it.
    pub backend: BackendName,
    /// That backend's ticket platform: names the lane, together with the key.
    pub platform: PlatformName,
    /// When it came in.
    pub received_at: Wall,
}

/// The elements of an intake call, as sent: at most [`MAX_INTAKE_ITEMS`]; `Err`: how many there are. None is read yet,
/// so that a call takes no more memory than its body.
pub fn split_intake(body: &[u8]) -> serde_json::Result<Result<Vec<&RawValue>, usize>> {
    struct Elements;
    impl<'de> Visitor<'de> for Elements {
        type Value = Result<Vec<&'de RawValue>, usize>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an array of tickets")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
            let mut kept = Vec::new();
            while let Some(element) = elements.next_element::<&RawValue>()? {
                if kept.len() == MAX_INTAKE_ITEMS {
                    let mut count = MAX_INTAKE_ITEMS + 1;
                    while elements.next_element::<IgnoredAny>()?.is_some() {
                        count += 1;
                    }
                    return Ok(Err(count));
                }
                kept.push(element);
            }
            Ok(Ok(kept))
        }
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let elements = reader.deserialize_seq(Elements)?;
    reader.end()?;
    Ok(elements)
}

/// Checks one element of an intake call, as it was sent.
pub fn read_intake(element: &RawValue) -> Result<IntakeItem, (Option<String>, IntakeError)> {
    let text = element.get();
    if text.len() > MAX_RAW {
        return Err((None, IntakeError::TooLarge(text.len())));
    }
    // It was scanned as JSON before: what is left are levels beyond all measure, half a surrogate, or a number too large.
    let value: Value =
        serde_json::from_str(text).map_err(|error| (None, IntakeError::Unreadable(error.to_string())))?;
    parse_intake(&value)
}

/// Checks one element of an intake call.
///
/// The `message_id` is answered beside an error wherever there is one, so that the sender can tell which it was.
pub fn parse_intake(element: &Value) -> Result<IntakeItem, (Option<String>, IntakeError)> {
    let Some(object) = element.as_object() else {
        return Err((None, IntakeError::NotAnObject));
    };
    let message_id = match object.get("message_id").and_then(Value::as_str) {
        None => return Err((None, IntakeError::MissingMessageId)),
        Some(text) if text.trim().is_empty() => return Err((None, IntakeError::MissingMessageId)),
        Some(text) => text.to_owned(),
    };
    let fail = |error| Err((Some(message_id.clone()), error));
    let length = message_id.chars().count();
    if length > MAX_MESSAGE_ID {
        return fail(IntakeError::LongMessageId(length));
    }
    let kind = match object.get("kind").and_then(Value::as_str).map(str::trim) {
        Some(text) if !text.is_empty() && text.chars().count() <= MAX_KIND => text,
        _ => return fail(IntakeError::BadKind),
    };
    let given = object.get("dedupe_key").and_then(Value::as_str);
    let group = object.get("source").and_then(|source| source.get("group_id")).and_then(Value::as_str);
    let key = match (given, group) {
        (Some(text), _) => text.to_owned(),
        (None, Some(group)) if !group.trim().is_empty() && kind_key(kind).is_empty() => {
            return fail(IntakeError::NoKeyOfKind);
        }
        (None, Some(group)) if !group.trim().is_empty() => dedupe_key(kind, group.trim()),
        _ => return fail(IntakeError::MissingKey),
    };
    let key = match DedupeKey::new(&key) {
        Ok(key) => key,
        Err(error) => return fail(error.into()),
    };
    let body = element.to_string();
    if body.len() > MAX_BODY {
        return fail(IntakeError::TooLarge(body.len()));
    }
    Ok(IntakeItem {
        kind: kind.into(),
        key,
        body_hash: Sha256::digest(body.as_bytes()).into(),
        body: body.into(),
        message_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Vec<Result<IntakeItem, (Option<String>, IntakeError)>> {
        split_intake(body.as_bytes()).unwrap().unwrap().into_iter().map(read_intake).collect()
    }

    #[test]
    fn each_element_is_judged_by_itself() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let good = r#"{"message_id": "m", "kind": "SNR", "source": {"group_id": "U-1"}}"#;
        let body =
            format!(r#"[{good}, 5, {{"message_id": "d", "kind": "SNR", "dedupe_key": "k", "x": {deep}}}, {good}]"#);
        let seen = read(&body);
        assert_eq!(seen[0].as_ref().unwrap().key.as_str(), "SNR|U-1");
        assert_eq!(seen[1], Err((None, IntakeError::NotAnObject)));
        assert!(matches!(&seen[2], Err((None, IntakeError::Unreadable(why))) if why.contains("recursion")), "{seen:?}");
        assert!(seen[3].is_ok());
    }

    #[test]
    fn too_many_are_counted_and_not_kept() {
        let many = format!("[{}{{}}]", "{},".repeat(MAX_INTAKE_ITEMS));
        assert_eq!(split_intake(many.as_bytes()).unwrap().unwrap_err(), MAX_INTAKE_ITEMS + 1);
        let most = format!("[{}{{}}]", "{},".repeat(MAX_INTAKE_ITEMS - 1));
        assert_eq!(split_intake(most.as_bytes()).unwrap().unwrap().len(), MAX_INTAKE_ITEMS);
        for body in ["", "{}", "[1", "[1] x", "\"a\"", "[1,]"] {
            assert!(split_intake(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_huge_element_is_refused_unread() {
        let body =
            format!(r#"[{{"message_id": "m", "kind": "SNR", "dedupe_key": "k", "x": "{}"}}]"#, "x".repeat(MAX_RAW));
        assert!(matches!(read(&body)[0], Err((None, IntakeError::TooLarge(_)))));
    }

    #[test]
    fn a_kind_without_letters_needs_a_key_of_its_own() {
        let ticket =
            |key: &str| format!(r#"[{{"message_id": "m", "kind": "信号", "source": {{"group_id": "U-1"}}{key}}}]"#);
        assert_eq!(read(&ticket(""))[0], Err((Some(String::from("m")), IntakeError::NoKeyOfKind)));
        assert!(read(&ticket(r#", "dedupe_key": "X|U-1""#))[0].is_ok());
    }
}
