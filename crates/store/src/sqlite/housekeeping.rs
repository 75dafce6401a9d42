//! Purging and backup.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use ticketbridge_core::delivery::{BatchId, LaneId};
use ticketbridge_core::ticket::TicketId;
use ticketbridge_core::time::Wall;

use super::counts::Moves;
use super::epoch::set_meta;
use super::fault::{Fault, store_error};
use super::lanes::last_batch;
use super::listing::last_ticket;
use super::lock::beside;
use super::open_keys::OpenKeys;
use super::rows::unpack;
use super::{SqliteStore, connect, rows, statements as sql};
use crate::StoreError;

/// How often a step of purging is begun anew, when operators were busy meanwhile.
const TRIES: usize = 3;

/// Rows that may go, as one moment showed them.
#[derive(Debug, Default)]
struct Found {
    ids: Vec<(i64, String)>,
    /// The newest row of that moment: rows above it may have brought an open row of one of these keys.
    newest: i64,
    /// The latest change of that moment: so may changes above it.
    change: i64,
}

impl SqliteStore {
    /// Finds old rows apart from the writer, which then deletes `most` of them at most: what is slow about it, to tell
    /// which keys are open, is no business of its transactions.
    pub(super) async fn purge_some(&self, before: Wall, most: usize) -> Result<usize, StoreError> {
        for _ in 0..TRIES {
            let open = Arc::clone(&self.open_keys);
            let found = self.read(move |store| find_old(store, &open, before, most)).await?;
            if found.ids.is_empty() {
                return Ok(0);
            }
            if let Some(purged) = self.write(move |store| purge(store, before, &found)).await? {
                return Ok(purged);
            }
        }
        Ok(0)
    }
}

/// The rows that are over for longest, without those of keys that have an open row.
fn find_old(store: &Connection, open: &Mutex<OpenKeys>, before: Wall, most: usize) -> Result<Found, Fault> {
    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
    open.follow(store)?;
    let mut find = store.prepare_cached(sql::PURGEABLE)?;
    let mut old = find.query([before.0])?;
    let mut found = Found::default();
    while found.ids.len() < most
        && let Some(row) = old.next()?
    {
        let key: String = row.get(1)?;
        if open.newest(store, &key)?.is_none() {
            found.ids.push((row.get(0)?, key));
        }
    }
    found.newest = last_ticket(store)?.0;
    found.change = store.prepare_cached(sql::CHANGE_LAST)?.query_row([], |row| row.get(0))?;
    Ok(found)
}

/// Deletes rows with their bodies, acts and audits, and the batches that carry no row any more. `None`: too much has
/// changed since they were found.
fn purge(store: &Connection, before: Wall, found: &Found) -> Result<Option<usize>, Fault> {
    let Some(opened) = opened_since(store, found)? else { return Ok(None) };
    let mut batches = BTreeSet::new();
    let mut purged = Vec::with_capacity(found.ids.len());
    for (id, _) in found.ids.iter().filter(|(_, key)| !opened.contains(key)) {
        let gone = store.prepare_cached(sql::PURGE)?.query_row(params![id, before.0], |row| {
            let trail: Option<Vec<u8>> = row.get(0)?;
            Ok((unpack(trail.as_deref().unwrap_or_default()), row.get::<_, String>(1)?, rows::state(row, 2)?))
        });
        let Some((trail, backend, state)) = gone.optional()? else { continue };
        batches.extend(trail);
        purged.push((backend, state));
        for statement in ["DELETE FROM ticket_body WHERE id = ?1", "DELETE FROM act WHERE ticket = ?1", sql::AUDIT_DROP]
        {
            store.prepare_cached(statement)?.execute([id])?;
        }
    }
    for batch in batches {
        purge_batch(store, BatchId(batch.0))?;
    }
    let mut moves = Moves::default();
    for (backend, state) in &purged {
        moves.went(backend, *state);
    }
    moves.write(store)?;
    Ok(Some(purged.len()))
}

