//! Stores to test and small makers of tickets, decisions and answers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use ticketbridge_core::delivery::{
    BatchId, Fence, Intent, ItemResult, LaneId, Receipt, RowUpdate, Settle, Settled, Writes,
};
use ticketbridge_core::effect::{Operation, Outcome, RemoteIds};
use ticketbridge_core::ticket::{
    BackendName, DedupeKey, NewTicket, OriginId, PlatformName, State, TicketId, TicketReference, TicketRow,
    parse_intake,
};
use ticketbridge_core::time::Wall;
use ticketbridge_store::{
    LaneAnswer, LaneGrant, MemoryStore, OpenMode, Page, SqliteOptions, SqliteStore, Store, TicketFilter, TicketView,
};
use uuid::Uuid;

/// Long enough never to end within a test.
pub(crate) const LONG: Duration = Duration::from_hours(1);

/// Makes the tests named run over every store; each takes `&dyn Store`.
macro_rules! over_each_store {
    ($($name:ident),+ $(,)?) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&*crate::fixture::memory(1)).await;
            })+
        }
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                let (store, _folder) = crate::fixture::sqlite(1);
                super::$name(&*store).await;
            })+
        }
    };
}
pub(crate) use over_each_store;

pub(crate) fn memory(lanes: u32) -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(lanes))
}

pub(crate) fn sqlite(lanes: u32) -> (Arc<dyn Store>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions { lanes, ..SqliteOptions::default() };
    let opened = SqliteStore::open_with(&folder.path().join("store.db"), OpenMode::Serve, &options).unwrap();
    (opened.store, folder)
}

pub(crate) fn platform() -> PlatformName {
    PlatformName::new("cherwell")
}

pub(crate) fn key(text: &str) -> DedupeKey {
    DedupeKey::new(text).unwrap()
}

/// A ticket with origin number `number`, received at that millisecond.
pub(crate) fn new_ticket(number: u128, message_id: &str, about: &str) -> NewTicket {
    let body = json!({"message_id": message_id, "kind": "SNR", "dedupe_key": about, "n": number.to_string()});
    new_ticket_of(number, &body)
}

pub(crate) fn new_ticket_of(number: u128, body: &serde_json::Value) -> NewTicket {
    NewTicket {
        item: parse_intake(body).unwrap(),
        origin: OriginId(Uuid::from_u128(number)),
        backend: BackendName::new("be-1"),
        platform: platform(),
        received_at: Wall(i64::try_from(number).unwrap()),
    }
}

pub(crate) async fn everything(store: &dyn Store) -> Vec<TicketView> {
    store.tickets(&TicketFilter::default(), Page { before: None, limit: 1_000 }).await.unwrap()
}

/// A holder of a lane that makes decisions.
pub(crate) struct Holder<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) grant: LaneGrant,
    next: i64,
}

pub(crate) async fn take(store: &dyn Store, holder: u128, time_to_live: Duration) -> LaneAnswer {
    store.take_lane(&platform(), 0, Uuid::from_u128(holder), time_to_live).await.unwrap()
}

impl<'a> Holder<'a> {
    pub(crate) async fn of(store: &'a dyn Store, holder: u128) -> Self {
        let LaneAnswer::Taken(grant) = take(store, holder, LONG).await else { panic!("the lane is held") };
        Self { store, next: grant.next_sequence, grant: *grant }
    }

    pub(crate) fn lane(&self) -> LaneId {
        self.grant.lane
    }

    pub(crate) fn fence(&self) -> Fence {
        self.grant.fence
    }

    pub(crate) fn nothing(&self) -> Writes {
        Writes::nothing(self.lane(), self.fence())
    }

    pub(crate) async fn rows(&self) -> Vec<TicketRow> {
        let open = self.store.open_tickets(self.lane(), TicketId(0), 1_000).await.unwrap();
        open.into_iter().map(|ticket| ticket.row).collect()
    }

    /// The decision to send `rows` with `operation`, as a new batch.
    pub(crate) fn begin(&mut self, operation: Operation, rows: &[TicketRow], at: i64) -> Writes {
        let batch = BatchId::new(self.lane(), self.next);
        self.next += 1;
        let mut writes = self.nothing();
        writes.rows = rows.iter().map(|row| sending(row, operation, batch)).collect();
        writes.intents = vec![intent(batch, operation, rows.iter().map(|row| row.id).collect(), at)];
        writes
    }

