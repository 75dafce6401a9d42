//! The whole service: stores, platforms, delivery, offload, runs and housekeeping, started and stopped as one.
//!
//! * A store that cannot be opened ends the start with its error. A platform that cannot be used does not: its tickets
//!   are received and wait.
//! * A stop starts nothing new, waits at most `server.shutdown_grace` for what is in flight, and gives the lanes back.
//!   What is still in flight then is unclear, and looked up at the next start.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::tz::TimeZone;
use ticketbridge_config::Config;
use ticketbridge_core::network::Timestamp;
use ticketbridge_core::network::settings::Settings;
use ticketbridge_core::ticket::BackendName;
use ticketbridge_platforms::http::ExchangeObserver;
use ticketbridge_store::exchanges::path_beside;
use ticketbridge_store::samples::FileKind;
use ticketbridge_store::{OpenMode, Store, StoreError};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::alerts::alerts_loop;
use crate::app::App;
use crate::clock::Clock;
use crate::delivery::{DeliveryHandle, DeliveryOptions, DeliveryService, FlightRecorder, drop_outdated_overrides};
use crate::events::Event;
use crate::exchanges::{Both, Exchanges, Limits};
use crate::feedback::{Feedback, follow_schedules};
use crate::history::{History, history_loop};
use crate::identity;
use crate::intake::Intake;
use crate::live::{Live, changed};
use crate::offload::{FileReport, Offload, OffloadSettings, PlantCache, Source as FileSource};
use crate::open::{Opened, open, sqlite_path};
use crate::platforms::{Environment, PlatformSet};
use crate::reload::{ConfigSource, Reloader, at_start, drain_loop, keep_in_force, last_in_force, told_good};
use crate::split::{BackendChoice, backend_choices};
use crate::traces::{Exporter, Traces};
use crate::workflow::{SeededSource, Workflow};

/// How often old rows are looked for.
const PURGE_EVERY: Duration = Duration::from_hours(1);
/// Rows deleted in one transaction.
const PURGE_STEP: usize = 500;
/// How often waiting tickets of a backend that is away are looked at.
const REASSIGN_EVERY: Duration = Duration::from_secs(30);

/// What a service is started with.
pub struct ServiceOptions {
    /// The configuration.
    pub config: Arc<Config>,
    /// The environment, for secrets.
    pub environment: Box<Environment>,
    /// Where the delivery's events and decisions are written down, if anywhere.
    pub recorder: Option<FlightRecorder>,
    /// Who is told of every exchange with a platform.
    pub observer: Option<Arc<dyn ExchangeObserver>>,
}

/// A started service; [`Service::run`] it.
pub struct Service {
    live: Live,
    delivery: DeliveryService,
    exporter: Option<Exporter>,
}

impl Service {
    /// Opens everything. Nothing is sent before [`Service::run`].
    pub async fn start(options: ServiceOptions) -> Result<(Self, App), StoreError> {
        let ServiceOptions { config: file, environment, recorder, observer } = options;
        let environment: Arc<Environment> = environment.into();
        let opening = Arc::clone(&file);
        let opened = tokio::task::spawn_blocking(move || open(&opening, OpenMode::Serve))
            .await
            .map_err(|error| StoreError::Fatal(error.to_string()))??;
        let Opened { store, feedback: mobile, samples, suspect, .. } = opened;
        if let Some(why) = &suspect {
            tracing::warn!(
                why,
                "TB0107: the store may have forgotten requests; every open ticket starts with look-ups."
            );
        }
        let config = Arc::new(with_what_is_left(&file, &*store).await?);
        let clock = Clock::start();
        drop_outdated_overrides(&config, &*store, clock.now().wall).await?;
        let (exchanges, observer) = exchanges(&config, &clock, observer)?;
        let platforms = Arc::new(PlatformSet::load(&config, &*environment, observer.as_ref()));
        for (platform, why) in platforms.iter().filter_map(|(name, loaded)| Some((name, loaded.as_ref().err()?))) {
            tracing::error!(platform = %platform, why, "Platform cannot be used; its tickets wait.");
        }
        let feedback = Feedback::load(&config, &*environment, mobile, clock.clone(), observer.as_ref());
        for (function, why) in feedback.functions().filter_map(|(function, why)| Some((function, why?))) {
            tracing::error!(function = %function.internal_name, why, "Function cannot run; the changes of its tickets wait.");
        }
        let (traces, exporter) = traces(&config, &*environment, &store);
        let (delivery, handle) = DeliveryService::new(DeliveryOptions {
            store: Arc::clone(&store),
            platforms: Arc::clone(&platforms),
            config: Arc::clone(&config),
            clock: clock.clone(),
            seed: identity::number(),
            suspect: suspect.is_some(),
            recorder,
            traces,
            exchanges,
        })
        .await?;
        let app = App::new(Arc::clone(&config), store, samples, clock, handle, platforms, feedback);
        keep_in_force(&app, &file, &config).await;
        told_good(app.clock.now().wall.0);
        let reloader = Reloader::new((*file).clone(), &app.config, environment, observer);
        let live = Live::new(app.clone(), reloader);
        Ok((Self { live, delivery, exporter }, app))
    }