/// Keys that got an open row since: by a row that came in, by an operator's act, or opened again by its lane. `None`:
/// there were more acts than are remembered.
fn opened_since(store: &Connection, found: &Found) -> Result<Option<HashSet<String>>, Fault> {
    let oldest: Option<i64> = store.prepare_cached(sql::CHANGE_FIRST)?.query_row([], |row| row.get(0))?;
    if oldest.is_some_and(|oldest| oldest > found.change + 1) {
        return Ok(None);
    }
    let mut opened = HashSet::new();
    for (statement, above) in [(sql::TICKETS_SINCE, found.newest), (sql::TICKETS_CHANGED_SINCE, found.change)] {
        let mut find = store.prepare_cached(statement)?;
        for key in find.query_map([above], |row| row.get(1))? {
            opened.insert(key?);
        }
    }
    Ok(Some(opened))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::migrate::MIGRATIONS;

    fn store() -> Connection {
        let store = Connection::open_in_memory().unwrap();
        for migration in MIGRATIONS {
            store.execute_batch(migration).unwrap();
        }
        for id in 1..=4 {
            row(&store, id, &format!("k{id}"), false);
        }
        row(&store, 5, "k5", true);
        store
    }

    fn row(store: &Connection, id: i64, key: &str, open: bool) {
        let insert = "INSERT INTO ticket(id, origin, lane, open, state, key, kind, backend, updated_at, ended_at) \
             VALUES(?1, ?2, 1, ?4, iif(?4, 0, 100), ?3, 'SNR', 'b', 9, iif(?4, NULL, 9))";
        store.execute(insert, params![id, [id as u8; 16], key, open]).unwrap();
        let add =
            "INSERT INTO ticket_count VALUES('b', iif(?1, 0, 100), 1) ON CONFLICT DO UPDATE SET count = count + 1";
        store.execute(add, [open]).unwrap();
    }

    fn left(store: &Connection) -> Vec<i64> {
        let mut find = store.prepare("SELECT id FROM ticket ORDER BY id").unwrap();
        find.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_key_that_gets_an_open_row_after_the_search_is_not_touched() {
        let store = store();
        let found = find_old(&store, &Mutex::default(), Wall(100), 10).unwrap();
        assert_eq!(found.ids.len(), 4);
        row(&store, 6, "k2", true);
        // An operator's act on row 3 makes it open again, and another one is about a row of no interest.
        store.execute("UPDATE ticket SET open = 1, state = 1, ended_at = NULL WHERE id = 3", []).unwrap();
        store.execute("INSERT INTO change(kind, ticket) VALUES(1, 3), (1, 999), (2, NULL)", []).unwrap();
        assert_eq!(purge(&store, Wall(100), &found).unwrap(), Some(2));
        assert_eq!(left(&store), [2, 3, 5, 6]);
        let completed: i64 =
            store.query_row("SELECT count FROM ticket_count WHERE state = 100", [], |row| row.get(0)).unwrap();
        assert_eq!(completed, 2, "as many as went were taken off; row 3 was changed behind the store's back");
    }

    #[test]
    fn a_search_that_is_too_old_is_begun_anew() {
        let store = store();
        let found = find_old(&store, &Mutex::default(), Wall(100), 10).unwrap();
        store.execute("INSERT INTO change(id, kind, ticket) VALUES(7, 1, 3)", []).unwrap();
        assert_eq!(purge(&store, Wall(100), &found).unwrap(), None, "changes 1 to 6 are not remembered any more");
        assert_eq!(left(&store), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn rows_of_open_keys_do_not_hold_others_back() {
        let store = store();
        row(&store, 6, "k1", true);
        row(&store, 7, "k2", true);
        let found = find_old(&store, &Mutex::default(), Wall(100), 1).unwrap();
        assert_eq!(found.ids, [(3, String::from("k3"))]);
        assert!(find_old(&store, &Mutex::default(), Wall(9), 10).unwrap().ids.is_empty(), "not old enough");
    }
}
