//! The model store: committed rows, batches, ledger and audits. It refuses what a real one refuses, and treats a
//! breach of the rules of a transaction as a defect of the state machine.

use std::collections::{BTreeMap, BTreeSet};

use ticketbridge_core::delivery::{
    Audit, BatchId, Fence, KnownTicket, LaneId, LaneTaken, OpenTicket, Problem, Receipt, Settle, UnsettledBatch, Writes,
};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{Attempts, DedupeKey, PlatformName, State, TicketId, TicketRow};
use ticketbridge_core::time::Mono;

/// A batch as stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredBatch {
    pub(crate) lane: LaneId,
    pub(crate) operation: Operation,
    pub(crate) platform: PlatformName,
    pub(crate) items: Vec<TicketId>,
    /// `None`: settled.
    pub(crate) unresolved: Option<BTreeSet<TicketId>>,
}

/// One lane of a platform.
#[derive(Debug, Clone)]
pub(crate) struct StoredLane {
    pub(crate) platform: PlatformName,
    pub(crate) fence: Fence,
    pub(crate) next_sequence: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) rows: BTreeMap<TicketId, TicketRow>,
    pub(crate) lane_of: BTreeMap<TicketId, LaneId>,
    pub(crate) lanes: BTreeMap<LaneId, StoredLane>,
    pub(crate) batches: BTreeMap<BatchId, StoredBatch>,
    pub(crate) ledger: BTreeMap<(PlatformName, DedupeKey), KnownTicket>,
    pub(crate) audits: BTreeMap<TicketId, (LaneId, Audit)>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) transactions: usize,
}

impl Store {
    /// The next holder's share of a lane; the token rises.
    pub(crate) fn take(&mut self, id: LaneId, until: Mono, suspect: bool) -> LaneTaken {
        let lane = self.lanes.get_mut(&id).expect("a lane of the store");
        lane.fence.0 += 1;
        let lane = lane.clone();
        let unsettled: Vec<UnsettledBatch> = self
            .batches
            .iter()
            .filter(|(_, batch)| batch.lane == id)
            .filter_map(|(batch, stored)| {
                let items = stored.unresolved.as_ref()?.iter().copied().collect();
                Some(UnsettledBatch { id: *batch, operation: stored.operation, items })
            })
            .collect();
        let tickets: BTreeSet<TicketId> = unsettled.iter().flat_map(|batch| batch.items.iter().copied()).collect();
        LaneTaken {
            lane: id,
            platform: lane.platform.clone(),
            fence: lane.fence,
            until,
            next_sequence: lane.next_sequence,
            unsettled,
            tickets: tickets.into_iter().map(|ticket| self.open_ticket(ticket)).collect(),
            canaries: self
                .ledger
                .iter()
                .filter(|((platform, _), _)| *platform == lane.platform)
                .map(|(_, known)| known.clone())
                .collect(),
            audits: self.audits.values().filter(|(of, _)| *of == id).map(|(_, audit)| audit.clone()).collect(),
            stopped: None,
            suspect,
        }
    }

    pub(crate) fn open_ticket(&self, id: TicketId) -> OpenTicket {
        let row = self.rows[&id].clone();
        let platform = self.lanes[&self.lane_of[&id]].platform.clone();
        let known = self.ledger.get(&(platform, row.key.clone())).cloned();
        OpenTicket { row, known }
    }

    pub(crate) fn load(&self, lane: LaneId, after: TicketId, limit: usize) -> (Vec<OpenTicket>, bool) {
        let mut rows: Vec<TicketId> = self
            .rows
            .range(TicketId(after.0 + 1)..)
            .filter(|(id, row)| self.lane_of[id] == lane && row.state.is_open())
            .map(|(id, _)| *id)
            .take(limit + 1)
            .collect();
        let end = rows.len() <= limit;
        rows.truncate(limit);
        (rows.into_iter().map(|id| self.open_ticket(id)).collect(), end)
    }

