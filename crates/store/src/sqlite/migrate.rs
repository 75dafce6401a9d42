//! Brings the schema to the version this program knows. Migrations only go forward, each in one transaction with its
//! version number, so that a crash leaves a whole version.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::fault::{Fault, store_error};
use crate::StoreError;

/// Marks a SQLite file as ours: `TBST`.
pub(super) const APPLICATION_ID: i32 = 0x5442_5354;

/// All migrations, oldest first; the schema's version is their number.
pub(super) const MIGRATIONS: [&str; 5] = [
    include_str!("migrations/20261121T0900_first.sql"),
    include_str!("migrations/20261121T1300_work_order_record.sql"),
    include_str!("migrations/20261121T1700_feedback.sql"),
    include_str!("migrations/20261121T2100_growth.sql"),
    include_str!("migrations/20261121T2200_access.sql"),
];

/// The version this program writes.
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// Empty: a store is to be made.
    New,
    /// A store of this version or an older one.
    Ours(i32),
}

/// Looks what the file is, without changing it.
pub(super) fn identify(connection: &Connection, path: &Path) -> Result<Identity, StoreError> {
    let at = path.display();
    // One moment: somebody else may be making the store.
    let read = || -> rusqlite::Result<(i32, i32, i64)> {
        let connection = connection.unchecked_transaction()?;
        Ok((
            connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
            connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
        ))
    };
    match read() {
        Ok((APPLICATION_ID, version, _)) if version <= VERSION => Ok(Identity::Ours(version)),
        Ok((APPLICATION_ID, version, _)) => Err(StoreError::Refused(format!(
            "TB0106: the store {at} has schema version {version}, this program knows versions up to {VERSION}: run the newer program that wrote it, or restore the backup made before the upgrade"
        ))),
        Ok((0, 0, 0)) => Ok(Identity::New),
        Ok(_) => Err(StoreError::Refused(format!(
            "TB0102: {at} is a database of another program and was left untouched: point [store] url at another file"
        ))),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => Err(StoreError::Refused(
            format!("TB0102: {at} is no SQLite database and was left untouched: point [store] url at another file"),
        )),
        Err(error) => Err(store_error(error.into(), path)),
    }
}

/// Runs what is missing. `lanes` is written when the store is made, and never again.
pub(super) fn migrate(connection: &mut Connection, path: &Path, lanes: u32) -> Result<(), StoreError> {
    let say = |error: rusqlite::Error| store_error(Fault::from(error), path);
    loop {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(say)?;
        let version: i32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(say)?;
        let Some(migration) = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version)) else {
            return Ok(());
        };
        let step = || {
            transaction.execute_batch(migration)?;
            if version == 0 {
                transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
                transaction.execute("INSERT INTO meta(name, value) VALUES('lanes', ?1)", [lanes])?;
            }
            transaction.pragma_update(None, "user_version", version + 1)
        };
        step().map_err(say)?;
        transaction.commit().map_err(say)?;
        tracing::info!(store = %path.display(), version = version + 1, "the store's schema was brought forward");
    }
}
