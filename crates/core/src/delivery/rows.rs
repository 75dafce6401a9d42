//! The rows in memory: which phase each is in, who may run for its key, and where it goes next.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry as Slot;
use std::time::Duration;

use super::doubt::{Doubt, Purpose};
use super::{BackendSettings, BatchId, Command, Delivery, KnownTicket, LaneId, OpenTicket};
use crate::effect::Operation;
use crate::ticket::{BackendName, DedupeKey, PlatformName, State, TicketId, TicketReference, TicketRow};
use crate::time::{Mono, Now, Wall};

/// Rows of a lane that are held in memory at once; the rest stays in the store until these are done.
pub(super) const LANE_WINDOW: usize = 50_000;
/// Shortest wait between two looks at something that was not there.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_millis(250);
/// An audit's wall-clock instant is checked at least this often.
pub(super) const AUDIT_CHECK: Duration = Duration::from_mins(1);
/// How often a row that waits for an operator is looked at again.
pub(super) const HELD_RECHECK: Duration = Duration::from_hours(1);
/// Longest wait taken over from a stored wall-clock instant: a clock that jumped cannot hold a row for ever.
const LONGEST_STORED_WAIT: Duration = Duration::from_hours(1);

/// What a row is doing in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing yet: it is about to be placed.
    New,
    /// Another row of its key runs.
    Behind,
    /// Back-off until the instant.
    Waiting(Mono),
    /// Waits for a retrieval that began after the instant.
    Matching(Mono),
    /// May be put in a batch.
    Ready,
    /// A change of it is being committed.
    Committing,
    /// In a batch whose intent is being committed, or that is on the wire.
    InFlight(BatchId),
    /// Its last effect is unclear, or something must be looked up before the next one.
    InDoubt,
    /// Decided otherwise than the restriction allows: it goes no further.
    Aside,
}

/// A row in memory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) row: TicketRow,
    /// The state in the store.
    pub(super) stored: State,
    pub(super) lane: LaneId,
    pub(super) platform: PlatformName,
    pub(super) phase: Phase,
    /// When the retrieval began that found no open ticket of its key.
    pub(super) matched_at: Option<Mono>,
    /// Halves of a refused batch stay together; 0: no cohort.
    pub(super) cohort: u64,
    /// The store is suspect: look before doing anything.
    pub(super) suspect: bool,
    /// An operator brought it back: look once before doing anything.
    pub(super) returned: bool,
    /// Its work order or link was refused: see whether its ticket is still there before trying again.
    pub(super) check_target: bool,
    /// Times it waited for the same reason, for back-off without attempts.
    pub(super) waits: u32,
    /// A transaction that carries it is under way.
    pub(super) writing: bool,
}

/// The rows of one key on one ticket platform.
#[derive(Debug, Default)]
pub(super) struct KeyState {
    pub(super) running: Option<TicketId>,
    pub(super) waiting: BTreeSet<TicketId>,
    /// The ticket that the ledger knows.
    pub(super) known: Option<KnownTicket>,
    /// Since when we know it: right after that an absence is index lag.
    pub(super) known_at: Option<Mono>,
    /// First look-up in which the known ticket was missing.
    pub(super) missed_at: Option<Mono>,
}

/// Where a batch takes its rows from: one lane, one backend, one operation.
pub(super) type QueueName = (PlatformName, Operation, BackendName, LaneId);

impl Delivery {
    /// Takes rows into memory that the store has handed over.
    pub(super) fn take_in(&mut self, lane: LaneId, tickets: Vec<OpenTicket>, now: Now) {
        let mut taken = Vec::with_capacity(tickets.len());
        for OpenTicket { mut row, known } in tickets {
            let id = row.id;
            if !row.state.is_open() || self.rows.contains_key(&id) {
                continue;
            }
            let Some((platform, suspect)) = self.lanes.get(&lane).map(|lane| (lane.platform.clone(), lane.suspect))
            else {
                return;
            };
            if !self.takes_part(&platform, &row) {
                continue;
            }
            // What is in memory is newer than what was read with the row.
            let key = match self.keys.entry((platform.clone(), row.key.clone())) {
                Slot::Occupied(slot) => slot.into_mut(),
                Slot::Vacant(slot) => slot.insert(KeyState { known, known_at: Some(now.mono), ..KeyState::default() }),
            };
            key.waiting.insert(id);
            if suspect {
                // Whatever a row of a suspect store waits for may have been sent in a life that it forgot.
                for operation in Operation::ALL.into_iter().filter(|operation| !operation.is_idempotent()) {
                    row.sent.insert(operation);
                }
            }
            let returned = row.generation > 0;
            let entry = Entry {
                stored: row.state,
                row,
                lane,
                platform,
                phase: Phase::New,
                matched_at: None,
                cohort: 0,
                suspect,
                returned,
                check_target: false,
                waits: 0,
                writing: false,
            };
            self.rows.insert(id, entry);
            taken.push(id);
        }
        // Rows that are further on run first: only they may have something on the wire or half made.
        taken.sort_by_key(|id| (!self.rows[id].row.state.is_underway(), *id));
        for id in taken {
            self.place(id, now);
        }
    }

