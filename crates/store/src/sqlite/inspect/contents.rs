//! What waits in a store, read as of one moment.

use std::collections::BTreeMap;

use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};
use ticketbridge_core::delivery::{HELD, KnownTicket, Stop};
use ticketbridge_core::mobile::RunResult;
use ticketbridge_core::ticket::{BackendName, DedupeKey, PlatformName, State};
use ticketbridge_core::time::Wall;

use super::{MAX_CAUSES, MAX_KNOWN};
use crate::sqlite::epoch::meta;
use crate::sqlite::fault::Fault;
use crate::sqlite::{operators, rows, statements as sql};
use crate::{BackendOverride, RunEnd, STOPPED};

/// Tables whose rows are counted: those that grow. Tickets are counted by the store itself.
const GROWING: [&str; 8] =
    ["batch", "act", "problem", "known_ticket", "feedback_page", "feedback_call", "mobile_ticket", "box_distribution"];

// What is asked of `ticket` goes by its partial indexes: they hold what has work to do or stands aside, and not the
// millions that are done.

/// Open tickets, by backend and state.
const WAITING: &str = "SELECT backend, state, count(*), min(received_at) FROM ticket INDEXED BY ticket_open \
                       JOIN ticket_body USING(id) WHERE open = 1 GROUP BY backend, state ORDER BY backend, state";
/// ?1 Error, ?2 at most so many causes.
const ERRORS: &str = "SELECT coalesce(reason, ''), count(*) FROM ticket INDEXED BY ticket_aside \
                      WHERE aside IS NOT NULL AND aside = ?1 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?2";
/// ?1 how the reason of a row begins that is held.
const HELD_OPEN: &str = "SELECT key, backend, reason FROM ticket INDEXED BY ticket_open \
                         WHERE open = 1 AND reason GLOB ?1 ORDER BY id";
