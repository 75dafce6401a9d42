//! Forming batches, committing their intents with what came before, and what follows the commit.
//!
//! Steps nearer completion go first. A partial batch is not held back. Everything that one event causes in a lane is
//! one transaction: settling a step and the intent of the next one are written together.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::event::{Command, Report, SendPermit, TransactionId};
use super::platform::{Admission, Breaker};
use super::rows::{Phase, QueueName};
use super::{
    Audit, Batch, BatchId, Delivery, Intent, KnownTicket, LaneId, Problem, Receipt, RowUpdate, Settle, Settled, Writes,
};
use crate::effect::{Operation, Outcome};
use crate::ticket::{DedupeKey, PlatformName, State, TicketId};
use crate::time::{Mono, Now};

/// Steps nearer completion first.
const ORDER: [Operation; 4] =
    [Operation::LinkWorkOrder, Operation::CreateWorkOrder, Operation::AddNote, Operation::CreateTicket];
/// A transaction that failed is tried again after this.
const COMMIT_RETRY: Duration = Duration::from_secs(1);

/// What one event causes in one lane, before it becomes a transaction.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) settles: Vec<Settle>,
    pub(super) rows: BTreeSet<TicketId>,
    trails: BTreeMap<TicketId, BatchId>,
    intents: Vec<Intent>,
    known: BTreeMap<DedupeKey, KnownTicket>,
    forgotten: BTreeSet<DedupeKey>,
    audits: Vec<Audit>,
    problems: Vec<Problem>,
}

/// A transaction under way.
#[derive(Debug)]
pub(super) struct Transaction {
    writes: Writes,
    /// Set when it failed: the instant of the next try.
    pub(super) retry_at: Option<Mono>,
}

impl Transaction {
    pub(super) fn lane(&self) -> LaneId {
        self.writes.lane
    }
}

impl Delivery {
    // ---- what is to be written ------------------------------------------------------------------------------------

    /// The row changed: written with the next transaction of its lane.
    pub(super) fn write_row(&mut self, id: TicketId) {
        if let Some(entry) = self.rows.get(&id) {
            self.pending.entry(entry.lane).or_default().rows.insert(id);
        }
    }

    /// As [`Delivery::write_row`], unless something else of the row is under way (it will be written with that).
    pub(super) fn write_row_if_idle(&mut self, id: TicketId) {
        if let Some(Phase::Waiting(_) | Phase::Matching(_) | Phase::Ready) = self.rows.get(&id).map(|entry| entry.phase)
        {
            self.write_row(id);
        }
    }

    /// The ledger learns a ticket.
    pub(super) fn write_known(&mut self, id: TicketId, known: KnownTicket) {
        if let Some(entry) = self.rows.get(&id) {
            let pending = self.pending.entry(entry.lane).or_default();
            pending.forgotten.remove(&known.key);
            pending.known.insert(known.key.clone(), known);
        }
    }

    /// The ledger forgets a ticket.
    pub(super) fn write_forgotten(&mut self, id: TicketId, key: DedupeKey) {
        if let Some(entry) = self.rows.get(&id) {
            let pending = self.pending.entry(entry.lane).or_default();
            pending.known.remove(&key);
            pending.forgotten.insert(key);
        }
    }

    /// An audit begins, moves on or ends.
    pub(super) fn write_audit(&mut self, lane: LaneId, audit: Audit) {
        self.pending.entry(lane).or_default().audits.push(audit);
    }

    /// A problem is kept and told.
    pub(super) fn report_problem(&mut self, lane: LaneId, problem: Problem) {
        self.reports.push(Report::Problem(problem.clone()));
        self.pending.entry(lane).or_default().problems.push(problem);
    }

    // ---- batches --------------------------------------------------------------------------------------------------

    /// Forms every batch that may go now.
    pub(super) fn form_batches(&mut self, now: Now) {
        if self.draining {
            return;
        }
        let names: Vec<PlatformName> = self.platforms.keys().cloned().collect();
        for name in names {
            let mut formed = true;
            while formed && self.admits(&name, now.mono) {
                formed = false;
                for operation in ORDER {
                    for queue in self.queues(&name, operation) {
                        if self.admits(&name, now.mono) && self.may_form(&queue, now.mono) {
                            formed |= self.form_one(&queue, now);
                        }
                    }
                }
            }
        }
    }

