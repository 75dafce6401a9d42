//! Transactions of a process: encoded, on their way to the disk, written, and judged by the checks of rows.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rand::RngExt;
use sha2::{Digest, Sha256};
use ticketbridge_core::delivery::{BatchId, Event, Intent, LaneId, Receipt, TransactionId, Writes};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{State, TicketRow, note_text};
use ticketbridge_platforms::{EncodeFault, HttpCall, Item};

use crate::checks::{Violation, attempts, batch_size, completed, journal};
use crate::faults::Profile;
use crate::sometimes::Sometimes;
use crate::world::{Happening, World};

/// The text of a note.
const NOTE_TEMPLATE: &str = "{description}";

/// One decision on its way to the disk.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) transaction: TransactionId,
    pub(crate) writes: Writes,
}

/// An encoded request between its commit and its sending.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) call: HttpCall,
    pub(crate) items: Vec<Item>,
}

impl World {
    pub(crate) fn queue_commit(&mut self, process: usize, job: Job) {
        let lane = job.writes.lane;
        let Some(one) = self.processes.get_mut(process) else { return };
        // A commit that is tried again carries what was formed before, whatever the limit is by now.
        let formed = job.writes.intents.iter().filter(|intent| one.formed.insert(intent.batch));
        let too_large = formed.filter_map(|intent| batch_size::check(intent, &one.settings)).last();
        let queue = one.jobs.entry(lane).or_default();
        queue.push_back(job);
        let (first, life) = (queue.len() == 1, one.life);
        self.judge(too_large);
        if first {
            let wait = self.disk();
            self.schedule(wait, Happening::Commit { process, life, lane });
        }
    }

    /// The next transaction of a lane reaches the disk.
    pub(crate) fn commit(&mut self, process: usize, life: u64, lane: LaneId) {
        let Some(one) = self.processes.get_mut(process) else { return };
        let Some(job) = one.jobs.get(&lane).and_then(VecDeque::front) else { return };
        let unprepared = job.writes.intents.iter().map(|intent| &intent.platform).find(|name| {
            one.links.get(*name).is_some_and(|link| link.adapter.prepare().is_some() && link.learning_failed.is_none())
        });
        if let Some(platform) = unprepared.cloned() {
            if let Some(link) = one.links.get_mut(&platform) {
                link.waiting_lanes.insert(lane);
            }
            self.learn(process, &platform);
            return;
        }
        let Some(queue) = one.jobs.get_mut(&lane) else { return };
        let Some(Job { transaction, mut writes }) = queue.pop_front() else { return };
        let more = !queue.is_empty();
        let wait = self.disk();
        let event = match self.encode_all(process, &mut writes) {
            Err((batch, EncodeFault { item, why })) => Event::NotEncodable { transaction, batch, item, why },
            Ok(prepared) => self.write(process, transaction, &mut writes, prepared),
        };
        self.tell(process, wait, event);
        if more {
            let wait = self.dice.random_range(1..3);
            self.schedule(wait, Happening::Commit { process, life, lane });
        }
    }

    /// Time to the disk, or back from it.
    fn disk(&mut self) -> u64 {
        let most = self.trouble.disk.max(2);
        self.dice.random_range(1..most)
    }

    fn write(
        &mut self,
        process: usize,
        transaction: TransactionId,
        writes: &mut Writes,
        prepared: Vec<(BatchId, Prepared)>,
    ) -> Event {
        if self.trouble.commit_fails > 0 && self.dice.random_range(0..1_000) < self.trouble.commit_fails {
            return Event::CommitFailed { transaction, why: String::from("the disk is full") };
        }
        if let Some(saboteur) = &self.saboteur {
            saboteur.writes(writes);
        }
        let receipt = match self.store.apply(writes) {
            Ok(receipt) => receipt,
            Err(defect) => {
                self.judge(Some(Violation::new("I3", None, defect.clone())));
                return Event::CommitFailed { transaction, why: defect };
            }
        };
        match &receipt {
            Receipt::LostFence => self.tally.saw(Sometimes::FenceHeld),
            Receipt::StaleRows(_) => self.tally.saw(Sometimes::StaleRow),
            Receipt::Done => {
                if let Some(one) = self.processes.get_mut(process) {
                    one.prepared.extend(prepared);
                }
                self.check_rows(process, writes);
            }
        }
        Event::Committed { transaction, receipt }
    }

