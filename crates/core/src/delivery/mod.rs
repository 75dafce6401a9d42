//! All scheduling decisions of the trouble-ticket lifecycle, as one state machine without clock, lock or socket.
//!
//! [`Delivery::handle`] takes one [`Event`] and answers with [`Command`]s; whoever drives it performs them and brings
//! back what became of them. The engine drives it with real time and sockets, a simulator with virtual ones: the
//! decisions are the same, to the bit, for the same seed and the same events.
//!
//! # What it guarantees
//! * No request without a committed intent: a [`SendPermit`] is made only from the commit's receipt.
//! * One row of a key runs at a time on a ticket platform; its next row starts when it is done.
//! * What may have happened is looked up before anything follows ([`doubt`](self)): a negative counts only after
//!   `in_doubt_for`, twice, the settling time apart, with a canary in sight.
//! * Everything one event causes in a lane is one transaction.
//!   Two that touch one row or one batch never overlap, since a failed one is tried again after later ones.
//! * A request leaves only if switches, lease, breaker and match still allow it when its intent is durable; otherwise
//!   it is recalled and settled as not sent.
//! * Idle, it asks for nothing: [`Command::WakeAt`] names the one instant at which it has something to do.
//!
//! # How a ticket goes through
//! `take_in` → its turn for its key → Matching → a retrieval → note or create → batch → intent committed → sent →
//! outcome per item → settled together with the next intent → … → Completed, out of memory.
//!
//! # Limits
//! 50,000 rows per lane in memory, 100 rows per look-up, 32 canaries per platform.

mod answer;
mod backoff;
mod doubt;
mod event;
mod form;
mod matching;
mod platform;
mod probe;
mod restriction;
mod rows;
mod settings;
mod status;
mod under_way;
mod watch;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// What comes after the code in the reason of a row that is held for an operator.
pub const HELD: &str = "held for an operator: ";

pub use event::{Command, Event, LaneTaken, ProbeId, Report, SendPermit, Stop, TransactionId};
pub use probe::MISSING_STOPS;
pub use restriction::{Chosen, Decision, Restriction, Standing};
pub use settings::{BackendSettings, OnUnresolved, PlatformSettings, Settings};
pub use status::{PlatformStatus, Status};
pub use under_way::UnderWay;
pub use writes::{
    Audit, BatchId, Ending, Fence, Intent, ItemResult, KnownTicket, LaneId, OpenTicket, Problem, Receipt, RowUpdate,
    Settle, Settled, UnsettledBatch, Writes,
};

use self::backoff::Dice;
use self::doubt::Doubt;
use self::form::{Pending, Transaction};
use self::platform::{Admission, Breaker, Platform};
use self::probe::Probe;
use self::rows::{Entry, KeyState, Phase, QueueName};
use crate::effect::{Operation, Outcome};
use crate::ticket::{DedupeKey, PlatformName, State, TicketId};
use crate::time::{Mono, Now, Wall};

/// How often it is looked whether rows of a suspect store are left.
const SUSPICION_LOOK: Duration = Duration::from_secs(5);

/// A lane in our hands.
#[derive(Debug)]
struct Lane {
    platform: PlatformName,
    fence: Fence,
    until: Mono,
    next_sequence: i64,
    /// Rows that are loaded now are suspect: they were there when a suspect store was opened.
    suspect: bool,
    /// Some of them may still be; looked at again at this instant.
    suspicion_looked_at: Option<Mono>,
    loaded_to: TicketId,
    loading: bool,
    all_loaded: bool,
    /// News came while a load was under way.
    news: bool,
}

/// A batch between its intent and its last outcome.
#[derive(Debug, Clone)]
struct Batch {
    id: BatchId,
    lane: LaneId,
    platform: PlatformName,
    operation: Operation,
    items: Vec<TicketId>,
    unresolved: BTreeSet<TicketId>,
    applied: usize,
    was_unknown: bool,
    /// Left behind by an earlier holder of the lane.
    inherited: bool,
    sent_at: Mono,
    on_wire: bool,
    /// It has a place in its platform's window.
    counted: bool,
    /// It is the single ticket that tries a platform whose breaker is open.
    breaker_probe: bool,
    /// It is the single ticket that tries an operation that is held back.
    gate_trial: bool,
    /// A part of it is being settled: the next part waits for that.
    settling: bool,
    /// One item alone, refused in a way that does not say that nothing was done.
    refused_alone: bool,
}