    /// Decides what a row in memory does next, from its state alone.
    pub(super) fn place(&mut self, id: TicketId, now: Now) {
        let Some(entry) = self.rows.get(&id) else { return };
        let slot = (entry.platform.clone(), entry.row.key.clone());
        let key = self.keys.entry(slot).or_default();
        if *key.running.get_or_insert(id) != id {
            key.waiting.insert(id);
            self.set_phase(id, Phase::Behind);
            return;
        }
        key.waiting.remove(&id);
        if self.is_aside(id) {
            self.set_phase(id, Phase::Aside);
            return;
        }
        let entry = &self.rows[&id];
        if let Some(wait) = entry.row.due_at.map(|due| due.since(now.wall)).filter(|wait| !wait.is_zero()) {
            let until = now.mono.after(wait.min(LONGEST_STORED_WAIT));
            self.set_phase(id, Phase::Waiting(until));
            return;
        }
        self.set_due(id, None);
        self.place_due(id, now.mono);
    }

    /// As [`Delivery::place`], for a row that runs for its key and whose wait is over.
    fn place_due(&mut self, id: TicketId, now: Mono) {
        let entry = &self.rows[&id];
        let (returned, row) = (entry.returned, &entry.row);
        let unclear = |operation| row.sent.contains(operation);
        match row.state {
            State::Received | State::Matching | State::CreatingTicket => {
                if row.created {
                    self.fail(
                        id,
                        Operation::CreateTicket,
                        "TB0308: the ticket that this row created is gone; it never creates again",
                    );
                } else if unclear(Operation::CreateTicket) {
                    self.doubt(id, Doubt::new(Operation::CreateTicket, Purpose::Unknown, now, None));
                } else if returned {
                    self.doubt(id, Doubt::new(Operation::CreateTicket, Purpose::Once, now, None));
                } else {
                    self.match_again(id, now);
                }
            }
            State::AddingNote => {
                if unclear(Operation::AddNote) {
                    self.doubt(id, Doubt::new(Operation::AddNote, Purpose::Unknown, now, None));
                } else if returned {
                    self.doubt(id, Doubt::new(Operation::AddNote, Purpose::Once, now, None));
                } else {
                    self.set_phase(id, Phase::Ready);
                }
            }
            State::CreatingWorkOrder => {
                if unclear(Operation::CreateWorkOrder) {
                    self.doubt(id, Doubt::new(Operation::CreateWorkOrder, Purpose::Unknown, now, None));
                } else if entry.check_target {
                    self.look_at_target(id, Operation::CreateWorkOrder, now);
                } else if returned {
                    self.doubt(id, Doubt::new(Operation::CreateWorkOrder, Purpose::Once, now, None));
                } else {
                    self.set_phase(id, Phase::Ready);
                }
            }
            State::LinkingWorkOrder if entry.check_target => {
                self.look_at_target(id, Operation::LinkWorkOrder, now);
            }
            State::LinkingWorkOrder => self.set_phase(id, Phase::Ready),
            State::Completed | State::Error | State::Dismissed => self.set_phase(id, Phase::Committing),
        }
    }

    /// Before a refused work order or link is tried again: is its ticket still there, and open?
    fn look_at_target(&mut self, id: TicketId, operation: Operation, now: Mono) {
        let Some(entry) = self.rows.get_mut(&id) else { return };
        entry.check_target = false;
        let platform = self.platforms.get(&entry.platform);
        let able =
            platform.and_then(|platform| platform.settings.capabilities.as_ref()).is_some_and(|can| can.finds_tickets);
        if able {
            self.doubt(id, Doubt::new(operation, Purpose::Target, now, None));
        } else {
            self.set_phase(id, Phase::Ready);
        }
    }

