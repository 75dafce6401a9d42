//! Reading for people and machines: one ticket, its story, the ledger.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension};
use ticketbridge_core::delivery::{BatchId, ItemResult, KnownTicket};
use ticketbridge_core::ticket::{BackendName, DedupeKey, OriginId, PlatformName, TicketId};
use ticketbridge_core::time::Wall;

use super::apply::SettleLine;
use super::fault::Fault;
use super::open_keys::OpenKeys;
use super::{rows, statements as sql};
use crate::rules::hexadecimal;
use crate::{TicketView, TrailEntry};

/// One ticket by its public id.
pub(super) fn ticket(store: &Connection, origin: OriginId) -> Result<Option<TicketView>, Fault> {
    let mut find = store.prepare_cached(sql::VIEW_BY_ORIGIN)?;
    Ok(find.query_row([origin.0.as_bytes()], rows::ticket_view).optional()?)
}

/// The requests that carried a ticket.
pub(super) fn trail(store: &Connection, id: TicketId) -> Result<Vec<TrailEntry>, Fault> {
    let mut find = store.prepare_cached("SELECT trail FROM ticket WHERE id = ?1")?;
    let trail: Option<Option<Vec<u8>>> = find.query_row([id.0], |row| row.get(0)).optional()?;
    let batches = rows::unpack(&trail.flatten().unwrap_or_default());
    let mut find = store.prepare_cached(sql::BATCH_STORY)?;
    let mut entries = Vec::with_capacity(batches.len());
    for batch in batches {
        let mut rows = find.query([batch.0])?;
        let Some(row) = rows.next()? else { continue };
        let outcome: Option<String> = row.get(5)?;
        entries.push(TrailEntry {
            batch: BatchId(batch.0),
            operation: rows::operation(row, 0)?,
            platform: rows::platform(row, 1)?,
            items: rows::items(row, 2)?.len(),
            body_hash: hexadecimal(&row.get::<_, Vec<u8>>(3)?),
            at: Wall(row.get(4)?),
            result: latest_result(outcome.as_deref().unwrap_or_default(), id)?,
        });
    }
    Ok(entries)
}

/// The last word on a ticket in a batch's settles.
fn latest_result(lines: &str, id: TicketId) -> Result<Option<(ItemResult, Wall)>, Fault> {
    for line in lines.lines().rev() {
        let settle: SettleLine<Vec<ItemResult>> = serde_json::from_str(line)?;
        if let Some(result) = settle.results.into_iter().rev().find(|result| result.ticket == id) {
            return Ok(Some((result, settle.at)));
        }
    }
    Ok(None)
}

/// What the ledger knows of these keys.
pub(super) fn ledger(store: &Connection, keys: &[DedupeKey]) -> Result<Vec<(PlatformName, KnownTicket)>, Fault> {
    let mut find = store.prepare_cached(sql::KNOWN_FIND)?;
    let mut known = Vec::new();
    for key in keys {
        let found = find.query_map([key.as_str()], |row| Ok((rows::platform(row, 4)?, rows::known_ticket(row)?)))?;
        for entry in found {
            known.push(entry?);
        }
    }
    Ok(known)
}

/// The backend of the newest open row of each of these keys.
pub(super) fn open_backends(
    store: &Connection,
    open: &Mutex<OpenKeys>,
    keys: &[DedupeKey],
) -> Result<Vec<(DedupeKey, BackendName)>, Fault> {
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    open.follow(store)?;
    let mut found = BTreeMap::new();
    for key in keys {
        if let Some(row) = open.newest(store, key.as_str())? {
            found.insert(key.clone(), BackendName::new(&row.backend));
        }
    }
    Ok(found.into_iter().collect())
}

/// Highest row number.
pub(super) fn last_ticket(store: &Connection) -> Result<TicketId, Fault> {
    let mut find = store.prepare_cached("SELECT coalesce(max(id), 0) FROM ticket")?;
    Ok(TicketId(find.query_row([], |row| row.get(0))?))
}