/// The state machine. See the module's documentation.
#[derive(Debug)]
pub struct Delivery {
    settings: Arc<Settings>,
    dice: Dice,
    now: Now,
    draining: bool,
    lanes: BTreeMap<LaneId, Lane>,
    rows: BTreeMap<TicketId, Entry>,
    keys: BTreeMap<(PlatformName, DedupeKey), KeyState>,
    platforms: BTreeMap<PlatformName, Platform>,
    ready: BTreeMap<QueueName, BTreeSet<(u64, TicketId)>>,
    queued: BTreeMap<TicketId, (QueueName, (u64, TicketId))>,
    timers: BTreeSet<(Mono, TicketId)>,
    doubts: BTreeMap<TicketId, Doubt>,
    agenda: BTreeSet<(Mono, TicketId)>,
    batches: BTreeMap<BatchId, Batch>,
    /// Items of batches that an earlier holder of the lane left open.
    inherited: BTreeMap<TicketId, BatchId>,
    /// Keys without rows whose ledger entry is kept until a load that is under way has come in.
    vacant: BTreeSet<(LaneId, (PlatformName, DedupeKey))>,
    /// Rows that an operator changed while something of them was under way.
    changed_meanwhile: BTreeMap<TicketId, OpenTicket>,
    refused_whole: BTreeSet<BatchId>,
    probes: BTreeMap<ProbeId, Probe>,
    audits: BTreeMap<TicketId, (LaneId, Audit)>,
    audits_under_way: BTreeSet<TicketId>,
    transactions: BTreeMap<TransactionId, Transaction>,
    pending: BTreeMap<LaneId, Pending>,
    reports: Vec<Report>,
    next_probe: u64,
    next_transaction: u64,
    next_cohort: u64,
    wake: Option<Mono>,
    /// Only these rows take part.
    restriction: Option<Restriction>,
}

impl Delivery {
    /// A state machine without lanes. The same seed and events give the same commands.
    pub fn new(settings: Arc<Settings>, seed: u64) -> Self {
        let platforms =
            settings.platforms.iter().map(|(name, settings)| (name.clone(), Platform::new(settings.clone()))).collect();
        Self {
            settings,
            dice: Dice::new(seed),
            now: Now { mono: Mono(0), wall: Wall(0) },
            draining: false,
            lanes: BTreeMap::new(),
            rows: BTreeMap::new(),
            keys: BTreeMap::new(),
            platforms,
            ready: BTreeMap::new(),
            queued: BTreeMap::new(),
            timers: BTreeSet::new(),
            doubts: BTreeMap::new(),
            agenda: BTreeSet::new(),
            batches: BTreeMap::new(),
            inherited: BTreeMap::new(),
            vacant: BTreeSet::new(),
            changed_meanwhile: BTreeMap::new(),
            refused_whole: BTreeSet::new(),
            probes: BTreeMap::new(),
            audits: BTreeMap::new(),
            audits_under_way: BTreeSet::new(),
            transactions: BTreeMap::new(),
            pending: BTreeMap::new(),
            reports: Vec::new(),
            next_probe: 1,
            next_transaction: 1,
            next_cohort: 0,
            wake: None,
            restriction: None,
        }
    }

