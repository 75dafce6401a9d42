//! The world: one heap of happenings, one seed, virtual clocks. After every step the invariants are checked.
//!
//! Guarantee: the same seed, profile and site give the same trace, to the bit. Limits: [`MAX_STEPS`] steps and
//! [`PATIENCE`] of virtual time after the last fault; a world that needs more breaks liveness.

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use ticketbridge_core::delivery::{BatchId, Command, Event, LaneId, Settings};
use ticketbridge_core::ticket::{PlatformName, TicketId};
use ticketbridge_core::time::Mono;
use ticketbridge_platforms::Transport;

use crate::checks::{Violation, liveness, once, wake};
use crate::faults::{Deed, Outage, Plan, ProcessTrouble, Profile, WireTrouble};
use crate::link::capabilities;
use crate::process::Process;
use crate::remote::{Effect, Remote};
use crate::site::{Site, Sort};
use crate::sometimes::{Sometimes, Tally};
use crate::store::Store;
use crate::story::Trace;
use crate::teeth::{Neglect, Saboteur};
use crate::wire::{Exchange, Travelling};

/// The wall clock at the beginning, in milliseconds since 1970.
pub(crate) const START: i64 = 1_800_000_000_000;
/// Most steps of a world.
pub(crate) const MAX_STEPS: u64 = 400_000;
/// Virtual milliseconds after the last fault within which everything must have ended.
pub(crate) const PATIENCE: u64 = 24 * 3_600_000;
/// Beyond the promise the audits are waited for: the last one is due after 24 h, by a wall clock that may go back from a
/// day ahead to a day behind.
const AUDITS: u64 = 76 * 3_600_000;

/// Something that will happen.
pub(crate) enum Happening {
    Deed { number: usize },
    Start { process: usize },
    Take { process: usize, life: u64, lane: LaneId },
    Renew { process: usize, life: u64, lane: LaneId },
    Look { process: usize, life: u64 },
    Tell { process: usize, life: u64, event: Box<Event> },
    Wake { process: usize, life: u64, at: u64 },
    Commit { process: usize, life: u64, lane: LaneId },
    Depart { exchange: u64 },
    Arrive { exchange: u64, travelling: Box<Travelling> },
    Effect { platform: PlatformName, effect: Box<Effect>, exchange: u64 },
    Reply { exchange: u64, transport: Box<Transport> },
    TimeOut { exchange: u64 },
}

/// A simulated world.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) profile: Profile,
    /// Virtual milliseconds since the beginning.
    pub(crate) now: u64,
    pub(crate) dice: ChaCha8Rng,
    heap: BTreeMap<(u64, u64), Happening>,
    sequence: u64,
    pub(crate) steps: u64,
    pub(crate) site: Site,
    pub(crate) settings: Arc<Settings>,
    pub(crate) most_retries: u8,
    pub(crate) store: Store,
    pub(crate) remotes: BTreeMap<PlatformName, Remote>,
    pub(crate) wire: BTreeMap<PlatformName, WireTrouble>,
    pub(crate) outages: BTreeMap<PlatformName, (u64, Outage)>,
    pub(crate) processes: Vec<Process>,
    pub(crate) lives: u64,
    pub(crate) exchanges: BTreeMap<u64, Exchange>,
    pub(crate) next_exchange: u64,
    pub(crate) arrived: BTreeMap<BatchId, u32>,
    pub(crate) origins: BTreeMap<String, TicketId>,
    pub(crate) trouble: ProcessTrouble,
    deeds: Vec<Deed>,
    calm_at: u64,
    pub(crate) calm: bool,
    /// Keys that are there twice, beyond the promise.
    pub(crate) doubles: BTreeMap<String, String>,
    pub(crate) saboteur: Option<Arc<dyn Saboteur>>,
    pub(crate) neglect: Neglect,
    pub(crate) violation: Option<Violation>,
    pub(crate) tally: Tally,
    pub(crate) trace: Trace,
    pub(crate) commands: Vec<Command>,
    pub(crate) crashes: u64,
    pub(crate) requests: u64,
    pub(crate) effects: u64,
    /// The process dies right before this step.
    pub(crate) dies_at_step: Option<u64>,
}

