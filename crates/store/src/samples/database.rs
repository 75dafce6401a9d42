//! The file itself: opening, checking that it is ours, migrations, and errors that say what to do.
//!
//! Guarantee: WAL and `synchronous=FULL` are in force, read back, or the file is refused; a file of another program,
//! or of a newer version, is refused untouched. A writer waits at most [`BUSY_TIMEOUT`] for another process.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::StoreError;

/// How long a statement waits for another process before it is refused.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// `TBKS`: tells our file from any other SQLite file.
pub const APPLICATION_ID: i32 = 0x5442_4b53;

/// One step of the schema per entry; `user_version` says how many were done.
const MIGRATIONS: [&str; 2] = [
    "
-- Append-only: an ordinal never changes its channel. A topology swap adds to it.
CREATE TABLE channel(ordinal INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
-- state: 1 active, 2 waits for confirmation, 3 past (its body is dropped).
CREATE TABLE topology(version INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, body BLOB, stored_at INTEGER NOT NULL);
CREATE UNIQUE INDEX topology_state ON topology(state) WHERE state < 3;
-- One file taken in. state: 1 open (parts are missing), 2 complete.
CREATE TABLE load(sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, hash BLOB NOT NULL, file TEXT NOT NULL,
  counters TEXT NOT NULL, state INTEGER NOT NULL, loaded_at INTEGER NOT NULL);
CREATE INDEX load_kind ON load(kind, sequence);
CREATE INDEX load_open ON load(sequence) WHERE state = 1;
-- Samples of one kind, day, block of 4,096 channels, load and part; first_at and last_at bound its times.
CREATE TABLE chunk(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, block INTEGER NOT NULL, day INTEGER NOT NULL,
  sequence INTEGER NOT NULL, part INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
  rows INTEGER NOT NULL, data BLOB NOT NULL);
CREATE INDEX chunk_place ON chunk(kind, block, day, sequence, part, first_at, last_at);
",
    "
-- What the last evaluation knew of each object at an instant; may be lost, then all samples are read again.
CREATE TABLE checkpoint(kind INTEGER PRIMARY KEY, body BLOB NOT NULL);
-- Length of the file: one of another length was not loaded before, whatever is in it. Null: not known.
ALTER TABLE load ADD COLUMN bytes INTEGER;
",
];

/// Opens the file for writing, makes it if it is not there, brings its schema up to date.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let place = Place(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| place.fault("opened", &error))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|error| place.fault("opened", &error))?;
    check_ours(&connection, place)?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(|error| place.fault("switched to WAL", &error))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::Refused(format!(
            "the sample store {place} is in journal mode `{mode}`, WAL could not be switched on; put it on a local disk \
             that supports shared memory (no network share)"
        )));
    }
    migrate(&mut connection, place)?;
    prepare(&connection, place)?;
    Ok(connection)
}

/// Opens an existing file for reading only.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let place = Place(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| place.fault("opened", &error))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|error| place.fault("opened", &error))?;
    Ok(connection)
}

/// A store that lives in memory, for previews and tests.
pub(super) fn open_memory() -> Result<Connection, StoreError> {
    let place = Place(Path::new(":memory:"));
    let mut connection = Connection::open_in_memory().map_err(|error| place.fault("opened", &error))?;
    migrate(&mut connection, place)?;
    Ok(connection)
}

/// Begins a transaction that holds the writer's place from its start, so that it can't fail half-way for a lock.
pub(super) fn begin<'c>(connection: &'c mut Connection, place: Place<'_>) -> Result<Transaction<'c>, StoreError> {
    connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| place.fault("locked for writing", &error))
}

fn prepare(connection: &Connection, place: Place<'_>) -> Result<(), StoreError> {
    let fault = |error| place.fault("prepared", &error);
    connection.pragma_update(None, "synchronous", "FULL").map_err(fault)?;
    let level: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(fault)?;
    if level != 2 {
        return Err(StoreError::Refused(format!(
            "the sample store {place} has `synchronous` = {level} instead of FULL (2); samples could be lost in a \
             power cut, so it is not used"
        )));
    }
    // A chunk is one row; a cache of 16 MiB holds the index of a week at the design limit.
    connection.pragma_update(None, "cache_size", -16_384).map_err(fault)
}