    fn queues(&self, name: &PlatformName, operation: Operation) -> Vec<QueueName> {
        self.ready.keys().filter(|queue| queue.0 == *name && queue.1 == operation).cloned().collect()
    }

    /// Whether switches, gates and leases let a batch of this queue go.
    fn may_form(&self, (name, operation, backend, lane): &QueueName, now: Mono) -> bool {
        let Some(platform) = self.platforms.get(name) else { return false };
        let Some(timeout) = platform.settings.capabilities.as_ref().map(|can| can.request_timeout) else {
            return false;
        };
        let leased = self.lanes.get(lane).is_some_and(|lane| lane.until > now.after(timeout));
        leased && self.processing(backend) && platform.gate(*operation, now) == Admission::Now
    }

    /// Forms one batch of a queue: one cohort, at most as many as backend and platform allow.
    fn form_one(&mut self, queue: &QueueName, now: Now) -> bool {
        let (name, operation, backend, _) = queue;
        let Some(platform) = self.platforms.get(name) else { return false };
        let gated = platform.gates.contains_key(operation);
        let limit = if gated { 1 } else { self.settings.batch_limit(name, *operation, backend) };
        let Some(rows) = self.ready.get(queue) else { return false };
        let Some((cohort, _)) = rows.first().copied() else { return false };
        let ids: Vec<TicketId> =
            rows.iter().take_while(|(other, _)| *other == cohort).take(limit).map(|(_, id)| *id).collect();
        let ids = self.fresh_only(*operation, ids, now);
        if ids.is_empty() {
            return self.ready.contains_key(queue);
        }
        if gated && let Some(gate) = self.platforms.get_mut(name).and_then(|platform| platform.gates.get_mut(operation))
        {
            gate.trying = true;
        }
        self.begin_batch(queue, ids, gated, false, now);
        true
    }

    /// A match that is too old is made again before anything is created on it.
    fn fresh_only(&mut self, operation: Operation, ids: Vec<TicketId>, now: Now) -> Vec<TicketId> {
        if operation != Operation::CreateTicket {
            return ids;
        }
        let ttl = self.settings.match_ttl;
        let (fresh, stale): (Vec<TicketId>, Vec<TicketId>) = ids.into_iter().partition(|id| {
            let matched = self.rows.get(id).and_then(|entry| entry.matched_at);
            matched.is_some_and(|at| now.mono.since(at) <= ttl)
        });
        for id in stale {
            self.match_again(id, now.mono);
        }
        fresh
    }

    /// The first ready row that would go to a platform: the single ticket that tries a platform without a cheap read.
    pub(super) fn single_candidate(&self, name: &PlatformName, now: Now) -> Option<(QueueName, TicketId)> {
        ORDER.into_iter().flat_map(|operation| self.queues(name, operation)).find_map(|queue| {
            let (_, id) = self.ready.get(&queue)?.first()?;
            self.may_form(&queue, now.mono).then(|| (queue.clone(), *id))
        })
    }

    /// Sends that single ticket; false: its match was too old, so that it is matched again instead.
    pub(super) fn form_single(&mut self, queue: &QueueName, id: TicketId, now: Now) -> bool {
        let ids = self.fresh_only(queue.1, vec![id], now);
        let fresh = !ids.is_empty();
        if fresh {
            let gate = self.platforms.get_mut(&queue.0).and_then(|platform| platform.gates.get_mut(&queue.1));
            let gated = gate.is_some();
            if let Some(gate) = gate {
                gate.trying = true;
            }
            self.begin_batch(queue, ids, gated, true, now);
        }
        fresh
    }

