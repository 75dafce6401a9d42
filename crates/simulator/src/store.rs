//! The store as a model: what is committed, who holds which lane, and the journal from which every row can be made anew.
//!
//! Guarantee: it refuses what a durable store refuses, and calls a breach of the rules of a transaction a defect. Only
//! what was applied is here: what a process still has in its hands is volatile and lives in the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ticketbridge_core::delivery::{
    Audit, BatchId, Fence, Intent, KnownTicket, LaneId, LaneTaken, OpenTicket, Problem, Receipt, Settle, Stop,
    UnsettledBatch, Writes,
};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{
    Attempts, BackendName, DedupeKey, OperationSet, OriginId, PlatformName, State, TicketId, TicketRow,
};
use ticketbridge_core::time::Mono;

use crate::checks::journal::Folded;

/// Looks after which an audit is over.
const LAST_LOOK: u8 = 4;
/// Known tickets that come with a lane.
const CANARIES: usize = 32;

/// A row, its lane and its body.
#[derive(Debug, Clone)]
pub(crate) struct StoredRow {
    pub(crate) row: TicketRow,
    pub(crate) lane: LaneId,
    pub(crate) body: Arc<str>,
    /// The row as the journal tells it.
    pub(crate) folded: Folded,
}

/// A batch: its intent, and which of its items have no outcome.
#[derive(Debug, Clone)]
pub(crate) struct StoredBatch {
    pub(crate) lane: LaneId,
    pub(crate) intent: Intent,
    /// Empty: settled.
    pub(crate) remaining: BTreeSet<TicketId>,
}

/// A lane and its holder.
#[derive(Debug, Clone)]
pub(crate) struct StoredLane {
    pub(crate) platform: PlatformName,
    fence: Fence,
    holder: Option<u64>,
    expires_at: u64,
    last_sequence: i64,
}

/// Something that another process, or an operator, changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Ticket(TicketId),
    Settings,
    LossAccepted(PlatformName),
}

/// What becomes of guards when a saboteur is at work; all false in a sound store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amnesia {
    /// Batches without an outcome are not told to the next holder of a lane, and rows do not know what they sent.
    pub forgets_intents: bool,
    /// A stale token writes as if it were the present one.
    pub ignores_fences: bool,
    /// Rows of one key are spread over the lanes of their platform.
    pub scatters_keys: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) rows: BTreeMap<TicketId, StoredRow>,
    pub(crate) lanes: BTreeMap<LaneId, StoredLane>,
    pub(crate) batches: BTreeMap<BatchId, StoredBatch>,
    pub(crate) audits: BTreeMap<TicketId, (LaneId, Audit)>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) stops: BTreeMap<PlatformName, Stop>,
    pub(crate) changes: Vec<Change>,
    pub(crate) suspect: bool,
    pub(crate) amnesia: Amnesia,
    /// The newest has the highest number.
    ledger: BTreeMap<(PlatformName, DedupeKey), (u64, KnownTicket)>,
    ledger_writes: u64,
    /// Rows whose create was sent more than once, ever.
    pub(crate) resent: BTreeSet<TicketId>,
}

impl Store {
    pub(crate) fn add_lanes(&mut self, platform: &PlatformName, count: usize) {
        for _ in 0..count {
            let id = LaneId(self.lanes.len() as i64 + 1);
            let platform = platform.clone();
            let lane = StoredLane { platform, fence: Fence(0), holder: None, expires_at: 0, last_sequence: 0 };
            self.lanes.insert(id, lane);
        }
    }

    /// The lane of a key on a platform.
    pub(crate) fn lane_of(&self, platform: &PlatformName, key: &DedupeKey) -> Option<LaneId> {
        let lanes: Vec<LaneId> =
            self.lanes.iter().filter(|(_, lane)| lane.platform == *platform).map(|(id, _)| *id).collect();
        let number = key.as_str().bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let number = if self.amnesia.scatters_keys { self.rows.len() } else { number };
        lanes.get(number % lanes.len().max(1)).copied()
    }

