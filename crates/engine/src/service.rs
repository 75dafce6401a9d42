//! The whole service: stores, platforms, delivery, offload, runs and housekeeping, started and stopped as one.
//!
//! * A store that cannot be opened ends the start with its error. A platform that cannot be used does not: its tickets
//!   are received and wait.
//! * A stop starts nothing new, waits at most `server.shutdown_grace` for what is in flight, and gives the lanes back.
//!   What is still in flight then is unclear, and looked up at the next start.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::tz::TimeZone;
use ticketbridge_config::Config;
use ticketbridge_config::sections::{BackendState, OffloadKind};
use ticketbridge_core::delivery::Status;
use ticketbridge_core::network::Timestamp;
use ticketbridge_core::network::settings::Settings;
use ticketbridge_platforms::http::ExchangeObserver;
use ticketbridge_store::samples::FileKind;
use ticketbridge_store::{OpenMode, Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::clock::Clock;
use crate::delivery::{DeliveryHandle, DeliveryOptions, DeliveryService, FlightRecorder};
use crate::identity;
use crate::intake::Intake;
use crate::offload::{Offload, OffloadSettings, PlantCache, Source as FileSource};
use crate::open::{Opened, open};
use crate::platforms::{Environment, PlatformSet};
use crate::workflow::{BackendChoice, SeededSource, Workflow};

/// How often old rows are looked for.
const PURGE_EVERY: Duration = Duration::from_secs(3_600);
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
    app: App,
    delivery: DeliveryService,
}

impl Service {
    /// Opens everything. Nothing is sent before [`Service::run`].
    pub async fn start(options: ServiceOptions) -> Result<(Self, App), StoreError> {
        let ServiceOptions { config, environment, recorder, observer } = options;
        let opening = Arc::clone(&config);
        let opened = tokio::task::spawn_blocking(move || open(&opening, OpenMode::Serve))
            .await
            .map_err(|error| StoreError::Fatal(error.to_string()))??;
        let Opened { store, samples, suspect, .. } = opened;
        if let Some(why) = &suspect {
            tracing::warn!(
                why,
                "TB0107: the store may have forgotten requests; every open ticket starts with look-ups."
            );
        }
        let clock = Clock::start();
        let platforms = Arc::new(PlatformSet::load(&config, &*environment, observer.as_ref()));
        let (delivery, handle) = DeliveryService::new(DeliveryOptions {
            store: Arc::clone(&store),
            platforms: Arc::clone(&platforms),
            config: Arc::clone(&config),
            clock: clock.clone(),
            seed: u64::from_be_bytes(identity::seed()[..8].try_into().unwrap_or_default()),
            suspect: suspect.is_some(),
            recorder,
        })
        .await?;
        let app = App::new(config, store, samples, clock, handle, platforms);
        Ok((Self { app: app.clone(), delivery }, app))
    }

