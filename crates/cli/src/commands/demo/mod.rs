//! `demo`: the whole job at work. A made-up plant's last day becomes aggregations, incidents and tickets, others come
//! in by the API, and all of them travel to two platforms that misbehave: a note on those that exist there, ticket, work
//! order and link for the rest. One backend keeps its tickets on Cherwell and its work orders on SFyC, the other keeps
//! both on SFyC. Meanwhile mobile tickets live in a wallet, and run after run carries their changes into a box office. Store,
//! files and sandbox are of the demo alone and gone afterwards.

mod mobile;
mod plant;
mod show;

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use ticketbridge_config::Config;
use ticketbridge_core::network::load::FileKind;
use ticketbridge_core::network::tickets::backend_order;
use ticketbridge_core::ticket::State;
use ticketbridge_engine::app::App;
use ticketbridge_engine::clock::Clock;
use ticketbridge_engine::service::{Service, ServiceOptions};
use ticketbridge_sandbox::faults::{Knob, Rule};
use ticketbridge_sandbox::{Running, Sandbox, SandboxConfig, TOKEN, cherwell, sfyc};
use ticketbridge_server::{Server, install_metrics};

use super::setup;
use crate::arguments;
use crate::failure::Failure;
use crate::output;

/// Of the tickets from outside, every so many-th exists on the platform already.
const EXISTING_EVERY: usize = 5;
/// The backend with its tickets on Cherwell, and the one that is wholly on SFyC.
const BACKENDS: [&str; 2] = ["be-1", "be-2"];
/// What the configuration takes from the environment.
const SECRETS: [&str; 4] = ["SFYC_TOKEN", "CHERWELL_PASSWORD", "TIXNGO_KEY", "S360_TOKEN"];
/// The demo's look at the counters.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(100);

