//! The part for mobile tickets: the same suite over every store.

mod claims;
mod erasing;
mod leases;
mod operators;
mod pages;
mod purging;
mod random;
mod sqlite;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ticketbridge_core::mobile::{Counters, PageSource, PaginationKey, RunResult, WriteKind};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{
    BeginAnswer, BeginRun, CallId, CallIntent, CallRecord, Failure, FeedbackPage, FeedbackStore, FeedbackWrites, Held,
    ItemChange, ItemId, ItemWrite, MemoryStore, NewPage, OpenMode, PageId, RunEnd, RunFence, RunGrant, SqliteStore,
    StoreError, StoredPage, Trigger,
};
use uuid::Uuid;

use crate::fixture::LONG;

/// Makes the tests named run over every store; each takes `&dyn FeedbackStore`.
macro_rules! over_each_store {
    ($($name:ident),+ $(,)?) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&*crate::feedback::memory()).await;
            })+
        }
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                let (store, _folder) = crate::feedback::sqlite();
                super::$name(&*store).await;
            })+
        }
    };
}
pub(crate) use over_each_store;

/// All rows of a listing.
pub(crate) const ALL: FeedbackPage = FeedbackPage { offset: 0, limit: 1_000 };

pub(crate) fn memory() -> Arc<dyn FeedbackStore> {
    Arc::new(MemoryStore::new(1))
}

pub(crate) fn sqlite() -> (Arc<dyn FeedbackStore>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.db"), OpenMode::Serve).unwrap().store;
    (store, folder)
}

pub(crate) fn beginning(organizer: &str, holder: u128, time_to_live: Duration) -> BeginRun {
    BeginRun {
        organizer: organizer.into(),
        internal_name: format!("feedback-{organizer}").into(),
        trigger: Trigger::Schedule,
        holder: Uuid::from_u128(holder),
        time_to_live,
        at: Wall(1_000),
    }
}

pub(crate) async fn try_begin(store: &dyn FeedbackStore, begin: BeginRun) -> BeginAnswer {
    store.begin_run(begin).await.unwrap()
}

/// A run with this life.
pub(crate) async fn begin_for(store: &dyn FeedbackStore, organizer: &str, time_to_live: Duration) -> RunGrant {
    match try_begin(store, beginning(organizer, 1, time_to_live)).await {
        BeginAnswer::Begun(grant) => *grant,
        BeginAnswer::Refused { by, .. } => panic!("{by:?} has the lease"),
    }
}

/// A run that lasts.
pub(crate) async fn begin(store: &dyn FeedbackStore, organizer: &str) -> RunGrant {
    begin_for(store, organizer, LONG).await
}

pub(crate) fn ended(at: i64) -> RunEnd {
    let counters = Counters { received: 3, key_after: PaginationKey::from("k"), ..Counters::default() };
    RunEnd { at: Wall(at), result: RunResult::Ok, error: None, text: Some(String::from("done")), counters }
}

pub(crate) async fn end(store: &dyn FeedbackStore, fence: &RunFence) {
    assert_eq!(store.end_run(fence, ended(2_000)).await, Ok(Held::Done(())));
}

/// An item of ticket `ticket` whose owner has this e-mail.
pub(crate) fn item_of(ticket: &str, email: &str) -> Value {
    json!({
        "ticketId": ticket,
        "taxNumber": "123",
        "status": "TRANSFERRED",
        "updatedAt": "2026-05-04T08:00:00Z",
        "spectatorDetails": {"email": email, "firstName": "Ada", "lastName": "Lovelace"},
        "transfer": {"senderEmail": email, "initiatedAt": "2026-05-04T07:00:00Z"},
        "extraInfo": {"extraInfo1": "likes cats"},
    })
}

pub(crate) fn body_of(items: &[Value]) -> String {
    json!({"pagination": {"nextPageKey": "ignored here"}, "result": items}).to_string()
}

/// A page of `items` items, asked with `sent`.
pub(crate) fn new_page(sent: &str, next: Option<&str>, items: u32) -> NewPage {
    let of: Vec<_> = (0..items).map(|number| item_of(&format!("t{number}"), &format!("p{number}@x.org"))).collect();
    NewPage {
        source: PageSource::Diff,
        sent: PaginationKey::from(sent),
        next: next.map(PaginationKey::from),
        body: body_of(&of).into(),
        items,
        at: Wall(1_100),
    }
}

pub(crate) fn new_file(items: u32) -> NewPage {
    NewPage { source: PageSource::File, ..new_page("", None, items) }
}

/// A page that is there, whose key does not move.
pub(crate) async fn stored(store: &dyn FeedbackStore, fence: &RunFence, items: u32) -> PageId {
    done(store.store_page(fence, new_file(items)).await)
}

pub(crate) fn done<T: std::fmt::Debug>(answer: Result<Held<T>, StoreError>) -> T {
    match answer.unwrap() {
        Held::Done(done) => done,
        Held::Lost => panic!("the lease is lost"),
    }
}

/// The words of a refusal.
pub(crate) fn refusal<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    let error = answer.unwrap_err();
    assert!(!error.is_fatal());
    error.to_string()
}

pub(crate) fn item(page: PageId, position: u32) -> ItemId {
    ItemId { page, position }
}

pub(crate) fn nothing() -> FeedbackWrites {
    FeedbackWrites::at(Wall(1_200))
}

pub(crate) fn change(item: ItemId, change: ItemChange) -> FeedbackWrites {
    FeedbackWrites { items: vec![ItemWrite { item, change }], ..nothing() }
}

pub(crate) fn waits(attempts: u32) -> ItemChange {
    ItemChange::Waits { attempts, due_at: Wall(5_000), reason: "LOCKED".into() }
}

pub(crate) fn fails(blocking: bool) -> ItemChange {
    ItemChange::Failed(Failure {
        ticket_id: Some("t0".into()),
        code: "UNKNOWN_TICKET".into(),
        text: "the box office does not know it".into(),
        blocking,
    })
}

pub(crate) fn intent(items: Vec<ItemId>) -> CallIntent {
    CallIntent { box_office: "s360".into(), kind: WriteKind::StoreMobile, items, body_hash: [7; 32] }
}

pub(crate) fn sends(items: Vec<ItemId>) -> FeedbackWrites {
    FeedbackWrites { intents: vec![intent(items)], ..nothing() }
}

/// Writes what must be accepted.
pub(crate) async fn write(store: &dyn FeedbackStore, fence: &RunFence, writes: FeedbackWrites) -> Vec<CallId> {
    done(store.write_feedback(fence, writes).await)
}

pub(crate) async fn page(store: &dyn FeedbackStore, id: PageId) -> StoredPage {
    store.page(id).await.unwrap().unwrap()
}

/// Every call of every run.
pub(crate) async fn calls(store: &dyn FeedbackStore) -> Vec<CallRecord> {
    let mut calls = Vec::new();
    for run in store.feedback_runs(None, ALL).await.unwrap().iter().rev() {
        calls.extend(store.run_calls(run.id).await.unwrap());
    }
    calls
}