    /// The handles as a reload leaves them.
    pub fn live(&self) -> Live {
        self.live.clone()
    }

    /// Reloads read the configuration from here. Without it there are none.
    pub fn reloads_from(&self, source: Arc<ConfigSource>) {
        if let Some(reloader) = self.live.reloader() {
            reloader.read_from(source);
        }
    }

    /// Runs until `shutdown`, or until the store fails for good.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), StoreError> {
        let Self { live, delivery, exporter } = self;
        let (stop, stopped) = watch::channel(false);
        let mut loops = JoinSet::new();
        loops.spawn(until(stopped.clone(), offload_loop(live.subscribe())));
        loops.spawn(until(stopped.clone(), schedule_loop(live.subscribe())));
        loops.spawn(until(stopped.clone(), purge_loop(live.subscribe())));
        loops.spawn(until(stopped.clone(), drain_loop(live.clone())));
        loops.spawn(until(stopped.clone(), alerts_loop(live.subscribe())));
        loops.spawn(until(stopped.clone(), history_loop(live.clone())));
        loops.spawn(until(stopped, reassign_loop(live.clone())));
        let feedback = live.feedback();
        loops.spawn(async move { follow_schedules(feedback).await.err() });
        let grace = live.app().config.server.shutdown_grace.get();
        // Traces end after everything that they tell of.
        let (done, all_told) = oneshot::channel::<()>();
        let exporting = exporter.map(|exporter| tokio::spawn(exporter.run(async { drop(all_told.await) })));
        let mut running = tokio::spawn(delivery.run());
        let mut fatal = None;
        let mut ended = tokio::select! {
            ended = &mut running => Some(ended),
            error = first_error(&mut loops) => {
                fatal = Some(error);
                None
            }
            () = shutdown => None,
        };
        stop.send_replace(true);
        let app = live.app();
        app.feedback.stop();
        if ended.is_none() {
            app.delivery.drain().await;
            let (delivered, idle) = tokio::join!(
                tokio::time::timeout(grace, &mut running),
                tokio::time::timeout(grace, app.feedback.idle())
            );
            ended = delivered.ok();
            if idle.is_err() {
                tracing::warn!("A feedback run was still in progress; its lease runs out, and the next run goes on.");
                loops.abort_all();
            }
        }
        while loops.join_next().await.is_some() {}
        live.app().platforms.farewell().await;
        app.delivery.exchanges().finish().await;
        drop(done);
        if let Some(exporting) = exporting {
            let _ended = exporting.await;
        }
        match (fatal, ended) {
            (Some(error), _) => Err(error),
            (None, Some(Ok(result))) => result,
            (None, Some(Err(panic))) => Err(StoreError::Fatal(format!("delivery ended unexpectedly: {panic}"))),
            (None, None) => {
                running.abort();
                tracing::warn!("Some requests were still in flight; they are looked up at the next start.");
                Ok(())
            }
        }
    }
}

impl App {
    /// Puts the handles together.
    pub fn new(
        config: Arc<Config>,
        store: Arc<dyn Store>,
        samples: Arc<ticketbridge_store::samples::SampleStore>,
        clock: Clock,
        delivery: DeliveryHandle,
        platforms: Arc<PlatformSet>,
        feedback: Feedback,
    ) -> Self {
        let intake = Intake::new(Arc::clone(&store), Arc::clone(&config), clock.clone(), delivery.clone());
        let rules: Arc<Settings> = Arc::new(config.workflow.rules.clone());
        let plants = Arc::new(PlantCache::default());
        let sources = offload_settings(&config);
        let offload = Offload::new(Arc::clone(&samples), Arc::clone(&plants), sources, Arc::clone(&rules));
        let offload = Arc::new(offload.telling(delivery.events().clone()));
        let feedback = feedback.telling(delivery.events().clone());
        let of_run = clock.clone();
        let ids = SeededSource::new(move || of_run.now().wall, identity::seed());
        let workflow = Arc::new(Workflow::new(Arc::clone(&store), samples, plants, rules, ids));
        let events = delivery.events().clone();
        Self {
            config,
            store,
            clock,
            intake,
            delivery,
            platforms,
            offload,
            feedback,
            workflow,
            events,
            history: History::default(),
            in_use: Arc::default(),
        }
    }

    /// The backends as a run may choose among them.
    pub async fn backend_choices(&self) -> Vec<BackendChoice> {
        let status = self.delivery.status().await;
        backend_choices(&self.config, status.as_ref())
    }

