//! A process: the real state machine, its lanes and leases, its transactions under way. It dies, stands still, wakes and
//! goes down in order; what it has not committed goes with it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use sha2::{Digest, Sha256};
use ticketbridge_core::delivery::{
    BatchId, Command, Delivery, Event, Fence, Intent, LaneId, Receipt, Report, Settings, TransactionId, Writes,
};
use ticketbridge_core::effect::{CallClass, LookUpFault, Operation};
use ticketbridge_core::ticket::{PlatformName, State, TicketRow, note_text};
use ticketbridge_core::time::{Mono, Now, Wall};
use ticketbridge_platforms::{EncodeFault, HttpCall, Item};

use crate::checks::{Violation, attempts, batch_size, completed, journal, switches};
use crate::faults::Profile;
use crate::sometimes::Sometimes;
use crate::store::Change;
use crate::wire::{Link, Purpose};
use crate::world::{Happening, START, World};

/// What a lease is longer than the longest request, as in the engine's shell.
pub(crate) const LEASE_MARGIN: u64 = 60_000;
/// Longest wait before a lane that another holds is asked for again.
const HELD_RETRY: u64 = 30_000;
/// Others' changes are noticed within this time, as in the engine's shell.
const LOOK_EVERY: u64 = 500;
/// The text of a note.
const NOTE_TEMPLATE: &str = "{description}";

/// One decision on its way to the disk.
#[derive(Debug)]
pub(crate) struct Job {
    transaction: TransactionId,
    writes: Writes,
}

/// An encoded request between its commit and its sending.
#[derive(Debug)]
pub(crate) struct Prepared {
    call: HttpCall,
    items: Vec<Item>,
}

/// One process.
pub(crate) struct Process {
    /// Which of its lives this is; no two lives of a world have the same number.
    pub(crate) life: u64,
    /// `None`: it is down.
    pub(crate) delivery: Option<Delivery>,
    /// Its monotonic clock began here.
    started: u64,
    pub(crate) wall_shift: i64,
    pub(crate) stalled_until: u64,
    pub(crate) wake: Option<u64>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) links: BTreeMap<PlatformName, Link>,
    lanes: BTreeMap<LaneId, Fence>,
    jobs: BTreeMap<LaneId, VecDeque<Job>>,
    prepared: BTreeMap<BatchId, Prepared>,
    seen: usize,
    look_due: bool,
    /// Events on their way to it.
    pub(crate) coming: usize,
    /// Of these, receipts of transactions that are durable.
    receipts: usize,
    /// Going down in order; so many milliseconds later it comes back.
    pub(crate) draining: Option<u64>,
}

impl Process {
    pub(crate) fn down(settings: Arc<Settings>) -> Self {
        Self {
            life: 0,
            delivery: None,
            started: 0,
            wall_shift: 0,
            stalled_until: 0,
            wake: None,
            settings,
            links: BTreeMap::new(),
            lanes: BTreeMap::new(),
            jobs: BTreeMap::new(),
            prepared: BTreeMap::new(),
            seen: 0,
            look_due: false,
            coming: 0,
            receipts: 0,
            draining: None,
        }
    }

    fn mono(&self, now: u64) -> Mono {
        Mono(now.saturating_sub(self.started) + 1)
    }

    fn at(&self, mono: Mono) -> u64 {
        mono.0 + self.started - 1
    }

    /// Lanes that it believes to hold.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = LaneId> {
        self.lanes.keys().copied()
    }

    /// Transactions, requests, look-ups, loads and events under way.
    pub(crate) fn under_way(&self) -> usize {
        let machine = self.delivery.as_ref().map_or(0, |delivery| delivery.load().1);
        machine + self.coming + usize::from(self.look_due)
    }
}

impl World {
    pub(crate) fn is_alive(&self, process: usize, life: u64) -> bool {
        self.processes.get(process).is_some_and(|one| one.life == life && one.delivery.is_some())
    }

    fn lease(&self) -> u64 {
        self.site.longest_request() + LEASE_MARGIN
    }

