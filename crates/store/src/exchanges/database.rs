//! The file: opening, its schema, what makes it unusable, and errors that say what to do.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::with_end;
use crate::StoreError;

/// How long a statement waits for another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// `TBKX`: tells our file from any other SQLite file.
pub const APPLICATION_ID: i32 = 0x5442_4b58;
/// Version of the schema. Another one is set aside: nothing in here is worth a migration.
const VERSION: i64 = 1;
/// Pages of 4,096 bytes after which the WAL goes into the file, and the size that it is cut to.
const WAL_PAGES: i64 = 256;
/// Room that is left for the WAL.
pub(super) const WAL_ROOM: u64 = 2 << 20;

const SCHEMA: &str = "
-- AUTOINCREMENT: a number never comes twice. Times are milliseconds since 1970, `latency` milliseconds.
CREATE TABLE exchange(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, platform TEXT NOT NULL,
  about INTEGER NOT NULL, batch INTEGER, method TEXT NOT NULL, target TEXT NOT NULL, status INTEGER,
  latency INTEGER NOT NULL, failed INTEGER NOT NULL, fault TEXT NOT NULL, kept INTEGER NOT NULL) STRICT;
CREATE INDEX exchange_batch ON exchange(batch) WHERE batch IS NOT NULL;
CREATE INDEX exchange_failed ON exchange(id) WHERE failed = 1;
CREATE INDEX exchange_retrieval ON exchange(platform, id) WHERE about = 2;
-- Apart, so that lists need not read over bodies.
CREATE TABLE body(exchange INTEGER PRIMARY KEY, request TEXT NOT NULL, answer TEXT NOT NULL) STRICT;
-- What look-ups asked about.
CREATE TABLE asked(subject TEXT NOT NULL, exchange INTEGER NOT NULL, PRIMARY KEY(subject, exchange)) STRICT, WITHOUT ROWID;
CREATE INDEX asked_exchange ON asked(exchange);
CREATE TABLE event(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, until INTEGER, kind INTEGER NOT NULL,
  about TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE TABLE made(at INTEGER NOT NULL) STRICT;
";

/// Why a file cannot be used.
pub(super) enum Unusable {
    /// It is damaged, or not of this version: it may be set aside.
    Broken(String),
    /// It is another program's, locked, or cannot be written: nothing is touched.
    Not(StoreError),
}

/// Opens the file for writing; makes it if it is not there.
pub(super) fn open_writer(path: &Path, now: i64) -> Result<Connection, Unusable> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| unusable(path, &error))?;
    prepare(connection, now, path)
}

fn prepare(mut connection: Connection, now: i64, path: &Path) -> Result<Connection, Unusable> {
    let fault = |error: rusqlite::Error| unusable(path, &error);
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
    let number = |name: &str| -> Result<i64, Unusable> {
        connection.pragma_query_value(None, name, |row| row.get(0)).map_err(fault)
    };
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(fault)?;
    let is_new = tables == 0 && application == 0;
    if !is_new && application != i64::from(APPLICATION_ID) {
        return Err(Unusable::Not(StoreError::Refused(format!(
            "`{}` is a database of another program, not a file of exchanges; it was not touched, and no exchanges are \
             kept. Give another `[store] url`, or move that file away",
            path.display()
        ))));
    }
    if !is_new && version != VERSION {
        return Err(Unusable::Broken(format!("it has schema version {version}, this program has {VERSION}")));
    }
    if is_new {
        // Before the first table: only then does it take effect.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(fault)?;
    }
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).map_err(fault)?;
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(fault)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", WAL_PAGES, |_| Ok(())).map_err(fault)?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_PAGES * 4_096, |_| Ok(())).map_err(fault)?;
    if is_new {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
        transaction.execute_batch(SCHEMA).map_err(fault)?;
        transaction.execute("INSERT INTO made VALUES (?1)", [now]).map_err(fault)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(fault)?;
        transaction.pragma_update(None, "user_version", VERSION).map_err(fault)?;
        transaction.commit().map_err(fault)?;
    }
    Ok(connection)
}

/// Opens an existing file of ours for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let fault = |error: rusqlite::Error| refused(path, "read", &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(fault);
    if (number("application_id")?, number("user_version")?) != (i64::from(APPLICATION_ID), VERSION) {
        return Err(StoreError::Refused(format!(
            "`{}` is no file of exchanges of this version; `ticketbridge serve` makes one",
            path.display()
        )));
    }
    Ok(connection)
}

/// Moves the file out of the way, in place of one that was moved there before. Its WAL belongs to it and goes with it.
pub(super) fn set_aside(path: &Path) -> Result<(), StoreError> {
    let aside = with_end(path, ".aside");
    let moved = [("", ""), ("-wal", "-wal"), ("-shm", "-shm")].into_iter().try_for_each(|(from, to)| {
        match std::fs::rename(with_end(path, from), with_end(&aside, to)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    });
    moved.map_err(|error| StoreError::Refused(format!("`{}` cannot be moved out of the way: {error}", path.display())))
}

fn unusable(path: &Path, error: &rusqlite::Error) -> Unusable {
    if is_broken(error) { Unusable::Broken(error.to_string()) } else { Unusable::Not(refused(path, "opened", error)) }
}

/// Whether an error says that the file itself is bad.
pub(super) fn is_broken(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(error, rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..))
        || matches!(error, rusqlite::Error::SqliteFailure(_, Some(text)) if text.starts_with("no such "))
}

/// Never fatal: nothing depends on this file.
pub(super) fn refused(path: &Path, doing: &str, error: &rusqlite::Error) -> StoreError {
    let what = format!("the file of exchanges `{}` could not be {doing}: {error}", path.display());
    let way = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "; free some space, or lower `retention.exchanges_size`",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            "; file and folder must be there, readable and writable"
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "; it is damaged: a running `ticketbridge serve` sets it aside and makes a new one"
        }
        _ => "",
    };
    StoreError::Refused(format!("{what}{way}"))
}
