//! From what SQLite says to what the caller must know: refused (nothing was written, go on) or fatal (stop).
//!
//! Fatal are I/O errors (a failed write, fsync or read), a corrupt file and a commit that failed for an unclear reason:
//! what is on disk is then known only after the store is opened anew. A full disk is not among them: SQLite rolls back.

use std::path::Path;
use std::sync::OnceLock;

use rusqlite::ErrorCode;

use crate::StoreError;

/// What can go wrong inside one job.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite said so.
    Sqlite(rusqlite::Error),
    /// The caller broke a rule, or asked for something that cannot be.
    Rule(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Rule(format!("a stored JSON text does not fit its type: {error}"))
    }
}

/// The answer to the caller.
pub(super) fn store_error(fault: Fault, path: &Path) -> StoreError {
    let error = match fault {
        Fault::Rule(text) => return StoreError::Refused(text),
        Fault::Sqlite(error) => error,
    };
    let at = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Refused(format!(
            "TB0104: the store {at} is full (disk, quota or page limit): nothing was written. Free space; what is on disk is intact and work goes on by itself"
        )),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Refused(format!(
            "TB0103: the store {at} is locked by another program: nothing was written. Find it with `fuser {at}`, end it, and try again"
        )),
        Some(ErrorCode::ReadOnly) => StoreError::Refused(format!(
            "the store {at} cannot be written: give this user write permission on the file and its folder"
        )),
        Some(ErrorCode::SystemIoFailure) => StoreError::Fatal(format!(
            "TB0105: reading or writing the store {at} failed ({error}): the process must stop. Check the disk (`dmesg`), then start again: whatever was acknowledged is kept"
        )),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Fatal(format!(
            "TB0102: the store {at} is damaged ({error}): stop, keep the file, check the disk, and restore the latest backup"
        )),
        _ => StoreError::Refused(format!("the store {at} refused the operation and wrote nothing: {error}")),
    }
}

/// The answer when COMMIT itself failed. Only a full disk and a lock are known to have rolled back: the log is written
/// frame by frame and the frame that makes it a commit comes last, so what did not fit is no commit; a failed fsync,
/// after that frame, is an I/O error and not among them.
pub(super) fn commit_error(error: rusqlite::Error, path: &Path) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy) => store_error(error.into(), path),
        _ => StoreError::Fatal(format!(
            "TB0105: a commit to the store {} failed ({error}): the process must stop, since a commit is never tried twice. Check the disk (`dmesg`), then start again: whatever was acknowledged is kept",
            path.display()
        )),
    }
}

/// The first fatal error, kept for every later call.
#[derive(Debug, Default)]
pub(super) struct Health(OnceLock<StoreError>);

impl Health {
    /// `Err` after a fatal error.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        self.0.get().map_or(Ok(()), |error| Err(error.clone()))
    }

    /// Takes note of `error` if it is fatal, and hands it on.
    pub(super) fn note(&self, error: StoreError) -> StoreError {
        if error.is_fatal() && self.0.set(error.clone()).is_ok() {
            tracing::error!(%error, "the store stops");
        }
        error
    }

    /// The answer when the writer is gone without having said why.
    pub(super) fn writer_gone(&self) -> StoreError {
        self.0.get().cloned().unwrap_or_else(|| {
            self.note(StoreError::Fatal(String::from("the store's writer ended unexpectedly: the process must stop")))
        })
    }
}