fn pragma(connection: &Connection, name: &str, place: Place<'_>) -> Result<i64, StoreError> {
    connection.pragma_query_value(None, name, |row| row.get(0)).map_err(|error| place.fault("read", &error))
}

fn check_ours(connection: &Connection, place: Place<'_>) -> Result<(), StoreError> {
    let application = pragma(connection, "application_id", place)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|error| place.fault("read", &error))?;
    let empty = tables == 0 && application == 0;
    if !empty && application != i64::from(APPLICATION_ID) {
        return Err(StoreError::Refused(format!(
            "TB0102: {place} is a database of another program, not a sample store; it was not touched. Give another \
             `[store] url`, or move that file away"
        )));
    }
    Ok(())
}

fn migrate(connection: &mut Connection, place: Place<'_>) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as i64;
    let done = pragma(connection, "user_version", place)?;
    if done > known {
        return Err(StoreError::Refused(format!(
            "TB0106: the sample store {place} has schema version {done}, this program knows versions up to {known}; it was \
             not touched. Start the newer program again"
        )));
    }
    if done == known {
        return Ok(());
    }
    let transaction = begin(connection, place)?;
    let fault = |error| place.fault("migrated", &error);
    // Read again under the lock: another process may have migrated meanwhile.
    let done = pragma(&transaction, "user_version", place)?.max(0) as usize;
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration).map_err(fault)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(fault)?;
    transaction.pragma_update(None, "user_version", known).map_err(fault)?;
    transaction.commit().map_err(fault)
}

/// The file, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p>(pub(super) &'p Path);

impl Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`", self.0.display())
    }
}

impl Place<'_> {
    /// An error of SQLite as one that says what could not be done, where, and what to do.
    ///
    /// A failed write or fsync, and a damaged file, are fatal: what is on disk is uncertain.
    pub(super) fn fault(self, doing: &str, error: &rusqlite::Error) -> StoreError {
        let what = format!("the sample store {self} could not be {doing}");
        let Some(code) = error.sqlite_error_code() else {
            return StoreError::Refused(format!("{what}: {error}"));
        };
        match code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Refused(format!(
                "TB0103: {what}: another process held it for more than {} s; nothing was written. Try again, or look for the \
                 other process",
                BUSY_TIMEOUT.as_secs()
            )),
            ErrorCode::DiskFull => StoreError::Refused(format!(
                "TB0104: {what}: the disk is full; nothing was written. Free some space, or shorten `retention_h`, and load again"
            )),
            ErrorCode::NotADatabase => StoreError::Refused(format!(
                "TB0102: {self} is no SQLite database, so no sample store; it was not touched. Give another `[store] url`, or \
                 move that file away"
            )),
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
                StoreError::Refused(format!("{what}: it may not be written; make the file and its folder writable"))
            }
            ErrorCode::CannotOpen => StoreError::Refused(format!(
                "{what}: {error}; its folder must exist, and file and folder must be readable and writable"
            )),
            ErrorCode::SystemIoFailure => {
                StoreError::Fatal(format!("TB0105: {what}: {error}; check the disk, then start again"))
            }
            ErrorCode::DatabaseCorrupt => StoreError::Fatal(self.damaged(&error.to_string())),
            _ => StoreError::Refused(format!("{what}: {error}")),
        }
    }

    /// The text for a damaged file. Samples are evidence: what was reported is in the main store.
    pub(super) fn damaged(self, how: &str) -> String {
        format!(
            "TB0102: the sample store {self} is damaged ({how}); move it away and offload the files of the last `retention_h` \
             hours again: tickets and reported incidents are in the main store and are not lost"
        )
    }
}