    // ---- beginning and end ----------------------------------------------------------------------------------------

    pub(crate) fn start(&mut self, process: usize) {
        if self.processes.get(process).is_none_or(|one| one.delivery.is_some()) {
            return;
        }
        self.lives += 1;
        let (life, now) = (self.lives, self.now);
        let links = self.site.platforms.iter().map(|platform| (platform.name.clone(), Link::new(platform))).collect();
        let settings = Arc::clone(&self.settings);
        let delivery = Delivery::new(self.spoiled(&settings), self.seed ^ (life << 32));
        let fresh = Process {
            life,
            delivery: Some(delivery),
            started: now,
            links,
            seen: self.store.changes.len(),
            wall_shift: self.processes.get(process).map_or(0, |before| before.wall_shift),
            ..Process::down(settings)
        };
        if let Some(one) = self.processes.get_mut(process) {
            *one = fresh;
        }
        self.trace.tell(now, || (Vec::new(), format!("process {process} starts (life {life})")));
        let lanes: Vec<LaneId> = self.store.lanes.keys().copied().collect();
        for lane in lanes {
            let wait = self.dice.random_range(1..50);
            self.schedule(wait, Happening::Take { process, life, lane });
        }
    }

    /// The process is gone, with all that it had not committed; it comes back later.
    pub(crate) fn crash(&mut self, process: usize, down_for: u64) {
        let Some(one) = self.processes.get_mut(process).filter(|one| one.delivery.is_some()) else { return };
        let wall_shift = one.wall_shift;
        let life = one.life;
        let settings = Arc::clone(&one.settings);
        let gone = std::mem::replace(one, Process { wall_shift, ..Process::down(settings) });
        let on_wire = self.forget_exchanges(process, life);
        let jobs: usize = gone.jobs.values().map(VecDeque::len).sum();
        for (count, what) in [
            (on_wire, Sometimes::DiedWithRequestOnWire),
            (gone.prepared.len(), Sometimes::DiedBeforeRequest),
            (jobs, Sometimes::DiedBeforeCommit),
            (gone.receipts, Sometimes::DiedBeforeReceipt),
        ] {
            if count > 0 {
                self.tally.saw(what);
            }
        }
        self.crashes += 1;
        let text_of = || {
            let text = format!(
                "process {process} dies with {on_wire} requests on the wire and {jobs} transactions in its hands; back in {down_for} ms"
            );
            (Vec::new(), text)
        };
        self.trace.tell(self.now, text_of);
        self.schedule(down_for, Happening::Start { process });
    }

    /// Nothing is under way any more: its lanes are given back, and it ends.
    fn end_in_order(&mut self, process: usize, down_for: u64) {
        let Some(one) = self.processes.get_mut(process) else { return };
        let (lanes, wall_shift) = (std::mem::take(&mut one.lanes), one.wall_shift);
        let (life, settings) = (one.life, Arc::clone(&one.settings));
        *one = Process { wall_shift, ..Process::down(settings) };
        self.forget_exchanges(process, life);
        for (lane, fence) in lanes {
            self.store.release(lane, fence);
        }
        self.tally.saw(Sometimes::Drained);
        self.trace.tell(self.now, || (Vec::new(), format!("process {process} goes down in order")));
        self.schedule(down_for, Happening::Start { process });
    }

    // ---- lanes ----------------------------------------------------------------------------------------------------

