//! The loop: event in, decision, commands out.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ticketbridge_config::{Config, PlatformChange};
use ticketbridge_core::delivery::{
    BatchId, Command, Delivery, Event, LaneId, Report, Restriction, Settings, Standing, Status,
};
use ticketbridge_core::ticket::{PlatformName, TicketId};
use ticketbridge_core::time::Mono;
use ticketbridge_store::{Store, StoreError};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::record::FlightRecorder;
use super::settings::InForce;
use super::switch::Switch;
use super::{changes, commit, exchange, lanes, settings};
use crate::clock::Clock;
use crate::events::Events;
use crate::exchanges::Exchanges;
use crate::platforms::PlatformSet;
use crate::telemetry;
use crate::traces::Traces;

/// Events that may wait for the loop.
const EVENTS: usize = 1_024;

/// What delivery runs on.
pub struct DeliveryOptions {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The platforms.
    pub platforms: Arc<PlatformSet>,
    /// The configuration.
    pub config: Arc<Config>,
    /// The clocks.
    pub clock: Clock,
    /// Seed of the state machine's randomness.
    pub seed: u64,
    /// The store was restored or cloned: every open row starts with look-ups.
    pub suspect: bool,
    /// Where every event and its commands are written down, if anywhere.
    pub recorder: Option<FlightRecorder>,
    /// Who is told of tickets that came to an end, and names the traces of requests.
    pub traces: Traces,
    /// Who keeps what is exchanged, and is told how the platforms are.
    pub exchanges: Exchanges,
}

/// What all parts of the shell share.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    /// The configuration that decisions are made with now. Replaced by the loop alone.
    pub(super) in_force: watch::Sender<InForce>,
    /// Held while settings are read for the loop, so that they reach it in the order of their reading.
    pub(super) settings_turn: tokio::sync::Mutex<()>,
    pub(super) clock: Clock,
    pub(super) suspect: bool,
    events: mpsc::Sender<Incoming>,
    pub(super) traces: Traces,
    pub(super) exchanges: Exchanges,
    /// Who watches hears of it here.
    pub(super) live: Events,
    /// Encoded requests between their commit and their sending.
    pub(super) prepared: Mutex<HashMap<BatchId, exchange::Prepared>>,
    /// Lanes in our hands.
    pub(super) lanes: Mutex<BTreeMap<LaneId, PlatformName>>,
    /// Something was received in this process: look for new rows at once.
    pub(super) news: Notify,
    /// The first fatal error; the service ends with it.
    fatal: Mutex<Option<StoreError>>,
    /// Set once: no new lanes, no renewals.
    pub(super) stopping: tokio::sync::watch::Sender<bool>,
}

impl Shared {
    /// Hands an event to the loop. The loop gone: nobody needs it any more.
    pub(super) async fn event(&self, event: Event) {
        let _gone = self.events.send(Incoming::Event(event)).await;
    }

    /// The configuration that decisions are made with now.
    pub(super) fn in_force(&self) -> InForce {
        self.in_force.borrow().clone()
    }

    /// After this nothing may be written: the service ends with the error.
    pub(super) fn die(&self, error: StoreError) {
        tracing::error!(error = %error, "The store failed for good; delivery stops.");
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stopping.send_replace(true);
        self.news.notify_waiters();
    }
}

/// What comes to the loop, in order.
enum Incoming {
    Event(Event),
    Switch(Box<Switch>),
}

enum Request {
    Status(oneshot::Sender<Status>),
    Drain,
}

/// A cheap handle to a running service.
#[derive(Clone)]
pub struct DeliveryHandle {
    pub(super) shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
}

impl DeliveryHandle {
    /// Who is told of what is to be traced.
    pub(crate) fn traces(&self) -> &Traces {
        &self.shared.traces
    }

    /// Who keeps what is exchanged with the platforms.
    pub fn exchanges(&self) -> &Exchanges {
        &self.shared.exchanges
    }

    /// What happens, for whoever watches.
    pub fn events(&self) -> &Events {
        &self.shared.live
    }

    /// New rows are in the store: they are looked for at once.
    pub fn news(&self) {
        self.shared.news.notify_one();
    }

    /// What is going on. `None`: the service has ended.
    pub async fn status(&self) -> Option<Status> {
        let (answer, wait) = oneshot::channel();
        self.requests.send(Request::Status(answer)).await.ok()?;
        wait.await.ok()
    }

