//! What waits in a store, read as of one moment.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};
use ticketbridge_core::delivery::{KnownTicket, Stop};
use ticketbridge_core::mobile::RunResult;
use ticketbridge_core::ticket::{BackendName, DedupeKey, PlatformName, State};
use ticketbridge_core::time::Wall;

use super::{MAX_CAUSES, MAX_KNOWN};
use crate::RunEnd;
use crate::sqlite::epoch::meta;
use crate::sqlite::{rows, statements as sql};

/// Tables whose rows are counted: those that grow.
const GROWING: [&str; 9] = [
    "ticket",
    "batch",
    "act",
    "problem",
    "known_ticket",
    "feedback_page",
    "feedback_call",
    "mobile_ticket",
    "box_distribution",
];
/// How the reason of a row begins that is held for an operator, as delivery writes it.
const HELD: &str = "TB[0-9][0-9][0-9][0-9]: held for an operator: *";
/// Where a document says that creating is stopped.
const STOPPED: &str = "stopped/";

/// What is in a store of this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Its lanes.
    pub lanes: Vec<LaneState>,
    /// Open tickets, by backend and state.
    pub waiting: Vec<Waiting>,
    /// Requests that were begun and have no outcome yet.
    pub unsettled: u64,
    /// Tickets in Error, by cause, the most frequent first.
    pub errors: Vec<ErrorCause>,
    /// Tickets in Error.
    pub in_error: u64,
    /// Open tickets that are held for an operator, the oldest first.
    pub held: Vec<HeldTicket>,
    /// Platforms on which no ticket is created until an operator says so.
    pub stopped: BTreeMap<PlatformName, Stop>,
    /// The newest tickets that are known to exist, by platform.
    pub known: BTreeMap<PlatformName, Vec<KnownOn>>,
    /// Mobile-ticket functions, by organizer.
    pub functions: BTreeMap<String, FunctionState>,
    /// Rows of the tables that grow.
    pub rows: BTreeMap<&'static str, u64>,
    /// The newest time that was written anywhere. Later than now: the wall clock was set back.
    pub newest_write: Option<Wall>,
    /// How often the store was started to serve.
    pub starts: i64,
}

/// One lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneState {
    /// Its platform.
    pub platform: PlatformName,
    /// Whether a process holds it.
    pub held: bool,
    /// Until when, unless it is renewed.
    pub expires_at: Wall,
}

/// Open tickets of a backend in a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The backend.
    pub backend: BackendName,
    /// The state.
    pub state: State,
    /// How many.
    pub tickets: u64,
    /// When the oldest of them came in.
    pub oldest: Wall,
}

/// Tickets in Error of one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorCause {
    /// Why, in the platform's words.
    pub reason: String,
    /// How many.
    pub tickets: u64,
}

/// An open ticket that is held for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldTicket {
    /// What it is about.
    pub key: DedupeKey,
    /// Who carries it.
    pub backend: BackendName,
    /// Why: a code, and what to do.
    pub reason: String,
}

/// A ticket that is known to exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownOn {
    /// The ticket.
    pub ticket: KnownTicket,
    /// Since when it is known.
    pub at: Option<Wall>,
}

/// How the mobile-ticket job of an organizer stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionState {
    /// When the newest run began.
    pub began_at: Option<Wall>,
    /// When and how the newest run that has ended did.
    pub ended: Option<(Wall, RunResult, Option<String>)>,
    /// A run has the lease, or had it when its process died.
    pub leased: bool,
    /// Items that are still to be applied.
    pub pending: u64,
    /// When the oldest page with such items was stored.
    pub oldest: Option<Wall>,
    /// Items that wait for an operator.
    pub failed: u64,
}

/// Reads all of it, in one transaction.
pub(super) fn read(connection: &Connection) -> rusqlite::Result<Contents> {
    let reading = connection.unchecked_transaction()?;
    let store: &Connection = &reading;
    let count = |query: &str| store.query_row(query, [], |row| row.get::<_, i64>(0)).map(|count| count.max(0) as u64);
    let mut counted = BTreeMap::new();
    for table in GROWING {
        counted.insert(table, count(&format!("SELECT count(*) FROM {table}"))?);
    }
    Ok(Contents {
        lanes: lanes(store)?,
        waiting: waiting(store)?,
        unsettled: count("SELECT count(*) FROM batch WHERE open = 1")?,
        errors: errors(store)?,
        in_error: store
            .query_row("SELECT count(*) FROM ticket WHERE state = ?1", [rows::state_number(State::Error)], |row| {
                row.get::<_, i64>(0)
            })?
            .max(0) as u64,
        held: held(store)?,
        stopped: stopped(store)?,
        known: known(store)?,
        functions: functions(store)?,
        rows: counted,
        newest_write: store
            .query_row(
                "SELECT max(at) FROM (SELECT max(updated_at) AS at FROM ticket \
                 UNION ALL SELECT max(sent_at) FROM batch WHERE open = 1 UNION ALL SELECT max(at) FROM problem \
                 UNION ALL SELECT max(began_at) FROM feedback_run)",
                [],
                |row| row.get::<_, Option<i64>>(0),
            )?
            .map(Wall),
        starts: meta(store, "epoch")?.unwrap_or(0),
    })
}

