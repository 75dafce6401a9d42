//! The exporter: reads what the store has of ended tickets and sends their traces.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use metrics::counter;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use secrecy::ExposeSecret;
use ticketbridge_config::sections::Telemetry;
use ticketbridge_core::network::Timestamp;
use ticketbridge_core::ticket::OriginId;
use ticketbridge_store::{RunRecord, Store, StoreError, TicketView};
use tokio::sync::mpsc;

use super::spans::{self, Batches, Run};
use super::{FAREWELL, News, Scan};
use crate::platforms::Environment;

/// News taken up at once, and so tickets of one export.
const AT_ONCE: usize = 256;
/// Runs looked back at for the one that built a ticket.
const RUNS: usize = 100;

/// The sender to the configured collector, if there is one.
pub(super) fn collector(settings: &Telemetry, environment: &Environment) -> Result<Option<SpanExporter>, String> {
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
    let mut headers = HashMap::new();
    for (name, value) in &settings.otlp_headers {
        let value = value.resolve(environment).map_err(|error| format!("telemetry.otlp_headers.{name}: {error}"))?;
        let value = value.expose_secret().to_owned();
        if http::HeaderName::try_from(name.as_str()).is_err() || http::HeaderValue::try_from(value.as_str()).is_err() {
            return Err(format!("telemetry.otlp_headers.{name}: the name or its value cannot stand in an HTTP header"));
        }
        headers.insert(name.clone(), value);
    }
    let timeout = settings.otlp_timeout.get();
    let unusable = |why: String| format!("telemetry.otlp_endpoint: no traces can be sent to `{endpoint}`: {why}");
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .build()
        .map_err(|error| unusable(error.to_string()))?;
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/')))
        .with_timeout(timeout)
        .with_headers(headers)
        .with_http_client(client)
        .build()
        .map_err(|error| unusable(error.to_string()))?;
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "ticketbridge"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ])
        .build();
    exporter.set_resource(&resource);
    Ok(Some(exporter))
}

/// Makes and sends the traces; [`Exporter::run`] it.
pub struct Exporter {
    collector: SpanExporter,
    news: mpsc::Receiver<News>,
    store: Arc<dyn Store>,
    batches: Batches,
    last_scan: Option<Scan>,
    runs: VecDeque<Run>,
    is_well: bool,
}

impl Exporter {
    pub(super) fn new(collector: SpanExporter, news: mpsc::Receiver<News>, store: Arc<dyn Store>) -> Self {
        let (batches, runs) = (Batches::default(), VecDeque::new());
        Self { collector, news, store, batches, last_scan: None, runs, is_well: true }
    }

    /// Runs until `stopped`, and then until all that was told is sent, for a few seconds at most.
    pub async fn run(mut self, stopped: impl Future<Output = ()> + Send) {
        let mut stopped = std::pin::pin!(stopped);
        let mut news = Vec::with_capacity(AT_ONCE);
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => break,
                count = self.news.recv_many(&mut news, AT_ONCE) => match count {
                    0 => return,
                    _ => self.take_up(&mut news).await,
                },
            }
        }
        self.news.close();
        let rest = async {
            while self.news.recv_many(&mut news, AT_ONCE).await > 0 {
                self.take_up(&mut news).await;
            }
        };
        if tokio::time::timeout(FAREWELL, rest).await.is_err() {
            tracing::warn!("The collector of traces was too slow for the stop; the last traces are missing there.");
        }
    }

    async fn take_up(&mut self, news: &mut Vec<News>) {
        let (mut spans, mut tickets) = (Vec::new(), 0);
        for one in news.drain(..) {
            match one {
                News::Scanned(scan) => self.last_scan = Some(scan),
                News::Ran(record) => spans.extend(self.ran(record)),
                News::Ended(origin) => match self.ended(origin).await {
                    Ok(trace) => {
                        tickets += 1;
                        spans.extend(trace);
                    }
                    Err(error) => {
                        counter!("ticketbridge_traces_total", "result" => "failed").increment(1);
                        tracing::debug!(ticket = %origin, error = %error, "A ticket could not be read for its trace.");
                    }
                },
            }
        }
        if !spans.is_empty() {
            self.send(spans, tickets).await;
        }
    }

    fn ran(&mut self, record: RunRecord) -> Vec<SpanData> {
        let scan = if record.trigger == "offload" { self.last_scan.take() } else { None };
        let run = Run { record, scan };
        let spans = spans::of_run(&run);
        self.runs.truncate(RUNS - 1);
        self.runs.push_front(run);
        spans
    }

    async fn ended(&mut self, origin: OriginId) -> Result<Vec<SpanData>, StoreError> {
        let Some(view) = self.store.ticket(origin).await? else { return Ok(Vec::new()) };
        // It was retried in the meantime, and is told of again at its next end: no span is sent with two ends.
        if view.row.state.is_open() {
            return Ok(Vec::new());
        }
        let trail = self.store.trail(view.row.id).await?;
        let acts = self.store.acts(view.row.id).await?;
        let run = match as_of(&view) {
            Some(as_of) => self.run_of(&view, as_of).await?,
            None => None,
        };
        Ok(spans::of_ticket(&view, &trail, &acts, run.as_ref(), &mut self.batches))
    }

    /// The run that built a ticket: of the same `as_of`, and going on when the ticket came in.
    async fn run_of(&self, view: &TicketView, as_of: i64) -> Result<Option<Run>, StoreError> {
        let is_it =
            |run: &RunRecord| run.as_of == as_of && (run.started_at..=run.finished_at).contains(&view.body.received_at);
        if let Some(run) = self.runs.iter().find(|run| is_it(&run.record)) {
            return Ok(Some(run.clone()));
        }
        let earlier = self.store.runs(RUNS).await?.into_iter().find(is_it);
        Ok(earlier.map(|record| Run { record, scan: None }))
    }

    async fn send(&mut self, spans: Vec<SpanData>, tickets: u64) {
        debug_assert!(spans.iter().all(|span| span.span_context.is_valid()));
        let result = match self.collector.export(spans).await {
            Ok(()) => {
                if !self.is_well {
                    tracing::info!("The collector takes traces again.");
                }
                self.is_well = true;
                "sent"
            }
            Err(error) => {
                if self.is_well {
                    tracing::warn!(error = %error, "The collector takes no traces; these are left out, tickets go on. Look at telemetry.otlp_endpoint.");
                }
                self.is_well = false;
                "failed"
            }
        };
        counter!("ticketbridge_traces_total", "result" => result).increment(tickets);
    }
}

