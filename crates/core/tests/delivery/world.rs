//! A world under virtual time: one heap of events, one seed, a model store, model remotes, and the state machine in
//! the middle. After every step the invariants are checked.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use ticketbridge_core::delivery::{
    BackendSettings, BatchId, Command, Delivery, Event, Fence, LaneId, OnUnresolved, PlatformSettings, Report,
    Restriction, Settings, Standing, TransactionId, Writes,
};
use ticketbridge_core::effect::{CallClass, Capabilities, Operation, Outcome, Query};
use ticketbridge_core::ticket::{BackendName, DedupeKey, OriginId, PlatformName, State, TicketId, TicketRow};
use ticketbridge_core::time::{Mono, Now, Wall};

use crate::remote::{Item, Plan, Remote};
use crate::store::{Store, StoredLane};

const START: i64 = 1_800_000_000_000;
const LEASE: u64 = 60_000;

/// One request on its way.
#[derive(Debug, Clone)]
struct Call {
    life: u64,
    batch: BatchId,
    platform: PlatformName,
    operation: Operation,
    items: Vec<Item>,
    outcomes: BTreeMap<TicketId, Outcome>,
    plan: Plan,
    sent_at: u64,
}

type Hand = Box<dyn FnOnce(&mut World)>;

enum Happening {
    Event(u64, Box<Event>),
    Commit(u64, TransactionId, Box<Writes>),
    Effect(u64),
    Answer(u64),
    Read(u64, ticketbridge_core::delivery::ProbeId, PlatformName, Box<Query>, u64, u64),
    Wake(u64, u64),
    Renew(u64),
    Start,
    Hand(Hand),
}

/// What can go wrong between the state machine and its store.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Trouble {
    /// Chance that a commit fails, in parts of a thousand.
    pub(crate) commit_fails: u32,
    /// Chance that the process dies at an event, in parts of ten thousand.
    pub(crate) crash: u32,
}

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) dice: ChaCha8Rng,
    heap: BTreeMap<(u64, u64), Happening>,
    sequence: u64,
    life: u64,
    seed: u64,
    delivery: Option<Delivery>,
    pub(crate) settings: Arc<Settings>,
    /// Each life of the process is restricted so.
    pub(crate) restriction: Option<Restriction>,
    pub(crate) store: Store,
    remotes: BTreeMap<char, Remote>,
    pub(crate) trouble: Trouble,
    calls: BTreeMap<u64, Call>,
    next_call: u64,
    wake: Option<u64>,
    sent: BTreeSet<BatchId>,
    last_commit: u64,
    /// Ends of the latest wakes that led to nothing.
    idle_wakes: Vec<u64>,
    pub(crate) suspect: bool,
    pub(crate) unencodable: BTreeSet<TicketId>,
    /// No request can be built at all.
    pub(crate) encodes_nothing: bool,
    pub(crate) fail_commits: usize,
    pub(crate) commit_latency: (u64, u64),
    pub(crate) load_latency: (u64, u64),
    /// Answers to look-ups lie about for so long before anybody reads them: the process stands still.
    pub(crate) answers_wait: u64,
    pub(crate) reports: Vec<(u64, Report)>,
    trace: DefaultHasher,
    pub(crate) steps: u64,
    pub(crate) verbose: bool,
    draining: bool,
}

pub(crate) fn platform(name: char) -> PlatformName {
    PlatformName::new(&name.to_string())
}

fn letter(name: &PlatformName) -> char {
    name.as_str().chars().next().expect("a platform has a name")
}

pub(crate) fn platform_settings() -> PlatformSettings {
    PlatformSettings {
        capabilities: Some(Capabilities {
            max_batch: Capabilities::same_batch(50),
            max_in_flight: 16,
            max_keys: 50,
            finds_tickets: true,
            finds_notes: true,
            finds_work_orders: true,
            has_health_read: true,
            request_timeout: Duration::from_secs(5),
        }),
        unusable: None,
        in_doubt_for: Duration::from_secs(20),
        settling_time: Duration::from_secs(2),
        on_unresolved: OnUnresolved::Resend,
        retry_initial: Duration::from_millis(500),
        retry_max: Duration::from_secs(10),
    }
}

fn backend(tickets: char, work_orders: char, max_tickets_per_request: usize) -> BackendSettings {
    BackendSettings {
        tickets: platform(tickets),
        work_orders: platform(work_orders),
        processing: true,
        max_retries: 3,
        max_tickets_per_request,
    }
}