    fn begin_batch(
        &mut self,
        queue: &QueueName,
        items: Vec<TicketId>,
        gate_trial: bool,
        breaker_probe: bool,
        now: Now,
    ) {
        let (name, operation, backend, lane_id) = queue.clone();
        let Some(lane) = self.lanes.get_mut(&lane_id) else { return };
        let id = BatchId::new(lane_id, lane.next_sequence);
        lane.next_sequence += 1;
        for item in &items {
            self.set_phase(*item, Phase::InFlight(id));
            if let Some(entry) = self.rows.get_mut(item) {
                entry.row.sent.insert(operation);
                entry.row.due_at = None;
                entry.row.failed = None;
                entry.returned = false;
                entry.check_target = false;
            }
            let pending = self.pending.entry(lane_id).or_default();
            pending.rows.insert(*item);
            pending.trails.insert(*item, id);
        }
        if let Some(platform) = self.platforms.get_mut(&name) {
            platform.in_flight += 1;
        }
        let intent = Intent {
            batch: id,
            operation,
            platform: name.clone(),
            backend,
            items: items.clone(),
            body_hash: [0; 32],
            at: now.wall,
        };
        self.pending.entry(lane_id).or_default().intents.push(intent);
        let batch = Batch {
            id,
            lane: lane_id,
            platform: name,
            operation,
            unresolved: items.iter().copied().collect(),
            items,
            applied: 0,
            was_unknown: false,
            inherited: false,
            sent_at: now.mono,
            on_wire: false,
            counted: true,
            breaker_probe,
            gate_trial,
            settling: false,
            refused_alone: false,
        };
        self.batches.insert(id, batch);
    }

    /// A batch that won't be sent gives back what it held: its place in the window, the turn to try a platform or an
    /// operation.
    pub(super) fn release(&mut self, id: BatchId) {
        let Some(batch) = self.batches.get_mut(&id).filter(|batch| batch.counted) else { return };
        batch.counted = false;
        let Some(platform) = self.platforms.get_mut(&batch.platform) else { return };
        platform.in_flight = platform.in_flight.saturating_sub(1);
        if let Some(gate) = platform.gates.get_mut(&batch.operation).filter(|_| batch.gate_trial) {
            gate.trying = false;
        }
        if let Breaker::Probing { since } = platform.breaker
            && batch.breaker_probe
        {
            platform.breaker = Breaker::Open { until: self.now.mono, since };
        }
    }

    /// Whether a batch whose intent has just become durable may still be sent: the commit may have taken long.
    fn may_still_go(&self, intent: &Intent, batch: &Batch, not_after: Mono, now: Now) -> bool {
        let Some(platform) = self.platforms.get(&batch.platform) else { return false };
        let creating = batch.operation == Operation::CreateTicket;
        let fresh = |id: &TicketId| {
            let matched = self.rows.get(id).and_then(|entry| entry.matched_at);
            matched.is_some_and(|at| now.mono.since(at) <= self.settings.match_ttl)
        };
        self.processing(&intent.backend)
            && not_after > now.mono
            && platform.settings.capabilities.is_some()
            && platform.paused_until.is_none_or(|until| until <= now.mono)
            && (platform.breaker == Breaker::Closed || batch.breaker_probe)
            && (batch.gate_trial || !platform.gates.contains_key(&batch.operation))
            && !(creating && platform.stopped.is_some())
            && (!creating || batch.items.iter().all(fresh))
    }

    /// An intent became durable and its request must not leave any more: nothing was done, its rows go back.
    fn recall(&mut self, id: BatchId, now: Now) {
        self.release(id);
        let Some(batch) = self.batches.get(&id).cloned() else { return };
        let mut results = Vec::with_capacity(batch.items.len());
        for id in &batch.items {
            let Some(entry) = self.rows.get_mut(id) else { continue };
            entry.row.sent.remove(batch.operation);
            self.set_phase(*id, Phase::New);
            if batch.operation == Operation::CreateTicket {
                self.match_again(*id, now.mono);
            } else {
                self.set_phase(*id, Phase::Ready);
            }
            self.write_row(*id);
            let why = String::from("not sent: it had to wait before its turn came");
            results.push((*id, Outcome::Unavailable { why }, self.rows[id].row.state));
        }
        self.settle(id, results, Settled::Answer);
    }

    // ---- transactions ---------------------------------------------------------------------------------------------