    /// Changes over to a newer configuration, or says why not; then nothing is changed. `changed`: the platforms that are
    /// in both and not the same. Returns when everything from now on is decided with it.
    pub(crate) async fn switch(
        &self,
        in_force: InForce,
        changed: BTreeMap<PlatformName, PlatformChange>,
    ) -> Result<(), String> {
        let _turn = self.shared.settings_turn.lock().await;
        let store = &*self.shared.store;
        let settings = settings::delivery_settings(&in_force.config, &in_force.platforms, store).await;
        let settings = Arc::new(settings.map_err(|error| error.to_string())?);
        let (answer, answered) = oneshot::channel();
        let switch = Switch::new(in_force, settings, changed, answer);
        let _gone = self.shared.events.send(Incoming::Switch(Box::new(switch))).await;
        answered.await.unwrap_or_else(|_| Err(String::from("the service is stopping")))
    }

    /// Starts nothing new; the service ends when all that is in flight is settled.
    pub async fn drain(&self) {
        let _gone = self.requests.send(Request::Drain).await;
    }
}

/// The service; [`DeliveryService::run`] it.
pub struct DeliveryService {
    shared: Arc<Shared>,
    delivery: Delivery,
    /// What the state machine decides with, but for what a change-over holds back.
    settings: Arc<Settings>,
    /// A change-over that waits for what is in flight.
    switching: Option<Box<Switch>>,
    events: mpsc::Receiver<Incoming>,
    requests: mpsc::Receiver<Request>,
    committers: BTreeMap<LaneId, mpsc::UnboundedSender<commit::Job>>,
    recorder: Option<FlightRecorder>,
    commands: Vec<Command>,
    wake: Option<Mono>,
    draining: bool,
}

impl DeliveryService {
    /// A service and its handle. Nothing happens before [`DeliveryService::run`].
    pub async fn new(options: DeliveryOptions) -> Result<(Self, DeliveryHandle), StoreError> {
        let DeliveryOptions { store, platforms, config, clock, seed, suspect, mut recorder, traces, exchanges } =
            options;
        let settings = Arc::new(settings::delivery_settings(&config, &platforms, &*store).await?);
        exchanges.settings(&settings);
        let live = Events::start();
        exchanges.tell(&live);
        if let Some(recorder) = &mut recorder {
            recorder.begin(seed, &settings);
        }
        let (events, inbox) = mpsc::channel(EVENTS);
        let (requests, asked) = mpsc::channel(16);
        let (stopping, _) = tokio::sync::watch::channel(false);
        let shared = Arc::new(Shared {
            store,
            in_force: watch::Sender::new(InForce { config, platforms }),
            settings_turn: tokio::sync::Mutex::new(()),
            clock,
            suspect,
            events,
            traces,
            exchanges,
            live,
            prepared: Mutex::default(),
            lanes: Mutex::default(),
            news: Notify::new(),
            fatal: Mutex::default(),
            stopping,
        });
        let handle = DeliveryHandle { shared: Arc::clone(&shared), requests };
        let service = Self {
            shared,
            delivery: Delivery::new(Arc::clone(&settings), seed),
            settings,
            switching: None,
            events: inbox,
            requests: asked,
            committers: BTreeMap::new(),
            recorder,
            commands: Vec::new(),
            wake: None,
            draining: false,
        };
        Ok((service, handle))
    }

    /// Runs until it is drained, or the store fails for good.
    pub async fn run(mut self) -> Result<(), StoreError> {
        self.work(None).await
    }

    /// As [`DeliveryService::run`], with chosen rows only, and until nothing more will come of them by itself. `lanes`: how
    /// many there are to take. Answers where the rows are that are not done.
    pub async fn run_restricted(
        mut self,
        restriction: Restriction,
        lanes: usize,
    ) -> Result<BTreeMap<TicketId, Standing>, StoreError> {
        self.delivery = self.delivery.restricted(restriction);
        self.work(Some(lanes)).await?;
        Ok(self.delivery.standings())
    }

