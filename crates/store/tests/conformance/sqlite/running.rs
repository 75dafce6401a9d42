//! Group commit, and what one process sees of another.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::Connection;
use ticketbridge_core::delivery::{BatchId, Writes};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::IntakeOutcome;
use ticketbridge_store::{Act, Change, OpenMode, SqliteStore, Store};

use super::{filled, open};
use crate::fixture::{Holder, everything, intent, new_ticket};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_callers_at_once_are_all_served() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.db")).store;
    let callers: Vec<_> = (0..16_u128)
        .map(|caller| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut numbers = Vec::new();
                for call in 0..10 {
                    let number = 1 + caller * 10 + call;
                    let ticket = new_ticket(number, &format!("m{number}"), &format!("SNR|{caller}"));
                    let outcomes = store.receive(vec![ticket]).await.unwrap();
                    assert!(matches!(outcomes[..], [IntakeOutcome::Accepted { .. }]));
                    numbers.push(store.reserve_numbers("n", 3).await.unwrap());
                }
                numbers
            })
        })
        .collect();
    let mut numbers = BTreeSet::new();
    for caller in callers {
        for first in caller.await.unwrap() {
            assert!(numbers.insert(first), "{first} was given twice");
        }
    }
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), (0..160).map(|n| n * 3 + 1).collect::<Vec<_>>());
    assert_eq!(everything(&*store).await.len(), 160);
}

#[tokio::test]
async fn a_job_that_fails_does_not_fail_its_group() {
    let (_folder, path, store) = filled().await;
    let holder = Holder::of(&*store, 1).await;
    let (lane, fence) = (holder.lane(), holder.fence());
    // While another holds the file, everything below gathers in one group.
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let first = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.reserve_numbers("first", 1).await }
    });
    let good: Vec<_> = (100..110)
        .map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.receive(vec![new_ticket(n, &format!("m{n}"), "SNR|x")]).await })
        })
        .collect();
    let bad = tokio::spawn({
        let store = Arc::clone(&store);
        let mut writes = Writes::nothing(lane, fence);
        writes.known = vec![ticketbridge_core::delivery::KnownTicket {
            key: crate::fixture::key("SNR|never"),
            reference: ticketbridge_core::ticket::TicketReference { number: String::from("T"), record: None },
            origin: None,
        }];
        let lost = ticketbridge_core::ticket::TicketId(9_999);
        writes.intents = vec![intent(BatchId::new(lane, 500), Operation::AddNote, vec![lost], 1)];
        async move { store.apply(writes).await }
    });
    // Each caller runs up to where it waits for its answer.
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    other.execute_batch("COMMIT").unwrap();
    drop(first.await.unwrap()); // Served or refused for the lock: both are right.
    for caller in good {
        caller.await.unwrap().unwrap();
    }
    assert!(!bad.await.unwrap().unwrap_err().is_fatal());
    assert_eq!(everything(&*store).await.len(), 15);
    assert_eq!(store.ledger(&[crate::fixture::key("SNR|never")]).await.unwrap(), []);
}

#[tokio::test]
async fn a_commit_of_another_process_moves_the_mark() {
    let (_folder, path, store) = filled().await;
    let command = SqliteStore::open(&path, OpenMode::Command).unwrap().store;
    let mark = store.change_mark().await.unwrap();
    assert_eq!(store.change_mark().await.unwrap(), mark);
    let view = everything(&*store).await.remove(0);
    command.act(view.row.origin, Act::Dismiss { reason: String::from("x") }, "cli", view.updated_at).await.unwrap();
    assert_ne!(store.change_mark().await.unwrap(), mark);
    assert_eq!(store.changes(0).await.unwrap(), [(1, Change::Ticket(view.row.id))]);
}

#[tokio::test]
async fn a_long_log_is_copied_into_the_database() {
    let (_folder, path, store) = filled().await;
    let body = serde_json::json!({"kind": "SNR", "dedupe_key": "a", "x": "y".repeat(200_000)});
    for n in 1_000..1_060 {
        let mut body = body.clone();
        body["message_id"] = format!("m{n}").into();
        store.receive(vec![crate::fixture::new_ticket_of(n, &body)]).await.unwrap();
    }
    let length = |path: &std::path::Path| std::fs::metadata(path).unwrap().len();
    assert!(length(&path) > 6_000_000, "{}", length(&path));
    assert!(length(&path.with_extension("db-wal")) < 6_000_000, "{}", length(&path.with_extension("db-wal")));
}
