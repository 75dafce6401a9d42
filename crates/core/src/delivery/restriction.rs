//! A delivery that is restricted to chosen rows, and to what was decided for each of them beforehand.
//!
//! What a row is going to do is decided when it has been compared with the platform: create, note, or go on with its own
//! ticket. A *plan* lets chosen rows go as far as that and no further, and reads what was decided. Who carries a plan
//! out lets each of them go on only while the decision is the planned one.
//!
//! # What it guarantees
//! * A row that is not chosen is neither written nor sent. Where something of it may be on the platform it holds its key:
//!   no chosen row of that key starts.
//! * A chosen row that is decided otherwise than planned is set aside before an intent is formed for it, also when it is
//!   compared for the second time. It keeps its key: rows that wait behind it stay there.
//! * Audits, the look-ups of a suspect store and requests that others left open are left to whoever delivers without a
//!   restriction.
//!
//! Without a restriction nothing of this is asked. Bound: one entry per chosen row.

use std::collections::{BTreeMap, BTreeSet};

use super::Delivery;
use super::doubt::same_ticket;
use super::rows::Phase;
use crate::ticket::{BackendName, OperationSet, PlatformName, State, TicketId, TicketReference, TicketRow};

/// What a row does once it has been compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// No open ticket of its key: a ticket is created; work order and link follow.
    Create,
    /// This open ticket gets a note.
    Note(TicketReference),
    /// This ticket is its own, of an earlier time: what is missing of work order and link follows.
    Own(TicketReference),
    /// It waits until this row of its key is done, and notes the ticket of that one.
    After(TicketId),
}

/// A row that takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The generation in which it was chosen: a row that an operator brought back since does not take part.
    pub generation: u32,
    /// The backend with which it was chosen.
    pub backend: BackendName,
    /// What it may do; `None`: nothing, it is only decided.
    pub expected: Option<Decision>,
}

/// The rows that take part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restriction {
    rows: BTreeMap<TicketId, Chosen>,
    /// Backends that are taken to have their processing on.
    switched_on: BTreeSet<BackendName>,
    /// What the chosen rows that were set aside would have done.
    decided: BTreeMap<TicketId, Decision>,
    /// The tickets of chosen rows that are done.
    reached: BTreeMap<TicketId, TicketReference>,
}

impl Restriction {
    /// Only these rows. `switched_on`: backends whose processing may be off and is taken to be on, for these rows: an
    /// operator asks for each of them by name.
    pub fn new(rows: BTreeMap<TicketId, Chosen>, switched_on: BTreeSet<BackendName>) -> Self {
        Self { rows, switched_on, decided: BTreeMap::new(), reached: BTreeMap::new() }
    }

    fn chooses(&self, row: &TicketRow) -> bool {
        let chosen = self.rows.get(&row.id);
        chosen.is_some_and(|chosen| chosen.generation == row.generation && chosen.backend == row.backend)
    }

    fn expects(&self, id: TicketId, decision: &Decision) -> bool {
        let expected = self.rows.get(&id).and_then(|chosen| chosen.expected.as_ref());
        match (expected, decision) {
            // Its own ticket carries its own origin id: the planned create, or an earlier one, has had its effect.
            (Some(Decision::Create), Decision::Create | Decision::Own(_))
            | (Some(Decision::Own(_)), Decision::Own(_)) => true,
            (Some(Decision::Note(planned)), Decision::Note(now)) => same_ticket(planned, now),
            (Some(Decision::After(first)), Decision::Note(now)) => {
                self.reached.get(first).is_some_and(|ticket| same_ticket(ticket, now))
            }
            _ => false,
        }
    }
}

/// Where a chosen row is that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Decided, and set aside.
    Decided(Decision),
    /// Behind this row of its key, chosen or not.
    Behind(TicketId),
    /// It waits; for what, for people.
    Waiting(Option<String>),
}

impl Delivery {
    /// The same, restricted. To be called before the first event.
    #[must_use]
    pub fn restricted(mut self, restriction: Restriction) -> Self {
        self.restriction = Some(restriction);
        self
    }