    /// [`Holder::begin`], carried out; answers the batch and the rows as they are now.
    pub(crate) async fn send(
        &mut self,
        operation: Operation,
        rows: &[TicketRow],
        at: i64,
    ) -> (BatchId, Vec<TicketRow>) {
        let writes = self.begin(operation, rows, at);
        let batch = writes.intents[0].batch;
        let rows = writes.rows.iter().map(|update| update.row.clone()).collect();
        assert_eq!(self.store.apply(writes).await.unwrap(), Receipt::Done);
        (batch, rows)
    }

    /// Settles the whole batch: each row Applied with made-up ids, and on to `next`.
    pub(crate) fn applied(&self, batch: BatchId, rows: &[TicketRow], next: State, at: i64) -> Writes {
        let mut writes = self.nothing();
        let mut results = Vec::new();
        for row in rows {
            let (update, result) = answered(row, next);
            writes.rows.push(update);
            results.push(result);
        }
        writes.settles = vec![Settle { batch, results, remaining: Vec::new(), at: Wall(at) }];
        writes
    }

    pub(crate) async fn done(&self, writes: Writes) {
        assert_eq!(self.store.apply(writes).await.unwrap(), Receipt::Done);
    }

    /// Brings a row to Completed by a note, at that instant.
    pub(crate) async fn complete(&mut self, row: &TicketRow, at: i64) {
        let (batch, rows) = self.send(Operation::AddNote, std::slice::from_ref(row), at).await;
        self.done(self.applied(batch, &rows, State::Completed, at)).await;
    }
}

pub(crate) fn intent(batch: BatchId, operation: Operation, items: Vec<TicketId>, at: i64) -> Intent {
    Intent {
        batch,
        operation,
        platform: platform(),
        backend: BackendName::new("be-1"),
        items,
        body_hash: [0xab; 32],
        at: Wall(at),
    }
}

fn state_of(operation: Operation) -> State {
    State::ALL.into_iter().find(|state| state.operation() == Some(operation)).unwrap()
}

pub(crate) fn sending(row: &TicketRow, operation: Operation, batch: BatchId) -> RowUpdate {
    let mut next = row.clone();
    next.state = state_of(operation);
    next.sent.insert(operation);
    RowUpdate { expected: row.state, row: next, trail: Some(batch) }
}

/// The row and its result, when the platform did what the row waited for.
pub(crate) fn answered(row: &TicketRow, next: State) -> (RowUpdate, ItemResult) {
    let operation = row.state.operation().unwrap();
    let mut ids = RemoteIds::default();
    let mut update = RowUpdate { expected: row.state, row: row.clone(), trail: None };
    update.row.state = next;
    match operation {
        Operation::CreateTicket => {
            let reference =
                TicketReference { number: format!("T-{}", row.id.0), record: Some(format!("r{}", row.id.0)) };
            ids.ticket_number = Some(reference.number.clone());
            ids.ticket_record.clone_from(&reference.record);
            update.row.ticket = Some(reference);
            update.row.created = true;
        }
        Operation::CreateWorkOrder => {
            ids.work_order_number = Some(format!("OT-{}", row.id.0));
            update.row.work_order.clone_from(&ids.work_order_number);
            ids.work_order_record = Some(format!("record-{}", row.id.0));
            update.row.work_order_record.clone_from(&ids.work_order_record);
        }
        Operation::AddNote | Operation::LinkWorkOrder => {}
    }
    let outcome = Outcome::Applied { ids };
    (update, ItemResult { ticket: row.id, outcome, by: Settled::Answer, next })
}

/// The row and its result, when the platform refused it for good.
pub(crate) fn refused(row: &TicketRow) -> (RowUpdate, ItemResult) {
    let operation = row.state.operation().unwrap();
    let mut update = RowUpdate { expected: row.state, row: row.clone(), trail: None };
    update.row.attempts.charge(operation);
    update.row.state = State::Error;
    update.row.failed = Some(operation);
    update.row.reason = Some(String::from("refused: \"no such kind\" — ñ"));
    let outcome = Outcome::Refused {
        refusal: ticketbridge_core::effect::Refusal::ItemForGood,
        code: String::from("E1"),
        message: String::from("no such kind\nat line 2"),
    };
    (update, ItemResult { ticket: row.id, outcome, by: Settled::Answer, next: State::Error })
}