    pub(crate) fn take_lane(&mut self, process: usize, life: u64, lane: LaneId) {
        let (now, lease) = (self.now, self.lease());
        let Some(one) = self.processes.get_mut(process).filter(|one| one.draining.is_none()) else { return };
        let until = one.mono(now + lease);
        let before = self.store.holder(lane);
        let Some(taken) = self.store.take(lane, life, now, lease, until) else {
            let wait = self.store.free_at(lane).saturating_sub(now).clamp(1_000, HELD_RETRY);
            self.schedule(wait, Happening::Take { process, life, lane });
            return;
        };
        one.lanes.insert(lane, taken.fence);
        let handed_over = before.is_some_and(|other| {
            other != life && self.processes.iter().any(|one| one.life == other && one.delivery.is_some())
        });
        if handed_over {
            self.tally.saw(Sometimes::LaneChangedHands);
        }
        if taken.suspect {
            self.tally.saw(Sometimes::SuspectStore);
        }
        self.trace.mark(&[1, now, process as u64, taken.fence.0 as u64]);
        let text_of = || (Vec::new(), format!("process {process} takes lane {} with token {}", lane.0, taken.fence.0));
        self.trace.tell(now, text_of);
        self.tell(process, 1, Event::LaneTaken(Box::new(taken)));
        self.schedule(lease / 3, Happening::Renew { process, life, lane });
    }

    pub(crate) fn renew_lane(&mut self, process: usize, life: u64, lane: LaneId) {
        let (now, lease) = (self.now, self.lease());
        let Some(one) = self.processes.get_mut(process) else { return };
        let Some(fence) = one.lanes.get(&lane).copied() else { return };
        if self.store.renew(lane, fence, now + lease) {
            let until = one.mono(now + lease);
            self.handle(process, Event::LaneRenewed { lane, until });
            self.schedule(lease / 3, Happening::Renew { process, life, lane });
        } else {
            one.lanes.remove(&lane);
            let text_of = || (Vec::new(), format!("process {process} finds lane {} in other hands", lane.0));
            self.trace.tell(now, text_of);
            self.handle(process, Event::LaneLost { lane });
            self.schedule(1, Happening::Take { process, life, lane });
        }
    }

    // ---- others' changes ------------------------------------------------------------------------------------------

    /// Something was committed that processes have to notice.
    pub(crate) fn something_changed(&mut self) {
        for process in 0..self.processes.len() {
            let wait = self.dice.random_range(1..=LOOK_EVERY);
            let Some(one) = self.processes.get_mut(process).filter(|one| one.delivery.is_some() && !one.look_due)
            else {
                continue;
            };
            one.look_due = true;
            let life = one.life;
            self.schedule(wait, Happening::Look { process, life });
        }
    }

    pub(crate) fn look(&mut self, process: usize) {
        let Some(one) = self.processes.get_mut(process) else { return };
        one.look_due = false;
        let changes: Vec<Change> = self.store.changes.iter().skip(one.seen).cloned().collect();
        one.seen = self.store.changes.len();
        let lanes: Vec<LaneId> = one.lanes.keys().copied().collect();
        for lane in &lanes {
            self.tell(process, 1, Event::News { lane: *lane });
        }
        let mut rows = Vec::new();
        for change in changes {
            match change {
                Change::Ticket(id) => rows.push(id),
                Change::Settings => {
                    let settings = Arc::clone(&self.settings);
                    self.tell(process, 1, Event::Settings { settings });
                }
                Change::LossAccepted(platform) => self.tell(process, 1, Event::LossAccepted { platform }),
            }
        }
        if rows.is_empty() {
            return;
        }
        for lane in lanes {
            let tickets = self.store.by_id(lane, rows.iter().copied());
            if !tickets.is_empty() {
                self.tell(process, 1, Event::Changed { lane, tickets });
            }
        }
    }

    // ---- the loop: event in, decision, commands out ---------------------------------------------------------------

    /// An event for a process, in a moment.
    pub(crate) fn tell(&mut self, process: usize, after: u64, event: Event) {
        let Some(one) = self.processes.get_mut(process).filter(|one| one.delivery.is_some()) else { return };
        one.coming += 1;
        one.receipts += usize::from(matches!(event, Event::Committed { .. }));
        let life = one.life;
        self.schedule(after, Happening::Tell { process, life, event: Box::new(event) });
    }

    /// An event that was told arrives.
    pub(crate) fn told(&mut self, process: usize, event: Event) {
        if let Some(one) = self.processes.get_mut(process) {
            one.coming = one.coming.saturating_sub(1);
            if matches!(event, Event::Committed { .. }) {
                one.receipts = one.receipts.saturating_sub(1);
            }
        }
        self.handle(process, event);
    }