    /// Turns what this event caused into one transaction per lane.
    pub(super) fn flush(&mut self, out: &mut Vec<Command>) {
        for (lane, mut pending) in std::mem::take(&mut self.pending) {
            let Some(fence) = self.lanes.get(&lane).map(|lane| lane.fence) else { continue };
            // A transaction may fail and be tried again after a later one: two that touch one thing never overlap.
            let overlaps = pending.rows.iter().any(|id| self.rows.get(id).is_some_and(|entry| entry.writing))
                || pending.settles.iter().any(|one| self.batches.get(&one.batch).is_some_and(|batch| batch.settling));
            if overlaps {
                self.pending.insert(lane, pending);
                continue;
            }
            for settle in &mut pending.settles {
                if let Some(batch) = self.batches.get_mut(&settle.batch) {
                    settle.remaining = batch.unresolved.iter().copied().collect();
                    batch.settling = true;
                    if settle.remaining.is_empty() {
                        self.batches.remove(&settle.batch);
                    }
                }
            }
            let mut rows = Vec::with_capacity(pending.rows.len());
            for id in &pending.rows {
                let held = self.doubts.get(id).is_some_and(|doubt| doubt.held);
                let Some(entry) = self.rows.get_mut(id) else { continue };
                entry.writing = true;
                let trail = pending.trails.get(id).copied();
                rows.push(RowUpdate { expected: entry.stored, row: entry.row.clone(), trail });
                if !matches!(entry.phase, Phase::InFlight(_)) && !held {
                    self.set_phase(*id, Phase::Committing);
                }
            }
            let writes = Writes {
                lane,
                fence,
                settles: pending.settles,
                rows,
                intents: pending.intents,
                known: pending.known.into_values().collect(),
                forgotten: pending.forgotten.into_iter().collect(),
                audits: pending.audits,
                problems: pending.problems,
                endings: Vec::new(),
            };
            self.commit(writes, out);
        }
    }

    fn commit(&mut self, mut writes: Writes, out: &mut Vec<Command>) {
        writes.endings = writes.ending_rows(self.now.wall);
        let transaction = TransactionId(self.next_transaction);
        self.next_transaction += 1;
        out.push(Command::Commit { transaction, writes: writes.clone() });
        self.transactions.insert(transaction, Transaction { writes, retry_at: None });
    }

    /// A transaction came back.
    pub(super) fn on_committed(&mut self, id: TransactionId, receipt: Receipt, now: Now, out: &mut Vec<Command>) {
        let Some(Transaction { writes, .. }) = self.transactions.remove(&id) else { return };
        match receipt {
            Receipt::Done => self.durable(writes, now, out),
            Receipt::LostFence => self.lose_lane(writes.lane),
            Receipt::StaleRows(stale) => {
                let stale: BTreeSet<TicketId> = stale.into_iter().collect();
                let rest = self.without_rows(writes, &stale);
                for id in stale {
                    self.drop_row(id, now);
                }
                self.commit(rest, out);
            }
        }
    }

    /// It is on disk: only now requests may leave, and rows go on.
    fn durable(&mut self, writes: Writes, now: Now, out: &mut Vec<Command>) {
        for update in &writes.rows {
            let Some(entry) = self.rows.get_mut(&update.row.id) else { continue };
            entry.stored = update.row.state;
            entry.writing = false;
            let (origin, from, to) = (update.row.origin, update.expected, update.row.state);
            if from != to {
                self.reports.push(Report::Moved { origin, from, to });
            }
        }
        for settle in &writes.settles {
            if let Some(batch) = self.batches.get_mut(&settle.batch) {
                batch.settling = false;
            }
        }
        for intent in &writes.intents {
            let Some(batch) = self.batches.get(&intent.batch) else { continue };
            let Some(until) = self.lanes.get(&batch.lane).map(|lane| lane.until) else { continue };
            let timeout = self
                .platforms
                .get(&batch.platform)
                .and_then(|platform| platform.settings.capabilities.as_ref())
                .map_or(Duration::ZERO, |can| can.request_timeout);
            let not_after = Mono(until.0.saturating_sub(timeout.as_millis() as u64));
            if !self.may_still_go(intent, batch, not_after, now) {
                self.recall(intent.batch, now);
                continue;
            }
            let Some(batch) = self.batches.get_mut(&intent.batch) else { continue };
            batch.on_wire = true;
            batch.sent_at = now.mono;
            out.push(Command::Send(SendPermit::new(batch.id, batch.platform.clone(), batch.operation, not_after)));
        }
        for update in writes.rows {
            let id = update.row.id;
            match self.rows.get(&id).map(|entry| (entry.phase, entry.row.state.is_open())) {
                Some((Phase::Committing, true)) => {
                    self.set_phase(id, Phase::New);
                    self.place(id, now);
                }
                Some((Phase::Committing, false)) => self.drop_row(id, now),
                _ => {}
            }
        }
    }

