//! Tickets in a list, and one with all that is known of it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{BackendName, DedupeKey, OriginId, PlatformName, State, TicketId};
use ticketbridge_store::{Listing, MAX_PAGE, Page, Store, StoreError, TicketFilter, TicketView};
use utoipa::ToSchema;
use uuid::Uuid;

use super::csv::Record;
use super::timeline::{TimelineEntry, timeline_of};

/// Rows of a page when nothing else is asked for.
pub const DEFAULT_PAGE: usize = 100;

/// A ticket in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TicketSummary {
    /// Our id; the origin id that its remote ticket and work order carry.
    #[schema(value_type = String, format = "uuid")]
    pub id: OriginId,
    /// The sender's id of the message.
    pub message_id: String,
    /// What it is about.
    #[schema(value_type = String)]
    pub dedupe_key: DedupeKey,
    /// Its kind, as received.
    pub kind: String,
    /// The backend that carries it.
    #[schema(value_type = String)]
    pub backend: BackendName,
    /// That backend's ticket platform.
    #[schema(value_type = String)]
    pub platform: PlatformName,
    /// Where it is in its lifecycle.
    pub state: State,
    /// Refusals of the present generation, all operations together.
    pub attempts: u32,
    /// Number of the remote ticket.
    pub ticket_number: Option<String>,
    /// Number of the work order.
    pub ot_number: Option<String>,
    /// The remote ticket was created by this row; false: none yet, or found and noted.
    pub created: bool,
    /// Why it waits, was completed without a work order, or failed.
    pub reason: Option<String>,
    /// When it came in.
    #[schema(format = DateTime)]
    pub received_at: String,
    /// When it was last written.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// Not before this instant; null: at once, or nothing is to be done.
    #[schema(format = DateTime)]
    pub due_at: Option<String>,
}

impl From<&TicketView> for TicketSummary {
    fn from(view: &TicketView) -> Self {
        let row = &view.row;
        Self {
            id: row.origin,
            message_id: view.body.message_id.clone(),
            dedupe_key: row.key.clone(),
            kind: row.kind.to_string(),
            backend: row.backend.clone(),
            platform: view.platform.clone(),
            state: row.state,
            attempts: row.attempts.total(),
            ticket_number: row.ticket.as_ref().map(|reference| reference.number.clone()),
            ot_number: row.work_order.clone(),
            created: row.created,
            reason: row.reason.clone(),
            received_at: view.body.received_at.to_rfc3339(),
            updated_at: view.updated_at.to_rfc3339(),
            due_at: row.due_at.map(ticketbridge_core::time::Wall::to_rfc3339),
        }
    }
}

impl Record for TicketSummary {
    const COLUMNS: &[&str] = &[
        "id",
        "message_id",
        "dedupe_key",
        "kind",
        "backend",
        "platform",
        "state",
        "attempts",
        "ticket_number",
        "ot_number",
        "created",
        "reason",
        "received_at",
        "updated_at",
        "due_at",
    ];

    fn cells(&self) -> Vec<String> {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        vec![
            self.id.to_string(),
            self.message_id.clone(),
            self.dedupe_key.to_string(),
            self.kind.clone(),
            self.backend.to_string(),
            self.platform.to_string(),
            self.state.to_string(),
            self.attempts.to_string(),
            text(&self.ticket_number),
            text(&self.ot_number),
            self.created.to_string(),
            text(&self.reason),
            self.received_at.clone(),
            self.updated_at.clone(),
            text(&self.due_at),
        ]
    }
}

/// One ticket with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TicketDetail {
    /// As in a list.
    #[serde(flatten)]
    pub summary: TicketSummary,
    /// Record id of the remote ticket, where the platform has one apart from the number.
    pub ticket_record: Option<String>,
    /// Refusals of the present generation, per operation; only those above zero.
    #[schema(value_type = BTreeMap<String, u8>)]
    pub attempts_by_operation: BTreeMap<Operation, u8>,
    /// Raised by each operator retry.
    pub generation: u32,
    /// Operations that were ever on the wire for it: before one is sent again, a look-up decides.
    pub sent: Vec<Operation>,
    /// In Error: the operation that failed.
    pub failed_operation: Option<Operation>,
    /// The ticket as received or built.
    #[schema(value_type = Value)]
    pub ticket: Value,
    /// Its story, by time.
    pub timeline: Vec<TimelineEntry>,
}