    /// One workflow run now, or at another instant; new tickets go on their way at once.
    pub async fn run_workflow(
        &self,
        as_of: Timestamp,
        trigger: &str,
    ) -> Result<crate::workflow::RunOutcome, crate::workflow::WorkflowError> {
        let outcome = self.workflow.run(as_of, trigger, &self.backend_choices().await).await?;
        let built = outcome.tickets.iter().map(|ticket| (ticket.id, &ticket.backend));
        self.events.named(built);
        let (run, trigger, tickets) = (outcome.run.as_of, outcome.run.trigger.clone(), outcome.run.tickets);
        self.events.publish(Event::Runs { run, trigger, tickets });
        self.delivery.news();
        self.delivery.traces().ran(&outcome.run);
        Ok(outcome)
    }
}

/// Who keeps exchanges, in the file beside the store; and, with whoever else takes note of them, what is told of each.
fn exchanges(
    config: &Config,
    clock: &Clock,
    other: Option<Arc<dyn ExchangeObserver>>,
) -> Result<(Exchanges, Option<Arc<dyn ExchangeObserver>>), StoreError> {
    let path = path_beside(sqlite_path(config)?);
    let exchanges = Exchanges::start(path, Limits::from(&config.retention), clock.clone());
    let observer = match (exchanges.observer(), other) {
        (Some(own), Some(other)) => Some(Arc::new(Both(own, other)) as Arc<dyn ExchangeObserver>),
        (own, other) => own.or(other),
    };
    Ok((exchanges, observer))
}

/// The file, with the backends of the last service that it does not have and that still have tickets.
async fn with_what_is_left(file: &Config, store: &dyn Store) -> Result<Config, StoreError> {
    let mut open: BTreeMap<BackendName, u64> = BTreeMap::new();
    for ((backend, state), count) in store.counts().await? {
        if state.is_open() {
            *open.entry(backend).or_default() += count;
        }
    }
    let last = last_in_force(store).await?;
    let config = at_start(file, last.as_ref().map(|last| &last.in_force), |backend| open.contains_key(backend));
    for (backend, tickets) in open.iter().filter(|(_, tickets)| **tickets > 0) {
        let in_file = file.backends.iter().any(|known| known.name == *backend);
        let in_force = config.backends.iter().any(|known| known.name == *backend);
        if !in_force {
            tracing::error!(%backend, tickets, "Backend is not configured and has tickets that are not done; they wait until it is.");
        } else if !in_file {
            tracing::info!(%backend, tickets, "Backend is no longer configured; it finishes its tickets and takes no new ones.");
        }
    }
    Ok(config)
}

/// Traces as the configuration wants them. Settings that cannot be used are told; tickets go on without traces.
fn traces(config: &Config, environment: &Environment, store: &Arc<dyn Store>) -> (Traces, Option<Exporter>) {
    match Traces::new(&config.telemetry, environment, Arc::clone(store)) {
        Ok(Some((traces, exporter))) => (traces, Some(exporter)),
        Ok(None) => (Traces::off(), None),
        Err(why) => {
            tracing::error!(why, "Nothing is traced.");
            (Traces::off(), None)
        }
    }
}

/// Where files come from and where reports of rejected rows go.
pub fn offload_settings(config: &Config) -> OffloadSettings {
    let source = |(kind, offload): (&FileKind, &ticketbridge_config::sections::Offload)| {
        let source = FileSource {
            path: offload.path.clone(),
            folder: offload.folder.clone(),
            reports: Some(offload.reject_folder.clone()),
        };
        (*kind, source)
    };
    OffloadSettings { sources: config.offload.iter().map(source).collect() }
}

/// Runs a loop until the stop. What it answers before that is an error after which nothing may be written.
async fn until(
    mut stopped: watch::Receiver<bool>,
    work: impl Future<Output = Option<StoreError>>,
) -> Option<StoreError> {
    tokio::select! {
        error = work => error,
        _ = stopped.wait_for(|stop| *stop) => None,
    }
}

/// The first error of any loop; loops that end without one (nothing is configured for them) are no reason to stop.
async fn first_error(loops: &mut JoinSet<Option<StoreError>>) -> StoreError {
    while let Some(ended) = loops.join_next().await {
        match ended {
            Ok(Some(error)) => return error,
            Ok(None) => {}
            Err(panic) => return StoreError::Fatal(format!("a loop ended unexpectedly: {panic}")),
        }
    }
    std::future::pending().await
}

