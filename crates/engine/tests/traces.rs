//! Traces at a collector: from a CSV file and from an intake to the number of the work order, over the wire in both
//! directions.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop the test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use ticketbridge_config::Config;
use ticketbridge_engine::app::App;
use ticketbridge_engine::clock::Clock;
use ticketbridge_engine::service::{Service, ServiceOptions};
use ticketbridge_sandbox::{Running, Sandbox, SandboxConfig};
use ticketbridge_store::{Page, TicketFilter, TicketView};

/// What the stand-ins saw.
#[derive(Clone, Default)]
struct Seen {
    spans: Arc<Mutex<Vec<Span>>>,
    keys: Arc<Mutex<Vec<String>>>,
    traceparents: Arc<Mutex<Vec<String>>>,
    sandbox: Arc<Mutex<String>>,
}

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// A collector that takes everything.
async fn collect(State(seen): State<Seen>, headers: HeaderMap, body: Bytes) -> Response {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let key = headers.get("x-api-key").and_then(|key| key.to_str().ok()).unwrap_or("-");
    seen.keys.lock().unwrap().push(key.to_owned());
    let spans = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    seen.spans.lock().unwrap().extend(spans.flat_map(|scope| scope.spans));
    let body = ExportTraceServiceResponse::default().encode_to_vec();
    ([("content-type", "application/x-protobuf")], body).into_response()
}