/// A page of tickets, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TicketPage {
    /// The tickets.
    pub items: Vec<TicketSummary>,
    /// Where the next page begins; null: this was the last one.
    pub next: Option<String>,
}

/// Why a page cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PageFault {
    /// The limit is out of range.
    #[error("`limit` is {0}; it must be 1 to {MAX_PAGE}")]
    Limit(usize),
    /// The cursor is not one of ours.
    #[error(
        "`cursor` is not one that this API gave; take it unchanged from `next` of the page before, or leave it out to begin anew"
    )]
    Cursor,
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Our id of a ticket, read from a text.
pub fn origin_id(text: &str) -> Option<OriginId> {
    Uuid::try_parse(text).ok().map(OriginId)
}

/// A page of tickets: `limit` at most, after the one that `cursor` stands for.
///
/// Keyset paging: rows that come in while somebody pages neither repeat nor hide others. A page is answered in bounded
/// time: with a filter that few tickets fit it may hold fewer than `limit`, or none, although `next` says that there is more.
pub async fn tickets(
    store: &dyn Store,
    filter: &TicketFilter,
    limit: usize,
    cursor: Option<&str>,
) -> Result<TicketPage, PageFault> {
    if limit == 0 || limit > MAX_PAGE {
        return Err(PageFault::Limit(limit));
    }
    let before = cursor.map(|text| read_cursor(text).ok_or(PageFault::Cursor)).transpose()?;
    let Listing { tickets, next } = store.list(filter, Page { before, limit }).await?;
    Ok(TicketPage { items: tickets.iter().map(TicketSummary::from).collect(), next: next.map(write_cursor) })
}

/// One ticket with its story; `None`: there is no such row.
pub async fn ticket(store: &dyn Store, origin: OriginId) -> Result<Option<TicketDetail>, StoreError> {
    let Some(view) = store.ticket(origin).await? else { return Ok(None) };
    let timeline = timeline_of(store, &view).await?;
    let row = &view.row;
    let attempts = Operation::ALL.into_iter().map(|operation| (operation, row.attempts.of(operation)));
    Ok(Some(TicketDetail {
        summary: TicketSummary::from(&view),
        ticket_record: row.ticket.as_ref().and_then(|reference| reference.record.clone()),
        attempts_by_operation: attempts.filter(|(_, count)| *count > 0).collect(),
        generation: row.generation,
        sent: Operation::ALL.into_iter().filter(|operation| row.sent.contains(*operation)).collect(),
        failed_operation: row.failed,
        // What was stored was JSON; should it not be, its text is better than nothing.
        ticket: serde_json::from_str(&view.body.body).unwrap_or_else(|_| Value::from(&*view.body.body)),
        timeline,
    }))
}

/// A cursor says nothing but "after this row", so that it outlives the row's deletion.
fn write_cursor(id: TicketId) -> String {
    format!("t{:016x}", id.0)
}

fn read_cursor(text: &str) -> Option<TicketId> {
    let digits = text.strip_prefix('t').filter(|digits| digits.len() == 16)?;
    let id = TicketId(i64::from_str_radix(digits, 16).ok().filter(|id| *id >= 0)?);
    (write_cursor(id) == text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::{read_cursor, write_cursor};
    use ticketbridge_core::ticket::TicketId;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is_one() {
        assert_eq!(read_cursor(&write_cursor(TicketId(1_234_567))), Some(TicketId(1_234_567)));
        for text in
            ["", "t", "1234567", "t000000000012d68", "t000000000012D687", "t+00000000012d687", "tffffffffffffffff"]
        {
            assert_eq!(read_cursor(text), None, "{text}");
        }
    }
}