/// Runs the demo; with `--once` it ends when everything is done.
pub(crate) async fn run(arguments: arguments::Demo, json: bool) -> Result<ExitCode, Failure> {
    let folder = tempfile::Builder::new()
        .prefix("ticketbridge-demo-")
        .tempdir()
        .map_err(|error| Failure::new(format!("the demo cannot make a temporary folder: {error}")))?;
    let clock = Clock::start();
    let sandbox = Sandbox::start(SandboxConfig { seed: arguments.seed, ..SandboxConfig::default() })
        .await
        .map_err(|error| Failure::new(error.to_string()))?;
    let end = last_quarter(&clock);
    let keys = plant::write(folder.path(), end, arguments.seed)
        .map_err(|error| Failure::new(format!("the demo cannot write its CSV files: {error}")))?;
    let outside = from_outside(arguments.tickets);
    prepare(&sandbox, &keys, &outside)?;
    let config = configuration(folder.path(), &sandbox, arguments.listen)?;
    let environment = |name: &str| SECRETS.contains(&name).then(|| TOKEN.to_owned());
    let options =
        ServiceOptions { config: Arc::new(config), environment: Box::new(environment), recorder: None, observer: None };
    let metrics = install_metrics().map_err(|error| Failure::new(error.to_string()))?;
    let (service, app) = Service::start(options).await?;
    let server =
        Server::bind(app.clone(), metrics, &environment).await.map_err(|error| Failure::new(error.to_string()))?;
    if !json {
        show::begin(server.address, &sandbox, keys.len(), outside.len());
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let (mut first, mut second) = (stopped.clone(), stopped);
    let serving = tokio::spawn(server.run(async move {
        let _closed = first.wait_for(|stop| *stop).await;
    }));
    let running = tokio::spawn(service.run(async move {
        let _closed = second.wait_for(|stop| *stop).await;
    }));
    let result = watch(&app, &sandbox, &outside, keys.len(), json, &arguments).await;
    stop.send_replace(true);
    running.await.map_err(|error| Failure::new(error.to_string()))??;
    if let Err(error) = serving.await {
        output::talk(&format!("warning: the HTTP server ended unexpectedly: {error}"));
    }
    let complete = result?;
    let of_tickets = sandbox.sfyc_stats().duplicates.total + sandbox.cherwell_stats().duplicates.total;
    let duplicates = of_tickets + sandbox.s360_stats().duplicates.total;
    sandbox.shutdown().await;
    Ok(if complete && duplicates == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The last full quarter of an hour: samples are of such instants.
fn last_quarter(clock: &Clock) -> Timestamp {
    const QUARTER: i64 = 900;
    let now = clock.timestamp().0;
    Timestamp::from_second(now - now.rem_euclid(QUARTER)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Tickets that another system sends by the API.
fn from_outside(count: usize) -> Vec<Value> {
    (1..=count)
        .map(|number| {
            let kind = if number % 2 == 0 { "SNR" } else { "Falla de Linea" };
            json!({
                "message_id": format!("demo-{number:05}"),
                "kind": kind,
                "source": {"group_id": format!("NODE-{number:05}")},
                "name": format!("{kind} - NODE-{number:05}"),
                "description": format!("Reported by another system, number {number}."),
                "severity": "critical",
            })
        })
        .collect()
}

/// Some tickets exist on the platform before we come, and the platform misbehaves a little.
fn prepare(sandbox: &Running, keys: &[String], outside: &[Value]) -> Result<(), Failure> {
    let existing = keys.iter().step_by(3).cloned().chain(outside.iter().step_by(EXISTING_EVERY).filter_map(|ticket| {
        let kind = ticket["kind"].as_str()?;
        let group = ticket["source"]["group_id"].as_str()?;
        Some(ticketbridge_core::network::dedupe_key(kind, group))
    }));
    let (mut on_cherwell, mut on_sfyc) = (Vec::new(), Vec::new());
    for key in existing {
        let kind = if key.starts_with("SNR") { "SNR" } else { "Falla de Linea" };
        let title = format!("{kind}: opened before");
        if backend_order(BACKENDS, &key).first() == Some(&BACKENDS[0]) {
            let fields = [("DedupeKey", key.as_str()), ("TicketKind", kind), ("ShortDescription", &title)];
            let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            on_cherwell.push(cherwell::SeedTicket { fields, ..cherwell::SeedTicket::default() });
        } else {
            let (kind, title) = (kind.to_owned(), Some(title));
            on_sfyc.push(sfyc::SeedTicket { kind, title, external_ref: Some(key), ..sfyc::SeedTicket::default() });
        }
    }
    let fault = |error: &dyn std::fmt::Display| Failure::new(error.to_string());
    sandbox.with_sfyc(|model, now| model.seed_tickets(now, on_sfyc)).map_err(|error| fault(&error))?;
    sandbox.with_cherwell(|model, now| model.seed_tickets(now, on_cherwell)).map_err(|error| fault(&error))?;
    for rule in faults(&["create_tickets", "create_work_orders", "add_notes"]) {
        sandbox.add_sfyc_fault(rule).map_err(|error| fault(&error))?;
    }
    for rule in faults(&["save_batch"]) {
        sandbox.add_cherwell_fault(rule).map_err(|error| fault(&error))?;
    }
    mobile::prepare(sandbox).map_err(|error| fault(&error))?;
    Ok(())
}

/// How a platform misbehaves: searches lag behind, some creates are done and never answered, some connections break,
/// some answers are short.
fn faults(creates: &[&str]) -> [Rule; 5] {
    let on = |knob: Knob, probability: f64| {
        creates.iter().fold(Rule::from(knob), |rule, operation| rule.on(operation)).probability(probability)
    };
    [
        Rule::from(Knob::IndexLag { ms: 100, jitter_ms: 200 }),
        Rule::from(Knob::AnswerDelay { ms: 5, max_ms: Some(40) }),
        on(Knob::CommitThenStall { answer_after_ms: None }, 0.2),
        on(Knob::ResetBeforeCommit { after_ms: 0 }, 0.1),
        on(Knob::ShortResults { drop: 2 }, 0.2),
    ]
}

/// The demo's configuration, made by the same parser as everybody's.
fn configuration(folder: &std::path::Path, sandbox: &Running, listen: std::net::SocketAddr) -> Result<Config, Failure> {
    let mut sources = String::new();
    for kind in FileKind::ALL {
        let (folder, rejects) = (folder.display(), folder.join("rejects"));
        let _infallible = write!(
            sources,
            "[offload.{kind}]\nfolder = '{folder}'\nscan_interval = \"500ms\"\nreject_folder = '{}'\n",
            rejects.display()
        );
    }
    let text = format!(
        r#"
[server]
listen = "{listen}"
[store]
url = 'sqlite://{store}'
[platforms.cherwell]
type = "cherwell"
base_url = "{cherwell}"
client_id = '{client}'
username = '{user}'
password = "env:CHERWELL_PASSWORD"
bypass_proxy = true
timeouts = {{ connect = "2s", token = "2s", search = "2s", save = "1s" }}
settling_time = "300ms"
in_doubt_for = "2s"
retry = {{ initial = "200ms", max = "2s" }}
[platforms.sfyc]
type = "connector"
file = "builtin:sfyc"
host = "{host}"
port = {port}
base_path = "/sfyc"
token = "env:SFYC_TOKEN"
bypass_proxy = true
timeouts = {{ connect = "2s", request = "1s" }}
settling_time = "300ms"
in_doubt_for = "2s"
retry = {{ initial = "200ms", max = "2s" }}
[[backends]]
name = "{first}"
tickets = "cherwell"
work_orders = "sfyc"
[[backends]]
name = "{second}"
tickets = "sfyc"
work_orders = "sfyc"
max_tickets_per_request = 20
{sources}{mobile}"#,
        mobile = mobile::configuration(sandbox),
        store = folder.join("ticketbridge.db").display(),
        cherwell = sandbox.cherwell_url(),
        client = cherwell::CLIENT_ID,
        user = cherwell::USER,
        first = BACKENDS[0],
        second = BACKENDS[1],
        host = sandbox.address().ip(),
        port = sandbox.address().port(),
    );
    Ok(Config::parse(&text, "the demo's configuration", std::iter::empty())?.config)
}

/// Hands the outside tickets over, then follows everything until it is done. True: nothing is in Error.
async fn watch(
    app: &App,
    sandbox: &Running,
    outside: &[Value],
    built: usize,
    json: bool,
    arguments: &arguments::Demo,
) -> Result<bool, Failure> {
    let started = app.clock.now().mono;
    for call in outside.chunks(ticketbridge_core::ticket::MAX_INTAKE_ITEMS) {
        let body = serde_json::to_vec(call).map_err(|error| Failure::new(error.to_string()))?;
        app.intake.receive(&body, None).await.map_err(|error| Failure::new(error.to_string()))?;
    }
    app.delivery.news();
    let expected = (outside.len() + built) as u64;
    let mut bars = show::Bars::new(expected, json);
    let mut told = false;
    let interrupted = setup::shutdown();
    let playing = mobile::play(app, sandbox, arguments.seed);
    tokio::pin!(interrupted, playing);
    let mut played = None;
    let mut is_interrupted = false;
    let counts = loop {
        let counts = show::Counts::read(app).await?;
        bars.update(&counts, &show::Platforms::of(sandbox));
        if !told && !json {
            told = match show::network(app).await? {
                Some(text) => bars.above(&text),
                None => false,
            };
        }
        if counts.received >= expected && counts.is_done() && played.is_some() {
            break counts;
        }
        tokio::select! {
            complete = &mut playing, if played.is_none() => played = Some(complete?),
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = &mut interrupted => {
                is_interrupted = true;
                break counts;
            }
        }
    };
    bars.finish();
    let seconds = app.clock.now().mono.since(started).as_secs_f64();
    let stats = show::Platforms::of(sandbox);
    if json {
        output::json(&show::summary(&counts, &stats, seconds));
    } else {
        show::table(app, &counts, &stats, seconds).await?;
        if !arguments.once && !is_interrupted {
            output::talk("The API goes on answering. Ctrl-C ends the demo.");
            interrupted.await;
        }
    }
    let failed = counts.states.get(&State::Error).copied().unwrap_or(0);
    Ok(failed == 0 && counts.is_done() && played == Some(true))
}