impl World {
    pub(crate) fn new(seed: u64, profile: Profile, site: Site, plan: Plan, telling: bool) -> Self {
        let settings = Arc::new(site.settings(capabilities));
        let mut store = Store::default();
        for platform in site.ticket_platforms() {
            store.add_lanes(&platform, site.lanes);
        }
        let remote = |sort| match sort {
            Sort::Sfyc => Remote::sfyc(),
            Sort::Cherwell => Remote::cherwell(),
        };
        let mut remotes: BTreeMap<_, Remote> =
            site.platforms.iter().map(|platform| (platform.name.clone(), remote(platform.sort))).collect();
        let one_source = site.ticket_platforms().len() == 1;
        for remote in remotes.values_mut() {
            remote.has_one_source(one_source);
        }
        let processes = (0..site.processes).map(|_| Process::down(Arc::clone(&settings))).collect();
        let mut world = Self {
            seed,
            profile,
            now: 0,
            dice: ChaCha8Rng::seed_from_u64(seed),
            heap: BTreeMap::new(),
            sequence: 0,
            steps: 0,
            most_retries: site.backends.iter().map(|backend| backend.max_retries).max().unwrap_or(0),
            site,
            settings,
            store,
            remotes,
            wire: BTreeMap::new(),
            outages: BTreeMap::new(),
            processes,
            lives: 0,
            exchanges: BTreeMap::new(),
            next_exchange: 0,
            arrived: BTreeMap::new(),
            origins: BTreeMap::new(),
            trouble: plan.trouble,
            deeds: Vec::new(),
            calm_at: plan.calm_at,
            calm: false,
            doubles: BTreeMap::new(),
            saboteur: None,
            neglect: Neglect::default(),
            violation: None,
            tally: Tally::default(),
            trace: Trace::new(telling),
            commands: Vec::new(),
            crashes: 0,
            requests: 0,
            effects: 0,
            dies_at_step: None,
        };
        for (number, (at, deed)) in plan.deeds.into_iter().enumerate() {
            world.deeds.push(deed);
            world.schedule(at, Happening::Deed { number });
        }
        for process in 0..world.processes.len() {
            world.schedule(1 + process as u64, Happening::Start { process });
        }
        world
    }

    /// Switches guards off.
    pub(crate) fn sabotage(&mut self, saboteur: &Arc<dyn Saboteur>) {
        self.store.amnesia = saboteur.store();
        self.neglect = saboteur.neglect();
        self.saboteur = Some(Arc::clone(saboteur));
    }

    /// What the state machine decides with where these settings are in force.
    pub(crate) fn spoiled(&self, settings: &Arc<Settings>) -> Arc<Settings> {
        let Some(saboteur) = &self.saboteur else { return Arc::clone(settings) };
        let mut settings = Settings::clone(settings);
        saboteur.settings(&mut settings);
        Arc::new(settings)
    }

    /// The settings as the site has them now.
    pub(crate) fn renew_settings(&mut self) {
        self.settings = Arc::new(self.site.settings(capabilities));
        let most = self.site.backends.iter().map(|backend| backend.max_retries).max().unwrap_or(0);
        self.most_retries = self.most_retries.max(most);
    }

    pub(crate) fn schedule(&mut self, after: u64, happening: Happening) {
        self.sequence += 1;
        self.heap.insert((self.now.saturating_add(after), self.sequence), happening);
    }

    /// A deed that was not planned.
    pub(crate) fn later(&mut self, after: u64, deed: Deed) {
        let number = self.deeds.len();
        self.deeds.push(deed);
        self.schedule(after, Happening::Deed { number });
    }

    /// The first violation stands.
    pub(crate) fn judge(&mut self, wrong: Option<Violation>) {
        if let Some(wrong) = wrong
            && self.violation.is_none()
        {
            let key = wrong.key.clone().into_iter().collect();
            self.trace.tell(self.now, || (key, format!("BROKEN: {}: {}", wrong.invariant, wrong.text)));
            self.violation = Some(wrong);
        }
    }

    /// I1 is broken: a violation inside the promise, a double that must be reported outside of it.
    pub(crate) fn doubled(&mut self, platform: &PlatformName, wrong: Violation) {
        match (self.profile, &wrong.key) {
            (Profile::Outside, Some(key)) => {
                self.doubles.entry(key.clone()).or_insert_with(|| format!("{platform}: {}", wrong.text));
            }
            (Profile::Outside, None) => {}
            _ => self.judge(Some(wrong)),
        }
    }

