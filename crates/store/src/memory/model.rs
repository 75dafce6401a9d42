//! The contents of the in-memory store: ordered maps and nothing clever, so that it can be believed by reading it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ticketbridge_core::delivery::{
    Audit, BatchId, Fence, Intent, ItemResult, KnownTicket, LaneId, OpenTicket, Problem, Receipt, UnsettledBatch,
    Writes,
};
use ticketbridge_core::ticket::{
    BackendName, DedupeKey, IntakeOutcome, NewTicket, PlatformName, State, TicketId, TicketRow,
};
use ticketbridge_core::time::Wall;
use uuid::Uuid;

use super::access::Access;
use super::feedback::Feedback;
use crate::contract::{MAX_PROBLEMS, MAX_RUNS};
use crate::rules::{
    batch_exists, check_intent, check_settle, check_shape, ended, lane_index, no_open_batch, written_at,
};
use crate::{
    ActRecord, BackendOverride, Change, IncidentEntry, LANE_CANARIES, LaneAnswer, LaneGrant, RunCommit, RunRecord,
    TicketBody,
};

/// Looks after which an audit is over.
const LAST_LOOK: u8 = 4;

/// A lane.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub(super) platform: PlatformName,
    index: u32,
    holder: Option<Uuid>,
    token: i64,
    expires_at: Duration,
    last_sequence: i64,
}

/// A ticket, whole.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) row: TicketRow,
    pub(super) lane: LaneId,
    pub(super) body: TicketBody,
    body_hash: [u8; 32],
    pub(super) trail: Vec<BatchId>,
    pub(super) updated_at: Wall,
}

/// A batch: its intent and what became of it.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) intent: Intent,
    /// Empty: settled.
    remaining: Vec<TicketId>,
    pub(super) results: Vec<(ItemResult, Wall)>,
}

/// All that is stored.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) lanes_per_platform: u32,
    /// Time for leases; moves only when told to.
    pub(super) clock: Duration,
    /// Number of changes to the contents.
    pub(super) commits: i64,
    pub(super) lanes: BTreeMap<LaneId, Lane>,
    pub(super) tickets: BTreeMap<TicketId, Ticket>,
    pub(super) batches: BTreeMap<BatchId, Batch>,
    /// Newest last.
    pub(super) known: Vec<(PlatformName, KnownTicket)>,
    pub(super) audits: BTreeMap<TicketId, (LaneId, Audit)>,
    pub(super) acts: Vec<ActRecord>,
    pub(super) changes: Vec<(i64, Change)>,
    /// Newest last.
    pub(super) problems: Vec<Problem>,
    pub(super) overrides: BTreeMap<(BackendName, String), BackendOverride>,
    pub(super) documents: BTreeMap<String, String>,
    pub(super) counters: BTreeMap<String, u64>,
    /// Newest last.
    pub(super) runs: Vec<RunRecord>,
    pub(super) incidents: BTreeMap<(String, String), String>,
    pub(super) reported: BTreeMap<String, String>,
    /// Tokens and audit.
    pub(super) access: Access,
    /// Mobile tickets.
    pub(super) feedback: Feedback,
}

impl Model {
    pub(super) fn receive(&mut self, tickets: Vec<NewTicket>) -> Vec<IntakeOutcome> {
        tickets.into_iter().map(|ticket| self.receive_one(ticket)).collect()
    }

    fn receive_one(&mut self, new: NewTicket) -> IntakeOutcome {
        let item = new.item;
        if let Some(known) = self.tickets.values().find(|ticket| ticket.body.message_id == item.message_id) {
            let id = known.row.origin;
            let same = known.body_hash == item.body_hash;
            return if same { IntakeOutcome::Duplicate { id } } else { IntakeOutcome::Conflict { id } };
        }
        let lane = self.lane_id(&new.platform, lane_index(&item.key, self.lanes_per_platform));
        let id = TicketId(self.last_ticket().0 + 1);
        let row = TicketRow::received(id, new.origin, item.key, item.kind, new.backend);
        let body = TicketBody { id, message_id: item.message_id, body: item.body, received_at: new.received_at };
        let updated_at = new.received_at;
        let ticket = Ticket { row, lane, body, body_hash: item.body_hash, trail: Vec::new(), updated_at };
        self.tickets.insert(id, ticket);
        IntakeOutcome::Accepted { id: new.origin }
    }

    pub(super) fn last_ticket(&self) -> TicketId {
        self.tickets.keys().next_back().copied().unwrap_or(TicketId(0))
    }

    pub(super) fn commit_run(&mut self, run: RunCommit) -> Vec<IntakeOutcome> {
        let outcomes = self.receive(run.tickets);
        self.incidents.extend(run.incidents);
        self.reported.extend(run.reported);
        self.runs.push(run.run);
        let surplus = self.runs.len().saturating_sub(MAX_RUNS);
        self.runs.drain(..surplus);
        outcomes
    }

