//! Files that are not what they should be: each is left untouched and named with what to do next.

use std::fs;

use rusqlite::Connection;
use ticketbridge_core::delivery::{HELD, RowUpdate, Stop};
use ticketbridge_core::ticket::TicketRow;
use ticketbridge_core::time::Wall;
use ticketbridge_store::inspect::inspect_store;
use ticketbridge_store::{AuditEntry, BackendOverride, OpenMode, STOPPED, SqliteOptions, SqliteStore, Store};

use super::{fails, filled, open};
use crate::fixture::{Holder, everything, new_ticket, platform};
use crate::random::contents;

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let (_folder, path, store) = filled().await;
    store.put_document("d0", Some(serde_json::json!(1))).await.unwrap();
    let before = contents(&*store).await;
    drop(store);
    let opened = open(&path);
    assert!(!opened.created && opened.suspect.is_none());
    assert_eq!(contents(&*opened.store).await, before);
}

#[tokio::test]
async fn the_log_is_written_ahead_and_the_file_is_marked_as_ours() {
    let (_folder, path, _store) = filled().await;
    let other = Connection::open(&path).unwrap();
    let mode: String = other.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    let id: i32 = other.pragma_query_value(None, "application_id", |row| row.get(0)).unwrap();
    assert_eq!((mode.as_str(), id), ("wal", i32::from_be_bytes(*b"TBST")));
}

#[tokio::test]
async fn what_is_held_and_what_is_stopped_is_seen_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path).store;
    store.receive(vec![new_ticket(1, "m1", "SNR|1")]).await.unwrap();
    let holder = Holder::of(&*store, 1).await;
    let rows = holder.rows().await;
    let reason = format!("TB0304: {HELD}two tickets");
    let mut writes = holder.nothing();
    let row = TicketRow { reason: Some(reason.clone()), ..rows.last().unwrap().clone() };
    writes.rows = vec![RowUpdate { expected: row.state, row: row.clone(), trail: None }];
    holder.done(writes).await;
    let stop = Stop { code: String::from("TB0301"), text: String::from("gone"), keys: vec![row.key.clone()] };
    let name = format!("{STOPPED}{}", platform());
    store.put_document(&name, Some(serde_json::to_value(&stop).unwrap())).await.unwrap();
    let change =
        BackendOverride { value: false.into(), file_value: true.into(), who: String::from("cli"), at: Wall(1) };
    let line = AuditEntry::new(Wall(1), "cli", "backend.set", row.backend.as_str());
    store.set_backend_override(&row.backend, "processing", Some(change.clone()), line).await.unwrap();
    let contents = inspect_store(&path).contents.unwrap();
    let held: Vec<_> = contents.held.iter().map(|held| (&held.key, &held.reason)).collect();
    assert_eq!(held, [(&row.key, &reason)]);
    assert_eq!(contents.stopped.get(&platform()), Some(&stop));
    assert_eq!(contents.overrides.values().collect::<Vec<_>>(), [&change]);
}

#[test]
fn a_database_of_another_program_is_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE songs(title TEXT)").unwrap();
    let before = fs::read(&path).unwrap();
    let text = fails(&path, OpenMode::Serve);
    assert!(text.contains("another program") && text.contains("[store] url"), "{text}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_file_that_is_no_database_is_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    fs::write(&path, "shopping list\n".repeat(100)).unwrap();
    let text = fails(&path, OpenMode::Command);
    assert!(text.contains("no SQLite database"), "{text}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "shopping list\n".repeat(100));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (_folder, path, store) = filled().await;
    drop(store);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
    let text = fails(&path, OpenMode::Serve);
    assert!(text.contains("schema version 999") && text.contains("newer program"), "{text}");
}

#[test]
fn a_missing_folder_and_a_folder_as_file_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for mode in [OpenMode::Serve, OpenMode::Command] {
        let text = fails(&folder.path().join("no/such/store.db"), mode);
        assert!(text.contains("does not exist") && text.contains("create it"), "{text}");
    }
    let text = fails(folder.path(), OpenMode::Command);
    assert!(text.contains("is a folder"), "{text}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_store_that_cannot_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path, store) = filled().await;
    drop(store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    if fs::OpenOptions::new().write(true).open(&path).is_ok() {
        return; // The superuser may write anything.
    }
    let text = fails(&path, OpenMode::Serve);
    assert!(text.contains("permission"), "{text}");
}

#[tokio::test]
async fn a_locked_store_is_refused_and_nothing_is_lost() {
    let (_folder, path, store) = filled().await;
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.reserve_numbers("n", 1).await.unwrap_err();
    assert!(!error.is_fatal() && error.to_string().contains("locked by another program"), "{error}");
    assert_eq!(everything(&*store).await.len(), 5, "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.reserve_numbers("n", 1).await.unwrap(), 1);

    drop(store);
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let text = fails(&path, OpenMode::Serve);
    assert!(text.contains("locked by another program"), "{text}");
}

#[tokio::test]
async fn a_full_disk_refuses_and_spoils_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let small = SqliteOptions { max_pages: Some(100), ..SqliteOptions::default() };
    let store = SqliteStore::open_with(&path, OpenMode::Serve, &small).unwrap().store;
    let big = |n: u128| {
        let body = serde_json::json!({"message_id": format!("m{n}"), "kind": "SNR", "dedupe_key": "a", "x": "y".repeat(20_000)});
        crate::fixture::new_ticket_of(n, &body)
    };
    let mut accepted = 0;
    let error = loop {
        match store.receive(vec![big(accepted + 1)]).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(accepted > 3 && !error.is_fatal() && error.to_string().contains("is full"), "{error}");
    let before = contents(&*store).await;
    assert!(store.receive(vec![big(900), big(901)]).await.is_err());
    assert_eq!(contents(&*store).await, before, "what was acknowledged stands, and nothing else");
    drop(store);

    let store = open(&path).store;
    assert_eq!(contents(&*store).await, before);
    store.receive(vec![big(accepted + 1)]).await.unwrap();
    let check = Connection::open(&path).unwrap();
    let verdict: String = check.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

#[tokio::test]
async fn a_damaged_store_stops_for_good() {
    let (_folder, path, store) = filled().await;
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0xEE);
    let store = {
        let opened = open(&path).store;
        fs::write(&path, &bytes).unwrap();
        opened
    };
    let error = store.counts().await.unwrap_err();
    assert!(error.is_fatal() && error.to_string().contains("damaged"), "{error}");
    assert_eq!(store.reserve_numbers("n", 1).await.unwrap_err(), error, "every later call answers the same");
    assert_eq!(store.change_mark().await.unwrap_err(), error);
}

#[test]
fn commands_that_start_together_make_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.db");
    std::thread::scope(|scope| {
        let opened: Vec<_> =
            (0..8).map(|_| scope.spawn(|| SqliteStore::open(&path, OpenMode::Command).map(|_| ()))).collect();
        for opened in opened {
            assert_eq!(opened.join().unwrap(), Ok(()));
        }
    });
}