    pub(crate) fn keys_of(&self, items: &[TicketId]) -> Vec<String> {
        items.iter().filter_map(|id| self.store.rows.get(id)).map(|stored| stored.row.key.to_string()).collect()
    }

    // ---- running --------------------------------------------------------------------------------------------------

    /// Runs to the quiet end, or to the first violation.
    pub(crate) fn run(&mut self) {
        while self.violation.is_none() {
            if self.is_over() {
                self.check_end();
                return;
            }
            if self.steps >= MAX_STEPS || self.now > self.calm_at + PATIENCE + AUDITS {
                self.check_end();
                let text = format!("no end after {} steps and {} virtual ms", self.steps, self.now);
                self.judge(Some(Violation::new("liveness", None, text)));
                return;
            }
            self.step();
        }
    }

    /// Calm, every process up, every row over (or held for an operator), and nothing under way.
    fn is_over(&mut self) -> bool {
        if !self.calm {
            return false;
        }
        if self.now > self.calm_at + PATIENCE && self.store.open_rows() > self.held() {
            return true;
        }
        let idle = |one: &Process| one.delivery.is_some() && one.stalled_until <= self.now && one.under_way() == 0;
        if self.store.open_rows() > 0 && self.store.open_rows() > self.held() || !self.processes.iter().all(idle) {
            return false;
        }
        self.profile != Profile::Outside || self.store.audits.is_empty() || self.now > self.calm_at + AUDITS
    }

    /// Rows that are held for an operator, and those that wait behind one of them, in all processes.
    fn held(&self) -> usize {
        let held = |one: &Process| {
            let waiting = one.delivery.as_ref().map(|delivery| delivery.status(Mono(self.now)).waiting);
            let count = |what| waiting.as_ref().and_then(|waiting| waiting.get(what)).copied().unwrap_or(0);
            let held = count("held for an operator");
            if held == 0 { 0 } else { held + count("behind another of its key") }
        };
        self.processes.iter().map(held).sum()
    }

    fn check_end(&mut self) {
        let held = self.held();
        let open: Vec<_> = self.store.rows.values().filter(|stored| stored.row.state.is_open()).collect();
        let unsettled = self.store.batches.values().filter(|batch| {
            let over = |item: &TicketId| self.store.rows.get(item).is_none_or(|stored| !stored.row.state.is_open());
            batch.remaining.iter().any(over)
        });
        let unexplained = self.store.rows.values().filter(|stored| {
            let row = &stored.row;
            row.state == ticketbridge_core::ticket::State::Error && row.reason.as_ref().is_none_or(String::is_empty)
        });
        let statuses = self.processes.iter().filter_map(|one| one.delivery.as_ref());
        let waiting = statuses.map(|delivery| format!("{:?}", delivery.status(Mono(self.now))));
        let stuck = open.len().saturating_sub(held);
        let remains = liveness::Remains {
            open: stuck,
            key: open.first().filter(|_| stuck > 0).map(|stored| stored.row.key.to_string()),
            unsettled: unsettled.count(),
            unexplained: unexplained.count(),
            waiting: if stuck > 0 { waiting.collect::<Vec<_>>().join("; ") } else { String::new() },
        };
        let wrong = liveness::check(&remains).or_else(|| self.unreported_double()).or_else(|| self.open_twice());
        self.judge(wrong);
    }

    /// Beyond the promise: a double that came of a create sent again must have been reported, unless people took one of
    /// the two away.
    fn unreported_double(&self) -> Option<Violation> {
        let resent = |key: &str| {
            self.store.resent.iter().any(|id| {
                self.store.rows.get(id).is_some_and(|stored| stored.row.key.as_str() == key && stored.row.created)
            })
        };
        let stands = |text: &str| {
            let origin = text.rsplit(' ').next().unwrap_or_default();
            self.remotes.values().any(|remote| remote.tickets_of(origin) > 1)
        };
        let told = |key: &str| self.store.problems.iter().any(|problem| problem.about == key);
        let (key, text) = self.doubles.iter().find(|(key, text)| {
            text.contains("two tickets with the origin id") && resent(key) && !told(key) && stands(text)
        })?;
        Some(Violation::new("audit", Some(key), format!("{text}, and nobody was told")))
    }