    /// Takes one event in and answers with what has to be done, in order.
    pub fn handle(&mut self, now: Now, event: Event, out: &mut Vec<Command>) {
        debug_assert!(now.mono >= self.now.mono, "the monotonic clock went back");
        self.now = now;
        match event {
            Event::LaneTaken(taken) => self.on_lane_taken(*taken, now),
            Event::LaneRenewed { lane, until } => {
                if let Some(lane) = self.lanes.get_mut(&lane) {
                    lane.until = lane.until.max(until);
                }
            }
            Event::LaneLost { lane } => self.lose_lane(lane),
            Event::News { lane } => {
                if let Some(lane) = self.lanes.get_mut(&lane) {
                    lane.all_loaded = false;
                    lane.news |= lane.loading;
                }
            }
            Event::Loaded { lane, tickets, end } => self.on_loaded(lane, tickets, end, now),
            Event::Changed { lane, tickets } => self.on_changed(lane, tickets, now),
            Event::Committed { transaction, receipt } => self.on_committed(transaction, receipt, now, out),
            Event::CommitFailed { transaction, why } => self.on_commit_failed(transaction, why, now),
            Event::NotEncodable { transaction, batch, item, why } => {
                self.on_not_encodable(transaction, batch, item, &why, now, out);
            }
            Event::Answered { batch, call, outcomes, latency } => self.on_answered(batch, call, outcomes, latency, now),
            Event::LookedUp { probe, asked_at, result } => self.on_looked_up(probe, asked_at, result, now),
            Event::Wake => self.wake = None,
            Event::Settings { settings } => self.on_settings(settings),
            Event::LossAccepted { platform } => self.on_loss_accepted(&platform, now),
            Event::Drain => self.draining = true,
        }
        self.work(now, out);
    }

    /// Everything that may start now, starts.
    fn work(&mut self, now: Now, out: &mut Vec<Command>) {
        self.wake_rows(now);
        self.retry_commits(now, out);
        self.probe_breakers(now, out);
        self.probe_doubts(now, out);
        self.watch(now, out);
        self.end_suspicion(now.mono);
        self.form_batches(now);
        self.retrieve(now, out);
        self.flush(out);
        self.refill(out);
        out.extend(self.reports.drain(..).map(Command::Report));
        let wake = self.next_wake(now.mono);
        if wake != self.wake {
            self.wake = wake;
            out.push(Command::WakeAt { at: wake });
        }
    }