    /// Nothing was written: the same again, a little later. What is on the wire stays accounted for meanwhile.
    pub(super) fn on_commit_failed(&mut self, id: TransactionId, why: String, now: Now) {
        if let Some(transaction) = self.transactions.get_mut(&id) {
            transaction.retry_at = Some(now.mono.after(COMMIT_RETRY));
            self.reports.push(Report::CommitFailed { why });
        }
    }

    /// Tries failed transactions again.
    pub(super) fn retry_commits(&mut self, now: Now, out: &mut Vec<Command>) {
        let due: Vec<TransactionId> = self
            .transactions
            .iter()
            .filter(|(_, transaction)| transaction.retry_at.is_some_and(|at| at <= now.mono))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            if let Some(Transaction { writes, .. }) = self.transactions.remove(&id) {
                self.commit(writes, out);
            }
        }
    }

    /// A request could not be encoded; nothing of its transaction was written.
    pub(super) fn on_not_encodable(
        &mut self,
        id: TransactionId,
        batch: BatchId,
        item: Option<TicketId>,
        why: &str,
        now: Now,
        out: &mut Vec<Command>,
    ) {
        let Some(Transaction { mut writes, .. }) = self.transactions.remove(&id) else { return };
        let Some(operation) = self.batches.get(&batch).map(|batch| batch.operation) else { return };
        let culprits: BTreeSet<TicketId> = match item {
            Some(item) => BTreeSet::from([item]),
            None => self.batches.get(&batch).map(|batch| batch.items.iter().copied().collect()).unwrap_or_default(),
        };
        for update in writes.rows.iter_mut().filter(|update| culprits.contains(&update.row.id)) {
            // Never sent: only the item's own state is written, as an error or as a wait for the configuration.
            update.row.sent.remove(operation);
            update.trail = None;
            update.row.reason = Some(format!("its request can't be built: {why}"));
            if item.is_some() {
                update.row.state = State::Error;
                update.row.failed = Some(operation);
            } else {
                update.row.due_at = Some(now.wall.after(Duration::from_mins(1)));
            }
        }
        for id in &culprits {
            self.set_phase(*id, Phase::Committing);
            if let (Some(entry), Some(update)) =
                (self.rows.get_mut(id), writes.rows.iter().find(|update| update.row.id == *id))
            {
                entry.row = update.row.clone();
            }
        }
        self.take_from_batches(&mut writes, &culprits);
        self.commit(writes, out);
    }

    /// The same transaction without some rows (an operator acted on them meanwhile).
    fn without_rows(&mut self, mut writes: Writes, gone: &BTreeSet<TicketId>) -> Writes {
        writes.rows.retain(|update| !gone.contains(&update.row.id));
        self.take_from_batches(&mut writes, gone);
        writes
    }

    /// Takes rows out of intents that were never sent; an intent without rows is dropped.
    fn take_from_batches(&mut self, writes: &mut Writes, gone: &BTreeSet<TicketId>) {
        for intent in &mut writes.intents {
            intent.items.retain(|id| !gone.contains(id));
            let Some(batch) = self.batches.get_mut(&intent.batch) else { continue };
            batch.items.retain(|id| !gone.contains(id));
            batch.unresolved.retain(|id| !gone.contains(id));
            if batch.items.is_empty() {
                self.release(intent.batch);
                self.batches.remove(&intent.batch);
            }
        }
        writes.intents.retain(|intent| !intent.items.is_empty());
    }
}