    pub(crate) fn handle(&mut self, process: usize, mut event: Event) {
        if self.trouble.dies > 0 && self.dice.random_range(0..10_000) < self.trouble.dies {
            let down_for = self.dice.random_range(1..5_000);
            self.crash(process, down_for);
            return;
        }
        let global = self.now;
        let spoiled = match &event {
            Event::Settings { settings } => Some(self.spoiled(settings)),
            _ => None,
        };
        let Some(one) = self.processes.get_mut(process) else { return };
        let now = Now { mono: one.mono(global), wall: Wall(START + global as i64 + one.wall_shift) };
        if let Event::Settings { settings } = &mut event {
            one.settings = Arc::clone(settings);
            *settings = spoiled.unwrap_or_else(|| Arc::clone(settings));
        }
        let Some(delivery) = one.delivery.as_mut() else { return };
        let mut commands = std::mem::take(&mut self.commands);
        delivery.handle(now, event, &mut commands);
        for command in commands.drain(..) {
            self.perform(process, command);
        }
        self.commands = commands;
        let Some(one) = self.processes.get(process) else { return };
        if let (Some(down_for), Some(delivery)) = (one.draining, &one.delivery)
            && delivery.load().1 == 0
        {
            self.end_in_order(process, down_for);
        }
    }

    fn perform(&mut self, process: usize, command: Command) {
        match command {
            Command::Commit { transaction, writes } => self.queue_commit(process, Job { transaction, writes }),
            Command::Send(permit) => {
                let not_after = permit.not_after();
                self.send(process, permit.batch(), permit.operation(), permit.platform().clone(), not_after);
            }
            Command::LookUp { probe, platform, query } => {
                let Some(one) = self.processes.get(process) else { return };
                self.judge(switches::check_look_up(&one.settings, &platform));
                self.look_up(process, probe, platform, query);
            }
            Command::Load { lane, after, limit } => {
                let (tickets, end) = self.store.load(lane, after, limit);
                let wait = self.dice.random_range(1..6);
                self.tell(process, wait, Event::Loaded { lane, tickets, end });
            }
            Command::WakeAt { at } => {
                let Some(one) = self.processes.get_mut(process) else { return };
                one.wake = at.map(|at| one.at(at));
                if let Some(at) = one.wake {
                    let life = one.life;
                    self.schedule(at.saturating_sub(self.now), Happening::Wake { process, life, at });
                }
            }
            Command::Report(report) => self.reported(process, &report),
        }
    }

    fn reported(&mut self, process: usize, report: &Report) {
        let saw = match report {
            Report::Moved { to: State::Error, .. } => Some(Sometimes::EndedInError),
            Report::Moved { from: State::AddingNote, to: State::Completed, .. } => Some(Sometimes::BecameNote),
            Report::Moved { from: State::LinkingWorkOrder, to: State::Completed, .. } => {
                Some(Sometimes::CompletedByCreation)
            }
            Report::Resolved { applied: true, .. } => Some(Sometimes::DoubtFoundApplied),
            Report::Resolved { applied: false, .. } => Some(Sometimes::DoubtFoundNothing),
            Report::Halved { .. } => Some(Sometimes::Halved),
            Report::BreakerOpened { .. } => Some(Sometimes::BreakerOpened),
            Report::BreakerClosed { .. } => Some(Sometimes::BreakerClosed),
            Report::Paused { .. } => Some(Sometimes::Paused),
            Report::OperationHeld { .. } => Some(Sometimes::OperationHeld),
            Report::LookUpFailed { .. } => Some(Sometimes::LookUpFailed),
            Report::CreatingStopped { .. } => Some(Sometimes::CreatingStopped),
            Report::CreatingResumed { .. } => Some(Sometimes::CreatingResumed),
            Report::LagLearned { .. } => Some(Sometimes::LagLearned),
            Report::Problem(_) => Some(Sometimes::ProblemReported),
            Report::CommitFailed { .. } => Some(Sometimes::CommitFailed),
            Report::SuspicionOver => {
                self.store.suspect = false;
                None
            }
            Report::Settled { .. } | Report::Moved { .. } => None,
        };
        if let Some(saw) = saw {
            self.tally.saw(saw);
        }
        match report {
            Report::CreatingStopped { platform, stop } => drop(self.store.stops.insert(platform.clone(), stop.clone())),
            Report::CreatingResumed { platform } => drop(self.store.stops.remove(platform)),
            _ => {}
        }
        let keys = match report {
            Report::Moved { origin, .. } => {
                let of = |key: &&crate::store::StoredRow| key.row.origin == *origin;
                self.store.rows.values().find(of).map(|stored| stored.row.key.to_string()).into_iter().collect()
            }
            Report::Settled { .. } | Report::Resolved { .. } | Report::LagLearned { .. } => return,
            Report::Problem(problem) if !problem.about.is_empty() => vec![problem.about.clone()],
            _ => Vec::new(),
        };
        self.trace.mention(self.now, || (keys, format!("process {process} reports {report:?}")));
    }