/// Looks at the sources again and again; a complete scan that brought news is followed by a run.
async fn offload_loop(mut apps: watch::Receiver<App>) -> Option<StoreError> {
    loop {
        let app = apps.borrow_and_update().clone();
        let Some(every) = app.config.offload.values().map(|offload| offload.scan_interval.get()).min() else {
            drop(app);
            changed(&mut apps).await;
            continue;
        };
        let began_at = app.clock.now().wall;
        match app.offload.scan(began_at).await {
            Ok(report) => {
                if report.files.iter().any(FileReport::is_news) {
                    app.delivery.traces().scanned(began_at, app.clock.now().wall, &report);
                }
                if report.complete && app.config.workflow.start.run_after_scan {
                    run(&app, "offload").await;
                }
            }
            Err(error) if error.is_fatal() => return Some(error),
            Err(error) => tracing::error!(error = %error, "The scan of the CSV files failed; it is tried again."),
        }
        drop(app);
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = changed(&mut apps) => {}
        }
    }
}

/// Starts a run whenever the schedule says so.
async fn schedule_loop(mut apps: watch::Receiver<App>) -> Option<StoreError> {
    loop {
        let (next, now) = {
            let app = apps.borrow_and_update();
            let now = app.clock.now().wall;
            (cron(&app.config).and_then(|cron| next_start(&cron, now.0)), now)
        };
        let due = async {
            match next {
                Some(next) => tokio::time::sleep(Duration::from_millis((next - now.0).max(0) as u64)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = changed(&mut apps) => continue,
        }
        let app = apps.borrow().clone();
        run(&app, "schedule").await;
    }
}

/// The schedule of runs, if there is one.
fn cron(config: &Config) -> Option<Cron> {
    let text = config.workflow.start.schedule.as_cron()?;
    let parsed = CronParser::builder().seconds(Seconds::Optional).build().parse(text);
    parsed
        .inspect_err(|error| {
            tracing::error!(error = %error, schedule = text, "The schedule cannot be used; no run starts by it.");
        })
        .ok()
}

/// The next instant of a schedule after `now`, both in milliseconds since 1970; schedules are in UTC.
fn next_start(cron: &Cron, now: i64) -> Option<i64> {
    let now = jiff::Timestamp::from_millisecond(now).ok()?.to_zoned(TimeZone::UTC);
    cron.find_next_occurrence(&now, false).ok().map(|next| next.timestamp().as_millisecond())
}

async fn run(app: &App, trigger: &str) {
    if let Err(error) = app.run_workflow(app.clock.timestamp(), trigger).await {
        tracing::error!(error = %error, trigger, "The workflow run failed; nothing of it was stored.");
    }
}

/// Deletes what is older than the retention, a little at a time.
async fn purge_loop(mut apps: watch::Receiver<App>) -> Option<StoreError> {
    loop {
        let app = apps.borrow_and_update().clone();
        let keep = app.config.retention.tickets.get().as_millis() as i64;
        let before = ticketbridge_core::time::Wall(app.clock.now().wall.0 - keep);
        loop {
            match app.store.purge(before, PURGE_STEP).await {
                Ok(0) => break,
                Ok(_) => tokio::task::yield_now().await,
                Err(error) if error.is_fatal() => return Some(error),
                Err(error) => {
                    tracing::warn!(error = %error, "Old tickets could not be deleted; it is tried again later.");
                    break;
                }
            }
        }
        let keep = app.config.retention.audit.get().as_millis() as i64;
        if let Some(fatal) = purge_audit(&app, keep).await {
            return Some(fatal);
        }
        match app.feedback.purge(before, app.config.retention.exchanges.get()).await {
            Ok(()) => {}
            Err(error) if error.is_fatal() => return Some(error),
            Err(error) => tracing::warn!(error = %error, "Old pages could not be deleted; it is tried again later."),
        }
        drop(app);
        tokio::select! {
            () = tokio::time::sleep(PURGE_EVERY) => {}
            () = changed(&mut apps) => {}
        }
    }
}

/// Deletes lines of the audit that are older than so many milliseconds.
async fn purge_audit(app: &App, keep: i64) -> Option<StoreError> {
    let before = ticketbridge_core::time::Wall(app.clock.now().wall.0 - keep);
    loop {
        match app.store.purge_audit(before, PURGE_STEP).await {
            Ok(0) => return None,
            Ok(_) => tokio::task::yield_now().await,
            Err(error) if error.is_fatal() => return Some(error),
            Err(error) => {
                tracing::warn!(error = %error, "Old lines of the audit could not be deleted; it is tried again later.");
                return None;
            }
        }
    }
}

/// Moves waiting tickets away from backends that are away too long.
async fn reassign_loop(live: Live) -> Option<StoreError> {
    loop {
        tokio::time::sleep(REASSIGN_EVERY).await;
        if let Err(error) = crate::reassign::reassign(&live.app()).await {
            if error.is_fatal() {
                return Some(error);
            }
            tracing::warn!(error = %error, "Waiting tickets could not be given to another backend; it is tried again.");
        }
    }
}