    /// Runs until `shutdown`, or until the store fails for good.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) -> Result<(), StoreError> {
        let Self { app, delivery } = self;
        let (stop, stopped) = watch::channel(false);
        let mut loops = JoinSet::new();
        loops.spawn(until(stopped.clone(), offload_loop(app.clone())));
        loops.spawn(until(stopped.clone(), schedule_loop(app.clone())));
        loops.spawn(until(stopped.clone(), purge_loop(app.clone())));
        loops.spawn(until(stopped, reassign_loop(app.clone())));
        let grace = app.config.server.shutdown_grace.get();
        let mut running = tokio::spawn(delivery.run());
        let ended = tokio::select! {
            ended = &mut running => Some(ended),
            () = shutdown => None,
        };
        stop.send_replace(true);
        let ended = match ended {
            Some(ended) => Some(ended),
            None => {
                app.delivery.drain().await;
                tokio::time::timeout(grace, &mut running).await.ok()
            }
        };
        while loops.join_next().await.is_some() {}
        match ended {
            Some(Ok(result)) => result,
            Some(Err(panic)) => Err(StoreError::Fatal(format!("delivery ended unexpectedly: {panic}"))),
            None => {
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
    ) -> Self {
        let intake = Intake::new(Arc::clone(&store), Arc::clone(&config), clock.clone());
        let rules: Arc<Settings> = Arc::new(config.workflow.rules.clone());
        let plants = Arc::new(PlantCache::default());
        let sources = offload_settings(&config);
        let offload = Arc::new(Offload::new(Arc::clone(&samples), Arc::clone(&plants), sources, Arc::clone(&rules)));
        let of_run = clock.clone();
        let ids = SeededSource::new(move || of_run.now().wall, identity::seed());
        let workflow = Arc::new(Workflow::new(Arc::clone(&store), samples, plants, rules, ids));
        Self { config, store, clock, intake, delivery, platforms, offload, workflow }
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
        self.delivery.news();
        Ok(outcome)
    }
}

/// The backends as a run may choose among them. Without a status (a command beside the service) all active ones are
/// taken for available.
pub fn backend_choices(config: &Config, status: Option<&Status>) -> Vec<BackendChoice> {
    let choice = |backend: &ticketbridge_config::sections::Backend| {
        let well = status.is_none_or(|status| {
            let of_platform = status.platforms.get(&backend.tickets);
            of_platform.is_some_and(|platform| platform.breaker_open_for.is_none())
        });
        BackendChoice {
            name: backend.name.clone(),
            tickets: backend.tickets.clone(),
            available: backend.state == BackendState::Active && well,
        }
    };
    config.backends.iter().map(choice).collect()
}

fn offload_settings(config: &Config) -> OffloadSettings {
    let source = |(kind, offload): (&OffloadKind, &ticketbridge_config::sections::Offload)| {
        let kind: FileKind = kind.name().parse().ok()?;
        let source = FileSource {
            path: offload.path.clone(),
            folder: offload.folder.clone(),
            reports: Some(offload.reject_folder.clone()),
        };
        Some((kind, source))
    };
    OffloadSettings { sources: config.offload.iter().filter_map(source).collect() }
}

async fn until(mut stopped: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

/// Looks at the sources again and again; a complete scan that brought news is followed by a run.
async fn offload_loop(app: App) {
    let Some(every) = app.config.offload.values().map(|offload| offload.scan_interval.get()).min() else { return };
    loop {
        match app.offload.scan(app.clock.now().wall).await {
            Ok(report) if report.complete && app.config.workflow.start.run_after_scan => run(&app, "offload").await,
            Ok(_) => {}
            Err(error) => tracing::error!(error = %error, "The scan of the CSV files failed; it is tried again."),
        }
        tokio::time::sleep(every).await;
    }
}

/// Starts a run whenever the schedule says so.
async fn schedule_loop(app: App) {
    let Some(text) = app.config.workflow.start.schedule.as_cron() else { return };
    let cron: Cron = match CronParser::builder().seconds(Seconds::Optional).build().parse(text) {
        Ok(cron) => cron,
        Err(error) => {
            tracing::error!(error = %error, schedule = text, "The schedule cannot be used; no run starts by it.");
            return;
        }
    };
    loop {
        let now = app.clock.now().wall;
        let Some(next) = next_start(&cron, now.0) else { return };
        tokio::time::sleep(Duration::from_millis((next - now.0).max(0) as u64)).await;
        run(&app, "schedule").await;
    }
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
async fn purge_loop(app: App) {
    loop {
        let keep = app.config.retention.tickets.get().as_millis() as i64;
        let before = ticketbridge_core::time::Wall(app.clock.now().wall.0 - keep);
        loop {
            match app.store.purge(before, PURGE_STEP).await {
                Ok(0) => break,
                Ok(_) => tokio::task::yield_now().await,
                Err(error) => {
                    tracing::warn!(error = %error, "Old tickets could not be deleted; it is tried again later.");
                    break;
                }
            }
        }
        tokio::time::sleep(PURGE_EVERY).await;
    }
}

/// Moves waiting tickets away from backends that are away too long.
async fn reassign_loop(app: App) {
    loop {
        tokio::time::sleep(REASSIGN_EVERY).await;
        if let Err(error) = crate::reassign::reassign(&app).await {
            tracing::warn!(error = %error, "Waiting tickets could not be given to another backend; it is tried again.");
        }
    }
}
