//! The audit lines that stores write by themselves, within the transaction of the change.

use serde_json::json;
use ticketbridge_core::ticket::OriginId;
use ticketbridge_core::time::Wall;

use crate::{Act, ApiTokenRow, AuditEntry};

/// A token was made.
pub(crate) fn token_created(token: &ApiTokenRow) -> AuditEntry {
    let expires = token.expires_at.map(Wall::to_rfc3339);
    let detail = json!({"role": token.role, "expires_at": expires});
    AuditEntry::new(token.created_at, &token.created_by, "token.create", &token.name).with(detail)
}

/// A token was revoked.
pub(crate) fn token_revoked(name: &str, who: &str, at: Wall) -> AuditEntry {
    AuditEntry::new(at, who, "token.revoke", name)
}

/// An act on a ticket. The reason of a dismissal stays with the ticket: it is free text.
pub(crate) fn acted(origin: OriginId, act: &Act, who: &str, at: Wall) -> AuditEntry {
    let entry = |act| AuditEntry::new(at, who, act, &origin.to_string());
    match act {
        Act::Retry => entry("ticket.retry"),
        Act::Dismiss { .. } => entry("ticket.dismiss"),
        Act::Reassign { backend, .. } => entry("ticket.reassign").with(json!({"backend": backend.as_str()})),
        Act::Ended { .. } => entry("ticket.end"),
    }
}

/// The key of an organizer was set back.
pub(crate) fn key_rewound(organizer: &str, to: Option<u64>, who: &str, at: Wall) -> AuditEntry {
    AuditEntry::new(at, who, "feedback.rewind", organizer).with(json!({"to": to}))
}
