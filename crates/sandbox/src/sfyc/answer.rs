//! The shapes of the answers on the wire.

use serde::Serialize;
use serde_json::json;

use super::record::{Note, Status, Ticket, WorkOrder, ticket_number, work_order_number};
use crate::call::Reply;
use crate::text::rfc3339;
use crate::timeline::Refused;

/// One result of a write, found by the caller by its keys, never by its place.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ItemResult {
    pub(super) ok: bool,
    #[serde(flatten)]
    pub(super) keys: Keys,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<ItemError>,
}

/// The keys that a result repeats, as far as the operation has them.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Keys {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) external_ref: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note_ref: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ticket_number: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) work_order_number: Option<Box<str>>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct ItemError {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) retryable: bool,
}

impl ItemError {
    pub(super) fn invalid(message: String) -> Self {
        Self { code: "INVALID_FIELD".to_owned(), message, retryable: false }
    }

    pub(super) fn ticket_closed(number: &str) -> Self {
        let message = format!("ticket {number} is not open any more");
        Self { code: "TICKET_CLOSED".to_owned(), message, retryable: false }
    }

    pub(super) fn unknown_ticket(number: &str) -> Self {
        let message = format!("ticket {number} does not exist here");
        Self { code: "UNKNOWN_TICKET".to_owned(), message, retryable: false }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TicketRow<'a> {
    ticket_number: String,
    external_ref: Option<&'a str>,
    origin_ref: Option<&'a str>,
    kind: &'a str,
    status: Status,
    work_order_number: Option<&'a str>,
    title: Option<&'a str>,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WorkOrderRow<'a> {
    work_order_number: String,
    ticket_number: &'a str,
    external_ref: Option<&'a str>,
    status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NoteRow<'a> {
    note_ref: Option<&'a str>,
    ticket_number: &'a str,
    created_at: String,
}

/// A record that a search answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Row<'a> {
    Ticket(&'a Ticket),
    WorkOrder(&'a WorkOrder),
    Note(&'a Note),
}

impl Serialize for Row<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ticket(ticket) => {
                let created_at = rfc3339(ticket.created_at);
                // Most tickets never change; writing a time is the dearest part of a row.
                let is_unchanged = ticket.updated_at == ticket.created_at;
                let updated_at = if is_unchanged { created_at.clone() } else { rfc3339(ticket.updated_at) };
                TicketRow {
                    ticket_number: ticket_number(ticket.sequence),
                    external_ref: ticket.content.external_ref.as_deref(),
                    origin_ref: ticket.content.origin_ref.as_deref(),
                    kind: &ticket.content.kind,
                    status: ticket.status,
                    work_order_number: ticket.work_order_number.as_deref(),
                    title: ticket.content.title.as_deref(),
                    created_at,
                    updated_at,
                }
                .serialize(serializer)
            }
            Self::WorkOrder(work_order) => WorkOrderRow {
                work_order_number: work_order_number(work_order.sequence),
                ticket_number: &work_order.content.ticket_number,
                external_ref: work_order.content.external_ref.as_deref(),
                status: "open",
            }
            .serialize(serializer),
            Self::Note(note) => NoteRow {
                note_ref: note.content.note_ref.as_deref(),
                ticket_number: &note.content.ticket_number,
                created_at: rfc3339(note.created_at),
            }
            .serialize(serializer),
        }
    }
}

/// The answer of a paged search; `nextPage` is null on the last page.
pub(super) fn page(rows: &[Row<'_>], next_page: Option<usize>) -> Reply {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Page<'a> {
        items: &'a [Row<'a>],
        next_page: Option<usize>,
    }
    serialize(200, &Page { items: rows, next_page })
}

/// The answer of a search that has no pages.
pub(super) fn list(rows: &[Row<'_>]) -> Reply {
    #[derive(Serialize)]
    struct List<'a> {
        items: &'a [Row<'a>],
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
    refusal(401, "UNAUTHORIZED", message).with_header("www-authenticate", "Bearer realm=\"sfyc\", Basic realm=\"sfyc\"")
}

/// How a fault refuses a whole call.
pub(super) fn refuse_for_fault(refused: &Refused<'_>) -> Reply {
    match *refused {
        Refused::GatewayTimeout => refusal(504, "GATEWAY_TIMEOUT", "the platform did not answer the gateway in time"),
        Refused::Server(status) => refusal(status, "SERVER_ERROR", "something went wrong"),
        Refused::TooManyRequests => refusal(429, "TOO_MANY_REQUESTS", "slow down"),
        Refused::Poisoned(status) => refusal(status, "INVALID_BODY", "the body was refused by a fault rule"),
        Refused::Unauthorized => unauthorized("the token was revoked"),
        Refused::Forbidden => refusal(403, "FORBIDDEN", "this login may not do that"),
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