    /// Says when nothing is left of what a suspect store may have forgotten.
    fn end_suspicion(&mut self, now: Mono) {
        let due = |lane: &Lane| lane.suspicion_looked_at.is_some_and(|at| now.since(at) >= SUSPICION_LOOK);
        let lanes: Vec<LaneId> =
            self.lanes.iter().filter(|(_, lane)| !lane.suspect && due(lane)).map(|(id, _)| *id).collect();
        for id in lanes {
            let left = self.rows.values().any(|entry| entry.lane == id && entry.suspect);
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.suspicion_looked_at = left.then_some(now);
            }
            let over = !left && self.lanes.values().all(|lane| lane.suspicion_looked_at.is_none());
            if over && !self.is_restricted() {
                self.reports.push(Report::SuspicionOver);
            }
        }
    }

    /// Rows whose back-off is over go on.
    fn wake_rows(&mut self, now: Now) {
        while let Some((until, id)) = self.timers.first().copied().filter(|(until, _)| *until <= now.mono) {
            self.timers.remove(&(until, id));
            self.set_due(id, None);
            self.set_phase(id, Phase::New);
            self.place(id, now);
        }
    }

    fn on_lane_taken(&mut self, taken: LaneTaken, now: Now) {
        // Taken anew without having been lost in between: what was known of it is of an earlier token.
        self.lose_lane(taken.lane);
        let lane = Lane {
            platform: taken.platform.clone(),
            fence: taken.fence,
            until: taken.until,
            next_sequence: taken.next_sequence,
            suspect: taken.suspect,
            suspicion_looked_at: taken.suspect.then_some(now.mono),
            loaded_to: TicketId(0),
            loading: false,
            all_loaded: false,
            news: false,
        };
        self.lanes.insert(taken.lane, lane);
        if let Some(platform) = self.platforms.get_mut(&taken.platform) {
            for known in taken.canaries.into_iter().rev() {
                platform.remember(known, now.mono);
            }
            if taken.stopped.is_some() {
                platform.stopped = taken.stopped;
            }
        }
        if !self.is_restricted() {
            self.take_audits(taken.lane, taken.audits);
        }
        let rows: BTreeMap<TicketId, &OpenTicket> = taken.tickets.iter().map(|open| (open.row.id, open)).collect();
        for left in taken.unsettled.into_iter().filter(|left| self.settles(&left.items)).collect::<Vec<_>>() {
            let backend = left.items.iter().find_map(|id| rows.get(id)).map(|open| open.row.backend.clone());
            let target = backend
                .filter(|_| left.operation.on_work_order_platform())
                .and_then(|backend| self.work_order_platform(&backend))
                .unwrap_or_else(|| taken.platform.clone());
            self.inherited.extend(left.items.iter().map(|id| (*id, left.id)));
            let batch = Batch {
                id: left.id,
                lane: taken.lane,
                platform: target,
                operation: left.operation,
                unresolved: left.items.iter().copied().collect(),
                items: left.items,
                applied: 0,
                was_unknown: true,
                inherited: true,
                sent_at: now.mono,
                on_wire: false,
                counted: false,
                breaker_probe: false,
                gate_trial: false,
                settling: false,
                refused_alone: false,
            };
            self.batches.insert(left.id, batch);
        }
        self.take_in(taken.lane, taken.tickets, now);
        // What needs no look-up (an idempotent write, a row that is over) is settled as unclear.
        let idempotent: Vec<(TicketId, BatchId)> = self
            .inherited
            .iter()
            .filter(|(id, batch)| {
                let batch = self.batches.get(batch);
                batch.is_some_and(|batch| {
                    batch.lane == taken.lane && (batch.operation.is_idempotent() || !self.rows.contains_key(id))
                })
            })
            .map(|(id, batch)| (*id, *batch))
            .collect();
        for (id, batch) in idempotent {
            self.inherited.remove(&id);
            let next = self.rows.get(&id).map_or(State::Completed, |entry| entry.row.state);
            let why = String::from("unclear after a restart; an idempotent write is simply sent again");
            self.settle(batch, vec![(id, Outcome::Unavailable { why }, next)], Settled::LookUp);
        }
    }

    fn on_loaded(&mut self, lane: LaneId, tickets: Vec<OpenTicket>, end: bool, now: Now) {
        let Some(state) = self.lanes.get_mut(&lane) else { return };
        state.loading = false;
        state.all_loaded = end && !std::mem::take(&mut state.news);
        if let Some(last) = tickets.last() {
            state.loaded_to = state.loaded_to.max(last.row.id);
        }
        self.take_in(lane, tickets, now);
        self.forget_vacant_keys(lane);
        if let Some(state) = self.lanes.get_mut(&lane).filter(|_| end) {
            // What comes from now on was never forgotten.
            state.suspect = false;
        }
    }

    /// Rows that an operator acted on: read anew, unless something of them is under way (then the commit finds out).
    fn on_changed(&mut self, lane: LaneId, tickets: Vec<OpenTicket>, now: Now) {
        let mut fresh = Vec::new();
        for open in tickets {
            let busy = self.rows.get(&open.row.id).map(|entry| entry.phase);
            if matches!(busy, Some(Phase::InFlight(_) | Phase::Committing | Phase::InDoubt)) {
                // What is being committed now may be what the operator acted on: it comes back when that is done.
                if open.row.state.is_open() {
                    self.changed_meanwhile.insert(open.row.id, open);
                } else {
                    self.changed_meanwhile.remove(&open.row.id);
                }
                continue;
            }
            if busy.is_some() {
                self.drop_row(open.row.id, now);
            }
            if open.row.state.is_open() {
                fresh.push(open);
            }
        }
        self.take_in(lane, fresh, now);
    }

    /// The lane is another's: nothing of it is known any more.
    fn lose_lane(&mut self, lane: LaneId) {
        self.lanes.remove(&lane);
        self.pending.remove(&lane);
        let ids: Vec<TicketId> = self.rows.iter().filter(|(_, entry)| entry.lane == lane).map(|(id, _)| *id).collect();
        for id in &ids {
            self.set_phase(*id, Phase::Committing);
            if let Some(entry) = self.rows.remove(id) {
                self.keys.remove(&(entry.platform, entry.row.key));
            }
            self.inherited.remove(id);
            self.changed_meanwhile.remove(id);
        }
        let batches: Vec<BatchId> =
            self.batches.values().filter(|batch| batch.lane == lane).map(|batch| batch.id).collect();
        for id in batches {
            // An answer that still comes gives its place in the window back; see `on_answered`.
            if let Some(batch) = self.batches.get_mut(&id).filter(|batch| batch.on_wire) {
                batch.items.clear();
                batch.unresolved.clear();
            } else {
                self.release(id);
                self.batches.remove(&id);
            }
        }
        self.vacant.retain(|(of, _)| *of != lane);
        self.transactions.retain(|_, transaction| transaction.lane() != lane);
        self.audits.retain(|_, (of, _)| *of != lane);
    }

    fn on_settings(&mut self, settings: Arc<Settings>) {
        for (name, new) in &settings.platforms {
            match self.platforms.get_mut(name) {
                Some(platform) => platform.settings = new.clone(),
                None => {
                    self.platforms.insert(name.clone(), Platform::new(new.clone()));
                }
            }
        }
        for (name, platform) in &mut self.platforms {
            if !settings.platforms.contains_key(name) {
                platform.settings.capabilities = None;
                platform.settings.unusable = Some(String::from("it is no longer configured"));
            }
        }
        self.settings = settings;
        let ready: Vec<TicketId> = self.queued.keys().copied().collect();
        for id in ready {
            self.set_phase(id, Phase::Ready);
        }
    }

    /// The one instant at which there is something to do without an event.
    fn next_wake(&self, now: Mono) -> Option<Mono> {
        let mut wake: Option<Mono> = None;
        let mut at_least = |at: Option<Mono>| {
            if let Some(at) = at {
                let at = at.max(Mono(now.0 + 1));
                wake = Some(wake.map_or(at, |known| known.min(at)));
            }
        };
        at_least(self.timers.first().map(|(until, _)| *until));
        at_least(
            self.lanes.values().filter_map(|lane| lane.suspicion_looked_at).min().map(|at| at.after(SUSPICION_LOOK)),
        );
        at_least(self.transactions.values().filter_map(|transaction| transaction.retry_at).min());
        if self.draining {
            return wake;
        }
        for (at, id) in &self.agenda {
            let Some(doubt) = self.doubts.get(id).filter(|doubt| doubt.probing.is_none()) else { continue };
            if !self.rows.get(id).is_some_and(|entry| self.processing(&entry.row.backend)) {
                continue;
            }
            let platform = self.platform_of_ask(*id, doubt.ask()).and_then(|name| self.platforms.get(&name));
            let open = platform.is_some_and(|platform| matches!(platform.breaker, Breaker::Open { .. }));
            match platform.map(|platform| platform.admission(now.max(*at))) {
                Some(Admission::Now) => {
                    at_least(Some(*at));
                    break;
                }
                Some(Admission::At(until)) => at_least(Some(until)),
                // Behind an open breaker a look that falls due may be its probe.
                _ => at_least(Some(*at).filter(|at| open && *at > now)),
            }
        }
        for (name, platform) in &self.platforms {
            if !self.is_wanted(name) || platform.settings.capabilities.is_none() {
                continue;
            }
            let free = platform.in_flight < platform.window();
            let paused = platform.paused_until.filter(|until| *until > now);
            let waits = !platform.matching.is_empty() || self.ready.keys().any(|queue| queue.0 == *name);
            if waits {
                let gates = platform.gates.values().filter(|gate| !gate.trying && gate.until > now);
                at_least(gates.map(|gate| gate.until).min());
            }
            if !platform.matching.is_empty() && platform.retrieval.under_way.is_none() {
                at_least(platform.retrieval.not_before.filter(|at| *at > now));
            }
            if let Breaker::Open { until, .. } = platform.breaker {
                let has_read = platform.settings.capabilities.as_ref().is_some_and(|can| can.has_health_read);
                let rested = until.max(paused.unwrap_or(until));
                if until > now || has_read || paused.is_some() {
                    at_least(Some(rested));
                }
                // A look that falls due may be its probe.
                at_least(platform.lag_look_at().map(|at| at.max(rested)).filter(|at| *at > now));
                continue;
            }
            if !free || matches!(platform.breaker, Breaker::Probing { .. }) {
                continue;
            }
            if waits {
                at_least(paused);
            }
            at_least(platform.lag_look_at().map(|at| paused.map_or(at, |until| until.max(at))));
        }
        at_least(self.next_audit(now));
        wake
    }

    /// Rows in memory, and transactions, requests and look-ups under way: all zero means that nothing is going on.
    pub fn load(&self) -> (usize, usize) {
        let on_wire = self.batches.values().filter(|batch| batch.on_wire).count();
        (self.rows.len(), self.transactions.len() + on_wire + self.probes.len())
    }
}
