//! The product: its service, its store, its connector for SFyC.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use rusqlite::{Connection, OpenFlags};
use ticketbridge_config::Config;
use ticketbridge_core::ticket::{
    BackendName, IntakeOutcome, NewTicket, PlatformName, State, read_intake, split_intake,
};
use ticketbridge_engine::clock::Clock;
use ticketbridge_engine::identity;
use ticketbridge_engine::service::{Service, ServiceOptions};
use ticketbridge_store::{OpenMode, SqliteStore, Store};

use crate::process::{Figures, Span};
use crate::{Failure, ticket};

/// Tickets in one request.
pub(crate) const BATCH: usize = 100;

/// Tickets in one intake call.
const CALL: usize = 500;
/// How often it is looked whether all is done; what this adds to the time is at most that.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) tickets: usize,
    pub(crate) latency_ms: u64,
    pub(crate) in_flight: usize,
}

/// Receives tickets into a new store: they are durable, and nothing was done for them yet.
pub(crate) fn fill(tickets: usize, folder: &Path) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = SqliteStore::open(&folder.join("bench.db"), OpenMode::Command)?.store;
        let clock = Clock::start();
        for first in (0..tickets).step_by(CALL) {
            let body = ticket::intake_call(first..(first + CALL).min(tickets));
            let elements = split_intake(&body)?.map_err(|count| format!("{count} tickets in one call"))?;
            let now = clock.now().wall;
            let mut new = Vec::with_capacity(CALL);
            for element in elements {
                let item = read_intake(element).map_err(|(_, error)| error)?;
                let (backend, platform) = (BackendName::new("be-1"), PlatformName::new("sfyc"));
                new.push(NewTicket { item, origin: identity::origin(now), backend, platform, received_at: now });
            }
            let outcomes = store.receive(new).await?;
            if !outcomes.iter().all(|outcome| matches!(outcome, IntakeOutcome::Accepted { .. })) {
                return Err("a ticket was not accepted".into());
            }
        }
        Ok(())
    })
}

/// From the start of processing to the last ticket's end.
pub(crate) fn delivery(load: Load, platform: &str, folder: &Path) -> Result<Figures, Failure> {
    run(load, platform, folder, Vec::new(), Watched::No)
}

/// As [`delivery`], with somebody who hears all events.
pub(crate) fn live(load: Load, platform: &str, folder: &Path) -> Result<Figures, Failure> {
    run(load, platform, folder, Vec::new(), Watched::Yes)
}

/// From the first intake call to the last ticket's end.
pub(crate) fn received(load: Load, platform: &str, folder: &Path) -> Result<Figures, Failure> {
    let calls = (0..load.tickets).step_by(CALL);
    let calls = calls.map(|first| ticket::intake_call(first..(first + CALL).min(load.tickets))).collect();
    run(load, platform, folder, calls, Watched::No)
}

/// Whether somebody hears the events.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watched {
    Yes,
    No,
}

fn run(load: Load, platform: &str, folder: &Path, calls: Vec<Vec<u8>>, watched: Watched) -> Result<Figures, Failure> {
    // As `serve` does: counters cost something, too.
    PrometheusBuilder::new().install_recorder()?;
    let config = Arc::new(Config::parse(&configuration(load, platform, folder)?, "bench", Vec::new())?.config);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(async {
        let environment = |_: &str| Some(String::from("bench"));
        let options = ServiceOptions { config, environment: Box::new(environment), recorder: None, observer: None };
        let (service, app) = Service::start(options).await?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let watch = Connection::open_with_flags(folder.join("bench.db"), flags)?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let finished_before = completed(&*app.store).await?;
        if watched == Watched::Yes {
            let mut subscription = app.events.subscribe(None, &[]);
            tokio::spawn(async move {
                loop {
                    // As the server writes them.
                    let _written = serde_json::to_string(&subscription.next().await.event);
                }
            });
        }
        let span = Span::begin()?;
        let running = tokio::spawn(service.run(async move { drop(stopped.await) }));
        for call in calls {
            app.intake.receive(&call, None).await?;
            app.delivery.news();
        }
        while is_any_open(&watch)? {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let figures = span.end()?;
        let completed = completed(&*app.store).await? - finished_before;
        drop(stop);
        running.await??;
        if completed != load.tickets as u64 {
            return Err(Failure::from(format!("{completed} of {} tickets are completed", load.tickets)));
        }
        Ok(figures)
    })?;
    Ok(figures)
}

async fn completed(store: &dyn Store) -> Result<u64, Failure> {
    let counts = store.counts().await?;
    Ok(counts.into_iter().map(|((_, state), count)| if state == State::Completed { count } else { 0 }).sum())
}

fn is_any_open(store: &Connection) -> Result<bool, Failure> {
    let mut find = store.prepare_cached("SELECT EXISTS(SELECT 1 FROM ticket INDEXED BY ticket_open WHERE open = 1)")?;
    Ok(find.query_row([], |row| row.get(0))?)
}

fn configuration(load: Load, platform: &str, folder: &Path) -> Result<String, Failure> {
    let (host, port) = platform.split_once(':').ok_or("the platform's address has no port")?;
    let store = folder.join("bench.db");
    Ok(format!(
        r#"
        [store]
        url = "sqlite://{store}"
        [platforms.sfyc]
        type = "connector"
        file = "builtin:sfyc"
        host = "{host}"
        port = {port}
        token = "env:TOKEN"
        bypass_proxy = true
        max_in_flight = {in_flight}
        [[backends]]
        name = "be-1"
        tickets = "sfyc"
        work_orders = "sfyc"
        max_tickets_per_request = {BATCH}
        "#,
        store = store.display(),
        in_flight = load.in_flight,
    ))
}
