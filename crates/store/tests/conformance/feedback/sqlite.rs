//! What only the store on disk must do: two processes on one file, a crash, another boot.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use ticketbridge_core::mobile::PaginationKey;
use ticketbridge_store::{BeginAnswer, FeedbackStore, Held, ItemChange, OpenMode, SqliteStore};

use super::{
    ALL, begin, begin_for, beginning, change, done, ended, fails, item, new_page, page, sends, stored, try_begin,
    waits, write,
};
use crate::fixture::LONG;

fn open(path: &Path, mode: OpenMode) -> Arc<SqliteStore> {
    SqliteStore::open(path, mode).unwrap().store
}

#[tokio::test]
async fn two_processes_share_one_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    // One of them serves; the other is a command.
    let (first, second) = (open(&path, OpenMode::Serve), open(&path, OpenMode::Command));
    let grant = begin(&*first, "o").await;
    let refused = try_begin(&*second, beginning("o", 2, LONG)).await;
    assert!(matches!(refused, BeginAnswer::Refused { by, .. } if by == grant.fence.run), "{refused:?}");
    let seen = second.lease("o").await.unwrap().unwrap();
    assert_eq!(seen.run, grant.fence.run);
    assert!(seen.remaining + Duration::from_mins(5) > LONG, "one clock for both: {:?}", seen.remaining);
    assert_eq!(first.end_run(&grant.fence, ended(1)).await, Ok(Held::Done(())));
    begin(&*second, "o").await;
}

#[tokio::test]
async fn a_lease_runs_out_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.db"), OpenMode::Command);
    let first = begin_for(&*store, "o", Duration::from_millis(300)).await.fence;
    let mut last = Duration::from_millis(300);
    loop {
        let remaining = store.lease("o").await.unwrap().unwrap().remaining;
        assert!(remaining <= last, "{remaining:?} after {last:?}");
        if remaining.is_zero() {
            break;
        }
        last = remaining;
    }
    assert!(begin(&*store, "o").await.fence.token > first.token);
}

#[tokio::test]
async fn a_process_that_stood_still_is_fenced_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let (stalled, other) = (open(&path, OpenMode::Command), open(&path, OpenMode::Command));
    // It stands still for longer than its lease.
    let stale = begin_for(&*stalled, "o", Duration::ZERO).await.fence;
    let fresh = begin(&*other, "o").await.fence;
    done(other.store_page(&fresh, new_page("", Some("k1"), 1)).await);
    let before = super::random::contents(&*other).await;
    assert_eq!(stalled.store_page(&stale, new_page("", Some("k1"), 1)).await, Ok(Held::Lost));
    assert_eq!(stalled.store_page(&stale, new_page("k1", Some("k2"), 1)).await, Ok(Held::Lost));
    assert_eq!(stalled.renew_lease(&stale, LONG).await, Ok(Held::Lost));
    assert_eq!(stalled.end_run(&stale, ended(1)).await, Ok(Held::Lost));
    assert_eq!(super::random::contents(&*stalled).await, before);
}

#[tokio::test]
async fn a_start_frees_no_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let command = open(&path, OpenMode::Command);
    let grant = begin(&*command, "o").await;
    let serving = open(&path, OpenMode::Serve);
    let refused = try_begin(&*serving, beginning("o", 2, LONG)).await;
    assert!(matches!(refused, BeginAnswer::Refused { .. }), "{refused:?}");
    assert_eq!(command.renew_lease(&grant.fence, LONG).await, Ok(Held::Done(())));
}

