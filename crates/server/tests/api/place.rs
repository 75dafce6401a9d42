//! A server in a place of its own: store in a temporary folder, a free port, platforms that nobody answers for.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use ticketbridge_config::Config;
use ticketbridge_core::delivery::{BatchId, Intent, ItemResult, Receipt, RowUpdate, Settle, Settled, Writes};
use ticketbridge_core::effect::{Operation, Outcome, Refusal};
use ticketbridge_core::ticket::{PlatformName, State, TicketId, TicketRow};
use ticketbridge_core::time::Wall;
use ticketbridge_engine::app::App;
use ticketbridge_engine::clock::Clock;
use ticketbridge_engine::delivery::{DeliveryOptions, DeliveryService};
use ticketbridge_engine::exchanges::{Exchanges, Limits};
use ticketbridge_engine::feedback::Feedback;
use ticketbridge_engine::platforms::PlatformSet;
use ticketbridge_engine::traces::Traces;
use ticketbridge_engine::view::origin_id;
use ticketbridge_server::{Server, ServerError, install_metrics};
use ticketbridge_store::samples::SampleStore;
use ticketbridge_store::{FeedbackStore, LaneAnswer, OpenMode, SqliteStore, Store};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Two backends on one platform whose address is dead.
pub(crate) const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
max_body_size = "2MiB"
shutdown_grace = "2s"
[platforms.sfyc]
type = "connector"
file = "builtin:sfyc"
host = "127.0.0.1"
port = 9
auth = "none"
bypass_proxy = true
[[backends]]
name = "be-1"
tickets = "sfyc"
work_orders = "sfyc"
[[backends]]
name = "be-2"
tickets = "sfyc"
work_orders = "sfyc"
"#;

pub(crate) fn environment(name: &str) -> Option<String> {
    name.strip_prefix("TOKEN_").map(|role| format!("token-of-{}", role.to_lowercase()))
}

/// Whether delivery runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Runs,
    HasEnded,
}

/// A running server.
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) app: App,
    pub(crate) client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) running: JoinHandle<()>,
    pub(crate) folder: TempDir,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The JSON of an answer that must be 200.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!((self.status, self.kind.as_str()), (200, "application/json"), "{}", self.text);
        self.json()
    }

    /// The detail of a problem document with this status.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16) -> String {
        assert_eq!((self.status, self.kind.as_str()), (status, "application/problem+json"), "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["what_to_do"].as_str().is_some_and(|text| !text.is_empty()));
        problem["detail"].as_str().unwrap().to_owned()
    }
}

/// A configuration from its text.
pub(crate) fn config(text: &str) -> Config {
    Config::parse(text, "test", std::iter::empty()).unwrap().config
}

async fn app(config: Config, folder: &TempDir, delivery: Delivery) -> App {
    let config = Arc::new(config);
    let opened = SqliteStore::open(&folder.path().join("store.db"), OpenMode::Serve).unwrap();
    let mobile: Arc<dyn FeedbackStore> = opened.store.clone();
    let store: Arc<dyn Store> = opened.store;
    let clock = Clock::start();
    let platforms = Arc::new(PlatformSet::load(&config, &environment, None));
    let options = DeliveryOptions {
        store: Arc::clone(&store),
        platforms: Arc::clone(&platforms),
        config: Arc::clone(&config),
        clock: clock.clone(),
        seed: 1,
        suspect: false,
        recorder: None,
        traces: Traces::off(),
        exchanges: Exchanges::start(
            folder.path().join("store.exchanges.db"),
            Limits::from(&config.retention),
            clock.clone(),
        ),
    };
    let (service, handle) = DeliveryService::new(options).await.unwrap();
    if delivery == Delivery::Runs {
        tokio::spawn(service.run());
    }
    let samples = Arc::new(SampleStore::in_memory().unwrap());
    let feedback = Feedback::load(&config, &environment, mobile, clock.clone(), None);
    App::new(config, store, samples, clock, handle, platforms, feedback)
}

impl Place {
    /// Nothing is delivered: what tests see is what they made.
    pub(crate) async fn open() -> Self {
        Self::with(CONFIG, Delivery::HasEnded).await.unwrap()
    }

    pub(crate) async fn with(text: &str, delivery: Delivery) -> Result<Self, ServerError> {
        Self::with_config(config(text), delivery).await
    }

    pub(crate) async fn with_config(config: Config, delivery: Delivery) -> Result<Self, ServerError> {
        Self::in_folder(tempfile::tempdir().unwrap(), config, delivery).await
    }