fn all<T>(
    store: &Connection,
    query: &str,
    values: impl rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    store.prepare(query)?.query_map(values, read)?.collect()
}

fn lanes(store: &Connection) -> rusqlite::Result<Vec<LaneState>> {
    all(store, "SELECT platform, holder IS NOT NULL, expires_at FROM lane ORDER BY platform, number", [], |row| {
        Ok(LaneState { platform: rows::platform(row, 0)?, held: row.get(1)?, expires_at: Wall(row.get(2)?) })
    })
}

fn waiting(store: &Connection) -> rusqlite::Result<Vec<Waiting>> {
    let query = "SELECT backend, state, count(*), min(received_at) FROM ticket JOIN ticket_body USING(id) \
                 WHERE open = 1 GROUP BY backend, state ORDER BY backend, state";
    all(store, query, [], |row| {
        Ok(Waiting {
            backend: BackendName::new(&row.get::<_, String>(0)?),
            state: rows::state(row, 1)?,
            tickets: row.get::<_, i64>(2)?.max(0) as u64,
            oldest: Wall(row.get(3)?),
        })
    })
}

fn errors(store: &Connection) -> rusqlite::Result<Vec<ErrorCause>> {
    let query = "SELECT coalesce(reason, ''), count(*) FROM ticket WHERE state = ?1 \
                 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?2";
    all(store, query, params![rows::state_number(State::Error), rows::limit(MAX_CAUSES)], |row| {
        Ok(ErrorCause { reason: row.get(0)?, tickets: row.get::<_, i64>(1)?.max(0) as u64 })
    })
}

fn held(store: &Connection) -> rusqlite::Result<Vec<HeldTicket>> {
    let query = "SELECT key, backend, reason FROM ticket WHERE open = 1 AND reason GLOB ?1 ORDER BY id";
    all(store, query, [HELD], |row| {
        Ok(HeldTicket {
            key: rows::key(row, 0)?,
            backend: BackendName::new(&row.get::<_, String>(1)?),
            reason: row.get(2)?,
        })
    })
}

fn stopped(store: &Connection) -> rusqlite::Result<BTreeMap<PlatformName, Stop>> {
    let query = "SELECT name, value FROM document WHERE name GLOB ?1 || '*'";
    let documents = all(store, query, [STOPPED], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let read = |(name, value): (String, String)| {
        let platform = PlatformName::new(name.strip_prefix(STOPPED)?);
        Some((platform, serde_json::from_str(&value).ok()?))
    };
    Ok(documents.into_iter().filter_map(read).collect())
}

fn known(store: &Connection) -> rusqlite::Result<BTreeMap<PlatformName, Vec<KnownOn>>> {
    let platforms = all(store, "SELECT DISTINCT platform FROM known_ticket", [], |row| rows::platform(row, 0))?;
    let mut found = BTreeMap::new();
    for platform in platforms {
        let values = params![platform.as_str(), rows::limit(MAX_KNOWN)];
        let tickets = all(store, sql::KNOWN_NEWEST_DATED, values, |row| {
            Ok(KnownOn { ticket: rows::known_ticket(row)?, at: row.get::<_, Option<i64>>(4)?.map(Wall) })
        })?;
        found.insert(platform, tickets);
    }
    Ok(found)
}

fn functions(store: &Connection) -> rusqlite::Result<BTreeMap<String, FunctionState>> {
    let mut functions: BTreeMap<String, FunctionState> = BTreeMap::new();
    let number = |count: i64| count.max(0) as u64;
    let began = "SELECT organizer, max(began_at) FROM feedback_run GROUP BY organizer";
    for (organizer, at) in all(store, began, [], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))? {
        functions.entry(organizer).or_default().began_at = Some(Wall(at));
    }
    let ended = "SELECT organizer, \"end\" FROM feedback_run WHERE id IN \
                 (SELECT max(id) FROM feedback_run WHERE ended_at IS NOT NULL GROUP BY organizer)";
    for (organizer, end) in all(store, ended, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))? {
        if let Ok(end) = serde_json::from_str::<RunEnd>(&end) {
            functions.entry(organizer).or_default().ended = Some((end.at, end.result, end.text));
        }
    }
    let leased = "SELECT organizer FROM feedback_lease WHERE holder IS NOT NULL";
    for organizer in all(store, leased, [], |row| row.get::<_, String>(0))? {
        functions.entry(organizer).or_default().leased = true;
    }
    let open = "SELECT organizer, sum(open), min(at) FROM feedback_page WHERE open > 0 GROUP BY organizer";
    for (organizer, pending, at) in
        all(store, open, [], |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?)))?
    {
        let function = functions.entry(organizer).or_default();
        (function.pending, function.oldest) = (number(pending), Some(Wall(at)));
    }
    let failed = "SELECT organizer, count(*) FROM feedback_failed GROUP BY organizer";
    for (organizer, failed) in all(store, failed, [], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))? {
        functions.entry(organizer).or_default().failed = number(failed);
    }
    Ok(functions)
}