    pub(super) fn lane_id(&mut self, platform: &PlatformName, index: u32) -> LaneId {
        let found = self.lanes.iter().find(|(_, lane)| lane.platform == *platform && lane.index == index);
        if let Some((id, _)) = found {
            return *id;
        }
        let id = LaneId(self.lanes.len() as i64 + 1);
        let (platform, expires_at) = (platform.clone(), Duration::ZERO);
        self.lanes.insert(id, Lane { platform, index, holder: None, token: 0, expires_at, last_sequence: 0 });
        id
    }

    pub(super) fn take_lane(
        &mut self,
        platform: &PlatformName,
        index: u32,
        holder: Uuid,
        time_to_live: Duration,
    ) -> LaneAnswer {
        let id = self.lane_id(platform, index);
        let clock = self.clock;
        let Some(lane) = self.lanes.get_mut(&id) else { return LaneAnswer::Held { remaining: Duration::ZERO } };
        let ours = lane.holder == Some(holder);
        if lane.holder.is_some() && !ours && lane.expires_at > clock {
            return LaneAnswer::Held { remaining: lane.expires_at.saturating_sub(clock) };
        }
        lane.token += i64::from(!ours);
        lane.holder = Some(holder);
        lane.expires_at = clock.saturating_add(time_to_live);
        let (fence, next_sequence) = (Fence(lane.token), lane.last_sequence + 1);
        let open = self.batches.values().filter(|batch| batch.is_open() && lane_of(batch.intent.batch) == id);
        let canaries = self.known.iter().rev().filter(|(place, _)| place == platform).take(LANE_CANARIES);
        LaneAnswer::Taken(Box::new(LaneGrant {
            lane: id,
            fence,
            next_sequence,
            unsettled: open
                .map(|batch| UnsettledBatch {
                    id: batch.intent.batch,
                    operation: batch.intent.operation,
                    items: batch.remaining.clone(),
                })
                .collect(),
            canaries: canaries.map(|(_, known)| known.clone()).collect(),
            audits: self.audits.values().filter(|(lane, _)| *lane == id).map(|(_, audit)| audit.clone()).collect(),
            change: self.last_change(),
        }))
    }

    fn holds(&self, lane: LaneId, fence: Fence) -> bool {
        self.lanes.get(&lane).is_some_and(|lane| lane.holder.is_some() && lane.token == fence.0)
    }

    pub(super) fn renew_lane(&mut self, lane: LaneId, fence: Fence, time_to_live: Duration) -> bool {
        let holds = self.holds(lane, fence);
        let expires_at = self.clock.saturating_add(time_to_live);
        if holds && let Some(lane) = self.lanes.get_mut(&lane) {
            lane.expires_at = expires_at;
        }
        holds
    }

    pub(super) fn release_lane(&mut self, lane: LaneId, fence: Fence) {
        if self.holds(lane, fence)
            && let Some(lane) = self.lanes.get_mut(&lane)
        {
            lane.holder = None;
        }
    }

    /// As after the end of every process that held a lane.
    pub(super) fn free_lanes(&mut self) {
        self.lanes.values_mut().for_each(|lane| lane.holder = None);
    }

    pub(super) fn open_ticket(&self, ticket: &Ticket) -> OpenTicket {
        let platform = self.lanes.get(&ticket.lane).map(|lane| &lane.platform);
        let known = self.known.iter().find(|(place, known)| Some(place) == platform && known.key == ticket.row.key);
        OpenTicket { row: ticket.row.clone(), known: known.map(|(_, known)| known.clone()) }
    }

    /// Checks everything, then writes everything.
    pub(super) fn apply(&mut self, writes: &Writes) -> Result<Receipt, String> {
        if !self.holds(writes.lane, writes.fence) {
            return Ok(Receipt::LostFence);
        }
        check_shape(writes)?;
        let stale: Vec<_> =
            writes.rows.iter().filter(|update| !self.expected(writes.lane, update)).map(|u| u.row.id).collect();
        if !stale.is_empty() {
            return Ok(Receipt::StaleRows(stale));
        }
        for settle in &writes.settles {
            match self.batches.get(&settle.batch) {
                Some(batch) if batch.is_open() && lane_of(settle.batch) == writes.lane => {
                    check_settle(settle, &batch.intent.items, &batch.remaining)?;
                }
                _ => return Err(no_open_batch(settle.batch, writes.lane)),
            }
        }
        for intent in &writes.intents {
            for item in &intent.items {
                let updated = writes.rows.iter().find(|update| update.row.id == *item).map(|update| update.row.state);
                let stored = self.tickets.get(item).filter(|ticket| ticket.lane == writes.lane);
                check_intent(intent, *item, updated.or_else(|| stored.map(|ticket| ticket.row.state)))?;
            }
            if self.batches.contains_key(&intent.batch) {
                return Err(batch_exists(intent.batch));
            }
        }
        self.write(writes);
        Ok(Receipt::Done)
    }