    /// With the store that is in the folder.
    pub(crate) async fn in_folder(folder: TempDir, config: Config, delivery: Delivery) -> Result<Self, ServerError> {
        let app = app(config, &folder, delivery).await;
        let bound = Server::bind(app.clone(), install_metrics().unwrap(), &environment).await?;
        let url = format!("http://{}", bound.address);
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(bound.run(async move {
            let _asked_or_dropped = stopped.await;
        }));
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_mins(1)).build().unwrap();
        Ok(Self { url, app, client, stop: Some(stop), running, folder })
    }

    /// Asks the server to stop.
    pub(crate) fn stop(&mut self) {
        self.stop.take();
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        reply(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        reply(json_body(self.request(Method::POST, path), body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Reply {
        reply(json_body(self.request(Method::PATCH, path), body)).await
    }

    /// Tickets `{prefix}{first}…`, received in this order, each about something of its own.
    pub(crate) async fn fill(&self, prefix: &str, count: usize) {
        let tickets: Vec<Value> = (0..count).map(|number| ticket(&format!("{prefix}{number:05}"))).collect();
        let answers = self.post("/api/v1/tickets?backend=be-1", &Value::from(tickets)).await.ok();
        assert!(answers.as_array().unwrap().iter().all(|answer| answer["result"] == "accepted"));
    }

    /// Sends every open ticket once, and the platform refuses it for good: all are in Error then.
    pub(crate) async fn refuse_all(&self, at: i64) {
        let store = &self.app.store;
        let platform = self.app.config.backends[0].tickets.clone();
        let taken = store.take_lane(&platform, 0, Uuid::from_u128(1), Duration::from_hours(1)).await.unwrap();
        let LaneAnswer::Taken(grant) = taken else { panic!("the lane is held") };
        let open = store.open_tickets(grant.lane, TicketId(0), 5_000).await.unwrap();
        let rows: Vec<_> = open.into_iter().map(|ticket| ticket.row).collect();
        let batch = BatchId::new(grant.lane, grant.next_sequence);
        let empty = Writes::nothing(grant.lane, grant.fence);
        let mut sending = empty.clone();
        sending.intents.push(Intent {
            batch,
            operation: Operation::CreateTicket,
            platform,
            backend: rows[0].backend.clone(),
            items: rows.iter().map(|row| row.id).collect(),
            body_hash: [7; 32],
            at: Wall(at),
        });
        let mut refused = empty;
        let mut results = Vec::new();
        for row in rows {
            let mut sent = row.clone();
            sent.state = State::CreatingTicket;
            sent.sent.insert(Operation::CreateTicket);
            sending.rows.push(RowUpdate { expected: row.state, row: sent.clone(), trail: Some(batch) });
            let mut failed = sent;
            failed.state = State::Error;
            failed.failed = Some(Operation::CreateTicket);
            failed.attempts.charge(Operation::CreateTicket);
            failed.reason = Some(String::from("refused for good"));
            let code = String::from("BAD_KIND");
            let outcome =
                Outcome::Refused { refusal: Refusal::ItemForGood, code, message: String::from("this kind is unknown") };
            results.push(ItemResult { ticket: row.id, outcome, by: Settled::Answer, next: State::Error });
            refused.rows.push(RowUpdate { expected: State::CreatingTicket, row: failed, trail: None });
        }
        refused.settles.push(Settle { batch, results, remaining: Vec::new(), at: Wall(at + 250) });
        assert_eq!(store.apply(sending).await.unwrap(), Receipt::Done);
        assert_eq!(store.apply(refused).await.unwrap(), Receipt::Done);
        store.release_lane(grant.lane, grant.fence).await.unwrap();
    }

    /// Tickets in Error whose step to create failed for this reason: one for each of these keys.
    pub(crate) async fn fails(&self, keys: &[&str], reason: &str) -> Vec<String> {
        let one = |key: &&str| json!({"message_id": format!("of {key}"), "kind": "SNR", "dedupe_key": key});
        let answers = self.post("/api/v1/tickets?backend=be-1", &keys.iter().map(one).collect()).await.ok();
        let ids: Vec<String> =
            answers.as_array().unwrap().iter().map(|answer| answer["id"].as_str().unwrap().to_owned()).collect();
        for id in &ids {
            self.change(id, |row| {
                row.state = State::Error;
                row.failed = Some(Operation::CreateTicket);
                row.reason = Some(reason.to_owned());
            })
            .await;
        }
        ids
    }

    /// Changes the row of a ticket otherwise than by a request.
    pub(crate) async fn change(&self, id: &str, change: impl FnOnce(&mut TicketRow)) {
        let view = self.app.store.ticket(origin_id(id).unwrap()).await.unwrap().unwrap();
        let mut row = view.row.clone();
        change(&mut row);
        let rows = vec![RowUpdate { expected: view.row.state, row, trail: None }];
        self.write(&view.platform, |writes| writes.rows = rows).await;
    }

    /// Writes as delivery does, as the holder of the platform's lane.
    pub(crate) async fn write(&self, platform: &PlatformName, fill: impl FnOnce(&mut Writes)) {
        let store = &self.app.store;
        let taken = store.take_lane(platform, 0, Uuid::from_u128(1), Duration::from_hours(1)).await.unwrap();
        let LaneAnswer::Taken(grant) = taken else { panic!("the lane is held") };
        let mut writes = Writes::nothing(grant.lane, grant.fence);
        fill(&mut writes);
        assert_eq!(store.apply(writes).await.unwrap(), Receipt::Done);
        store.release_lane(grant.lane, grant.fence).await.unwrap();
    }

    /// The id of a ticket, by its message id.
    pub(crate) async fn id(&self, message_id: &str) -> String {
        let page = self.get(&format!("/api/v1/tickets?message_id={message_id}")).await.ok();
        page["items"][0]["id"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn ticket(message_id: &str) -> Value {
    json!({"message_id": message_id, "kind": "SNR", "dedupe_key": format!("SNR|{message_id}")})
}

pub(crate) fn json_body(request: reqwest::RequestBuilder, body: &Value) -> reqwest::RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

pub(crate) async fn reply(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let kind = headers.get("content-type").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    assert_eq!(headers["x-content-type-options"], "nosniff");
    Reply { status, kind, headers, text: response.text().await.unwrap() }
}