    pub(crate) fn receive(
        &mut self,
        origin: OriginId,
        key: DedupeKey,
        kind: &str,
        backend: BackendName,
        lane: LaneId,
        body: Arc<str>,
    ) -> TicketId {
        let id = TicketId(self.rows.keys().next_back().map_or(1, |last| last.0 + 1));
        let row = TicketRow::received(id, origin, key, kind.into(), backend);
        self.rows.insert(id, StoredRow { row, lane, body, folded: Folded::default() });
        id
    }

    /// Rows that are not over.
    pub(crate) fn open_rows(&self) -> usize {
        self.rows.values().filter(|stored| stored.row.state.is_open()).count()
    }

    pub(crate) fn ledger_size(&self, platform: &PlatformName) -> usize {
        self.ledger.keys().filter(|(place, _)| place == platform).count()
    }

    // ---- lanes ----------------------------------------------------------------------------------------------------

    /// The lane with all that hangs on it, unless another holds it.
    pub(crate) fn take(&mut self, id: LaneId, holder: u64, now: u64, lease: u64, until: Mono) -> Option<LaneTaken> {
        let lane = self.lanes.get_mut(&id)?;
        if lane.holder.is_some_and(|other| other != holder) && lane.expires_at > now {
            return None;
        }
        lane.fence.0 += i64::from(lane.holder != Some(holder));
        lane.holder = Some(holder);
        lane.expires_at = now + lease;
        let lane = lane.clone();
        let unsettled: Vec<UnsettledBatch> = self
            .batches
            .iter()
            .filter(|(_, batch)| batch.lane == id && !batch.remaining.is_empty() && !self.amnesia.forgets_intents)
            .map(|(batch, stored)| UnsettledBatch {
                id: *batch,
                operation: stored.intent.operation,
                items: stored.remaining.iter().copied().collect(),
            })
            .collect();
        let tickets: BTreeSet<TicketId> = unsettled.iter().flat_map(|batch| batch.items.iter().copied()).collect();
        let mut canaries: Vec<&(u64, KnownTicket)> =
            self.ledger.iter().filter(|((place, _), _)| *place == lane.platform).map(|(_, known)| known).collect();
        canaries.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        Some(LaneTaken {
            lane: id,
            fence: lane.fence,
            until,
            next_sequence: lane.last_sequence + 1,
            unsettled,
            tickets: self.by_id(id, tickets),
            canaries: canaries.into_iter().take(CANARIES).map(|(_, known)| known.clone()).collect(),
            audits: self.audits.values().filter(|(of, _)| *of == id).map(|(_, audit)| audit.clone()).collect(),
            stopped: self.stops.get(&lane.platform).cloned(),
            suspect: self.suspect,
            platform: lane.platform,
        })
    }

    /// Who took a lane last and did not give it back.
    pub(crate) fn holder(&self, lane: LaneId) -> Option<u64> {
        self.lanes.get(&lane)?.holder
    }

    /// When the lease of a lane runs out, if it is not prolonged.
    pub(crate) fn free_at(&self, lane: LaneId) -> u64 {
        self.lanes.get(&lane).map_or(0, |lane| lane.expires_at)
    }

    fn holds(&self, lane: LaneId, fence: Fence) -> bool {
        let held = self.lanes.get(&lane).is_some_and(|lane| lane.holder.is_some() && lane.fence == fence);
        held || self.amnesia.ignores_fences
    }

    /// False: it is another's.
    pub(crate) fn renew(&mut self, id: LaneId, fence: Fence, until: u64) -> bool {
        let holds = self.holds(id, fence);
        if holds && let Some(lane) = self.lanes.get_mut(&id) {
            lane.expires_at = until;
        }
        holds
    }

    pub(crate) fn release(&mut self, id: LaneId, fence: Fence) {
        if self.holds(id, fence)
            && let Some(lane) = self.lanes.get_mut(&id)
        {
            lane.holder = None;
        }
    }

    // ---- reading --------------------------------------------------------------------------------------------------

    fn open_ticket(&self, stored: &StoredRow) -> OpenTicket {
        let known = self
            .lanes
            .get(&stored.lane)
            .and_then(|lane| self.ledger.get(&(lane.platform.clone(), stored.row.key.clone())));
        let mut row = stored.row.clone();
        if self.amnesia.forgets_intents {
            row.sent = OperationSet::default();
        }
        OpenTicket { row, known: known.map(|(_, known)| known.clone()) }
    }

