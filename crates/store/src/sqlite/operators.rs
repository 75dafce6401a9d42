//! Operators: acts, changes, settings, problems, documents.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use ticketbridge_core::delivery::Problem;
use ticketbridge_core::ticket::{BackendName, DedupeKey, OriginId, PlatformName, TicketId};
use ticketbridge_core::time::Wall;

use super::access::record as record_audit;
use super::counts::Moves;
use super::fault::Fault;
use super::intake::lane_id;
use super::rows::{TICKET_COLUMNS, aside, is_over, limit, platform, state_number, ticket_row};
use super::statements as sql;
use crate::contract::MAX_CHANGES;
use crate::rules::{acted, carry_out, lane_index};
use crate::{Act, ActOutcome, ActRecord, BackendOverride, Change};

const TICKET: i64 = 1;
const SETTINGS: i64 = 2;
const LOSS_ACCEPTED: i64 = 3;
const OPENED_AGAIN: i64 = 4;

/// Carries out an act.
pub(super) fn act(
    store: &Connection,
    origin: OriginId,
    act: &Act,
    who: &str,
    at: Wall,
    lanes: u32,
) -> Result<ActOutcome, Fault> {
    let target = store
        .prepare_cached(sql::ACT_TARGET)?
        .query_row([origin.0.as_bytes()], |row| Ok((ticket_row(row)?, platform(row, TICKET_COLUMNS)?)))
        .optional()?;
    let Some((row, home)) = target else { return Ok(ActOutcome::NoSuchTicket) };
    let moves_to = match act {
        Act::Reassign { platform, .. } if *platform != home => Some(platform),
        _ => None,
    };
    let known = moves_to.is_some()
        && store
            .prepare_cached("SELECT 1 FROM known_ticket WHERE key = ?1 AND platform = ?2")?
            .exists([row.key.as_str(), home.as_str()])?;
    let next = match carry_out(&row, act, known) {
        Ok(next) => next,
        Err(state) => return Ok(ActOutcome::NotAllowed(state)),
    };
    let lane = match moves_to {
        Some(platform) => Some(lane_id(store, platform, lane_index(&row.key, lanes))?),
        None => None,
    };
    store.prepare_cached(sql::ACT_APPLY)?.execute(params![
        next.id.0,
        state_number(next.state),
        next.state.is_open(),
        next.attempts.to_bits(),
        next.generation,
        next.reason,
        next.backend.as_str(),
        lane,
        at.0,
        is_over(next.state),
        aside(next.state),
    ])?;
    let mut moves = Moves::default();
    moves.went(row.backend.as_str(), row.state);
    moves.came(next.backend.as_str(), next.state);
    moves.write(store)?;
    let record = serde_json::to_string(act)?;
    store.prepare_cached(sql::ACT_INSERT)?.execute(params![next.id.0, who, record, at.0])?;
    record_audit(store, &acted(origin, act, who, at))?;
    change(store, TICKET, Some(next.id), None)?;
    Ok(ActOutcome::Done(Box::new(next)))
}

fn change(
    store: &Connection,
    kind: i64,
    ticket: Option<TicketId>,
    platform: Option<&PlatformName>,
) -> Result<(), Fault> {
    let values = params![kind, ticket.map(|id| id.0), platform.map(PlatformName::as_str)];
    store.prepare_cached(sql::CHANGE_INSERT)?.execute(values)?;
    store.prepare_cached(sql::CHANGE_TRIM)?.execute([limit(MAX_CHANGES)])?;
    Ok(())
}

/// A row that was over has work to do again, by a decision of its lane: no news to the lane.
pub(super) fn opened_again(store: &Connection, ticket: TicketId) -> Result<(), Fault> {
    change(store, OPENED_AGAIN, Some(ticket), None)
}

/// Changes above a number.
pub(super) fn changes(store: &Connection, after: i64) -> Result<Vec<(i64, Change)>, Fault> {
    let mut find = store.prepare_cached(sql::CHANGES)?;
    let mut rows = find.query([after])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        let change = match row.get(1)? {
            TICKET => Change::Ticket(TicketId(row.get(2)?)),
            LOSS_ACCEPTED => Change::LossAccepted(platform(row, 3)?),
            _ => Change::Settings,
        };
        changes.push((row.get(0)?, change));
    }
    Ok(changes)
}