    /// Puts a row (back) to waiting for a retrieval that begins from now on.
    pub(super) fn match_again(&mut self, id: TicketId, now: Mono) {
        if let Some(entry) = self.rows.get_mut(&id) {
            entry.row.state = State::Matching;
            entry.matched_at = None;
        }
        self.set_phase(id, Phase::Matching(now));
    }

    /// Moves a row between the queues; the only place that changes a phase.
    pub(super) fn set_phase(&mut self, id: TicketId, phase: Phase) {
        let Some(entry) = self.rows.get_mut(&id) else { return };
        let before = std::mem::replace(&mut entry.phase, phase);
        if before == phase && phase != Phase::Ready {
            return;
        }
        match before {
            Phase::Waiting(until) => {
                self.timers.remove(&(until, id));
            }
            Phase::Matching(since) => {
                if let Some(platform) = self.platforms.get_mut(&entry.platform) {
                    platform.matching.remove(&(since, id));
                }
            }
            Phase::Ready => {
                if let Some((queue, place)) = self.queued.remove(&id)
                    && let Some(rows) = self.ready.get_mut(&queue)
                {
                    rows.remove(&place);
                    if rows.is_empty() {
                        self.ready.remove(&queue);
                    }
                }
            }
            Phase::InDoubt => {
                if let Some(doubt) = self.doubts.remove(&id) {
                    self.agenda.remove(&(doubt.next_look, id));
                }
            }
            Phase::New | Phase::Behind | Phase::Committing | Phase::InFlight(_) | Phase::Aside => {}
        }
        match phase {
            Phase::Waiting(until) => {
                self.timers.insert((until, id));
            }
            Phase::Matching(since) => {
                if let Some(platform) = self.platforms.get_mut(&entry.platform) {
                    platform.matching.insert((since, id));
                }
            }
            Phase::Ready => {
                let Some(operation) = entry.row.state.operation() else {
                    debug_assert!(false, "a ready row waits for an operation");
                    return;
                };
                let target = if operation.on_work_order_platform() {
                    match self.settings.backends.get(&entry.row.backend) {
                        Some(backend) => backend.work_orders.clone(),
                        None => entry.platform.clone(),
                    }
                } else {
                    entry.platform.clone()
                };
                let queue = (target, operation, entry.row.backend.clone(), entry.lane);
                // Halves of a refused batch first: they are the oldest, and must not starve behind what still comes in.
                let place = (if entry.cohort == 0 { u64::MAX } else { entry.cohort }, id);
                self.ready.entry(queue.clone()).or_default().insert(place);
                self.queued.insert(id, (queue, place));
            }
            _ => {}
        }
    }

    /// A row is done (or gone): out of memory, and the next of its key may run.
    pub(super) fn drop_row(&mut self, id: TicketId, now: Now) {
        self.set_phase(id, Phase::Committing);
        let Some(entry) = self.rows.remove(&id) else { return };
        self.remember_reached(&entry.row);
        let slot = (entry.platform, entry.row.key);
        let again = self.changed_meanwhile.remove(&id);
        let again = again.filter(|open| open.row.generation > entry.row.generation || entry.row.state.is_open());
        if let Some(key) = self.keys.get_mut(&slot) {
            key.waiting.remove(&id);
            if key.running == Some(id) {
                key.running = None;
                key.missed_at = None;
            }
            if key.running.is_none() {
                match key.waiting.first().copied() {
                    Some(next) => self.place(next, now),
                    // A load under way may bring a row of this key that was read before our last write.
                    None if self.lanes.get(&entry.lane).is_some_and(|lane| lane.loading) => {
                        self.vacant.insert((entry.lane, slot));
                    }
                    None => {
                        self.keys.remove(&slot);
                    }
                }
            }
        }
        self.take_in(entry.lane, again.into_iter().collect(), now);
    }

