//! Opening connections: flags, pragmas, and reading back that they are in force.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use ticketbridge_core::network::kind_key;

use super::fault::{Fault, store_error};
use super::migrate::identify;
use super::{SqliteOptions, TURN};
use crate::StoreError;
use crate::sqlite::migrate::Identity;

/// Prepared statements kept per connection.
const STATEMENTS: usize = 128;
/// Page cache per connection, in KiB.
const CACHE_KIB: i32 = 16 * 1024;

/// Opens the writing connection. A file that is not ours is left untouched.
pub(super) fn writer(path: &Path, options: &SqliteOptions) -> Result<(Connection, Identity), StoreError> {
    let folder = folder_of(path);
    if !folder.is_dir() {
        return Err(StoreError::Refused(format!(
            "the folder {} for the store does not exist: create it, or correct [store] url",
            folder.display()
        )));
    }
    if path.is_dir() {
        return Err(StoreError::Refused(format!(
            "the store {} is a folder: [store] url must name a file",
            path.display()
        )));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| {
        StoreError::Refused(format!(
            "the store {} cannot be opened ({error}): give this user read and write permission on it and its folder",
            path.display()
        ))
    })?;
    let say = |error: rusqlite::Error| store_error(Fault::from(error), path);
    connection.busy_timeout(options.busy_timeout).map_err(say)?;
    // Before anything is read: reading would leave a log beside the file that is as read-only as the file is now.
    if connection.is_readonly(rusqlite::MAIN_DB).map_err(say)? {
        return Err(StoreError::Refused(format!(
            "the store {} is read-only: give this user write permission on it, or mount its disk writable",
            path.display()
        )));
    }
    let identity = identify(&connection, path)?;
    let mode = keep_log(&connection, options.busy_timeout).map_err(say)?;
    require(path, "journal_mode", &mode, "wal")?;
    connection.execute_batch("PRAGMA synchronous = FULL").map_err(say)?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(say)?;
    require(path, "synchronous", &synchronous.to_string(), "2")?;
    // Checkpoints are ours (see the writer), and a savepoint's undo log needs no disk. On macOS only a full fsync
    // reaches the disk. A log that grew behind a long read shrinks again.
    connection
        .execute_batch(
            "PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY; PRAGMA fullfsync = ON; \
             PRAGMA checkpoint_fullfsync = ON; PRAGMA journal_size_limit = 67108864",
        )
        .map_err(say)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(say)?;
    if let Some(pages) = options.max_pages {
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).map_err(say)?;
    }
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok((connection, identity))
}

/// Switches the file to a write-ahead log. SQLite does not wait by itself while another process does the same.
fn keep_log(connection: &Connection, patience: Duration) -> rusqlite::Result<String> {
    let mut waits = patience.as_millis() / TURN.as_millis();
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)) {
            Err(error) if waits > 0 && error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                // For a change of the journal mode its busy handler is not asked.
                std::thread::sleep(TURN);
                waits -= 1;
            }
            answer => return answer,
        }
    }
}

/// Opens a read-only connection to a store that exists.
pub(super) fn reader(path: &Path, options: &SqliteOptions) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(options.busy_timeout)?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        connection.create_scalar_function("kind_key", 1, pure, |call| {
            Ok(kind_key(call.get_raw(0).as_str().unwrap_or_default()))
        })?;
        Ok(connection)
    };
    open().map_err(|error| store_error(error.into(), path))
}

/// The folder that a file lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// The file's one true path, so that a link to it does not get locks and epochs of its own.
pub(super) fn resolve(path: &Path) -> PathBuf {
    let whole = path.canonicalize();
    let by_folder = || Some(folder_of(path).canonicalize().ok()?.join(path.file_name()?));
    whole.ok().or_else(by_folder).unwrap_or_else(|| path.to_owned())
}

fn require(path: &Path, pragma: &str, got: &str, wanted: &str) -> Result<(), StoreError> {
    if got.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "the store {} would not be durable: {pragma} is `{got}` instead of `{wanted}`. Put it on a local disk: network folders do not carry a write-ahead log",
        path.display()
    )))
}
