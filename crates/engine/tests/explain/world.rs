//! A store, a file of exchanges, and a clock that stands where a test puts it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ticketbridge_config::Config;
use ticketbridge_core::delivery::{BatchId, Intent, ItemResult, Receipt, RowUpdate, Settle, Settled, Writes};
use ticketbridge_core::effect::{Operation, Outcome, RemoteIds};
use ticketbridge_core::ticket::{
    BackendName, IntakeOutcome, NewTicket, OriginId, PlatformName, State, TicketReference, TicketRow, parse_intake,
};
use ticketbridge_core::time::Wall;
use ticketbridge_engine::explain::{Source, Story, explain, text};
use ticketbridge_store::exchanges::{
    About, Bounds, EventKind, ExchangeBodies, ExchangeStore, NewExchange, PlatformEvent, Subject,
};
use ticketbridge_store::{LaneAnswer, LaneGrant, MemoryStore, Store};
use uuid::Uuid;

const CONFIG: &str = r#"
[platforms.sfyc]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
auth = "none"
[platforms.other]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
auth = "none"
[[backends]]
name = "be-1"
tickets = "sfyc"
work_orders = "sfyc"
[[backends]]
name = "be-2"
tickets = "other"
work_orders = "other"
"#;

/// 2026-11-21T09:00:00Z, and so many milliseconds.
pub(crate) fn at(milliseconds: i64) -> Wall {
    Wall(1_795_251_600_000 + milliseconds)
}

pub(crate) struct World {
    _folder: TempDir,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) config: Config,
    pub(crate) path: PathBuf,
    pub(crate) exchanges: ExchangeStore,
    sequence: i64,
    received: u128,
}

