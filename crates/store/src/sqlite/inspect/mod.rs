//! Looking at a store without opening it for work: what the file is, whether it is whole, what waits in it.
//!
//! Guarantee: nothing is written into a database that is looked at, and nothing migrated: the schema of an older version
//! is left as it is. Of a store that nobody has open, an empty `-wal` and `-shm` may stay beside it. It reads beside a
//! running service, in one read transaction that ends within [`LIMIT`] per question, so that the log cannot grow behind it
//! for long.
//!
//! Limits: [`MAX_FINDINGS`] findings of the integrity check, [`MAX_KNOWN`] known tickets per platform, [`MAX_CAUSES`]
//! causes.

mod contents;
mod host;
mod scratch;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::epoch::{self, Doubt};
use super::lock::beside;
use super::migrate::{APPLICATION_ID, VERSION};
use super::{SqliteOptions, connect};

pub use contents::{Contents, ErrorCause, FunctionState, HeldTicket, KnownOn, LaneState, Waiting};
pub use host::{LockHolder, lock_holder};
pub use scratch::Scratch;

/// Longest time of one question to the file, the integrity check included.
pub const LIMIT: Duration = Duration::from_secs(10);
/// Findings of the integrity check that are told.
pub const MAX_FINDINGS: usize = 10;
/// Known tickets that are answered per platform, the newest first.
pub const MAX_KNOWN: usize = 8;
/// Causes of errors that are answered, the most frequent first.
pub const MAX_CAUSES: usize = 10;

/// What a file turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileIdentity {
    /// There is no file.
    Missing,
    /// An empty file, or a database without a table: a store is still to be made of it.
    Empty,
    /// It cannot be opened or read, and why.
    Unreadable(String),
    /// No SQLite database, or one of another program.
    Foreign,
    /// Ours; its schema version.
    Ours(i32),
}

/// What an integrity check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integrity {
    /// All of it was looked at, and it is whole.
    Whole,
    /// It took longer than [`LIMIT`]; nothing wrong was seen so far.
    Unfinished,
    /// What is wrong.
    Damaged(Vec<String>),
}

/// A database file of ours, looked at from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    /// The file, links resolved.
    pub path: PathBuf,
    /// What it is.
    pub identity: FileIdentity,
    /// Its size in bytes.
    pub bytes: u64,
    /// The size of its write-ahead log in bytes.
    pub log_bytes: u64,
    /// Bytes inside the file that are free to be used again.
    pub free_bytes: u64,
    /// Its journal mode; `wal` is the only right one. Empty where it could not be read.
    pub journal_mode: String,
    /// Whether it is whole.
    pub integrity: Integrity,
}

impl FileState {
    fn new(path: PathBuf, identity: FileIdentity) -> Self {
        let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let (bytes, log_bytes) = (size(&path), size(&beside(&path, "-wal")));
        let integrity = Integrity::Whole;
        Self { path, identity, bytes, log_bytes, free_bytes: 0, journal_mode: String::new(), integrity }
    }
}

/// The main store, looked at from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreState {
    /// The file.
    pub file: FileState,
    /// The schema version that this program writes.
    pub version: i32,
    /// Why its open rows start with look-ups; `None`: nothing is suspicious.
    pub suspect: Option<String>,
    /// What is in it; `None`: its schema is not of this version, or it could not be read.
    pub contents: Option<Contents>,
}

/// Looks at the main store. Blocks.
pub fn inspect_store(path: &Path) -> StoreState {
    let path = connect::resolve(path);
    let (mut file, connection) = open(&path, APPLICATION_ID);
    let Some(connection) = connection else {
        return StoreState { file, version: VERSION, suspect: None, contents: None };
    };
    let suspect = suspicion(&connection, &path);
    let contents = if file.identity == FileIdentity::Ours(VERSION) && file.integrity.is_usable() {
        match within(&connection, contents::read) {
            Ok(contents) => Some(contents),
            Err(error) if is_interrupted(&error) => None,
            Err(error) if is_damage(&error) => {
                file.integrity = Integrity::Damaged(vec![error.to_string()]);
                None
            }
            Err(error) => {
                file.identity = FileIdentity::Unreadable(error.to_string());
                None
            }
        }
    } else {
        None
    };
    StoreState { file, version: VERSION, suspect, contents }
}

/// Looks at any database file of ours beside the main store. `application`: its application id. Blocks.
pub fn inspect_file(path: &Path, application: i32) -> FileState {
    open(&connect::resolve(path), application).0
}

