//! Purging and backup.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use ticketbridge_core::delivery::BatchId;
use ticketbridge_core::delivery::LaneId;
use ticketbridge_core::ticket::{State, TicketId};
use ticketbridge_core::time::Wall;

use super::epoch::set_meta;
use super::fault::{Fault, store_error};
use super::lanes::last_batch;
use super::lock::beside;
use super::rows::{state_number, unpack};
use super::{SqliteStore, connect, rows};
use crate::StoreError;

/// Old rows that may go, oldest first. The newest row always stays, so that row numbers never come twice.
const PURGEABLE: &str = "SELECT id, trail FROM ticket \
     WHERE state IN (?1, ?2) AND updated_at < ?3 AND id < (SELECT max(id) FROM ticket) \
     AND key NOT IN (SELECT key FROM ticket WHERE open = 1) ORDER BY id LIMIT ?4";

/// Deletes old rows with their bodies and acts, and the batches that carry no row any more.
pub(super) fn purge(store: &Connection, before: Wall, most: usize) -> Result<usize, Fault> {
    let mut find = store.prepare_cached(PURGEABLE)?;
    let values = params![state_number(State::Completed), state_number(State::Dismissed), before.0, rows::limit(most)];
    let old: Vec<(i64, Option<Vec<u8>>)> =
        find.query_map(values, |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    let mut batches = BTreeSet::new();
    for (id, trail) in &old {
        batches.extend(unpack(trail.as_deref().unwrap_or_default()));
        for statement in [
            "DELETE FROM ticket WHERE id = ?1",
            "DELETE FROM ticket_body WHERE id = ?1",
            "DELETE FROM act WHERE ticket = ?1",
            "DELETE FROM audit WHERE ticket = ?1",
        ] {
            store.prepare_cached(statement)?.execute([id])?;
        }
    }
    for batch in batches {
        purge_batch(store, BatchId(batch.0))?;
    }
    Ok(old.len())
}

/// Deletes a settled batch whose rows are all gone; its lane's numbers go on above it.
fn purge_batch(store: &Connection, batch: BatchId) -> Result<(), Fault> {
    let found = store
        .prepare_cached("SELECT lane, items FROM batch WHERE id = ?1 AND open = 0")?
        .query_row([batch.0], |row| Ok((LaneId(row.get(0)?), rows::items(row, 1)?)))
        .optional()?;
    let Some((lane, items)) = found else { return Ok(()) };
    let mut row_exists = store.prepare_cached("SELECT 1 FROM ticket WHERE id = ?1")?;
    for TicketId(item) in items {
        if row_exists.exists([item])? {
            return Ok(());
        }
    }
    if last_batch(store, lane)? == batch {
        store.prepare_cached("UPDATE lane SET floor = ?2 WHERE id = ?1")?.execute([lane.0, batch.0])?;
    }
    store.prepare_cached("DELETE FROM batch WHERE id = ?1")?.execute([batch.0])?;
    Ok(())
}

impl SqliteStore {
    /// Copies the store, as of one moment, to a new file `to`, while work goes on; answers when the copy is durable.
    /// The copy knows that it is one: serving it reports [`super::Opened::suspect`].
    ///
    /// Refused if `to` exists. A backup that is broken off (the process killed, the disk full) leaves at most a file
    /// `<to>.<process>.part`, which may be deleted.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        self.health.check()?;
        if to.exists() {
            return Err(StoreError::Refused(format!(
                "{} exists: a backup never overwrites; name another file",
                to.display()
            )));
        }
        let folder = connect::folder_of(to);
        if !folder.is_dir() {
            return Err(StoreError::Refused(format!(
                "the folder {} for the backup does not exist: create it, or name another",
                folder.display()
            )));
        }
        // Under another name until it is whole: a part of a copy, or a copy that does not know that it is one, must never
        // be taken for a backup, whenever this process is ended.
        let part = beside(to, &format!(".{}.part", std::process::id()));
        let (from, to) = (self.path.clone(), to.to_owned());
        let copied = tokio::task::spawn_blocking(move || {
            let result = copy(&from, &part).and_then(|()| publish(&part, &to));
            if result.is_err() {
                // What cannot be removed says by its name that it is a part.
                drop(std::fs::remove_file(&part));
            }
            result
        });
        copied.await.map_err(|error| StoreError::Refused(format!("the backup was broken off: {error}")))?
    }
}

/// Gives the whole copy its name, durably.
fn publish(part: &Path, to: &Path) -> Result<(), StoreError> {
    let rename = || -> std::io::Result<()> {
        File::open(part)?.sync_all()?;
        fs::rename(part, to)?;
        File::open(connect::folder_of(to))?.sync_all()
    };
    rename().map_err(|error| StoreError::Refused(format!("backup: {} cannot be written ({error})", to.display())))
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let source = connect::reader(from, &super::SqliteOptions::default())?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let say = |error: rusqlite::Error| match store_error(Fault::from(error), to) {
        // The store itself is well.
        StoreError::Fatal(text) | StoreError::Refused(text) => StoreError::Refused(format!("backup: {text}")),
    };
    let mut target = Connection::open_with_flags(to, flags).map_err(say)?;
    // One read transaction over the whole copy: otherwise each commit of the writer would start it anew.
    let reading = source.unchecked_transaction().map_err(say)?;
    reading.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0)).map_err(say)?;
    let backup = Backup::new(&reading, &mut target).map_err(say)?;
    loop {
        match backup.step(-1).map_err(say)? {
            StepResult::Done => break,
            StepResult::More => {}
            _ => {
                return Err(StoreError::Refused(format!(
                    "backup: {} is locked by another program; try again",
                    to.display()
                )));
            }
        }
    }
    drop(backup);
    set_meta(&target, "backup", 1).map_err(say)?;
    target.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0)).map_err(say)?;
    target.close().map_err(|(_, error)| say(error))
}