/// A request that is under way.
pub(crate) struct Sent {
    pub(crate) batch: BatchId,
    grant: LaneGrant,
    row: TicketRow,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ticketbridge.exchanges.db");
        let bounds = Bounds { age: Duration::from_hours(24 * 365), size: 64 << 20 };
        let exchanges = ExchangeStore::open(&path, bounds, at(-60_000)).unwrap().store;
        Self {
            _folder: folder,
            store: Arc::new(MemoryStore::new(1)),
            config: Config::parse(CONFIG, "test", std::iter::empty()).unwrap().config,
            path,
            exchanges,
            sequence: 1,
            received: 0,
        }
    }

    /// A ticket comes in.
    pub(crate) async fn receive(&mut self, ticket: &Value, time: i64) -> OriginId {
        self.received += 1;
        let new = self.new_ticket(ticket, time);
        let answers = self.store.receive(vec![new]).await.unwrap();
        let [IntakeOutcome::Accepted { id }] = answers[..] else { panic!("{answers:?}") };
        id
    }

    pub(crate) fn new_ticket(&self, ticket: &Value, time: i64) -> NewTicket {
        NewTicket {
            item: parse_intake(ticket).unwrap(),
            origin: OriginId(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + self.received)),
            backend: BackendName::new("be-1"),
            platform: PlatformName::new("sfyc"),
            received_at: at(time),
        }
    }

    async fn lane(&self, platform: &PlatformName) -> LaneGrant {
        let taken = self.store.take_lane(platform, 0, Uuid::from_u128(1), Duration::from_hours(1)).await.unwrap();
        let LaneAnswer::Taken(grant) = taken else { panic!("the lane is held") };
        *grant
    }

    /// The intent of a request with this ticket alone.
    pub(crate) async fn send(&mut self, origin: OriginId, operation: Operation, time: i64) -> Sent {
        let view = self.store.ticket(origin).await.unwrap().unwrap();
        let grant = self.lane(&view.platform).await;
        let batch = BatchId::new(grant.lane, self.sequence);
        self.sequence += 1;
        let mut row = view.row.clone();
        row.state = match operation {
            Operation::AddNote => State::AddingNote,
            Operation::CreateTicket => State::CreatingTicket,
            Operation::CreateWorkOrder => State::CreatingWorkOrder,
            Operation::LinkWorkOrder => State::LinkingWorkOrder,
        };
        row.sent.insert(operation);
        row.due_at = None;
        if operation == Operation::AddNote {
            row.ticket = Some(TicketReference { number: String::from("T00000001"), record: None });
        }
        let mut writes = Writes::nothing(grant.lane, grant.fence);
        writes.rows.push(RowUpdate { expected: view.row.state, row: row.clone(), trail: Some(batch) });
        writes.intents.push(Intent {
            batch,
            operation,
            platform: view.platform,
            backend: row.backend.clone(),
            items: vec![row.id],
            body_hash: [7; 32],
            at: at(time),
        });
        assert_eq!(self.store.apply(writes).await.unwrap(), Receipt::Done);
        Sent { batch, grant, row }
    }

    /// What became of it, and how the row is then.
    pub(crate) async fn settle(
        &mut self,
        sent: Sent,
        outcome: Outcome,
        by: Settled,
        time: i64,
        change: impl FnOnce(&mut TicketRow),
    ) {
        let Sent { batch, grant, row: before } = sent;
        let mut row = before.clone();
        change(&mut row);
        let mut writes = Writes::nothing(grant.lane, grant.fence);
        let results = vec![ItemResult { ticket: row.id, outcome, by, next: row.state }];
        writes.settles.push(Settle { batch, results, remaining: Vec::new(), at: at(time) });
        writes.rows.push(RowUpdate { expected: before.state, row, trail: None });
        assert_eq!(self.store.apply(writes).await.unwrap(), Receipt::Done);
    }

    /// A request that is applied, with its exchange.
    pub(crate) async fn applied(&mut self, origin: OriginId, operation: Operation, time: i64) {
        let sent = self.send(origin, operation, time).await;
        self.exchanged(write(
            sent.batch,
            time + 12,
            &format!("{{\"operation\":\"{operation}\"}}"),
            r#"{"results":[{"ok":true}]}"#,
        ));
        let mut ids = RemoteIds::default();
        match operation {
            Operation::CreateTicket => ids.ticket_number = Some(String::from("T00000001")),
            Operation::CreateWorkOrder => ids.work_order_number = Some(String::from("W00000001")),
            _ => {}
        }
        let given = ids.clone();
        self.settle(sent, Outcome::Applied { ids }, Settled::Answer, time + 15, |row| go_on(row, operation, given))
            .await;
    }

    pub(crate) fn exchanged(&mut self, exchange: NewExchange) {
        self.exchanges.append(&[exchange]).unwrap();
    }

    pub(crate) fn event(&mut self, kind: EventKind, about: &str, time: i64, why: &str) {
        let event = PlatformEvent { at: at(time), until: None, kind, about: about.to_owned(), text: why.to_owned() };
        self.exchanges.add_events(&[event]).unwrap();
    }

    /// The row of a ticket, changed otherwise than by a request.
    pub(crate) async fn change(&mut self, origin: OriginId, change: impl FnOnce(&mut TicketRow)) {
        let view = self.store.ticket(origin).await.unwrap().unwrap();
        let grant = self.lane(&view.platform).await;
        let mut row = view.row.clone();
        change(&mut row);
        let mut writes = Writes::nothing(grant.lane, grant.fence);
        writes.rows.push(RowUpdate { expected: view.row.state, row, trail: None });
        assert_eq!(self.store.apply(writes).await.unwrap(), Receipt::Done);
    }

    pub(crate) async fn story(&self, origin: OriginId, time: i64) -> Story {
        let source = Source::File(self.path.clone());
        explain(&self.config, &*self.store, source, origin, at(time)).await.unwrap().unwrap()
    }

    pub(crate) async fn text(&self, origin: OriginId, time: i64) -> String {
        text(&self.story(origin, time).await)
    }
}