/// The platform, and a note of each `traceparent` on its way there.
async fn forward(State(seen): State<Seen>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(traceparent) = headers.get("traceparent") {
        seen.traceparents.lock().unwrap().push(traceparent.to_str().unwrap().to_owned());
    }
    let target = format!("{}{uri}", seen.sandbox.lock().unwrap());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.request(method, target).body(body);
    for name in ["authorization", "content-type"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    (status, [("content-type", "application/json")], answer.bytes().await.unwrap()).into_response()
}

/// A plant of one channel whose last two samples are critical.
fn write_plant(folder: &std::path::Path, now: i64) {
    let files = [
        (
            "topology_service_group.csv",
            String::from(
                "service_group_id,direction,service_group_name,ccap,hub,market,network\nUSSG-1,US,North,,,,\n",
            ),
        ),
        ("topology_channel.csv", String::from("channel_id,direction,service_group_id,ccap\nUSCH-1,US,USSG-1,\n")),
        ("us_channel_snr.csv", {
            let mut text = String::from("timestamp_utc,channel_id,snr_db\n");
            for (quarters, value) in [(3, 30), (2, 15), (1, 15)] {
                let at = jiff::Timestamp::from_second((now / 900 - quarters) * 900).unwrap();
                writeln!(text, "{at},USCH-1,{value}").unwrap();
            }
            text
        }),
    ];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

fn configuration(folder: &std::path::Path, platform: SocketAddr, collector: SocketAddr, telemetry: &str) -> Config {
    let text = format!(
        r#"
        [store]
        url = "sqlite://{folder}/ticketbridge.db"
        [telemetry]
        otlp_endpoint = "http://{collector}"
        otlp_headers = {{ "X-Api-Key" = "env:OTLP_KEY" }}
        {telemetry}
        [offload.topology_service_group]
        folder = "{folder}/in"
        scan_interval = "100ms"
        [offload.topology_channel]
        folder = "{folder}/in"
        scan_interval = "100ms"
        [offload.us_channel_snr]
        folder = "{folder}/in"
        scan_interval = "100ms"
        [platforms.sfyc]
        type = "connector"
        file = "builtin:sfyc"
        host = "{host}"
        port = {port}
        base_path = "/sfyc"
        token = "env:SFYC_TOKEN"
        bypass_proxy = true
        [[backends]]
        name = "be-1"
        tickets = "sfyc"
        work_orders = "sfyc"
        "#,
        folder = folder.display(),
        host = platform.ip(),
        port = platform.port(),
    );
    Config::parse(&text, "test", std::iter::empty()).unwrap().config
}

fn secrets(name: &str) -> Option<String> {
    match name {
        "SFYC_TOKEN" => Some(String::from("sandbox-only")),
        "OTLP_KEY" => Some(String::from("collector-key")),
        _ => None,
    }
}

struct Scene {
    seen: Seen,
    sandbox: Running,
    folder: tempfile::TempDir,
    platform: SocketAddr,
    collector: SocketAddr,
}

impl Scene {
    async fn new() -> Self {
        let seen = Seen::default();
        let listen = "127.0.0.1:0".parse().unwrap();
        let sandbox = Sandbox::start(SandboxConfig { listen, ..SandboxConfig::default() }).await.unwrap();
        let base = sandbox.sfyc_url();
        base.strip_suffix("/sfyc").unwrap_or(&base).clone_into(&mut seen.sandbox.lock().unwrap());
        let platform = serve(Router::new().fallback(forward).with_state(seen.clone())).await;
        let router = Router::new().route("/v1/traces", axum::routing::post(collect)).with_state(seen.clone());
        let collector = serve(router).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        Self { seen, sandbox, folder, platform, collector }
    }

    /// Runs a service until `count` tickets are done and stops it properly. The tickets, by dedupe key.
    async fn carry(&self, telemetry: &str, intake: &str, count: usize) -> BTreeMap<String, TicketView> {
        let config = configuration(self.folder.path(), self.platform, self.collector, telemetry);
        let environment = Box::new(secrets);
        let options = ServiceOptions { config: Arc::new(config), environment, recorder: None, observer: None };
        let (service, app) = Service::start(options).await.unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(service.run(async { drop(stopped.await) }));
        app.intake.receive(intake.as_bytes(), None).await.unwrap();
        let done = tokio::time::timeout(Duration::from_mins(1), self.done(&app, count)).await.unwrap();
        drop(stop);
        running.await.unwrap().unwrap();
        done
    }

    async fn done(&self, app: &App, count: usize) -> BTreeMap<String, TicketView> {
        let mut look = tokio::time::interval(Duration::from_millis(20));
        loop {
            look.tick().await;
            let page = Page { before: None, limit: 100 };
            let views = app.store.tickets(&TicketFilter::default(), page).await.unwrap();
            let done: BTreeMap<_, _> = views
                .into_iter()
                .filter(|view| view.row.state.as_str() == "Completed")
                .map(|view| (view.row.key.to_string(), view))
                .collect();
            if done.len() == count {
                return done;
            }
        }
    }

    fn spans(&self) -> Vec<Span> {
        self.seen.spans.lock().unwrap().clone()
    }
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let value = span.attributes.iter().find(|attribute| attribute.key == name)?.value.clone()?.value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(is) => is.to_string(),
        other => format!("{other:?}"),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn trace_of<'a>(spans: &'a [Span], view: &TicketView) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.trace_id == view.row.origin.0.as_bytes()).collect()
}

fn named<'a>(trace: &[&'a Span], name: &str) -> &'a Span {
    let found: Vec<_> = trace.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "`{name}` in {:?}", trace.iter().map(|span| &span.name).collect::<Vec<_>>());
    found[0]
}