#[tokio::test]
async fn a_lease_of_another_boot_has_run_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path, OpenMode::Command);
    let beyond = "UPDATE feedback_lease SET expires_at = expires_at + 3600000";
    let changes = ["UPDATE feedback_lease SET boot = 'another'", beyond];
    for change in changes {
        let first = begin(&*store, "o").await;
        Connection::open(&path).unwrap().execute(change, []).unwrap();
        assert_eq!(store.lease("o").await.unwrap().unwrap().remaining, Duration::ZERO, "{change}");
        let second = begin(&*store, "o").await;
        assert!(second.fence.token > first.fence.token);
        assert_eq!(store.renew_lease(&first.fence, LONG).await, Ok(Held::Lost));
        assert_eq!(store.end_run(&second.fence, ended(1)).await, Ok(Held::Done(())));
    }
    // The first renewal after a boot makes it ours again, if nobody was faster.
    let grant = begin(&*store, "o").await;
    Connection::open(&path).unwrap().execute(changes[0], []).unwrap();
    assert_eq!(store.renew_lease(&grant.fence, LONG).await, Ok(Held::Done(())));
    assert!(store.lease("o").await.unwrap().unwrap().remaining > Duration::ZERO);
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path, OpenMode::Serve);
    let grant = begin_for(&*store, "o", Duration::ZERO).await;
    let id = done(store.store_page(&grant.fence, new_page("", Some("k1"), 4)).await);
    write(&*store, &grant.fence, change(item(id, 0), ItemChange::Done)).await;
    write(&*store, &grant.fence, change(item(id, 1), waits(2))).await;
    write(&*store, &grant.fence, change(item(id, 2), fails(false))).await;
    write(&*store, &grant.fence, sends(vec![item(id, 3)])).await;
    let before = super::random::contents(&*store).await;
    // A copy of database and log as they are: what a killed process leaves.
    let copy = folder.path().join("crashed.db");
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        std::fs::copy(name(&path), name(&copy)).unwrap();
    }
    let store = open(&copy, OpenMode::Serve);
    assert_eq!(super::random::contents(&*store).await, before);
    let grant = begin(&*store, "o").await;
    assert_eq!((grant.key, grant.open_pages), (PaginationKey::from("k1"), vec![id]));
    assert_eq!(grant.abandoned_calls, 1);
    assert_eq!(page(&*store, id).await.waiting.len(), 1);
    assert_eq!(store.failed_items(None, ALL).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_backup_is_behind_in_key_and_pages_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = open(&path, OpenMode::Serve);
    let grant = begin(&*store, "o").await;
    done(store.store_page(&grant.fence, new_page("", Some("k1"), 1)).await);
    let before = super::random::contents(&*store).await;
    let target = folder.path().join("backup.db");
    store.backup(&target).await.unwrap();
    done(store.store_page(&grant.fence, new_page("k1", Some("k2"), 1)).await);
    let restored = open(&target, OpenMode::Serve);
    assert_eq!(super::random::contents(&*restored).await, before);
    // The copy goes on by itself: nothing of what it does touches the original.
    done(restored.store_page(&grant.fence, new_page("k1", Some("other"), 1)).await);
    assert_eq!(store.pagination_key("o").await, Ok(PaginationKey::from("k2")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_begin_at_once_one_gets_the_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let stores = [open(&path, OpenMode::Serve), open(&path, OpenMode::Command), open(&path, OpenMode::Command)];
    let begun: Vec<_> = (0..12_u128)
        .map(|number| {
            let store = Arc::clone(&stores[usize::try_from(number).unwrap() % stores.len()]);
            tokio::spawn(async move { try_begin(&*store, beginning("o", number, LONG)).await })
        })
        .collect();
    let mut granted = 0;
    for answer in begun {
        granted += usize::from(matches!(answer.await.unwrap(), BeginAnswer::Begun(_)));
    }
    assert_eq!(granted, 1);
    assert_eq!(stores[0].feedback_runs(Some("o"), ALL).await.unwrap().len(), 12);
}

/// How many items a second go into the store, a page of 1,000 items of about 600 bytes at a time. For people:
/// `cargo test -p ticketbridge-store --test conformance items_per_second -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement"]
async fn items_per_second() {
    const PAGES: u32 = 200;
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.db"), OpenMode::Serve);
    let grant = begin(&*store, "o").await;
    let pad = "x".repeat(300);
    let items: Vec<_> = (0..1_000)
        .map(|number| {
            let mut item = super::item_of(&format!("ticket-{number}"), &format!("person{number}@example.org"));
            item["holder"] = serde_json::json!({"firstName": pad});
            item
        })
        .collect();
    let body = super::body_of(&items);
    println!("{} bytes per item", body.len() / 1_000);
    let body = bytes::Bytes::from(body);
    let mut sent = String::new();
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let now = std::time::Instant::now;
    let began = now();
    for number in 0..PAGES {
        let next = format!("k{number}");
        let new = ticketbridge_store::NewPage { body: body.clone(), items: 1_000, ..new_page(&sent, Some(&next), 1) };
        done(store.store_page(&grant.fence, new).await);
        sent = next;
    }
    println!("{:.0} items per second stored", f64::from(PAGES) * 1_000.0 / began.elapsed().as_secs_f64());

    let began = now();
    let id = stored(&*store, &grant.fence, 1_000).await;
    for half in 0..2 {
        let items = (0..500).map(|number| item(id, half * 500 + number));
        let items = items.map(|item| ticketbridge_store::ItemWrite { item, change: ItemChange::Done }).collect();
        write(&*store, &grant.fence, ticketbridge_store::FeedbackWrites { items, ..super::nothing() }).await;
    }
    println!("1,000 items stored and done in {:?}", began.elapsed());
    let began = now();
    let erased = store.erase_person("person7@example.org").await.unwrap();
    println!("{} pages searched for a person in {:?}", erased.kept_pages.len(), began.elapsed());
}
