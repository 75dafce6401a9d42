//! Crashes, copies, backups, and one serving process per host.

use std::fs;
use std::path::Path;

use ticketbridge_core::delivery::{Receipt, Writes};
use ticketbridge_store::{LaneAnswer, OpenMode, SqliteOptions, SqliteStore, Store};

use super::{fails, filled, open};
use crate::fixture::{Holder, LONG, everything, new_ticket, take};
use crate::random::contents;

fn copy(from: &Path, to: &Path, suffixes: &[&str]) {
    for suffix in suffixes {
        fs::copy(format!("{}{suffix}", from.display()), format!("{}{suffix}", to.display())).unwrap();
    }
}

#[tokio::test]
async fn a_crash_loses_nothing_that_was_answered() {
    let (folder, path, store) = filled().await;
    let before = contents(&*store).await;
    // What a power cut leaves behind: the database and its log, whatever was not yet copied over.
    let crashed = folder.path().join("crashed.db");
    copy(&path, &crashed, &["", "-wal"]);
    let opened = open(&crashed);
    assert_eq!(contents(&*opened.store).await, before);
    let unsettled = Holder::of(&*opened.store, 9).await.grant.unsettled;
    assert_eq!((unsettled.len(), unsettled[0].items.len()), (1, 2), "what was on the wire is known to be");
}

#[tokio::test]
async fn a_torn_last_commit_takes_no_earlier_one_with_it() {
    let (folder, path, store) = filled().await;
    let before = contents(&*store).await;
    let whole = fs::metadata(path.with_extension("db-wal")).unwrap().len();
    store.receive(vec![new_ticket(99, "m99", "SNR|99")]).await.unwrap();
    let log = fs::read(path.with_extension("db-wal")).unwrap();
    assert!(log.len() as u64 > whole);
    let torn = folder.path().join("torn.db");
    fs::copy(&path, &torn).unwrap();
    for length in [whole as usize, whole as usize + 1, log.len() - 4_096, log.len() - 1] {
        for suffix in [".epoch", "-shm"] {
            drop(fs::remove_file(format!("{}{suffix}", torn.display())));
        }
        fs::copy(&path, &torn).unwrap();
        fs::write(torn.with_extension("db-wal"), &log[..length]).unwrap();
        assert_eq!(contents(&*open(&torn).store).await, before, "cut at {length}");
    }
}

#[tokio::test]
async fn a_second_serving_process_is_refused_and_a_command_is_not() {
    let (_folder, path, store) = filled().await;
    let text = fails(&path, OpenMode::Serve);
    assert!(text.contains(&format!("in use by process {}", std::process::id())), "{text}");
    #[cfg(unix)]
    {
        let link = path.with_extension("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(fails(&link, OpenMode::Serve).contains("in use by process"));
    }
    let command = SqliteStore::open(&path, OpenMode::Command).unwrap().store;
    command.receive(vec![new_ticket(50, "m50", "SNR|50")]).await.unwrap();
    assert_eq!(everything(&*store).await.len(), 6);
    let lane = command.take_lane(&crate::fixture::platform(), 0, uuid::Uuid::from_u128(1), LONG).await;
    assert!(lane.unwrap_err().to_string().contains("only a serving process"));
    drop(store);
    open(&path);
}

#[tokio::test]
async fn a_restart_takes_over_a_dead_holders_lane_at_once() {
    let (_folder, path, store) = filled().await;
    let LaneAnswer::Taken(dead) = take(&*store, 1, LONG).await else { panic!("held") };
    assert!(matches!(take(&*store, 2, LONG).await, LaneAnswer::Held { .. }));
    drop(store);
    let store = open(&path).store;
    let holder = Holder::of(&*store, 1).await;
    assert!(holder.fence() > dead.fence, "even for the same holder");
    let late = Writes::nothing(dead.lane, dead.fence);
    assert_eq!(store.apply(late).await.unwrap(), Receipt::LostFence);
}

#[tokio::test]
async fn ordinary_restarts_raise_no_suspicion() {
    let (_folder, path, store) = filled().await;
    drop(store);
    for _ in 0..3 {
        assert_eq!(open(&path).suspect, None);
    }
    SqliteStore::open(&path, OpenMode::Command).unwrap();
    assert_eq!(open(&path).suspect, None);
}

#[tokio::test]
async fn a_restored_older_copy_is_suspect_until_dealt_with() {
    let (folder, path, store) = filled().await;
    drop(store);
    let old = fs::read(&path).unwrap();
    drop(open(&path));
    fs::write(&path, old).unwrap(); // Into the same file: only the epoch tells.
    let opened = open(&path);
    assert!(opened.suspect.as_ref().unwrap().contains("older copy"), "{:?}", opened.suspect);
    drop(opened);
    let opened = open(&path);
    assert!(opened.suspect.is_some(), "a crash before the look-ups forgets nothing");
    opened.store.suspicion_dealt_with().await.unwrap();
    drop(opened);
    assert_eq!(open(&path).suspect, None);
    drop(folder);
}

#[tokio::test]
async fn copies_and_replaced_files_are_suspect() {
    let (folder, path, store) = filled().await;
    drop(store);
    let clone = folder.path().join("clone.db");
    copy(&path, &clone, &[""]);
    assert!(open(&clone).suspect.unwrap().contains("without it"));
    let whole = folder.path().join("whole.db");
    copy(&path, &whole, &["", ".epoch"]);
    assert!(open(&whole).suspect.unwrap().contains("another file"));
    let stranger = folder.path().join("stranger.db");
    drop(open(&stranger));
    fs::remove_file(&path).unwrap();
    copy(&stranger, &path, &[""]);
    assert!(open(&path).suspect.unwrap().contains("belongs to another store"));
}

#[tokio::test]
async fn a_backup_is_whole_and_knows_what_it_is() {
    let (folder, path, store) = filled().await;
    let before = contents(&*store).await;
    let target = folder.path().join("backup.db");
    store.backup(&target).await.unwrap();
    assert!(store.backup(&target).await.unwrap_err().to_string().contains("never overwrites"));
    let nowhere = folder.path().join("no/backup.db");
    assert!(!store.backup(&nowhere).await.unwrap_err().is_fatal());
    drop(store);
    // Restored in place, epoch file and all.
    fs::write(&path, fs::read(&target).unwrap()).unwrap();
    let opened = open(&path);
    assert!(opened.suspect.unwrap().contains("a backup"));
    assert_eq!(contents(&*opened.store).await, before);
}

#[tokio::test]
async fn a_store_keeps_its_number_of_lanes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    for (wanted, got) in [(4, 4), (2, 4), (1, 4)] {
        let options = SqliteOptions { lanes: wanted, ..SqliteOptions::default() };
        let opened = SqliteStore::open_with(&path, OpenMode::Serve, &options).unwrap();
        assert_eq!(opened.store.lanes_per_platform(), got);
    }
}