    pub(crate) fn by_id(&self, lane: LaneId, ids: impl IntoIterator<Item = TicketId>) -> Vec<OpenTicket> {
        let rows = ids.into_iter().filter_map(|id| self.rows.get(&id)).filter(|stored| stored.lane == lane);
        rows.map(|stored| self.open_ticket(stored)).collect()
    }

    /// Open rows of a lane after one, and whether there are no more.
    pub(crate) fn load(&self, lane: LaneId, after: TicketId, limit: usize) -> (Vec<OpenTicket>, bool) {
        let rows = self.rows.range(TicketId(after.0 + 1)..).map(|(_, stored)| stored);
        let rows: Vec<OpenTicket> = rows
            .filter(|stored| stored.lane == lane && stored.row.state.is_open())
            .take(limit)
            .map(|stored| self.open_ticket(stored))
            .collect();
        let end = rows.len() < limit;
        (rows, end)
    }

    // ---- one transaction ------------------------------------------------------------------------------------------

    /// Whole or not at all. `Err`: it breaks a rule, which is a defect of the caller.
    pub(crate) fn apply(&mut self, writes: &Writes) -> Result<Receipt, String> {
        if !self.holds(writes.lane, writes.fence) {
            return Ok(Receipt::LostFence);
        }
        let mut seen = BTreeSet::new();
        let mut stale = Vec::new();
        for update in &writes.rows {
            let id = update.row.id;
            if !seen.insert(id) {
                return Err(format!("row {} is written twice in one transaction", id.0));
            }
            let as_expected = self.rows.get(&id).is_some_and(|stored| {
                stored.lane == writes.lane
                    && stored.row.state == update.expected
                    && stored.row.generation == update.row.generation
            });
            if !as_expected {
                stale.push(id);
            }
        }
        if !stale.is_empty() {
            return Ok(Receipt::StaleRows(stale));
        }
        if !self.amnesia.forgets_intents && !self.amnesia.ignores_fences {
            let mut settled = BTreeSet::new();
            for settle in &writes.settles {
                if !settled.insert(settle.batch) {
                    return Err(format!("batch {} is settled twice in one transaction", settle.batch.0));
                }
                self.check_settle(settle, writes.lane)?;
            }
            self.check_intents(writes)?;
        }
        self.write(writes);
        Ok(Receipt::Done)
    }

    fn check_settle(&self, settle: &Settle, lane: LaneId) -> Result<(), String> {
        let number = settle.batch.0;
        let batch = self.batches.get(&settle.batch).filter(|batch| batch.lane == lane);
        let Some(batch) = batch else { return Err(format!("batch {number} is settled and was never begun")) };
        if batch.remaining.is_empty() {
            return Err(format!("batch {number} is settled again"));
        }
        if let Some(stranger) = settle.results.iter().find(|result| !batch.intent.items.contains(&result.ticket)) {
            return Err(format!("batch {number} never carried row {}", stranger.ticket.0));
        }
        if let Some(stranger) = settle.remaining.iter().find(|item| !batch.remaining.contains(item)) {
            return Err(format!("row {} is no unresolved item of batch {number}", stranger.0));
        }
        Ok(())
    }

