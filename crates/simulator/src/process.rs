//! A process: the real state machine, its lanes and leases. It dies, stands still, wakes and goes down in order; what it
//! has not committed goes with it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rand::RngExt;
use ticketbridge_core::delivery::{BatchId, Delivery, Event, Fence, LaneId, Settings};
use ticketbridge_core::ticket::PlatformName;
use ticketbridge_core::time::Mono;

use crate::link::Link;
use crate::sometimes::Sometimes;
use crate::store::Change;
use crate::transactions::{Job, Prepared};
use crate::world::{Happening, World};

/// What a lease is longer than the longest request, as in the engine's shell.
pub(crate) const LEASE_MARGIN: u64 = 60_000;
/// Longest wait before a lane that another holds is asked for again.
const HELD_RETRY: u64 = 30_000;
/// Others' changes are noticed within this time, as in the engine's shell.
const LOOK_EVERY: u64 = 500;

/// One process.
pub(crate) struct Process {
    /// Which of its lives this is; no two lives of a world have the same number.
    pub(crate) life: u64,
    /// `None`: it is down.
    pub(crate) delivery: Option<Delivery>,
    /// Its monotonic clock began here.
    pub(crate) started: u64,
    pub(crate) wall_shift: i64,
    pub(crate) stalled_until: u64,
    pub(crate) wake: Option<u64>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) links: BTreeMap<PlatformName, Link>,
    pub(crate) lanes: BTreeMap<LaneId, Fence>,
    pub(crate) jobs: BTreeMap<LaneId, VecDeque<Job>>,
    pub(crate) prepared: BTreeMap<BatchId, Prepared>,
    /// Batches that it has formed, also those whose commit is still tried.
    pub(crate) formed: BTreeSet<BatchId>,
    pub(crate) seen: usize,
    pub(crate) look_due: bool,
    /// Events on their way to it.
    pub(crate) coming: usize,
    /// Of these, receipts of transactions that are durable.
    pub(crate) receipts: usize,
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
            formed: BTreeSet::new(),
            seen: 0,
            look_due: false,
            coming: 0,
            receipts: 0,
            draining: None,
        }
    }

    pub(crate) fn mono(&self, now: u64) -> Mono {
        Mono(now.saturating_sub(self.started) + 1)
    }

    pub(crate) fn at(&self, mono: Mono) -> u64 {
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
    pub(crate) fn end_in_order(&mut self, process: usize, down_for: u64) {
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
}