/// Opens the file for reading and looks what it is; the connection only if it is ours.
fn open(path: &Path, application: i32) -> (FileState, Option<Connection>) {
    let of = |identity| (FileState::new(path.to_owned(), identity), None);
    if !path.exists() {
        return of(FileIdentity::Missing);
    }
    if !path.is_file() {
        return of(FileIdentity::Unreadable(String::from("it is no file")));
    }
    // An empty file is a store to be made; reading it through SQLite would make a log beside it.
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() == 0) {
        return of(FileIdentity::Empty);
    }
    let connection = match reader(path) {
        Ok(connection) => connection,
        Err(error) => return of(FileIdentity::Unreadable(error.to_string())),
    };
    let identity = match identity(&connection, application) {
        Ok(identity) => identity,
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => return of(FileIdentity::Foreign),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
            let mut file = FileState::new(path.to_owned(), FileIdentity::Unreadable(error.to_string()));
            file.integrity = Integrity::Damaged(vec![error.to_string()]);
            return (file, None);
        }
        Err(error) => return of(FileIdentity::Unreadable(error.to_string())),
    };
    let mut file = FileState::new(path.to_owned(), identity);
    if !matches!(file.identity, FileIdentity::Ours(_)) {
        return (file, None);
    }
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap_or(0);
    file.free_bytes = (number("freelist_count") * number("page_size")).max(0) as u64;
    file.journal_mode = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap_or_default();
    match integrity(&connection) {
        Ok(integrity) => file.integrity = integrity,
        Err(error) => file.identity = FileIdentity::Unreadable(error.to_string()),
    }
    (file, Some(connection))
}

/// A connection that reads only. Unlike those of an opened store it is made without looking into the file, which may be
/// damaged.
fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(SqliteOptions::default().busy_timeout)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

fn identity(connection: &Connection, application: i32) -> rusqlite::Result<FileIdentity> {
    let connection = connection.unchecked_transaction()?;
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match (id, version, tables) {
        (id, version, _) if id == application => FileIdentity::Ours(version),
        (0, 0, 0) => FileIdentity::Empty,
        _ => FileIdentity::Foreign,
    })
}

impl Integrity {
    /// Nothing wrong was seen.
    pub fn is_usable(&self) -> bool {
        !matches!(self, Self::Damaged(_))
    }
}

/// An error: the file could not be read to the end, which says nothing about it.
fn integrity(connection: &Connection) -> rusqlite::Result<Integrity> {
    let mut findings = Vec::new();
    let looked = within(connection, |connection| {
        let mut check = connection.prepare(&format!("PRAGMA quick_check({MAX_FINDINGS})"))?;
        let mut rows = check.query([])?;
        while let Some(row) = rows.next()? {
            let finding: String = row.get(0)?;
            if finding != "ok" {
                findings.push(finding);
            }
        }
        Ok(())
    });
    match looked {
        Ok(()) if findings.is_empty() => Ok(Integrity::Whole),
        Err(error) if findings.is_empty() && is_interrupted(&error) => Ok(Integrity::Unfinished),
        Err(error) if findings.is_empty() && is_damage(&error) => Ok(Integrity::Damaged(vec![error.to_string()])),
        Err(error) if findings.is_empty() => Err(error),
        Ok(()) | Err(_) => Ok(Integrity::Damaged(findings)),
    }
}

fn suspicion(connection: &Connection, path: &Path) -> Option<String> {
    match epoch::doubt(connection, path) {
        Ok(Doubt { earlier, now }) => earlier.or(now),
        Err(error) => Some(error.to_string()),
    }
}

/// Runs `work`, and interrupts it after [`LIMIT`].
fn within<T>(connection: &Connection, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    let handle = connection.get_interrupt_handle();
    let (ended, wait) = channel::<()>();
    let watch = std::thread::spawn(move || {
        if wait.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            handle.interrupt();
        }
    });
    let result = work(connection);
    drop(ended);
    // It cannot panic, and nothing depends on it.
    drop(watch.join());
    result
}

/// The file itself is wrong, or a value in it. Anything else (it is busy, the disk does not answer, no memory) may pass.
fn is_damage(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code().is_none_or(|code| matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

fn is_interrupted(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_locked_is_not_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE t(i); BEGIN EXCLUSIVE").unwrap();
        let reader = reader(&path).unwrap();
        reader.busy_timeout(Duration::ZERO).unwrap();
        let error = integrity(&reader).unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy));
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(integrity(&reader).unwrap(), Integrity::Whole);
    }

    #[test]
    fn only_a_wrong_file_or_value_is_damage() {
        let failure = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        assert!(
            is_damage(&failure(rusqlite::ffi::SQLITE_CORRUPT)) && is_damage(&failure(rusqlite::ffi::SQLITE_NOTADB))
        );
        assert!(is_damage(&rusqlite::Error::InvalidQuery), "what is stored does not fit");
        for passes in [rusqlite::ffi::SQLITE_BUSY, rusqlite::ffi::SQLITE_IOERR, rusqlite::ffi::SQLITE_NOMEM] {
            assert!(!is_damage(&failure(passes)));
        }
    }
}