/// ?1 Error. Of a row that is over, when it ended is when it was written last.
const NEWEST_WRITE: &str = "SELECT max(at) FROM (\
     SELECT max(ended_at) AS at FROM ticket WHERE ended_at IS NOT NULL \
     UNION ALL SELECT max(updated_at) FROM ticket INDEXED BY ticket_open WHERE open = 1 \
     UNION ALL SELECT max(updated_at) FROM ticket INDEXED BY ticket_aside WHERE aside IS NOT NULL AND aside = ?1 \
     UNION ALL SELECT max(sent_at) FROM batch WHERE open = 1 UNION ALL SELECT max(at) FROM problem \
     UNION ALL SELECT max(began_at) FROM feedback_run)";

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
    /// What was changed at run time, by backend and setting.
    pub overrides: BTreeMap<(BackendName, String), BackendOverride>,
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
    counted.insert("ticket", count("SELECT coalesce(sum(count), 0) FROM ticket_count")?);
    let error = rows::state_number(State::Error);
    Ok(Contents {
        lanes: lanes(store)?,
        waiting: waiting(store)?,
        unsettled: count("SELECT count(*) FROM batch WHERE open = 1")?,
        errors: errors(store)?,
        in_error: count(&format!("SELECT coalesce(sum(count), 0) FROM ticket_count WHERE state = {error}"))?,
        held: held(store)?,
        overrides: overrides(store)?,
        stopped: stopped(store)?,
        known: known(store)?,
        functions: functions(store)?,
        rows: counted,
        newest_write: store.query_row(NEWEST_WRITE, [error], |row| row.get::<_, Option<i64>>(0))?.map(Wall),
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
    all(store, WAITING, [], |row| {
        Ok(Waiting {
            backend: BackendName::new(&row.get::<_, String>(0)?),
            state: rows::state(row, 1)?,
            tickets: row.get::<_, i64>(2)?.max(0) as u64,
            oldest: Wall(row.get(3)?),
        })
    })
}

fn errors(store: &Connection) -> rusqlite::Result<Vec<ErrorCause>> {
    all(store, ERRORS, params![rows::state_number(State::Error), rows::limit(MAX_CAUSES)], |row| {
        Ok(ErrorCause { reason: row.get(0)?, tickets: row.get::<_, i64>(1)?.max(0) as u64 })
    })
}

fn held(store: &Connection) -> rusqlite::Result<Vec<HeldTicket>> {
    all(store, HELD_OPEN, [format!("TB[0-9][0-9][0-9][0-9]: {HELD}*")], |row| {
        Ok(HeldTicket {
            key: rows::key(row, 0)?,
            backend: BackendName::new(&row.get::<_, String>(1)?),
            reason: row.get(2)?,
        })
    })
}

fn overrides(store: &Connection) -> rusqlite::Result<BTreeMap<(BackendName, String), BackendOverride>> {
    operators::backend_overrides(store).map_err(|fault| match fault {
        Fault::Sqlite(error) => error,
        Fault::Rule(text) => rusqlite::Error::FromSqlConversionFailure(2, Type::Text, text.into()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::migrate::MIGRATIONS;

    #[test]
    fn no_question_reads_all_tickets() {
        let store = Connection::open_in_memory().unwrap();
        for migration in MIGRATIONS {
            store.execute_batch(migration).unwrap();
        }
        for question in [WAITING, ERRORS, HELD_OPEN, NEWEST_WRITE] {
            let mut explained = store.prepare(&format!("EXPLAIN QUERY PLAN {question}")).unwrap();
            let none = vec![None::<i64>; explained.parameter_count()];
            let rows = explained.query_map(rusqlite::params_from_iter(none), |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<String> = rows.map(Result::unwrap).collect();
            let of_tickets = || steps.iter().filter(|step| step.contains(" ticket ") || step.ends_with(" ticket"));
            assert!(of_tickets().count() > 0, "{steps:?}");
            assert!(of_tickets().all(|step| step.contains("INDEX ticket_")), "{question}: {steps:?}");
        }
    }

    #[test]
    fn what_waits_and_what_was_written_last_is_found() {
        let store = Connection::open_in_memory().unwrap();
        for migration in MIGRATIONS {
            store.execute_batch(migration).unwrap();
        }
        let row = "INSERT INTO ticket(id, origin, lane, open, state, key, kind, backend, reason, updated_at, ended_at, aside) \
                   VALUES(?1, CAST(printf('%016d', ?1) AS BLOB), 1, ?2, ?3, 'k' || ?1, 'SNR', 'b', ?4, ?5, ?6, ?7)";
        let done = |id: i64, at: i64| (id, 0, 100, None::<String>, at, Some(at), None::<i64>);
        let held = format!("TB0304: {HELD}two tickets");
        store.execute(row, done(1, 50)).unwrap();
        store.execute(row, params![2, 1, 3, held, 60, None::<i64>, None::<i64>]).unwrap();
        store.execute(row, params![3, 1, 3, "later", 61, None::<i64>, None::<i64>]).unwrap();
        store.execute(row, params![4, 0, 101, "no", 70, None::<i64>, 101]).unwrap();
        store.execute(row, params![5, 0, 101, "no", 71, None::<i64>, 101]).unwrap();
        store.execute(row, params![6, 0, 102, "by hand", 40, 40, 102]).unwrap();
        store
            .execute_batch(
                "INSERT INTO ticket_body SELECT id, 'm' || id, x'00', '{}', 7 FROM ticket;
                 INSERT INTO ticket_count SELECT backend, state, count(*) FROM ticket GROUP BY 1, 2;",
            )
            .unwrap();
        let contents = read(&store).unwrap();
        assert_eq!((contents.in_error, contents.rows["ticket"]), (2, 6));
        assert_eq!(contents.errors, [ErrorCause { reason: String::from("no"), tickets: 2 }]);
        assert_eq!(contents.held.iter().map(|held| held.key.as_str()).collect::<Vec<_>>(), ["k2"]);
        assert_eq!(contents.waiting.iter().map(|waiting| waiting.tickets).sum::<u64>(), 2);
        let newest = |contents: Contents| contents.newest_write.map(|at| at.0);
        assert_eq!(newest(contents), Some(71));
        store.execute(row, done(7, 90)).unwrap();
        assert_eq!(newest(read(&store).unwrap()), Some(90));
    }
}
