//! The loop of a process: an event goes in, the state machine decides, its commands are performed.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use ticketbridge_core::delivery::{BatchId, Command, Event, Report};
use ticketbridge_core::effect::{CallClass, LookUpFault, Operation};
use ticketbridge_core::ticket::{PlatformName, State};
use ticketbridge_core::time::{Mono, Now, Wall};

use crate::checks::switches;
use crate::sometimes::Sometimes;
use crate::transactions::{Job, Prepared};
use crate::wire::Purpose;
use crate::world::{Happening, START, World};

impl World {
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
                Some(fault) => self.tell(
                    process,
                    1,
                    Event::LookedUp { probe, asked_at: Mono(self.now), result: Err(fault.clone()) },
                ),
                None => self.look_up(process, probe, platform.clone(), query),
            }
        }
        if let Some(link) = self.processes.get_mut(process).and_then(|one| one.links.get_mut(platform)) {
            link.learning_failed = None;
        }
    }
}