    /// The chosen rows in memory. Without a restriction there are none.
    pub fn standings(&self) -> BTreeMap<TicketId, Standing> {
        let Some(restriction) = &self.restriction else { return BTreeMap::new() };
        let standing = |id: &TicketId| {
            let entry = &self.rows[id];
            let runs = self.keys.get(&(entry.platform.clone(), entry.row.key.clone())).and_then(|key| key.running);
            match (restriction.decided.get(id), entry.phase, runs) {
                (Some(decision), ..) => Standing::Decided(decision.clone()),
                (None, Phase::Behind, Some(first)) => Standing::Behind(first),
                _ => Standing::Waiting(entry.row.reason.clone()),
            }
        };
        self.rows.keys().map(|id| (*id, standing(id))).collect()
    }

    /// Nothing more will come of the chosen rows by itself: `lanes` are taken and loaded, nothing is under way, and every
    /// row that is left was set aside, waits behind another, or waits for an operator.
    pub fn is_over(&self, lanes: usize) -> bool {
        let loaded = self.lanes.len() == lanes && self.lanes.values().all(|lane| lane.all_loaded && !lane.loading);
        loaded && self.load().1 == 0 && self.pending.is_empty() && self.rows.keys().all(|id| self.is_stuck(*id))
    }

    /// Whether only an operator, or another row, can get a row going again.
    fn is_stuck(&self, id: TicketId) -> bool {
        let entry = &self.rows[&id];
        let work_orders = self.work_order_platform(&entry.row.backend);
        let target = work_orders.filter(|_| entry.row.state == State::CreatingWorkOrder);
        let platform = self.platforms.get(target.as_ref().unwrap_or(&entry.platform));
        let unusable = platform.is_none_or(|platform| platform.settings.capabilities.is_none());
        let creates = matches!(entry.row.state, State::Matching | State::CreatingTicket);
        let stopped = creates && platform.is_some_and(|platform| platform.stopped.is_some());
        let off = unusable || !self.processing(&entry.row.backend);
        match entry.phase {
            Phase::Aside | Phase::Behind => true,
            Phase::InDoubt => off || self.doubts.get(&id).is_some_and(|doubt| doubt.held),
            Phase::Ready | Phase::Waiting(_) => off || stopped,
            Phase::Matching(_) => off,
            Phase::New | Phase::Committing | Phase::InFlight(_) => false,
        }
    }

    /// Whether a row that is to be taken into memory takes part. One that does not, and may have something on the
    /// platform, holds its key.
    pub(super) fn takes_part(&mut self, platform: &PlatformName, row: &TicketRow) -> bool {
        let Some(restriction) = &self.restriction else { return true };
        let takes_part = restriction.chooses(row);
        if !takes_part && (row.state.is_underway() || row.sent != OperationSet::default()) {
            let key = self.keys.entry((platform.clone(), row.key.clone())).or_default();
            key.running.get_or_insert(row.id);
        }
        takes_part
    }

    /// Whether a batch that somebody left open is ours to settle.
    pub(super) fn settles(&self, items: &[TicketId]) -> bool {
        let Some(restriction) = &self.restriction else { return true };
        items.iter().any(|id| restriction.rows.contains_key(id))
    }

    /// Whether only chosen rows take part.
    pub(super) fn is_restricted(&self) -> bool {
        self.restriction.is_some()
    }

    /// Whether a backend is taken to have its processing on, whatever its settings say.
    pub(super) fn is_switched_on(&self, backend: &BackendName) -> bool {
        self.restriction.as_ref().is_some_and(|restriction| restriction.switched_on.contains(backend))
    }

    /// Whether a row was decided and may go no further.
    pub(super) fn is_aside(&self, id: TicketId) -> bool {
        self.restriction.as_ref().is_some_and(|restriction| restriction.decided.contains_key(&id))
    }

    /// Whether a row may do what was just decided. If not, it is set aside.
    pub(super) fn may_go_on(&mut self, id: TicketId, decision: impl FnOnce() -> Decision) -> bool {
        let Some(restriction) = &mut self.restriction else { return true };
        let decision = decision();
        if restriction.expects(id, &decision) {
            return true;
        }
        restriction.decided.insert(id, decision);
        if let Some(entry) = self.rows.get_mut(&id) {
            // As it was before; one that was on its way to a create or a note begins anew, whoever goes on with it.
            entry.row.state = if entry.stored == State::Received { State::Received } else { State::Matching };
        }
        self.set_phase(id, Phase::Aside);
        false
    }

    /// A chosen row is done: who waits behind it may note its ticket.
    pub(super) fn remember_reached(&mut self, row: &TicketRow) {
        if let (Some(restriction), Some(ticket), State::Completed) = (&mut self.restriction, &row.ticket, row.state) {
            restriction.reached.insert(row.id, ticket.clone());
        }
    }
}