    /// The load is in: what was kept of keys without rows can go.
    pub(super) fn forget_vacant_keys(&mut self, lane: LaneId) {
        let vacant = std::mem::take(&mut self.vacant);
        let (of_lane, others) = vacant.into_iter().partition(|(of, _)| *of == lane);
        self.vacant = others;
        let of_lane: BTreeSet<(LaneId, (PlatformName, DedupeKey))> = of_lane;
        for (_, slot) in of_lane {
            if self.keys.get(&slot).is_some_and(|key| key.running.is_none() && key.waiting.is_empty()) {
                self.keys.remove(&slot);
            }
        }
    }

    /// Asks for more rows where the window has room.
    pub(super) fn refill(&mut self, out: &mut Vec<Command>) {
        for (id, lane) in &mut self.lanes {
            if lane.loading || lane.all_loaded {
                continue;
            }
            let room = LANE_WINDOW.saturating_sub(self.rows.len());
            if room >= LANE_WINDOW / 4 {
                lane.loading = true;
                out.push(Command::Load { lane: *id, after: lane.loaded_to, limit: room.min(LOAD_PAGE) });
            }
        }
    }

    // ---- small changes of a row; each is written with the next transaction of its lane ------------------------------

    /// Sets (or clears) the instant before which a row does nothing.
    pub(super) fn set_due(&mut self, id: TicketId, due: Option<Wall>) {
        if let Some(entry) = self.rows.get_mut(&id) {
            entry.row.due_at = due;
        }
    }

    /// The row waits this long from now; written down, so that it outlives the process.
    pub(super) fn wait(&mut self, id: TicketId, wait: Duration, reason: &str, now: Now) {
        if let Some(entry) = self.rows.get_mut(&id) {
            entry.row.due_at = Some(now.wall.after(wait));
            entry.row.reason = Some(reason.to_owned());
        }
        self.set_phase(id, Phase::Committing);
        self.write_row(id);
    }

    /// Puts a row to Error: refused for good, or once too often.
    pub(super) fn fail(&mut self, id: TicketId, operation: Operation, reason: &str) {
        if let Some(entry) = self.rows.get_mut(&id) {
            entry.row.state = State::Error;
            entry.row.failed = Some(operation);
            entry.row.due_at = None;
            entry.row.reason = Some(reason.to_owned());
        }
        self.set_phase(id, Phase::Committing);
        self.write_row(id);
    }

    /// Puts a row to Completed.
    pub(super) fn complete(&mut self, id: TicketId, reason: Option<&str>) {
        if let Some(entry) = self.rows.get_mut(&id) {
            entry.row.state = State::Completed;
            entry.row.due_at = None;
            entry.row.failed = None;
            entry.row.reason = reason.map(str::to_owned);
        }
        self.set_phase(id, Phase::Committing);
        self.write_row(id);
    }

    /// The row goes on to a state, at once.
    pub(super) fn advance(&mut self, id: TicketId, state: State) {
        if let Some(entry) = self.rows.get_mut(&id) {
            entry.row.state = state;
            entry.row.due_at = None;
            entry.row.reason = None;
            entry.row.failed = None;
            entry.returned = false;
            entry.suspect = false;
            entry.waits = 0;
        }
        self.write_row(id);
    }

    /// The remote ticket exists, by an answer or a look-up: created by this row, or another's that it notes.
    pub(super) fn set_ticket(&mut self, id: TicketId, reference: TicketReference, created: bool) {
        if let Some(entry) = self.rows.get_mut(&id) {
            entry.row.ticket = Some(reference);
            entry.row.created |= created;
        }
    }

    /// The platform of a backend's work orders.
    pub(super) fn work_order_platform(&self, backend: &BackendName) -> Option<PlatformName> {
        self.settings.backends.get(backend).map(|backend| backend.work_orders.clone())
    }

    /// Whether a backend may start anything new.
    pub(super) fn processing(&self, backend: &BackendName) -> bool {
        let on = |settings: &BackendSettings| settings.processing || self.is_switched_on(backend);
        !self.draining && self.settings.backends.get(backend).is_some_and(on)
    }

    /// The state of a row's key.
    pub(super) fn key_of(&mut self, id: TicketId) -> Option<(PlatformName, DedupeKey)> {
        self.rows.get(&id).map(|entry| (entry.platform.clone(), entry.row.key.clone()))
    }
}

/// Rows in one load.
const LOAD_PAGE: usize = 5_000;

impl State {
    /// Whether a row in this state may have something on the wire, or half made.
    pub(super) fn is_underway(self) -> bool {
        self.is_open() && !matches!(self, Self::Received | Self::Matching)
    }
}
