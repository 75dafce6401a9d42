//! Between SQLite's values and ours. Numbers of states and operations are fixed here, once and for all.

use std::sync::Arc;

use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use ticketbridge_core::delivery::{KnownTicket, OpenTicket};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{
    Attempts, BackendName, DedupeKey, OperationSet, OriginId, PlatformName, State, TicketId, TicketReference, TicketRow,
};
use ticketbridge_core::time::Wall;
use uuid::Uuid;

use crate::{TicketBody, TicketView};

/// Columns that `ticket_row` reads.
pub(super) const TICKET_COLUMNS: usize = 17;

/// The number of a state.
pub(super) fn state_number(state: State) -> i64 {
    match state {
        State::Received => 0,
        State::Matching => 1,
        State::AddingNote => 2,
        State::CreatingTicket => 3,
        State::CreatingWorkOrder => 4,
        State::LinkingWorkOrder => 5,
        State::Completed => 100,
        State::Error => 101,
        State::Dismissed => 102,
    }
}

/// Whether a row in this state is over, and may be purged some day.
pub(super) fn is_over(state: State) -> bool {
    matches!(state, State::Completed | State::Dismissed)
}

/// The state of a row that ended otherwise than by being completed.
pub(super) fn aside(state: State) -> Option<i64> {
    matches!(state, State::Error | State::Dismissed).then(|| state_number(state))
}

fn wrong(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Null, Box::new(FromSqlError::Other(what.into())))
}

/// The state in `column`.
pub(super) fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    let number: i64 = row.get(column)?;
    State::ALL
        .into_iter()
        .find(|state| state_number(*state) == number)
        .ok_or_else(|| wrong(column, &format!("{number} is no ticket state")))
}

/// The operation in `column`.
pub(super) fn operation(row: &Row<'_>, column: usize) -> rusqlite::Result<Operation> {
    optional_operation(row, column)?.ok_or_else(|| wrong(column, "an operation is missing"))
}

fn optional_operation(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Operation>> {
    let Some(number) = row.get::<_, Option<i64>>(column)? else { return Ok(None) };
    let found = Operation::ALL.into_iter().find(|operation| *operation as i64 == number);
    found.map(Some).ok_or_else(|| wrong(column, &format!("{number} is no operation")))
}

/// The key in `column`.
pub(super) fn key(row: &Row<'_>, column: usize) -> rusqlite::Result<DedupeKey> {
    let text: String = row.get(column)?;
    DedupeKey::new(&text).map_err(|error| wrong(column, &error.to_string()))
}

/// The origin id in `column`.
pub(super) fn origin(row: &Row<'_>, column: usize) -> rusqlite::Result<OriginId> {
    optional_origin(row, column)?.ok_or_else(|| wrong(column, "an origin id is missing"))
}

fn optional_origin(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<OriginId>> {
    let bytes = row.get::<_, Option<[u8; 16]>>(column)?;
    Ok(bytes.map(|bytes| OriginId(Uuid::from_bytes(bytes))))
}

/// The platform in `column`.
pub(super) fn platform(row: &Row<'_>, column: usize) -> rusqlite::Result<PlatformName> {
    Ok(PlatformName::new(row.get_ref(column)?.as_str()?))
}

fn reference(row: &Row<'_>, number: usize) -> rusqlite::Result<Option<TicketReference>> {
    let record = row.get(number + 1)?;
    Ok(row.get::<_, Option<String>>(number)?.map(|number| TicketReference { number, record }))
}

/// A hot row, from `ticket_columns!`.
pub(super) fn ticket_row(row: &Row<'_>) -> rusqlite::Result<TicketRow> {
    Ok(TicketRow {
        id: TicketId(row.get(0)?),
        origin: origin(row, 1)?,
        key: key(row, 2)?,
        kind: row.get_ref(3)?.as_str()?.into(),
        backend: BackendName::new(row.get_ref(4)?.as_str()?),
        state: state(row, 5)?,
        due_at: row.get::<_, Option<i64>>(6)?.map(Wall),
        attempts: Attempts::from_bits(row.get(7)?),
        generation: row.get(8)?,
        sent: OperationSet::from_bits(row.get(9)?),
        created: row.get(10)?,
        ticket: reference(row, 11)?,
        work_order: row.get(13)?,
        failed: optional_operation(row, 14)?,
        reason: row.get(15)?,
        work_order_record: row.get(16)?,
    })
}

/// A hot row and its ledger entry, from `open_ticket_from!`.
pub(super) fn open_ticket(row: &Row<'_>) -> rusqlite::Result<OpenTicket> {
    let ticket = ticket_row(row)?;
    let known = match reference(row, TICKET_COLUMNS)? {
        Some(reference) => {
            let origin = optional_origin(row, TICKET_COLUMNS + 2)?;
            Some(KnownTicket { key: ticket.key.clone(), reference, origin })
        }
        None => None,
    };
    Ok(OpenTicket { row: ticket, known })
}

/// A row for people, from `VIEW`.
pub(super) fn ticket_view(row: &Row<'_>) -> rusqlite::Result<TicketView> {
    let ticket = ticket_row(row)?;
    let body = ticket_body(row, TICKET_COLUMNS, ticket.id)?;
    let platform = platform(row, TICKET_COLUMNS + 3)?;
    Ok(TicketView { row: ticket, body, platform, updated_at: Wall(row.get(TICKET_COLUMNS + 4)?) })
}

/// A body, from message id, body and instant beginning at `column`.
pub(super) fn ticket_body(row: &Row<'_>, column: usize, id: TicketId) -> rusqlite::Result<TicketBody> {
    Ok(TicketBody {
        id,
        message_id: row.get(column)?,
        body: Arc::from(row.get_ref(column + 1)?.as_str()?),
        received_at: Wall(row.get(column + 2)?),
    })
}

/// A ledger entry, from key, number, record and origin.
pub(super) fn known_ticket(row: &Row<'_>) -> rusqlite::Result<KnownTicket> {
    let reference = reference(row, 1)?.ok_or_else(|| wrong(1, "a ledger entry has no number"))?;
    Ok(KnownTicket { key: key(row, 0)?, reference, origin: optional_origin(row, 3)? })
}

/// Row numbers as bytes, 8 each.
pub(super) fn pack(items: &[TicketId]) -> Vec<u8> {
    items.iter().flat_map(|item| item.0.to_le_bytes()).collect()
}

/// Back from [`pack`]. A trailing part of less than 8 bytes cannot come about and is left out.
pub(super) fn unpack(bytes: &[u8]) -> Vec<TicketId> {
    bytes.chunks_exact(8).filter_map(|chunk| chunk.try_into().ok()).map(|b| TicketId(i64::from_le_bytes(b))).collect()
}

/// The row numbers in `column`.
pub(super) fn items(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<TicketId>> {
    Ok(unpack(row.get_ref(column)?.as_bytes()?))
}

/// A number of rows for SQLite.
pub(super) fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