    async fn work(&mut self, restricted_to: Option<usize>) -> Result<(), StoreError> {
        let seen = changes::Seen::until_now(&self.shared).await?;
        let keepers = tokio::spawn(lanes::keep(Arc::clone(&self.shared)));
        let watcher = tokio::spawn(changes::watch(Arc::clone(&self.shared), seen));
        let mut stopping = self.shared.stopping.subscribe();
        loop {
            let deadline = self.wake.map(|at| self.shared.clock.deadline(at));
            let patience = self.switching.as_ref().map(|switch| switch.until);
            tokio::select! {
                biased;
                Some(request) = self.requests.recv() => match request {
                    Request::Status(answer) => {
                        let _gone = answer.send(self.delivery.status(self.shared.clock.now().mono));
                        continue;
                    }
                    Request::Drain => {
                        self.refuse_switch("the service is stopping");
                        self.draining = true;
                        self.step(Event::Drain);
                    }
                },
                Some(incoming) = self.events.recv() => match incoming {
                    Incoming::Event(event) => self.step(event),
                    Incoming::Switch(switch) => self.begin_switch(switch),
                },
                () = sleep_until(deadline) => {
                    // It has come once. Without a new one only events wake us; kept, it would come again at once.
                    self.wake = None;
                    self.step(Event::Wake);
                }
                () = sleep_until(patience) => {}
                _ = stopping.changed() => break,
            };
            self.go_on_with_switch();
            let over = restricted_to.is_some_and(|lanes| self.delivery.is_over(lanes));
            if over || (self.draining && self.delivery.load().1 == 0) {
                break;
            }
        }
        self.shared.stopping.send_replace(true);
        watcher.abort();
        if let Ok(keepers) = keepers.await {
            keepers.release(&self.shared).await;
        }
        match self.shared.fatal.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// One event: its decisions, written down and performed.
    fn step(&mut self, event: Event) {
        if let Event::Settings { settings } = &event
            && self.switching.is_none()
        {
            let before = std::mem::replace(&mut self.settings, Arc::clone(settings));
            self.shared.live.settings(&before, settings);
            self.shared.exchanges.settings(settings);
        }
        let now = self.shared.clock.now();
        let recorded = self.recorder.as_ref().map(|_| event.clone());
        let mut commands = std::mem::take(&mut self.commands);
        self.delivery.handle(now, event, &mut commands);
        if let (Some(recorder), Some(event)) = (&mut self.recorder, recorded) {
            recorder.write(now, &event, &commands);
        }
        for command in commands.drain(..) {
            match command {
                Command::WakeAt { at } => self.wake = at,
                other => self.perform(other),
            }
        }
        self.commands = commands;
    }

    /// Takes a newer configuration, or first lets come back what is in flight on the platforms that change.
    fn begin_switch(&mut self, switch: Box<Switch>) {
        if self.draining {
            let _gone = switch.answer.send(Err(String::from("the service is stopping")));
        } else if switch.changed.is_empty() {
            self.take_over(*switch);
        } else {
            let holding = Arc::new(switch.holding(&self.settings));
            self.switching = Some(switch);
            self.step(Event::Settings { settings: holding });
        }
    }

    fn go_on_with_switch(&mut self) {
        let Some(switch) = self.switching.take_if(|switch| !switch.waits(&self.delivery)) else { return };
        match switch.decide(&self.delivery) {
            Ok(()) => self.take_over(*switch),
            Err(why) => {
                self.step(Event::Settings { settings: Arc::clone(&self.settings) });
                let _gone = switch.answer.send(Err(why));
            }
        }
    }

    fn refuse_switch(&mut self, why: &str) {
        if let Some(switch) = self.switching.take() {
            self.step(Event::Settings { settings: Arc::clone(&self.settings) });
            let _gone = switch.answer.send(Err(why.to_owned()));
        }
    }

    /// From here on everything is decided, encoded and sent with the newer configuration.
    fn take_over(&mut self, switch: Switch) {
        let Switch { in_force, settings, answer, .. } = switch;
        self.shared.in_force.send_replace(in_force);
        self.step(Event::Settings { settings });
        let _gone = answer.send(Ok(()));
    }

    fn perform(&mut self, command: Command) {
        match command {
            Command::Commit { transaction, writes } => {
                let lane = writes.lane;
                let shared = &self.shared;
                let committer = self.committers.entry(lane).or_insert_with(|| commit::start(Arc::clone(shared)));
                let in_force = self.shared.in_force();
                let _gone = committer.send(commit::Job { transaction, writes, in_force });
            }
            Command::Send(permit) => {
                tokio::spawn(exchange::send(Arc::clone(&self.shared), permit));
            }
            Command::LookUp { probe, platform, query } => {
                let platform = self.shared.in_force().platforms.usable(&platform);
                tokio::spawn(exchange::look_up(Arc::clone(&self.shared), probe, platform, query));
            }
            Command::Load { lane, after, limit } => {
                tokio::spawn(lanes::load(Arc::clone(&self.shared), lane, after, limit));
            }
            Command::Report(report) => {
                telemetry::emit(&report);
                self.shared.traces.reported(&report);
                self.shared.exchanges.report(&report);
                self.shared.live.reported(&report);
                if matches!(report, Report::CreatingStopped { .. } | Report::CreatingResumed { .. }) {
                    tokio::spawn(lanes::keep_stop(Arc::clone(&self.shared), report));
                } else if matches!(report, Report::SuspicionOver) {
                    tokio::spawn(lanes::end_suspicion(Arc::clone(&self.shared)));
                }
            }
            Command::WakeAt { .. } => {}
        }
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// How often a failed read of the store is tried again before the caller gives up waiting.
pub(super) const STORE_RETRY: Duration = Duration::from_secs(1);