    /// I4, I5 and I11, of every row that a transaction wrote.
    fn check_rows(&mut self, process: usize, writes: &Writes) {
        for update in &writes.rows {
            let Some(stored) = self.store.rows.get(&update.row.id) else { continue };
            let row = &stored.row;
            let mut wrong = attempts::check(row, self.most_retries);
            // Beyond the promise a given-up create may be found later, by a look that has no batch to settle.
            if wrong.is_none() && !self.site.charge_outages {
                wrong = attempts::check_earned(row, &stored.folded);
            }
            if wrong.is_none() && self.profile != Profile::Outside {
                wrong = journal::check(&stored.folded, row);
            }
            if wrong.is_none() && row.state == State::Completed && update.expected != State::Completed {
                let platform = self.store.lanes.get(&stored.lane).and_then(|lane| self.remotes.get(&lane.platform));
                let ticket = row.ticket.as_ref();
                let number = ticket.map_or("", |ticket| ticket.record.as_deref().unwrap_or(&ticket.number));
                let shown = platform.map_or(completed::Remote::Missing, |platform| platform.shown(number));
                wrong = completed::check(row, &shown);
            }
            self.trace.mark(&[2, self.now, row.id.0 as u64, row.state as u64, u64::from(row.sent.to_bits())]);
            let (now, keys) = (self.now, vec![row.key.to_string()]);
            self.trace.tell(now, || {
                let row = &update.row;
                let why = row.reason.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
                let text =
                    format!("process {process} commits row {}: {} -> {}{why}", row.id.0, update.expected, row.state);
                (keys, text)
            });
            self.judge(wrong);
        }
        for intent in &writes.intents {
            let keys = self.keys_of(&intent.items);
            self.trace.tell(self.now, || {
                let (batch, items) = (intent.batch.0, intent.items.len());
                (
                    keys,
                    format!(
                        "process {process} commits intent {batch}: {} of {items} on {}",
                        intent.operation, intent.platform
                    ),
                )
            });
            if intent.operation == Operation::CreateTicket
                && intent.items.iter().any(|item| self.store.resent.contains(item))
            {
                self.tally.saw(Sometimes::CreateSentAgain);
            }
        }
    }

    fn encode_all(
        &self,
        process: usize,
        writes: &mut Writes,
    ) -> Result<Vec<(BatchId, Prepared)>, (BatchId, EncodeFault)> {
        let rows: BTreeMap<_, TicketRow> =
            writes.rows.iter().map(|update| (update.row.id, update.row.clone())).collect();
        let mut all = Vec::new();
        for intent in &mut writes.intents {
            let fault = |why: &str| (intent.batch, EncodeFault { item: None, why: why.to_owned() });
            let link = self.processes.get(process).and_then(|one| one.links.get(&intent.platform));
            let Some(link) = link else { return Err(fault("there is no such platform")) };
            if let Some(why) = &link.learning_failed {
                return Err(fault(why));
            }
            let mut items = self.items(intent, &rows);
            if let Some(saboteur) = &self.saboteur {
                saboteur.items(intent.operation, &mut items);
            }
            let call = link.adapter.encode(intent.operation, &items).map_err(|fault| (intent.batch, fault))?;
            intent.body_hash = Sha256::digest(call.body.as_deref().unwrap_or_default()).into();
            all.push((intent.batch, Prepared { call, items }));
        }
        Ok(all)
    }

    /// What the engine's committer hands to `encode`.
    fn items(&self, intent: &Intent, rows: &BTreeMap<ticketbridge_core::ticket::TicketId, TicketRow>) -> Vec<Item> {
        let here = |row: &TicketRow| {
            let mut backends = self.site.backends.iter();
            backends.any(|backend| backend.name == row.backend && backend.work_orders == intent.platform)
        };
        let item = |id| {
            let (row, stored) = (rows.get(id)?, self.store.rows.get(id)?);
            let note = (intent.operation == Operation::AddNote).then(|| {
                let ticket = serde_json::from_str(&stored.body).unwrap_or_default();
                note_text(NOTE_TEMPLATE, &ticket, row.origin)
            });
            Some(Item {
                id: *id,
                origin: row.origin,
                key: row.key.clone(),
                kind: row.kind.to_string(),
                ticket: row.ticket.clone(),
                work_order: row.work_order.clone(),
                work_order_record: row.work_order_record.clone().filter(|_| here(row)),
                note,
                body: Arc::clone(&stored.body),
            })
        };
        intent.items.iter().filter_map(item).collect()
    }
}