    /// The store's half of I3: an intent carries only rows that wait for its operation.
    fn check_intents(&self, writes: &Writes) -> Result<(), String> {
        for intent in &writes.intents {
            let number = intent.batch.0;
            if intent.items.is_empty() || intent.items.iter().collect::<BTreeSet<_>>().len() != intent.items.len() {
                return Err(format!("batch {number} is empty or carries a row twice"));
            }
            if self.batches.contains_key(&intent.batch) {
                return Err(format!("batch {number} was begun before"));
            }
            for item in &intent.items {
                let updated = writes.rows.iter().find(|update| update.row.id == *item).map(|update| &update.row);
                let row = updated.or_else(|| self.rows.get(item).map(|stored| &stored.row));
                match row {
                    Some(row) if row.state.operation() != Some(intent.operation) => {
                        let (operation, state) = (intent.operation, row.state);
                        return Err(format!("batch {number} is to {operation} row {}, which is {state}", item.0));
                    }
                    Some(row) if !row.sent.contains(intent.operation) => {
                        return Err(format!("row {} goes out without its mark of {}", item.0, intent.operation));
                    }
                    Some(_) => {}
                    None => return Err(format!("batch {number} carries row {}, which is not there", item.0)),
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, writes: &Writes) {
        let Some(platform) = self.lanes.get(&writes.lane).map(|lane| lane.platform.clone()) else { return };
        for settle in &writes.settles {
            if let Some(batch) = self.batches.get_mut(&settle.batch) {
                batch.remaining = settle.remaining.iter().copied().collect();
                let operation = batch.intent.operation;
                for result in &settle.results {
                    if let Some(stored) = self.rows.get_mut(&result.ticket) {
                        stored.folded.settled(operation, result);
                    }
                }
            }
        }
        for update in &writes.rows {
            if let Some(stored) = self.rows.get_mut(&update.row.id) {
                stored.row = update.row.clone();
            }
        }
        for intent in &writes.intents {
            for item in &intent.items {
                if let Some(stored) = self.rows.get_mut(item) {
                    if intent.operation == Operation::CreateTicket && stored.folded.sent(intent.operation) {
                        self.resent.insert(*item);
                    } else {
                        stored.folded.sent(intent.operation);
                    }
                }
            }
            if let Some(lane) = self.lanes.get_mut(&writes.lane) {
                lane.last_sequence = lane.last_sequence.max(intent.batch.sequence());
            }
            let remaining = intent.items.iter().copied().collect();
            let batch = StoredBatch { lane: writes.lane, intent: intent.clone(), remaining };
            self.batches.insert(intent.batch, batch);
        }
        for ending in &writes.endings {
            if let Some(stored) = self.rows.get_mut(&ending.ticket) {
                stored.folded.ended(ending);
            }
        }
        for known in &writes.known {
            self.ledger_writes += 1;
            self.ledger.insert((platform.clone(), known.key.clone()), (self.ledger_writes, known.clone()));
        }
        for key in &writes.forgotten {
            self.ledger.remove(&(platform.clone(), key.clone()));
        }
        for audit in &writes.audits {
            if audit.looks >= LAST_LOOK {
                self.audits.remove(&audit.ticket);
            } else {
                self.audits.insert(audit.ticket, (writes.lane, audit.clone()));
            }
        }
        self.problems.extend(writes.problems.iter().cloned());
    }

    // ---- operators ------------------------------------------------------------------------------------------------

    /// Error → the failed step, with a new generation of attempts. False: not allowed.
    pub(crate) fn retry(&mut self, id: TicketId) -> bool {
        let Some(stored) = self.rows.get_mut(&id).filter(|stored| stored.row.state == State::Error) else {
            return false;
        };
        let row = &mut stored.row;
        row.state = match row.failed {
            Some(Operation::AddNote) => State::AddingNote,
            Some(Operation::CreateWorkOrder) => State::CreatingWorkOrder,
            Some(Operation::LinkWorkOrder) => State::LinkingWorkOrder,
            // Another row may have made a ticket of this key meanwhile: always compare again.
            Some(Operation::CreateTicket) | None => State::Matching,
        };
        row.generation += 1;
        row.attempts = Attempts::default();
        (row.reason, row.due_at, row.failed) = (None, None, None);
        stored.folded.retried();
        self.changes.push(Change::Ticket(id));
        true
    }

    /// Error, or Received and never sent → Dismissed. False: not allowed.
    pub(crate) fn dismiss(&mut self, id: TicketId) -> bool {
        let Some(stored) = self.rows.get_mut(&id) else { return false };
        let row = &mut stored.row;
        let never_sent = row.sent == OperationSet::default();
        if row.state != State::Error && !(row.state == State::Received && never_sent) {
            return false;
        }
        row.state = State::Dismissed;
        (row.due_at, row.failed) = (None, None);
        row.reason = Some(String::from("dismissed by an operator"));
        stored.folded.dismissed();
        self.changes.push(Change::Ticket(id));
        true
    }

    /// The tickets that a platform stopped for are lost, and an operator accepts it.
    pub(crate) fn accept_loss(&mut self, platform: &PlatformName) {
        if let Some(stop) = self.stops.remove(platform) {
            for key in stop.keys {
                self.ledger.remove(&(platform.clone(), key));
            }
        }
        self.changes.push(Change::LossAccepted(platform.clone()));
    }
}