/// A row's acts.
pub(super) fn acts(store: &Connection, id: TicketId) -> Result<Vec<ActRecord>, Fault> {
    let mut find = store.prepare_cached(sql::ACTS)?;
    let mut rows = find.query([id.0])?;
    let mut acts = Vec::new();
    while let Some(row) = rows.next()? {
        let act = serde_json::from_str(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)?;
        acts.push(ActRecord { ticket: TicketId(row.get(0)?), who: row.get(1)?, act, at: Wall(row.get(3)?) });
    }
    Ok(acts)
}

/// Settings changed at run time.
pub(super) fn backend_overrides(store: &Connection) -> Result<BTreeMap<(BackendName, String), BackendOverride>, Fault> {
    let mut find = store.prepare_cached("SELECT backend, setting, value, file_value, who, at FROM backend_override")?;
    let mut rows = find.query([])?;
    let mut overrides = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let text = |column| row.get::<_, String>(column);
        let value = BackendOverride {
            value: serde_json::from_str(&text(2)?)?,
            file_value: serde_json::from_str(&text(3)?)?,
            who: text(4)?,
            at: Wall(row.get(5)?),
        };
        overrides.insert((BackendName::new(&text(0)?), text(1)?), value);
    }
    Ok(overrides)
}

/// Sets or drops a setting.
pub(super) fn set_backend_override(
    store: &Connection,
    backend: &BackendName,
    setting: &str,
    value: Option<&BackendOverride>,
) -> Result<(), Fault> {
    match value {
        Some(value) => store.execute(
            "INSERT OR REPLACE INTO backend_override(backend, setting, value, file_value, who, at) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                backend.as_str(),
                setting,
                value.value.to_string(),
                value.file_value.to_string(),
                value.who,
                value.at.0
            ],
        )?,
        None => store.execute(
            "DELETE FROM backend_override WHERE backend = ?1 AND setting = ?2",
            params![backend.as_str(), setting],
        )?,
    };
    change(store, SETTINGS, None, None)
}

/// The newest problems.
pub(super) fn problems(store: &Connection, most: usize) -> Result<Vec<Problem>, Fault> {
    let mut find = store.prepare_cached(sql::PROBLEMS)?;
    let rows = find.query_map([limit(most)], |row| {
        Ok(Problem {
            platform: platform(row, 0)?,
            code: row.get(1)?,
            about: row.get(2)?,
            text: row.get(3)?,
            at: Wall(row.get(4)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Drops ledger entries; answers how many.
pub(super) fn accept_loss(store: &Connection, platform: &PlatformName, keys: &[DedupeKey]) -> Result<usize, Fault> {
    let mut drop_entry = store.prepare_cached(sql::KNOWN_DROP)?;
    let mut dropped = 0;
    for key in keys {
        dropped += drop_entry.execute([key.as_str(), platform.as_str()])?;
    }
    change(store, LOSS_ACCEPTED, None, Some(platform))?;
    Ok(dropped)
}

/// Keeps or drops a document.
pub(super) fn put_document(store: &Connection, name: &str, value: Option<&serde_json::Value>) -> Result<(), Fault> {
    match value {
        Some(value) => store
            .prepare_cached("INSERT OR REPLACE INTO document(name, value) VALUES(?1, ?2)")?
            .execute([name, &value.to_string()])?,
        None => store.prepare_cached("DELETE FROM document WHERE name = ?1")?.execute([name])?,
    };
    Ok(())
}

/// A document.
pub(super) fn document(store: &Connection, name: &str) -> Result<Option<serde_json::Value>, Fault> {
    let mut find = store.prepare_cached("SELECT value FROM document WHERE name = ?1")?;
    let text: Option<String> = find.query_row([name], |row| row.get(0)).optional()?;
    Ok(text.map(|text| serde_json::from_str(&text)).transpose()?)
}
