//! The shapes of the answers on the wire.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::call::Reply;
use crate::timeline::Refused;

/// One result of a write, found by the caller by its keys, never by its place.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ItemResult {
    pub(super) ok: bool,
    /// The keys that the result repeats, as they came, and a new contact's number.
    #[serde(flatten)]
    pub(super) keys: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<ItemError>,
}

/// Why an item was not done.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ItemError {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) retryable: bool,
}

impl ItemError {
    fn of(code: &str, message: String) -> Self {
        Self { code: code.to_owned(), message, retryable: false }
    }

    pub(super) fn invalid(message: String) -> Self {
        Self::of("INVALID_FIELD", message)
    }

    pub(super) fn unknown_ticket(id: &str) -> Self {
        Self::of("UNKNOWN_TICKET", format!("there is no ticket {id}"))
    }

    pub(super) fn unknown_contact(number: &str) -> Self {
        Self::of("UNKNOWN_CONTACT", format!("there is no contact {number}"))
    }

    pub(super) fn conflict(reference: &str, ticket: &str) -> Self {
        Self::of("CONFLICT", format!("{reference} is the reference of a row of ticket {ticket}"))
    }

    pub(super) fn locked(what: &str) -> Self {
        let message = format!("somebody edits {what}, try again later");
        Self { retryable: true, ..Self::of("LOCKED", message) }
    }
}

/// The answer of a read.
pub(super) fn list<T: Serialize>(rows: &[T]) -> Reply {
    #[derive(Serialize)]
    struct List<'a, T> {
        items: &'a [T],
    }
    serialize(200, &List { items: rows })
}

/// The answer of a write.
pub(super) fn results(results: &[ItemResult]) -> Reply {
    #[derive(Serialize)]
    struct Results<'a> {
        results: &'a [ItemResult],
    }
    serialize(200, &Results { results })
}

/// The answer to a missing or wrong login.
pub(super) fn unauthorized(message: &str) -> Reply {
    refusal(401, "UNAUTHORIZED", message).with_header("www-authenticate", "Bearer realm=\"s360\"")
}

/// How a fault refuses a whole call.
pub(super) fn refuse_for_fault(refused: &Refused<'_>) -> Reply {
    match *refused {
        Refused::GatewayTimeout => refusal(504, "GATEWAY_TIMEOUT", "the platform did not answer the gateway in time"),
        Refused::Server(status) => refusal(status, "SERVER_ERROR", "something went wrong"),
        Refused::TooManyRequests => refusal(429, "TOO_MANY_REQUESTS", "slow down"),
        Refused::Poisoned(status) => refusal(status, "MALFORMED_BODY", "the body was refused by a fault rule"),
        Refused::Unauthorized => unauthorized("the token was revoked"),
        Refused::Forbidden => refusal(403, "FORBIDDEN", "this token may not do that"),
        Refused::Code { status, code, message } => refusal(status, code, message),
    }
}

/// The refusal of a whole call.
pub(super) fn refusal(status: u16, code: &str, message: impl Into<String>) -> Reply {
    serialize(status, &json!({"error": {"code": code, "message": message.into()}}))
}

/// Our own plain types always become JSON; an empty body would show as garbled to the caller, never as success.
fn serialize(status: u16, value: &impl Serialize) -> Reply {
    Reply::json(status, serde_json::to_vec(value).unwrap_or_default())
}