/// The instant of evaluation that a ticket of the workflow manager carries, in seconds since 1970.
fn as_of(view: &TicketView) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Source {
        as_of: String,
    }
    #[derive(serde::Deserialize)]
    struct Body {
        source: Source,
    }
    let body: Body = serde_json::from_str(&view.body.body).ok()?;
    body.source.as_of.parse::<Timestamp>().ok().map(|at| at.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use ticketbridge_config::Config;
    use ticketbridge_core::delivery::{BatchId, Intent, Receipt, RowUpdate, Writes};
    use ticketbridge_core::effect::Operation;
    use ticketbridge_core::ticket::{BackendName, NewTicket, PlatformName, State, parse_intake};
    use ticketbridge_core::time::Wall;
    use ticketbridge_store::{Act, LaneAnswer, MemoryStore};

    use super::*;

    /// An exporter that sends nothing, since nobody runs it.
    fn exporter(store: Arc<dyn Store>) -> Exporter {
        let text = "[telemetry]\notlp_endpoint = \"http://127.0.0.1:9\"\n";
        let settings = Config::parse(text, "test", []).unwrap_or_else(|error| panic!("{error}")).config.telemetry;
        let collector = collector(&settings, &|_: &str| None).unwrap().unwrap();
        Exporter::new(collector, mpsc::channel(1).1, store)
    }

    #[tokio::test]
    async fn a_ticket_that_was_retried_before_its_trace_was_read_is_told_of_at_its_next_end() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(1));
        let (origin, platform) = (OriginId(uuid::Uuid::from_u128(1)), PlatformName::new("desk"));
        let backend = BackendName::new("be-1");
        let item = parse_intake(&json!({"message_id": "m", "kind": "SNR", "dedupe_key": "SNR|1"})).unwrap();
        let ticket =
            NewTicket { item, origin, backend: backend.clone(), platform: platform.clone(), received_at: Wall(1) };
        store.receive(vec![ticket]).await.unwrap();
        let lane = store.take_lane(&platform, 0, uuid::Uuid::from_u128(9), Duration::from_hours(1)).await.unwrap();
        let LaneAnswer::Taken(grant) = lane else { panic!("nobody else has it") };
        let mut row = store.ticket(origin).await.unwrap().unwrap().row;
        for (from, to) in [(State::Received, State::CreatingTicket), (State::CreatingTicket, State::Error)] {
            row.state = to;
            let is_over = to == State::Error;
            row.failed = is_over.then_some(Operation::CreateTicket);
            row.sent.insert(Operation::CreateTicket);
            let intent = Intent {
                batch: BatchId::new(grant.lane, grant.next_sequence),
                operation: Operation::CreateTicket,
                platform: platform.clone(),
                backend: backend.clone(),
                items: vec![row.id],
                body_hash: [0; 32],
                at: Wall(2),
            };
            let writes = Writes {
                lane: grant.lane,
                fence: grant.fence,
                settles: Vec::new(),
                rows: vec![RowUpdate { expected: from, row: row.clone(), trail: (!is_over).then_some(intent.batch) }],
                intents: if is_over { Vec::new() } else { vec![intent] },
                known: Vec::new(),
                forgotten: Vec::new(),
                audits: Vec::new(),
                problems: Vec::new(),
                endings: Vec::new(),
            };
            assert_eq!(store.apply(writes).await.unwrap(), Receipt::Done);
        }
        let mut exporter = exporter(Arc::clone(&store));
        let roots = |spans: &[SpanData]| spans.iter().filter(|span| span.name == "ticket").count();
        assert_eq!(roots(&exporter.ended(origin).await.unwrap()), 1);
        store.act(origin, Act::Retry, "cli", Wall(3)).await.unwrap();
        assert!(exporter.ended(origin).await.unwrap().is_empty(), "its end was taken back");
    }
}