    /// I1 across platforms: a key is open on one of them only.
    fn open_twice(&self) -> Option<Violation> {
        let homes = self.site.ticket_platforms();
        if homes.len() < 2 || self.profile == Profile::Outside {
            return None;
        }
        let keys = |name: &PlatformName| {
            let remote = self.remotes.get(name)?;
            Some((name.to_string(), remote.open_keys(|origin| self.origins.contains_key(origin))))
        };
        once::check_across(&homes.iter().filter_map(keys).collect::<Vec<_>>())
    }

    /// The next thing happens.
    fn step(&mut self) {
        let Some(((at, _), happening)) = self.heap.pop_first() else {
            self.judge(Some(Violation::new("I2", None, String::from("nothing will ever happen again"))));
            return;
        };
        self.now = self.now.max(at);
        self.steps += 1;
        if self.dies_at_step == Some(self.steps) {
            self.crash(0, 100);
        }
        let bound = self.bound_to(&happening);
        if let Some((process, life)) = bound {
            if !self.is_alive(process, life) {
                return;
            }
            let until = self.processes.get(process).map_or(0, |one| one.stalled_until);
            if until > self.now {
                self.schedule(until - self.now, happening);
                return;
            }
        }
        self.happen(happening);
        if let Some((process, _)) = bound {
            self.check_wake(process);
        }
    }

    /// The life of a process that a happening is for: it does not happen to a dead one, and waits for one that stands
    /// still.
    fn bound_to(&self, happening: &Happening) -> Option<(usize, u64)> {
        match happening {
            Happening::Take { process, life, .. }
            | Happening::Renew { process, life, .. }
            | Happening::Look { process, life }
            | Happening::Tell { process, life, .. }
            | Happening::Wake { process, life, .. }
            | Happening::Commit { process, life, .. } => Some((*process, *life)),
            Happening::Depart { exchange } | Happening::Reply { exchange, .. } | Happening::TimeOut { exchange } => {
                let process = self.exchanges.get(exchange)?.process;
                Some((process, self.processes.get(process)?.life))
            }
            Happening::Deed { .. } | Happening::Start { .. } | Happening::Arrive { .. } | Happening::Effect { .. } => {
                None
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Deed { number } => {
                if let Some(deed) = self.deeds.get(number).cloned() {
                    self.deed(deed);
                }
            }
            Happening::Start { process } => self.start(process),
            Happening::Take { process, life, lane } => self.take_lane(process, life, lane),
            Happening::Renew { process, life, lane } => self.renew_lane(process, life, lane),
            Happening::Look { process, .. } => self.look(process),
            Happening::Tell { process, event, .. } => self.told(process, *event),
            Happening::Wake { process, at, .. } => {
                if let Some(one) = self.processes.get_mut(process).filter(|one| one.wake == Some(at)) {
                    one.wake = None;
                    self.handle(process, Event::Wake);
                }
            }
            Happening::Commit { process, life, lane } => self.commit(process, life, lane),
            Happening::Depart { exchange } => self.depart(exchange),
            Happening::Arrive { exchange, travelling } => self.arrive(exchange, *travelling),
            Happening::Effect { platform, effect, exchange } => self.effect(&platform, *effect, exchange),
            Happening::Reply { exchange, transport } => self.complete(exchange, &transport),
            Happening::TimeOut { exchange } => {
                if self.exchanges.contains_key(&exchange) {
                    self.tally.saw(Sometimes::TimedOut);
                    let why = String::from("no answer in time");
                    self.complete(exchange, &Transport::NoAnswer { why, timed_out: true });
                }
            }
        }
    }

    /// I2.
    fn check_wake(&mut self, process: usize) {
        let Some(one) = self.processes.get(process) else { return };
        let Some(delivery) = &one.delivery else { return };
        if one.wake.is_some() || one.under_way() > 0 || delivery.load().0 == 0 {
            return;
        }
        let off = one.settings.backends.values().any(|backend| !backend.processing);
        let status = delivery.status(Mono(self.now));
        let stopped = status.platforms.values().any(|platform| platform.stopped.is_some());
        // After a long stall rows wait for the lease: its keeper prolongs it, or finds it in other hands, at once.
        let unleased = one.lanes().any(|lane| {
            let ends_at = self.store.free_at(lane);
            self.store.holder(lane) != Some(one.life) || ends_at <= self.now + self.site.longest_request()
        });
        let excused = off || stopped || unleased || one.draining.is_some();
        let outlook = wake::Outlook { rows: delivery.load().0, wake: false, under_way: 0, excused };
        self.judge(wake::check(process, outlook));
    }
}