    fn expected(&self, lane: LaneId, update: &ticketbridge_core::delivery::RowUpdate) -> bool {
        self.tickets.get(&update.row.id).is_some_and(|ticket| {
            ticket.lane == lane
                && ticket.row.state == update.expected
                && ticket.row.generation == update.row.generation
                && ticket.row.backend == update.row.backend
        })
    }

    fn write(&mut self, writes: &Writes) {
        let at = written_at(writes);
        for update in &writes.rows {
            let Some(ticket) = self.tickets.get_mut(&update.row.id) else { continue };
            let identity = ticket.row.clone();
            ticket.row = TicketRow {
                origin: identity.origin,
                key: identity.key,
                kind: identity.kind,
                backend: identity.backend,
                ..update.row.clone()
            };
            ticket.trail.extend(update.trail);
            ticket.updated_at = at.unwrap_or(ticket.updated_at);
        }
        for settle in &writes.settles {
            let Some(batch) = self.batches.get_mut(&settle.batch) else { continue };
            batch.remaining.clone_from(&settle.remaining);
            batch.results.extend(settle.results.iter().map(|result| (result.clone(), settle.at)));
        }
        for intent in &writes.intents {
            let batch = Batch { intent: intent.clone(), remaining: intent.items.clone(), results: Vec::new() };
            self.batches.insert(intent.batch, batch);
            if let Some(lane) = self.lanes.get_mut(&writes.lane) {
                lane.last_sequence = lane.last_sequence.max(intent.batch.sequence());
            }
        }
        let platform = self.lanes.get(&writes.lane).map(|lane| lane.platform.clone());
        if let Some(platform) = platform {
            for known in &writes.known {
                self.forget(&platform, &known.key);
                self.known.push((platform.clone(), known.clone()));
            }
            for key in &writes.forgotten {
                self.forget(&platform, key);
            }
        }
        for audit in &writes.audits {
            if audit.looks >= LAST_LOOK {
                self.audits.remove(&audit.ticket);
            } else {
                self.audits.insert(audit.ticket, (writes.lane, audit.clone()));
            }
        }
        self.problems.extend(writes.problems.iter().cloned());
        let surplus = self.problems.len().saturating_sub(MAX_PROBLEMS);
        self.problems.drain(..surplus);
        self.acts.extend(writes.endings.iter().map(ended));
    }

    /// Drops a ledger entry; says whether there was one.
    pub(super) fn forget(&mut self, platform: &PlatformName, key: &DedupeKey) -> bool {
        let before = self.known.len();
        self.known.retain(|(place, known)| place != platform || known.key != *key);
        self.known.len() < before
    }

    fn last_change(&self) -> i64 {
        self.changes.last().map_or(0, |(number, _)| *number)
    }

    pub(super) fn change(&mut self, change: Change) {
        self.changes.push((self.last_change() + 1, change));
        let surplus = self.changes.len().saturating_sub(crate::MAX_CHANGES);
        self.changes.drain(..surplus);
    }

    pub(super) fn purge(&mut self, before: Wall, limit: usize) -> usize {
        let open: BTreeSet<_> =
            self.tickets.values().filter(|t| t.row.state.is_open()).map(|t| t.row.key.clone()).collect();
        let newest = self.last_ticket();
        let old = self.tickets.values().filter(|ticket| {
            matches!(ticket.row.state, State::Completed | State::Dismissed)
                && ticket.updated_at < before
                && ticket.row.id < newest
                && !open.contains(&ticket.row.key)
        });
        let mut old: Vec<_> = old.map(|ticket| (ticket.updated_at, ticket.row.id)).collect();
        old.sort_unstable();
        old.truncate(limit);
        let old: Vec<_> = old.into_iter().map(|(_, id)| id).collect();
        let mut batches = BTreeSet::new();
        for id in &old {
            batches.extend(self.tickets.remove(id).map(|ticket| ticket.trail).unwrap_or_default());
            self.acts.retain(|act| act.ticket != *id);
            self.audits.remove(id);
        }
        self.batches.retain(|id, batch| {
            batch.is_open()
                || !batches.contains(id)
                || batch.intent.items.iter().any(|item| self.tickets.contains_key(item))
        });
        old.len()
    }

    pub(super) fn incident_entries(&self) -> Vec<IncidentEntry> {
        self.incidents.iter().map(|(object, body)| (object.clone(), body.clone())).collect()
    }
}

impl Batch {
    fn is_open(&self) -> bool {
        !self.remaining.is_empty()
    }
}

/// The lane in a batch's number.
fn lane_of(batch: BatchId) -> LaneId {
    LaneId((batch.0 - batch.sequence()) / BatchId::new(LaneId(1), 0).0)
}