#[tokio::test]
async fn a_trace_leads_from_the_offload_to_the_remote_numbers() {
    let scene = Scene::new().await;
    write_plant(&scene.folder.path().join("in"), Clock::start().timestamp().0);
    let intake = r#"[{"message_id":"m-1","kind":"SNR","dedupe_key":"SNR|OUTSIDE","name":"n","description":"d"}]"#;
    let tickets = scene.carry("", intake, 2).await;
    let spans = scene.spans();
    let built = &tickets["SNR|USSG-1"];
    let trace = trace_of(&spans, built);
    let root = named(&trace, "ticket");
    assert!(root.parent_span_id.is_empty());
    for name in [
        "offload us_channel_snr",
        "workflow run",
        "create_ticket sfyc",
        "create_work_order sfyc",
        "link_work_order sfyc",
    ] {
        let span = named(&trace, name);
        assert_eq!(span.parent_span_id, root.span_id, "{name}");
        assert!(root.start_time_unix_nano <= span.start_time_unix_nano, "{name}");
        assert!(span.end_time_unix_nano <= root.end_time_unix_nano, "{name}");
    }
    assert_eq!(attribute(named(&trace, "offload us_channel_snr"), "ticketbridge.offload.rows").as_deref(), Some("3"));
    assert_eq!(attribute(root, "ticketbridge.ticket.state").as_deref(), Some("Completed"));
    let number = built.row.ticket.as_ref().map(|ticket| ticket.number.clone());
    assert_eq!(attribute(root, "ticketbridge.ticket.number"), number);
    assert_eq!(attribute(root, "ticketbridge.ticket.work_order"), built.row.work_order);
    assert_eq!(attribute(named(&trace, "create_ticket sfyc"), "ticketbridge.outcome").as_deref(), Some("applied"));
    // The run's own trace is the one that the ticket links to.
    let run = spans.iter().find(|span| span.name == "workflow run" && span.trace_id == root.links[0].trace_id).unwrap();
    assert_eq!(run.span_id, root.links[0].span_id);
    assert_eq!(attribute(run, "ticketbridge.run.tickets").as_deref(), Some("1"));
    // A ticket from outside has neither offload nor run.
    let outside = trace_of(&spans, &tickets["SNR|OUTSIDE"]);
    assert_eq!(
        outside.iter().filter(|span| span.name.starts_with("offload") || span.name == "workflow run").count(),
        0
    );
    assert!(scene.seen.keys.lock().unwrap().iter().all(|key| key == "collector-key"));
    assert_eq!(scene.sandbox.sfyc_stats().duplicates.total, 0);
}

#[tokio::test]
async fn a_platform_is_told_the_span_of_each_write() {
    let scene = Scene::new().await;
    let intake: Vec<String> = (0..3)
        .map(|number| format!(r#"{{"message_id":"m-{number}","kind":"SNR","dedupe_key":"SNR|K-{number}"}}"#))
        .collect();
    scene.carry("", &format!("[{}]", intake.join(",")), 3).await;
    let told = scene.seen.traceparents.lock().unwrap().clone();
    let spans = scene.spans();
    let known: Vec<String> =
        spans.iter().map(|span| format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id))).collect();
    assert!(told.len() >= 3, "at least one write per step: {told:?}");
    for traceparent in &told {
        assert!(known.contains(traceparent), "{traceparent} is the span of a request: {known:?}");
    }
    // Each ticket's own span of a request that carried several leads to the span of that request.
    for span in spans.iter().filter(|span| attribute(span, "ticketbridge.batch_size").is_some_and(|size| size != "1")) {
        let link = span.links.first().expect("a link");
        let linked = spans.iter().find(|other| other.trace_id == link.trace_id && other.span_id == link.span_id);
        assert_eq!(linked.map(|other| &other.name), Some(&span.name));
    }
}

#[tokio::test]
async fn nothing_leaves_where_nothing_is_to_be_traced() {
    let scene = Scene::new().await;
    let intake = r#"[{"message_id":"m-1","kind":"SNR","dedupe_key":"SNR|K"}]"#;
    scene.carry("traced_percent = 0", intake, 1).await;
    assert!(scene.spans().iter().all(|span| span.name != "ticket"));
    let told = scene.seen.traceparents.lock().unwrap().clone();
    assert!(!told.is_empty());
    assert!(told.iter().all(|traceparent| traceparent.ends_with("-00")), "not sampled: {told:?}");
}

#[tokio::test]
async fn tickets_go_on_while_the_collector_takes_nothing() {
    let mut scene = Scene::new().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let refuse = move || async move {
        count.fetch_add(1, Ordering::Relaxed);
        StatusCode::SERVICE_UNAVAILABLE
    };
    scene.collector = serve(Router::new().route("/v1/traces", axum::routing::post(refuse))).await;
    let intake = r#"[{"message_id":"m-1","kind":"SNR","dedupe_key":"SNR|K"}]"#;
    let tickets = scene.carry("", intake, 1).await;
    assert_eq!(tickets.len(), 1, "and the stop came to its end");
    assert!(asked.load(Ordering::Relaxed) > 0, "it was asked");
    assert_eq!(scene.sandbox.sfyc_stats().duplicates.total, 0);
}
