//! What there is: the stand-ins, the store that all processes share, the processes, and what the checks know.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rand::Rng as _;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use ticketbridge_core::mobile::{PaginationKey, Rules, SkipList};
use ticketbridge_sandbox::StandIn;
use ticketbridge_sandbox::s360::{Effect, PrintStatus, S360Model};
use ticketbridge_sandbox::tixngo::TixngoModel;
use ticketbridge_store::{MemoryStore, Trigger};
use tokio::time::Instant;

use super::ledger::Ledger;
use super::lives::Lives;
use super::process::{Process, Who};
use super::setting::{ORGANIZERS, Profile, Setting};
use super::sometimes::{Sometimes, Tally};
use super::teeth::Guard;
use crate::checks::Violation;
use crate::story::Trace;

/// The wall clock at the beginning.
pub(super) const START: i64 = 1_777_900_000_000;
/// Most records of each sort that a stand-in holds.
const MAX_RECORDS: usize = 10_000;

/// The world and its clock, shared by all that happens in it.
pub(super) struct Sim {
    pub(super) setting: Setting,
    pub(super) store: MemoryStore,
    begun: Instant,
    world: Mutex<World>,
}

/// What changes.
pub(super) struct World {
    /// As of the last look; see [`Sim::world`].
    pub(super) now: u64,
    pub(super) dice: ChaCha8Rng,
    pub(super) trace: Trace,
    pub(super) tally: Tally,
    pub(super) violation: Option<Violation>,
    pub(super) box_office: S360Model,
    pub(super) wallet: TixngoModel,
    pub(super) processes: Vec<Process>,
    pub(super) lives: Vec<Lives>,
    pub(super) ledger: Ledger,
    /// What people have done; see `people`.
    pub(super) strict: Vec<bool>,
    pub(super) rewound: Vec<bool>,
    pub(super) print_statuses: BTreeMap<Box<str>, PrintStatus>,
    pub(super) foreign_rows: usize,
    pub(super) locked: BTreeSet<(bool, String)>,
    pub(super) profile: Profile,
    pub(super) without: Option<Guard>,
    /// The rules of the checks: nothing is skipped.
    pub(super) rules: Rules,
    /// See `teeth`.
    pub(super) beginnings: Vec<Option<S360Model>>,
    /// Nothing goes wrong any more.
    pub(super) calm: bool,
    /// No process lives any more.
    pub(super) over: bool,
    pub(super) lives_begun: u64,
    pub(super) requests: u64,
    pub(super) effects: u64,
    pub(super) crashes: u64,
    pub(super) runs: u64,
    /// Until when the store's clock has gone on.
    store_clock: u64,
}

impl Sim {
    /// A world before anything happens in it. Its clock is that of the runtime it is made in.
    pub(super) fn new(seed: u64, setting: Setting, telling: bool) -> Arc<Self> {
        let organizers = setting.organizers.len();
        let world = World {
            now: 0,
            dice: ChaCha8Rng::seed_from_u64(seed),
            trace: Trace::new(telling),
            tally: Tally::default(),
            violation: None,
            box_office: S360Model::new(MAX_RECORDS),
            wallet: TixngoModel::new(MAX_RECORDS),
            processes: (0..=setting.processes).map(|_| Process::default()).collect(),
            lives: setting.organizers.iter().map(|one| Lives::new(one.play)).collect(),
            ledger: Ledger::new(organizers),
            strict: setting.organizers.iter().map(|one| !one.function.continue_on_sync_error).collect(),
            rewound: vec![false; organizers],
            print_statuses: BTreeMap::new(),
            foreign_rows: 0,
            locked: BTreeSet::new(),
            profile: setting.profile,
            without: setting.without,
            rules: Rules {
                skip: SkipList::default(),
                organizations: HashSet::new(),
                distribute: setting.organizers.iter().all(|one| one.function.distribute),
            },
            beginnings: setting.organizers.iter().map(|_| None).collect(),
            calm: false,
            over: false,
            lives_begun: 0,
            requests: 0,
            effects: 0,
            crashes: 0,
            runs: 0,
            store_clock: 0,
        };
        Arc::new(Self { setting, store: MemoryStore::new(1), begun: Instant::now(), world: Mutex::new(world) })
    }

    /// A panic is a violation like any other.
    pub(super) fn panicked(&self, panic: &(dyn Any + Send)) {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.judge(Some(Violation::of_panic(panic)));
    }