    /// One transaction: whole or not at all. `Err`: it breaks a rule, which is a defect.
    pub(crate) fn apply(&mut self, writes: &Writes) -> Result<Receipt, String> {
        if self.lanes[&writes.lane].fence != writes.fence {
            return Ok(Receipt::LostFence);
        }
        let mut seen = BTreeSet::new();
        let mut stale = Vec::new();
        for update in &writes.rows {
            let id = update.row.id;
            if !seen.insert(id) {
                return Err(format!("row {} is written twice in one transaction", id.0));
            }
            let stored = &self.rows[&id];
            if stored.state != update.expected || stored.generation != update.row.generation {
                stale.push(id);
            }
        }
        if !stale.is_empty() {
            return Ok(Receipt::StaleRows(stale));
        }
        let mut settled = BTreeSet::new();
        for settle in &writes.settles {
            if !settled.insert(settle.batch) {
                return Err(format!("batch {:?} is settled twice in one transaction", settle.batch));
            }
            self.check_settle(settle)?;
        }
        self.check_intents(writes)?;
        for update in &writes.rows {
            self.rows.insert(update.row.id, update.row.clone());
        }
        for settle in &writes.settles {
            let batch = self.batches.get_mut(&settle.batch).expect("checked");
            batch.unresolved =
                if settle.remaining.is_empty() { None } else { Some(settle.remaining.iter().copied().collect()) };
        }
        let lane = self.lanes.get_mut(&writes.lane).expect("checked");
        for intent in &writes.intents {
            lane.next_sequence = lane.next_sequence.max(intent.batch.sequence() + 1);
            let batch = StoredBatch {
                lane: writes.lane,
                operation: intent.operation,
                platform: intent.platform.clone(),
                items: intent.items.clone(),
                unresolved: Some(intent.items.iter().copied().collect()),
            };
            self.batches.insert(intent.batch, batch);
        }
        for known in &writes.known {
            self.ledger.insert((lane.platform.clone(), known.key.clone()), known.clone());
        }
        for key in &writes.forgotten {
            self.ledger.remove(&(lane.platform.clone(), key.clone()));
        }
        for audit in &writes.audits {
            if audit.looks >= 4 {
                self.audits.remove(&audit.ticket);
            } else {
                self.audits.insert(audit.ticket, (writes.lane, audit.clone()));
            }
        }
        self.problems.extend(writes.problems.iter().cloned());
        self.transactions += 1;
        Ok(Receipt::Done)
    }

    fn check_settle(&self, settle: &Settle) -> Result<(), String> {
        let Some(batch) = self.batches.get(&settle.batch) else {
            return Err(format!("batch {:?} is settled and was never begun", settle.batch));
        };
        let Some(unresolved) = &batch.unresolved else {
            return Err(format!("batch {:?} is settled again", settle.batch));
        };
        if let Some(stranger) = settle.results.iter().find(|result| !batch.items.contains(&result.ticket)) {
            return Err(format!("batch {:?} never carried {:?}", settle.batch, stranger.ticket));
        }
        if let Some(stranger) = settle.remaining.iter().find(|item| !unresolved.contains(item)) {
            return Err(format!("{stranger:?} is no unresolved item of batch {:?}", settle.batch));
        }
        Ok(())
    }

    fn check_intents(&self, writes: &Writes) -> Result<(), String> {
        for intent in &writes.intents {
            if intent.items.is_empty() {
                return Err(format!("batch {:?} has no items", intent.batch));
            }
            if self.batches.contains_key(&intent.batch) {
                return Err(format!("batch {:?} was begun before", intent.batch));
            }
            if intent.items.iter().collect::<BTreeSet<_>>().len() != intent.items.len() {
                return Err(format!("batch {:?} carries an item twice", intent.batch));
            }
            for item in &intent.items {
                let row = writes
                    .rows
                    .iter()
                    .find(|update| update.row.id == *item)
                    .map_or_else(|| &self.rows[item], |update| &update.row);
                if row.state.operation() != Some(intent.operation) {
                    return Err(format!(
                        "batch {:?} is to {} {item:?}, which is {}",
                        intent.batch, intent.operation, row.state
                    ));
                }
                if !row.sent.contains(intent.operation) {
                    return Err(format!("{item:?} goes out without its mark of {}", intent.operation));
                }
            }
        }
        Ok(())
    }

    /// An operator's act: retry of an Error.
    pub(crate) fn retry(&mut self, id: TicketId) -> bool {
        let row = self.rows.get_mut(&id).expect("a row");
        if row.state != State::Error {
            return false;
        }
        row.state = match row.failed {
            Some(Operation::AddNote) => State::AddingNote,
            Some(Operation::CreateWorkOrder) => State::CreatingWorkOrder,
            Some(Operation::LinkWorkOrder) => State::LinkingWorkOrder,
            Some(Operation::CreateTicket) | None => State::Matching,
        };
        row.generation += 1;
        row.attempts = Attempts::default();
        row.reason = None;
        row.due_at = None;
        row.failed = None;
        true
    }

    /// An operator's act: dismiss.
    pub(crate) fn dismiss(&mut self, id: TicketId) -> bool {
        let row = self.rows.get_mut(&id).expect("a row");
        let allowed = row.state == State::Error || (row.state == State::Received && row.sent.to_bits() == 0);
        if allowed {
            row.state = State::Dismissed;
            row.due_at = None;
            row.failed = None;
        }
        allowed
    }
}
