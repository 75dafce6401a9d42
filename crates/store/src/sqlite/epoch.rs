//! Notices a restored backup or a cloned store: `<db>.epoch` beside the database names the instance, the number of its
//! latest start and the file's inode. A store that is behind its epoch file, or is not the file it was, has forgotten
//! intents: its open rows must start with look-ups.
//!
//! Not noticed: database and epoch file restored together into the very same inode (a whole-machine snapshot), and an
//! older copy of the same start written over the file by hand. A copy made by `backup` is noticed wherever it goes.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use serde::{Deserialize, Serialize};

use super::connect::folder_of;
use super::fault::{Fault, store_error};
use super::lock::beside;
use crate::StoreError;

#[derive(Debug, Serialize, Deserialize)]
struct EpochFile {
    instance: String,
    epoch: i64,
    /// Only for people: device numbers change over reboots.
    device: u64,
    inode: u64,
}

/// Raises the epoch in store and file; answers what is wrong with the store, if something is. The suspicion stays in
/// the store, over restarts, until it is said to be dealt with.
pub(super) fn raise(connection: &mut Connection, path: &Path) -> Result<Option<String>, StoreError> {
    let say = |error: rusqlite::Error| store_error(Fault::from(error), path);
    let epoch_path = beside(path, ".epoch");
    let (device, inode) = file_identity(path);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(say)?;
    let instance: String = meta(&transaction, "instance").map_err(say)?.unwrap_or_default();
    let epoch: i64 = meta(&transaction, "epoch").map_err(say)?.unwrap_or_default();
    let Doubt { earlier, now: doubt } = doubt(&transaction, path)?;
    let suspect = earlier.or(doubt);
    // The store first: after a crash in between the store is ahead of the file, which is no reason for doubt.
    set_meta(&transaction, "epoch", epoch + 1).map_err(say)?;
    if let Some(text) = &suspect {
        set_meta(&transaction, "suspect", text).map_err(say)?;
    }
    transaction.execute("DELETE FROM meta WHERE name = 'backup'", []).map_err(say)?;
    transaction.commit().map_err(say)?;
    write(&epoch_path, &EpochFile { instance, epoch: epoch + 1, device, inode })?;
    Ok(suspect)
}

/// Why a store may have forgotten something.
pub(super) struct Doubt {
    /// What an earlier start saw, and was not dealt with.
    pub(super) earlier: Option<String>,
    /// What is seen now.
    pub(super) now: Option<String>,
}

/// Compares the store with its epoch file; writes nothing.
pub(super) fn doubt(store: &Connection, path: &Path) -> Result<Doubt, StoreError> {
    let say = |error: rusqlite::Error| store_error(Fault::from(error), path);
    let epoch_path = beside(path, ".epoch");
    let (_, inode) = file_identity(path);
    let instance: String = meta(store, "instance").map_err(say)?.unwrap_or_default();
    let epoch: i64 = meta(store, "epoch").map_err(say)?.unwrap_or_default();
    let backup: Option<i64> = meta(store, "backup").map_err(say)?;
    let earlier: Option<String> = meta(store, "suspect").map_err(say)?;
    let now = match read(&epoch_path)? {
        _ if backup.is_some() => Some(String::from("the store is a backup")),
        None if epoch == 0 => None,
        None => Some(format!("{} is missing: the store was copied or restored without it", epoch_path.display())),
        Some(file) if file.instance != instance => {
            Some(format!("{} belongs to another store: the database was replaced", epoch_path.display()))
        }
        Some(file) if file.epoch > epoch => Some(format!(
            "the store is at start {epoch}, but {} knows of start {}: an older copy was restored",
            epoch_path.display(),
            file.epoch
        )),
        Some(file) if file.inode != inode => {
            Some(format!("{} is another file than at the last start: it was copied or restored", path.display()))
        }
        Some(_) => None,
    };
    Ok(Doubt { earlier, now })
}

/// A value of `meta`.
pub(super) fn meta<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> rusqlite::Result<Option<T>> {
    connection.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()
}

/// Writes a value of `meta`.
pub(super) fn set_meta(
    connection: &Connection,
    name: &str,
    value: impl rusqlite::types::ToSql,
) -> rusqlite::Result<usize> {
    connection.execute("INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)", rusqlite::params![name, value])
}

fn read(path: &Path) -> Result<Option<EpochFile>, StoreError> {
    match fs::read(path) {
        // An unreadable file proves nothing: as if it belonged to another store.
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes).unwrap_or(EpochFile {
            instance: String::new(),
            epoch: 0,
            device: 0,
            inode: 0,
        }))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::Refused(format!(
            "the epoch file {} cannot be read ({error}): give this user permission to read it",
            path.display()
        ))),
    }
}

/// Replaces the file whole and durably.
fn write(path: &Path, content: &EpochFile) -> Result<(), StoreError> {
    let replace = || -> std::io::Result<()> {
        let fresh = beside(path, ".new");
        let mut file = File::create(&fresh)?;
        serde_json::to_writer(&mut file, content)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        File::open(folder_of(path))?.sync_all()
    };
    replace().map_err(|error| {
        StoreError::Refused(format!(
            "the epoch file {} cannot be written ({error}): it guards against restored copies; give this user write permission on its folder and free some space",
            path.display()
        ))
    })
}

#[cfg(unix)]
fn file_identity(path: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map_or((0, 0), |metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_identity(_: &Path) -> (u64, u64) {
    (0, 0)
}