    // ---- transactions ---------------------------------------------------------------------------------------------

    fn queue_commit(&mut self, process: usize, job: Job) {
        let lane = job.writes.lane;
        let Some(one) = self.processes.get_mut(process) else { return };
        let too_large = job.writes.intents.iter().find_map(|intent| batch_size::check(intent, &one.settings));
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

    // ---- requests -------------------------------------------------------------------------------------------------

    fn send(&mut self, process: usize, batch: BatchId, operation: Operation, platform: PlatformName, not_after: Mono) {
        let Some(one) = self.processes.get_mut(process) else { return };
        let prepared = one.prepared.remove(&batch);
        let not_after = one.at(not_after);
        let wrong = self.store.batches.get(&batch).and_then(|stored| {
            let key = stored.intent.items.first().and_then(|item| self.store.rows.get(item));
            switches::check_write(&one.settings, &stored.intent.backend, key.map(|stored| stored.row.key.as_str()))
        });
        self.judge(wrong);
        let Some(Prepared { call, items }) = prepared else {
            let why = String::from("nothing was sent: its request is not at hand any more");
            let call = CallClass::Unavailable { why, retry_after: None, throttled: false, configuration: false };
            self.tell(process, 1, Event::Answered { batch, call, outcomes: Vec::new(), latency: Duration::ZERO });
            return;
        };
        let aside = self.store.batches.get(&batch).is_some_and(|stored| {
            let home = self.store.lanes.get(&stored.lane).map(|lane| &lane.platform);
            operation == Operation::CreateWorkOrder && home != Some(&platform)
        });
        if aside {
            self.tally.saw(Sometimes::TwoPlatforms);
        }
        self.begin(process, platform, call, Purpose::Write { batch, operation, items }, Some(not_after));
    }

    /// Lanes and look-ups that waited for a platform to be learned go on.
    pub(crate) fn learned(&mut self, process: usize, platform: &PlatformName, fault: Option<&LookUpFault>) {
        let Some(one) = self.processes.get_mut(process) else { return };
        let life = one.life;
        let Some(link) = one.links.get_mut(platform) else { return };
        link.learning = false;
        link.learning_failed = fault.map(|fault| fault.why.clone());
        let lanes = std::mem::take(&mut link.waiting_lanes);
        let look_ups = std::mem::take(&mut link.waiting_look_ups);
        for lane in lanes {
            self.commit(process, life, lane);
        }
        for (probe, query) in look_ups {
            match fault {
                Some(fault) => self.tell(process, 1, Event::LookedUp { probe, result: Err(fault.clone()) }),
                None => self.look_up(process, probe, platform.clone(), query),
            }
        }
        if let Some(link) = self.processes.get_mut(process).and_then(|one| one.links.get_mut(platform)) {
            link.learning_failed = None;
        }
    }
}
