//! Lanes: taking, keeping, and reading what they hold.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use ticketbridge_core::delivery::{Audit, BatchId, Fence, LaneId, OpenTicket, UnsettledBatch};
use ticketbridge_core::ticket::{PlatformName, TicketId};
use ticketbridge_core::time::Wall;
use uuid::Uuid;

use super::fault::Fault;
use super::intake::lane_id;
use super::{rows, statements as sql};
use crate::{LANE_CANARIES, LaneAnswer, LaneGrant, TicketBody};

/// A time to live in milliseconds.
fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
}

/// Takes a lane with all that belongs to it, as of one moment.
pub(super) fn take(
    store: &Connection,
    platform: &PlatformName,
    index: u32,
    holder: Uuid,
    time_to_live: Duration,
) -> Result<LaneAnswer, Fault> {
    let id = lane_id(store, platform, index)?;
    let token = store
        .prepare_cached(sql::LANE_TAKE)?
        .query_row(params![id, holder.as_bytes(), millis(time_to_live)], |row| row.get::<_, i64>(0))
        .optional()?;
    let Some(token) = token else {
        let left: i64 = store.prepare_cached(sql::LANE_REMAINING)?.query_row([id], |row| row.get(0))?;
        return Ok(LaneAnswer::Held { remaining: Duration::from_millis(left.max(0) as u64) });
    };
    let lane = LaneId(id);
    let unsettled = store
        .prepare_cached(sql::BATCHES_UNSETTLED)?
        .query_map([id], |row| {
            let batch = BatchId(row.get(0)?);
            Ok(UnsettledBatch { id: batch, operation: rows::operation(row, 1)?, items: rows::items(row, 2)? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let canaries = store
        .prepare_cached(sql::KNOWN_NEWEST)?
        .query_map(params![platform.as_str(), rows::limit(LANE_CANARIES)], rows::known_ticket)?
        .collect::<rusqlite::Result<_>>()?;
    let audits = store
        .prepare_cached(sql::AUDITS)?
        .query_map([id], |row| {
            Ok(Audit {
                ticket: TicketId(row.get(0)?),
                key: rows::key(row, 1)?,
                origin: rows::origin(row, 2)?,
                looks: row.get(3)?,
                due_at: Wall(row.get(4)?),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(LaneAnswer::Taken(Box::new(LaneGrant {
        lane,
        fence: Fence(token),
        next_sequence: last_batch(store, lane)?.sequence() + 1,
        unsettled,
        canaries,
        audits,
        change: store.prepare_cached(sql::CHANGE_LAST)?.query_row([], |row| row.get(0))?,
    })))
}

/// The highest batch that the lane ever had; sequence 0: none.
pub(super) fn last_batch(store: &Connection, lane: LaneId) -> Result<BatchId, Fault> {
    let (first, end) = (BatchId::new(lane, 0).0, BatchId::new(LaneId(lane.0 + 1), 0).0 - 1);
    let last = store.prepare_cached(sql::LANE_LAST_BATCH)?.query_row([lane.0, first, end], |row| row.get(0))?;
    Ok(BatchId(last))
}

/// Prolongs a lane; false: it is lost.
pub(super) fn renew(store: &Connection, lane: LaneId, fence: Fence, time_to_live: Duration) -> Result<bool, Fault> {
    Ok(store.prepare_cached(sql::LANE_RENEW)?.execute([lane.0, fence.0, millis(time_to_live)])? == 1)
}

/// Gives a lane back.
pub(super) fn release(store: &Connection, lane: LaneId, fence: Fence) -> Result<(), Fault> {
    store.prepare_cached(sql::LANE_RELEASE)?.execute([lane.0, fence.0])?;
    Ok(())
}

/// A window of a lane's open rows.
pub(super) fn open_tickets(
    store: &Connection,
    lane: LaneId,
    after: TicketId,
    limit: usize,
) -> Result<Vec<OpenTicket>, Fault> {
    let mut find = store.prepare_cached(sql::OPEN_TICKETS)?;
    let found = find.query_map([lane.0, after.0, rows::limit(limit)], rows::open_ticket)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// These rows of a lane.
pub(super) fn tickets_by_id(store: &Connection, lane: LaneId, ids: &[TicketId]) -> Result<Vec<OpenTicket>, Fault> {
    let mut find = store.prepare_cached(sql::LANE_TICKET)?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(find.query_row([lane.0, id.0], rows::open_ticket).optional()?);
    }
    Ok(found)
}

/// Bodies in the order asked for.
pub(super) fn bodies(store: &Connection, ids: &[TicketId]) -> Result<Vec<TicketBody>, Fault> {
    let mut find = store.prepare_cached(sql::BODY_FIND)?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let body = find.query_row([id.0], |row| rows::ticket_body(row, 0, *id)).optional()?;
        found.push(body.ok_or_else(|| Fault::Rule(crate::rules::no_such_ticket(*id)))?);
    }
    Ok(found)
}
