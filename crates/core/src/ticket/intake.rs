//! Intake: what an outside sender, or the workflow manager, hands over (`docs/api.md`).
//!
//! Limits: 5,000 tickets per call, 64 characters per `message_id`, 256 KiB per ticket.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{BackendName, DedupeKey, KeyError, OriginId, PlatformName};
use crate::network::dedupe_key;
use crate::time::Wall;

/// Most tickets in one call.
pub const MAX_INTAKE_ITEMS: usize = 5_000;
/// Longest `message_id`, in characters.
pub const MAX_MESSAGE_ID: usize = 64;
/// Longest ticket, in bytes of compact JSON.
const MAX_BODY: usize = 256 * 1024;
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