/// Where a row goes after an operation was applied.
pub(crate) fn go_on(row: &mut TicketRow, operation: Operation, ids: RemoteIds) {
    row.sent.remove(operation);
    row.reason = None;
    match operation {
        Operation::CreateTicket => {
            row.created = true;
            row.ticket = ids.ticket_number.map(|number| TicketReference { number, record: None });
            row.state = State::CreatingWorkOrder;
        }
        Operation::CreateWorkOrder => {
            row.work_order = ids.work_order_number;
            row.state = State::LinkingWorkOrder;
        }
        Operation::AddNote | Operation::LinkWorkOrder => row.state = State::Completed,
    }
}

/// An exchange that wrote a batch.
pub(crate) fn write(batch: BatchId, time: i64, request: &str, answer: &str) -> NewExchange {
    NewExchange {
        at: at(time),
        platform: String::from("sfyc"),
        about: About::Write,
        batch: Some(batch),
        subjects: Vec::new(),
        method: String::from("POST"),
        target: String::from("/api/tickets"),
        status: Some(200),
        latency: Duration::from_millis(11),
        failed: false,
        fault: String::new(),
        bodies: Some(ExchangeBodies { request: request.to_owned(), answer: answer.to_owned() }),
    }
}

/// An exchange of a look-up about a ticket.
pub(crate) fn look_up(about: About, origin: Option<OriginId>, time: i64, answer: &str) -> NewExchange {
    NewExchange {
        about,
        batch: None,
        subjects: origin.map(Subject::Origin).into_iter().collect(),
        method: String::from("GET"),
        ..write(BatchId(0), time, "", answer)
    }
}

/// A ticket of an outside sender.
pub(crate) fn ticket(name: &str) -> Value {
    json!({"message_id": name, "kind": "SNR", "dedupe_key": format!("SNR|{name}"), "description": "SNR low"})
}

/// A ticket as the workflow manager builds it.
pub(crate) fn built(name: &str) -> Value {
    json!({
        "schema": "ticket/1", "message_id": name, "ticket_id": "WM-20261121-000007", "kind": "SNR",
        "dedupe_key": "SNR|USSG-7", "severity": "critical", "status": "built", "enrichment": "complete",
        "name": "SNR bajo - Centro", "description": "SNR upstream 17.9 dB",
        "source": {"aggregation": "snr_upstream", "group_id": "USSG-7", "instance": "wm-1", "as_of": "2026-11-21T09:00:00Z"},
        "topology": {"network": "N", "market": "M", "hub": "H", "ccap": "C", "line_card": "1", "port": "2",
            "service_group_id": "USSG-7", "service_group_name": "Centro", "fiber_nodes": ["F-1"], "address": null,
            "latitude": null, "longitude": null},
        "kpi": {"name": "us_snr_db", "unit": "dB", "worst": 17.9, "last": 18.4, "avg_24h": 24.25, "threshold": 20.0,
            "comparison": "lt"},
        "window": {"from": "2026-11-20T09:00:00Z", "to": "2026-11-21T09:00:00Z"},
        "incidents_total": 2,
        "incidents": [
            {"id": "00000000000000a1", "object_id": "USCH-1", "frequency_hz": 24_000_000, "modulation": "64QAM",
             "threshold": 20.0, "opened_at": "2026-11-21T07:00:00Z", "closed_at": "2026-11-21T08:00:00Z", "worst": 18.5,
             "worst_at": "2026-11-21T07:15:00Z"},
            {"id": "00000000000000a2", "object_id": "USCH-2", "frequency_hz": 30_000_000, "modulation": "64QAM",
             "threshold": 20.0, "opened_at": "2026-11-21T08:15:00Z", "closed_at": null, "worst": 17.9,
             "worst_at": "2026-11-21T08:30:00Z"}],
        "impact": {"channels_affected": 2, "channels_total": 4, "cm_total": 120, "cm_online": 118},
        "external": {"ticket_number": null, "ot_number": null}
    })
}