/// Tickets on A and work orders on B for `north`, everything on A for `south`.
pub(crate) fn settings() -> Settings {
    Settings {
        backends: BTreeMap::from([
            (BackendName::new("north"), backend('A', 'B', 10)),
            (BackendName::new("south"), backend('A', 'A', 3)),
        ]),
        platforms: BTreeMap::from([(platform('A'), platform_settings()), (platform('B'), platform_settings())]),
        kinds: vec![String::from("SNR")],
        match_ttl: Duration::from_mins(1),
        charge_outages: false,
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(seed, settings())
    }

    pub(crate) fn with(seed: u64, settings: Settings) -> Self {
        let mut store = Store::default();
        for id in 0..2 {
            let lane = StoredLane { platform: platform('A'), fence: Fence(0), next_sequence: 1 };
            store.lanes.insert(LaneId(id), lane);
        }
        let mut world = Self {
            now: 1_000,
            dice: ChaCha8Rng::seed_from_u64(seed),
            heap: BTreeMap::new(),
            sequence: 0,
            life: 0,
            seed,
            delivery: None,
            settings: Arc::new(settings),
            restriction: None,
            store,
            remotes: BTreeMap::from([('A', Remote::new('A')), ('B', Remote::new('B'))]),
            trouble: Trouble::default(),
            calls: BTreeMap::new(),
            next_call: 0,
            wake: None,
            sent: BTreeSet::new(),
            last_commit: 0,
            idle_wakes: Vec::new(),
            suspect: false,
            unencodable: BTreeSet::new(),
            encodes_nothing: false,
            fail_commits: 0,
            commit_latency: (1, 3),
            load_latency: (1, 5),
            answers_wait: 0,
            reports: Vec::new(),
            trace: DefaultHasher::new(),
            steps: 0,
            verbose: std::env::var("TICKETBRIDGE_TRACE").is_ok(),
            draining: false,
        };
        world.remote('B').own_tickets_only = false;
        world.schedule(1, Happening::Start);
        world
    }

    // ---- what a test does -----------------------------------------------------------------------------------------

    pub(crate) fn remote(&mut self, name: char) -> &mut Remote {
        self.remotes.get_mut(&name).expect("a platform of this world")
    }

    pub(crate) fn row(&self, id: i64) -> &TicketRow {
        &self.store.rows[&TicketId(id)]
    }

    pub(crate) fn state(&self, id: i64) -> State {
        self.row(id).state
    }

    /// New rows, one per key; answers the number of the first.
    pub(crate) fn receive(&mut self, backend: &str, keys: &[&str]) -> i64 {
        let first = self.store.rows.keys().last().map_or(1, |id| id.0 + 1);
        let mut lanes = BTreeSet::new();
        for (offset, key) in keys.iter().enumerate() {
            let id = TicketId(first + offset as i64);
            let row = TicketRow::received(
                id,
                OriginId(uuid::Uuid::from_u128(0x0199_d2c4_0000_7000_8000_0000_0000_0000 + id.0 as u128)),
                DedupeKey::new(key).expect("a key"),
                "SNR".into(),
                BackendName::new(backend),
            );
            let lane = LaneId(i64::from(key.bytes().map(u32::from).sum::<u32>() % 2));
            lanes.insert(lane);
            self.store.lane_of.insert(id, lane);
            self.store.rows.insert(id, row);
        }
        for lane in lanes {
            self.tell(Event::News { lane });
        }
        first
    }

    /// An event from outside, in a moment.
    pub(crate) fn tell(&mut self, event: Event) {
        let life = self.life;
        if self.delivery.is_some() {
            self.schedule(1, Happening::Event(life, Box::new(event)));
        }
    }

    /// Another process holds the lanes from now on; this one goes down and takes them again.
    pub(crate) fn lose_lanes(&mut self, for_how_long: u64) {
        for lane in self.store.lanes.values_mut() {
            lane.fence.0 += 1;
        }
        self.later(for_how_long, |world| world.crash(1));
    }

    /// Another process takes the lanes, and this one, still alive, takes them back at once.
    pub(crate) fn take_lanes_again(&mut self) {
        for lane in self.store.lanes.keys().copied().collect::<Vec<_>>() {
            self.tell_now(Event::LaneLost { lane });
            let taken = self.store.take(lane, Mono(self.now + LEASE), self.suspect);
            self.tell_now(Event::LaneTaken(Box::new(taken)));
        }
        self.suspect = false;
    }

    pub(crate) fn drain(&mut self) {
        self.draining = true;
        self.tell_now(Event::Drain);
    }

    pub(crate) fn later(&mut self, after: u64, hand: impl FnOnce(&mut Self) + 'static) {
        self.schedule(after, Happening::Hand(Box::new(hand)));
    }

    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = (*self.settings).clone();
        change(&mut settings);
        self.settings = Arc::new(settings);
        let settings = self.settings.clone();
        self.tell_now(Event::Settings { settings });
    }

    pub(crate) fn set_backend(&mut self, name: &str, change: impl Fn(&mut BackendSettings)) {
        self.set(|settings| change(settings.backends.get_mut(&BackendName::new(name)).expect("a backend")));
    }

    pub(crate) fn set_platform(&mut self, name: char, change: impl Fn(&mut PlatformSettings)) {
        self.set(|settings| change(settings.platforms.get_mut(&platform(name)).expect("a platform")));
    }

    pub(crate) fn retry(&mut self, id: i64) {
        assert!(self.store.retry(TicketId(id)), "row {id} is in Error: {:?}", self.row(id));
        self.changed(id);
    }

    pub(crate) fn changed(&mut self, id: i64) {
        let open = self.store.open_ticket(TicketId(id));
        let lane = self.store.lane_of[&TicketId(id)];
        self.tell(Event::Changed { lane, tickets: vec![open] });
    }

    /// As [`World::changed`], before anything else.
    pub(crate) fn changed_now(&mut self, id: i64) {
        let open = self.store.open_ticket(TicketId(id));
        let lane = self.store.lane_of[&TicketId(id)];
        self.tell_now(Event::Changed { lane, tickets: vec![open] });
    }

    pub(crate) fn remote_reads(&self, name: char) -> usize {
        self.remotes[&name].reads.len()
    }

    /// The process dies and comes back after so many milliseconds.
    pub(crate) fn crash(&mut self, down_for: u64) {
        self.delivery = None;
        self.draining = false;
        self.life += 1;
        self.wake = None;
        self.idle_wakes.clear();
        self.schedule(down_for, Happening::Start);
    }

    /// Runs for so many milliseconds of virtual time.
    pub(crate) fn run_for(&mut self, span: u64) {
        let end = self.now + span;
        while self.heap.first_key_value().is_some_and(|((at, _), _)| *at <= end) {
            self.step();
        }
        self.now = end;
    }

    /// Runs until something is the case.
    pub(crate) fn run_until(&mut self, is: impl Fn(&Self) -> bool) {
        let end = self.now + 24 * 3_600_000;
        while !is(self) {
            assert!(self.now < end, "seed {}: it never came:\n{}", self.seed, self.picture());
            self.step();
        }
    }

    pub(crate) fn tickets(&self, name: char) -> usize {
        self.remotes[&name].tickets.len()
    }

    /// Runs until no row is open, at most so many milliseconds; then checks that nothing is left over.
    pub(crate) fn finish(&mut self, limit: u64) {
        let end = self.now + limit;
        while self.open_rows() > 0 || self.delivery.is_none() {
            assert!(self.now <= end, "seed {}: still open after {limit} ms:\n{}", self.seed, self.picture());
            self.step();
        }
        self.run_for(2_000);
        let status = self.delivery.as_ref().expect("alive").status(Mono(self.now));
        assert!(status.waiting.is_empty(), "seed {}: rows left in memory: {status:?}", self.seed);
        for row in self.store.rows.values() {
            let told = row.state != State::Error || row.reason.as_ref().is_some_and(|reason| !reason.is_empty());
            assert!(told, "seed {}: an Error without reason: {row:?}", self.seed);
            self.check_completed(row);
        }
        let left: Vec<_> = self.store.batches.values().filter(|batch| batch.unresolved.is_some()).collect();
        assert!(left.is_empty(), "seed {}: unsettled batches are left: {left:?}", self.seed);
        let quiet = self.now + 300_000;
        while self.delivery.as_ref().expect("alive").load() != (0, 0) {
            assert!(self.now < quiet, "seed {}: something is under way for ever", self.seed);
            self.step();
        }
        let status = self.delivery.as_ref().expect("alive").status(Mono(self.now));
        for (name, platform) in &status.platforms {
            assert_eq!(platform.in_flight.0, 0, "seed {}: {name} has requests in flight", self.seed);
        }
    }

    pub(crate) fn open_rows(&self) -> usize {
        self.store.rows.values().filter(|row| row.state.is_open()).count()
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.delivery.is_some()
    }

    pub(crate) fn status(&self) -> ticketbridge_core::delivery::Status {
        self.delivery.as_ref().expect("alive").status(Mono(self.now))
    }

    /// Whether nothing more will come of the rows that a restriction chose.
    pub(crate) fn is_over(&self) -> bool {
        self.delivery.as_ref().is_some_and(|delivery| delivery.is_over(2))
    }

    pub(crate) fn standings(&self) -> BTreeMap<TicketId, Standing> {
        self.delivery.as_ref().expect("alive").standings()
    }

    pub(crate) fn reported(&self, wanted: impl Fn(&Report) -> bool) -> usize {
        self.reports.iter().filter(|(_, report)| wanted(report)).count()
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.trace.finish()
    }

    pub(crate) fn picture(&self) -> String {
        let open: Vec<&TicketRow> = self.store.rows.values().filter(|row| row.state.is_open()).collect();
        let status = self.delivery.as_ref().map(|delivery| delivery.status(Mono(self.now)));
        format!("now {} open rows {open:#?}\n{status:#?}\nwake {:?}", self.now, self.wake)
    }

    // ---- the machinery --------------------------------------------------------------------------------------------

    fn schedule(&mut self, after: u64, happening: Happening) {
        self.sequence += 1;
        self.heap.insert((self.now + after, self.sequence), happening);
    }

    /// The next thing happens.
    pub(crate) fn step(&mut self) {
        let Some(((at, _), happening)) = self.heap.pop_first() else {
            panic!("seed {}: nothing will ever happen again:\n{}", self.seed, self.picture());
        };
        self.now = self.now.max(at);
        self.steps += 1;
        assert!(self.steps < 3_000_000, "seed {}: no end:\n{}", self.seed, self.picture());
        match happening {
            Happening::Event(life, event) if life == self.life => {
                self.handle(*event);
            }
            Happening::Commit(life, transaction, writes) if life == self.life => self.commit(transaction, &writes),
            Happening::Effect(call) => self.effect(call),
            Happening::Answer(call) => self.answer(call),
            Happening::Read(life, probe, name, query, asked_at, answer_at) if life == self.life => {
                let result = self.remotes[&letter(&name)].read(self.now, &query, &mut self.dice);
                let event = Event::LookedUp { probe, asked_at: Mono(asked_at), result };
                self.schedule(answer_at - self.now + self.answers_wait, Happening::Event(life, Box::new(event)));
            }
            Happening::Wake(life, at) if life == self.life && self.wake == Some(at) => self.woken(),
            Happening::Renew(life) if life == self.life => {
                for lane in 0..2 {
                    self.handle(Event::LaneRenewed { lane: LaneId(lane), until: Mono(self.now + LEASE) });
                }
                self.schedule(LEASE / 3, Happening::Renew(life));
            }
            Happening::Start => self.start(),
            Happening::Hand(hand) => hand(self),
            _ => {}
        }
        for remote in self.remotes.values() {
            assert!(remote.violations.is_empty(), "seed {} at {}: {:?}", self.seed, self.now, remote.violations);
        }
        self.check_alive();
    }

    fn start(&mut self) {
        if self.delivery.is_some() {
            return;
        }
        let delivery = Delivery::new(self.settings.clone(), self.seed ^ self.life);
        self.delivery = Some(match &self.restriction {
            Some(restriction) => delivery.restricted(restriction.clone()),
            None => delivery,
        });
        for lane in 0..2 {
            let taken = self.store.take(LaneId(lane), Mono(self.now + LEASE), self.suspect);
            self.handle(Event::LaneTaken(Box::new(taken)));
        }
        self.suspect = false;
        self.schedule(LEASE / 3, Happening::Renew(self.life));
    }

    fn woken(&mut self) {
        self.wake = None;
        let before = self.status().waiting;
        let commands = self.handle(Event::Wake);
        if commands > 0 || self.delivery.is_none() || self.status().waiting != before {
            self.idle_wakes.clear();
            return;
        }
        self.idle_wakes.push(self.now);
        if let [.., one, two] = self.idle_wakes.as_slice() {
            assert!(two - one > 1, "seed {}: woken for nothing at {one} and {two}:\n{}", self.seed, self.picture());
        }
    }

    fn tell_now(&mut self, event: Event) {
        if self.delivery.is_some() {
            self.handle(event);
        }
    }

    /// The state machine takes an event in; answers the number of commands that do something.
    fn handle(&mut self, event: Event) -> usize {
        if self.trouble.crash > 0 && self.dice.random_range(0..10_000) < self.trouble.crash {
            let down_for = self.dice.random_range(1..5_000);
            self.crash(down_for);
            return 1;
        }
        if self.delivery.is_none() {
            return 0;
        }
        let mut out = Vec::new();
        let now = Now { mono: Mono(self.now), wall: Wall(START + self.now as i64) };
        self.trace_line('>', &event);
        if let Some(delivery) = self.delivery.as_mut() {
            delivery.handle(now, event, &mut out);
        }
        let mut doing = 0;
        for command in out {
            self.trace_line('<', &command);
            format!("{} {command:?}", self.now).hash(&mut self.trace);
            doing += usize::from(!matches!(command, Command::WakeAt { .. }));
            self.perform(command);
        }
        doing
    }

    #[expect(clippy::print_stdout, reason = "whoever sets TICKETBRIDGE_TRACE wants to read along")]
    fn trace_line(&self, direction: char, what: &dyn std::fmt::Debug) {
        if self.verbose {
            println!("{:>9} {direction} {what:?}", self.now);
        }
    }

    fn perform(&mut self, command: Command) {
        let life = self.life;
        match command {
            Command::Commit { transaction, writes } => {
                let bad = writes.intents.iter().find_map(|intent| {
                    let item = intent.items.iter().find(|item| self.unencodable.contains(item)).copied();
                    (self.encodes_nothing || item.is_some()).then_some((intent.batch, item))
                });
                if let Some((batch, item)) = bad {
                    let why = String::from("a field is too long");
                    self.tell(Event::NotEncodable { transaction, batch, item, why });
                    return;
                }
                let latency = self.dice.random_range(self.commit_latency.0..=self.commit_latency.1);
                self.last_commit = self.last_commit.max(self.now + latency);
                self.schedule(self.last_commit - self.now, Happening::Commit(life, transaction, Box::new(writes)));
            }
            Command::Send(permit) => self.send(permit.batch(), permit.operation(), permit.not_after()),
            Command::LookUp { probe, platform, query } => {
                let needed = self.settings.backends.values().any(|backend| {
                    backend.processing && (backend.tickets == platform || backend.work_orders == platform)
                });
                assert!(needed, "seed {}: I7: a look-up on {platform} with processing off: {query:?}", self.seed);
                let remote = self.remotes.get_mut(&letter(&platform)).expect("a platform");
                let (look_at, answer_at) = remote.read_times(self.now, &query, &mut self.dice);
                let read = Happening::Read(life, probe, platform, Box::new(query), self.now, answer_at);
                self.schedule(look_at - self.now, read);
            }
            Command::Load { lane, after, limit } => {
                let (tickets, end) = self.store.load(lane, after, limit);
                let latency = self.dice.random_range(self.load_latency.0..=self.load_latency.1);
                self.schedule(latency, Happening::Event(life, Box::new(Event::Loaded { lane, tickets, end })));
            }
            Command::WakeAt { at } => {
                self.wake = at.map(|at| at.0);
                if let Some(at) = self.wake {
                    assert!(at > self.now, "seed {}: a wake-up in the past", self.seed);
                    self.schedule(at - self.now, Happening::Wake(life, at));
                }
            }
            Command::Report(report) => self.reports.push((self.now, report)),
        }
    }

    fn commit(&mut self, transaction: TransactionId, writes: &Writes) {
        let chance = self.trouble.commit_fails > 0 && self.dice.random_range(0..1000) < self.trouble.commit_fails;
        if self.fail_commits > 0 || chance {
            self.fail_commits = self.fail_commits.saturating_sub(1);
            let why = String::from("disk full");
            self.tell(Event::CommitFailed { transaction, why });
            return;
        }
        let receipt = match self.store.apply(writes) {
            Ok(receipt) => receipt,
            Err(defect) => panic!("seed {} at {}: {defect}\n{writes:?}", self.seed, self.now),
        };
        for update in &writes.rows {
            let row = &self.store.rows[&update.row.id];
            let most = self.settings.backends.values().map(|backend| backend.max_retries).max().unwrap_or(0);
            for operation in Operation::ALL {
                assert!(row.attempts.of(operation) <= most + 1, "seed {}: I5: {row:?}", self.seed);
            }
        }
        self.tell(Event::Committed { transaction, receipt });
    }

    fn send(&mut self, batch: BatchId, operation: Operation, not_after: Mono) {
        let stored = self.store.batches.get(&batch).cloned();
        let stored = stored.unwrap_or_else(|| panic!("seed {}: I3: {batch:?} has no committed intent", self.seed));
        assert!(self.sent.insert(batch), "seed {}: batch {batch:?} is sent twice", self.seed);
        assert!(not_after.0 > self.now, "seed {}: a send that the lease does not cover", self.seed);
        let items: Vec<Item> = stored
            .items
            .iter()
            .map(|id| {
                let row = &self.store.rows[id];
                let settings = &self.settings.backends[&row.backend];
                assert!(settings.processing, "seed {}: I7: {batch:?} is sent with processing off", self.seed);
                Item {
                    ticket: *id,
                    origin: row.origin.to_string(),
                    key: row.key.to_string(),
                    number: row.ticket.as_ref().map(|ticket| ticket.number.clone()),
                    work_order: row.work_order.clone(),
                }
            })
            .collect();
        let platform = stored.platform;
        let remote = self.remotes.get_mut(&letter(&platform)).expect("a platform");
        let plan = remote.write(self.now, operation, &items, &mut self.dice);
        self.next_call += 1;
        let (id, life) = (self.next_call, self.life);
        if let Some(at) = plan.effect_at {
            self.schedule(at - self.now, Happening::Effect(id));
        }
        self.schedule(plan.answer_at - self.now, Happening::Answer(id));
        let outcomes = BTreeMap::new();
        let call = Call { life, batch, platform, operation, items, outcomes, plan, sent_at: self.now };
        self.calls.insert(id, call);
    }

    fn effect(&mut self, id: u64) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let remote = self.remotes.get_mut(&letter(&call.platform)).expect("a platform");
        let count = if call.plan.half { call.items.len() / 2 } else { call.items.len() };
        for item in call.items.iter().take(count) {
            let outcome = remote.apply(self.now, call.operation, item, &mut self.dice);
            call.outcomes.insert(item.ticket, outcome);
        }
    }

    fn answer(&mut self, id: u64) {
        let Some(call) = self.calls.get(&id) else { return };
        let unknown = Outcome::Unknown { why: String::from("missing from the answer") };
        let outcomes = call.items.iter().enumerate().map(|(index, item)| match call.outcomes.get(&item.ticket) {
            Some(outcome) if !(call.plan.short && index % 2 == 1) => outcome.clone(),
            _ => unknown.clone(),
        });
        let class = call.plan.class.clone();
        let outcomes = if class.is_none() { outcomes.collect() } else { Vec::new() };
        let event = Event::Answered {
            batch: call.batch,
            call: class.unwrap_or(CallClass::Answered),
            outcomes,
            latency: Duration::from_millis(self.now - call.sent_at),
        };
        if call.life == self.life {
            self.tell_now(event);
        }
    }

    /// I4.
    fn check_completed(&self, row: &TicketRow) {
        if row.state != State::Completed || !row.created || row.reason.is_some() {
            return;
        }
        let ticket = row.ticket.as_ref().unwrap_or_else(|| panic!("seed {}: I4: {row:?}", self.seed));
        let remote = &self.remotes[&letter(&self.store.lanes[&self.store.lane_of[&row.id]].platform)];
        let shown = remote.tickets.iter().find(|one| one.number == ticket.number).expect("I4: the ticket exists");
        assert!(
            row.work_order.is_some() && shown.work_order == row.work_order,
            "seed {}: I4: {row:?} {shown:?}",
            self.seed
        );
    }

    /// I2: with open rows, something is under way or a wake-up is set, unless only an operator can mend it.
    fn check_alive(&self) {
        let Some(delivery) = &self.delivery else { return };
        if self.wake.is_some() || delivery.load().1 > 0 {
            return;
        }
        let coming = self.heap.values().any(|happening| match happening {
            Happening::Event(life, _) | Happening::Commit(life, _, _) => *life == self.life,
            _ => false,
        });
        let processing = !self.draining && self.settings.backends.values().all(|backend| backend.processing);
        let status = delivery.status(Mono(self.now));
        let stopped =
            status.platforms.values().any(|platform| platform.stopped.is_some() || platform.why.contains("configured"));
        assert!(
            !(!coming && processing && !stopped && !status.waiting.is_empty() && !delivery.is_over(2)),
            "seed {}: I2: open rows and nothing will happen:\n{}",
            self.seed,
            self.picture()
        );
    }
}
