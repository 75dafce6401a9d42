//! Receiving tickets, workflow runs, counters.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rusqlite::{Connection, OptionalExtension, params};
use ticketbridge_core::ticket::{IntakeOutcome, NewTicket, OriginId, PlatformName, State};
use uuid::Uuid;

use super::counts::Moves;
use super::fault::Fault;
use super::rows::{limit, state_number};
use super::statements as sql;
use crate::contract::MAX_RUNS;
use crate::rules::lane_index;
use crate::{IncidentEntry, RunCommit, RunRecord};

/// Stores tickets in order; one outcome each.
pub(super) fn receive(store: &Connection, tickets: &[NewTicket], lanes: u32) -> Result<Vec<IntakeOutcome>, Fault> {
    let mut find = store.prepare_cached(sql::MESSAGE_FIND)?;
    let mut insert = store.prepare_cached(sql::TICKET_INSERT)?;
    let mut insert_body = store.prepare_cached(sql::BODY_INSERT)?;
    let mut lane_ids: HashMap<(&PlatformName, u32), i64> = HashMap::new();
    let mut outcomes = Vec::with_capacity(tickets.len());
    let mut moves = Moves::default();
    for ticket in tickets {
        let item = &ticket.item;
        let known = find
            .query_row([&item.message_id], |row| Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, [u8; 16]>(1)?)))
            .optional()?;
        if let Some((hash, origin)) = known {
            let id = OriginId(Uuid::from_bytes(origin));
            let same = hash == item.body_hash;
            outcomes.push(if same { IntakeOutcome::Duplicate { id } } else { IntakeOutcome::Conflict { id } });
            continue;
        }
        let index = lane_index(&item.key, lanes);
        let lane = match lane_ids.entry((&ticket.platform, index)) {
            Entry::Occupied(lane) => *lane.get(),
            Entry::Vacant(place) => *place.insert(lane_id(store, &ticket.platform, index)?),
        };
        insert.execute(params![
            ticket.origin.0.as_bytes(),
            lane,
            state_number(State::Received),
            item.key.as_str(),
            item.kind,
            ticket.backend.as_str(),
            ticket.received_at.0,
        ])?;
        let id = store.last_insert_rowid();
        insert_body.execute(params![id, item.message_id, item.body_hash, item.body, ticket.received_at.0])?;
        moves.came(ticket.backend.as_str(), State::Received);
        outcomes.push(IntakeOutcome::Accepted { id: ticket.origin });
    }
    moves.write(store)?;
    Ok(outcomes)
}

/// The number of a lane, made known if it is new.
pub(super) fn lane_id(store: &Connection, platform: &PlatformName, index: u32) -> Result<i64, Fault> {
    let mut find = store.prepare_cached(sql::LANE_FIND)?;
    let place = params![platform.as_str(), index];
    if let Some(id) = find.query_row(place, |row| row.get(0)).optional()? {
        return Ok(id);
    }
    store.prepare_cached(sql::LANE_INSERT)?.execute(place)?;
    Ok(find.query_row(place, |row| row.get(0))?)
}

/// Stores a run with its tickets, incidents and reports.
pub(super) fn commit_run(store: &Connection, run: &RunCommit, lanes: u32) -> Result<Vec<IntakeOutcome>, Fault> {
    let outcomes = receive(store, &run.tickets, lanes)?;
    let mut put = store.prepare_cached("INSERT OR REPLACE INTO incident(kpi, object, body) VALUES(?1, ?2, ?3)")?;
    for ((kpi, object), body) in &run.incidents {
        put.execute([kpi, object, body])?;
    }
    let mut put = store.prepare_cached("INSERT OR REPLACE INTO reported(key, body) VALUES(?1, ?2)")?;
    for (key, body) in &run.reported {
        put.execute([key, body])?;
    }
    store.execute("INSERT INTO run(record) VALUES(?1)", [serde_json::to_string(&run.run)?])?;
    store.execute("DELETE FROM run WHERE id <= (SELECT max(id) FROM run) - ?1", [limit(MAX_RUNS)])?;
    Ok(outcomes)
}

/// Reserves numbers of a counter; answers the first.
pub(super) fn reserve_numbers(store: &Connection, name: &str, count: u32) -> Result<u64, Fault> {
    let after: i64 = store
        .prepare_cached(
            "INSERT INTO counter(name, next) VALUES(?1, 1 + ?2) ON CONFLICT(name) DO UPDATE SET next = next + ?2 RETURNING next",
        )?
        .query_row(params![name, count], |row| row.get(0))?;
    Ok((after - i64::from(count)) as u64)
}

/// The latest runs.
pub(super) fn runs(store: &Connection, most: usize) -> Result<Vec<RunRecord>, Fault> {
    let mut find = store.prepare_cached("SELECT record FROM run ORDER BY id DESC LIMIT ?1")?;
    let texts = find.query_map([limit(most)], |row| row.get::<_, String>(0))?;
    texts.map(|text| Ok(serde_json::from_str(&text?)?)).collect()
}

/// Incidents as kept.
pub(super) fn incidents(store: &Connection) -> Result<Vec<IncidentEntry>, Fault> {
    let mut find = store.prepare_cached("SELECT kpi, object, body FROM incident ORDER BY kpi, object")?;
    let rows = find.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What was reported, by key.
pub(super) fn reported(store: &Connection) -> Result<Vec<(String, String)>, Fault> {
    let mut find = store.prepare_cached("SELECT key, body FROM reported ORDER BY key")?;
    let rows = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