    /// What is left of the world when nobody works on it any more.
    pub(super) fn into_world(self: Arc<Self>) -> World {
        match Arc::try_unwrap(self) {
            Ok(sim) => sim.world.into_inner().unwrap_or_else(PoisonError::into_inner),
            Err(_) => unreachable!("the runtime is gone, and with it all that shared the world"),
        }
    }

    /// Milliseconds since the beginning.
    pub(super) fn now(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    /// The world as it is now.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        world.now = self.now();
        world
    }

    /// Lets the store's clock follow.
    pub(super) fn pass_time(&self) {
        let span = {
            let mut world = self.world();
            let span = world.now - world.store_clock;
            world.store_clock = world.now;
            span
        };
        self.store.advance(Duration::from_millis(span));
    }

    /// The process dies here: what awaits this never goes on.
    pub(super) async fn die(&self, who: Who, what: Sometimes) {
        {
            let mut world = self.world();
            if world.processes[who.process].life != who.life {
                return;
            }
            world.tally.saw(what);
            world.kill(who.process, what.as_str());
        }
        pending::<()>().await;
    }
}

impl World {
    pub(super) fn judge(&mut self, wrong: Option<Violation>) {
        if self.violation.is_none()
            && let Some(wrong) = wrong
        {
            self.trace.mention(self.now, || {
                (wrong.key.iter().cloned().collect(), format!("BROKEN: {}: {}", wrong.invariant, wrong.text))
            });
            self.violation = Some(wrong);
        }
    }

    /// Whether something with this chance happens; never once the world is calm.
    pub(super) fn chance(&mut self, thousandths: u32) -> bool {
        !self.calm && thousandths > 0 && self.dice.random_range(0..1_000) < thousandths
    }

    pub(super) fn kill(&mut self, process: usize, why: &str) {
        self.crashes += 1;
        self.trace.mark(&[1, self.now, process as u64]);
        self.trace.tell(self.now, || (Vec::new(), format!("{why}: process {process}")));
        self.processes[process].kill();
    }

    pub(super) fn stall(&mut self, process: usize, span: u64, lease: u64) {
        if span > lease {
            self.tally.saw(Sometimes::LongStall);
        }
        let until = self.now + span;
        self.trace.mark(&[2, self.now, process as u64, span]);
        self.trace.tell(self.now, || (Vec::new(), format!("process {process} stands still for {span} ms")));
        self.processes[process].stall(until);
    }

    /// What a process does next for an organizer.
    pub(super) fn choose_run(&mut self, organizer: usize) -> (Trigger, Option<Bytes>, Option<(PaginationKey, u32)>) {
        self.runs += 1;
        let is_harsh = self.profile == Profile::Harsh;
        match self.dice.random_range(0..100) {
            70..90 => (Trigger::Manual, None, None),
            90..97 if is_harsh => match self.ledger.any_answer(organizer, self.dice.next_u64()) {
                Some(body) if self.dice.random_range(0..6) > 0 => (Trigger::Replay, Some(body), None),
                Some(body) => (Trigger::Replay, Some(body.slice(..body.len() / 2)), None),
                None => (Trigger::Manual, None, None),
            },
            97.. if is_harsh => (Trigger::Preview, None, Some((PaginationKey::default(), 3))),
            _ => (Trigger::Schedule, None, None),
        }
    }

    /// An effect takes place at the box office; the truth is looked at before and after.
    pub(super) fn take_effect(&mut self, effect: Effect, is_late: bool) {
        self.effects += 1;
        let creates = matches!(effect, Effect::CreateContacts(_));
        if is_late && creates {
            self.tally.saw(Sometimes::LateEffect);
        }
        self.trace.mark(&[4, self.now, self.effects]);
        self.trace.mark_bytes(format!("{effect:?}").as_bytes());
        let touched = super::truth::keys_of(&effect);
        self.trace.tell(self.now, || (touched, format!("the box office does {}", super::truth::words(&effect))));
        let wrong = self.check_before(&effect);
        self.judge(wrong);
        let checked = effect.clone();
        self.box_office.commit(START + self.now as i64, effect);
        let wrong = self.check_after(&checked);
        self.judge(wrong);
    }

    /// The organizer's place.
    pub(super) fn place_of(organizer: &str) -> usize {
        ORGANIZERS.iter().position(|name| *name == organizer).unwrap_or_default()
    }
}

/// Dice of their own for one call, so that what a platform draws changes nothing else.
pub(super) fn fork(dice: &mut ChaCha8Rng) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(dice.next_u64())
}
