//! One seed from beginning to end, and many seeds on many threads. Nothing is printed: data goes out.

use std::collections::BTreeMap;
use std::future::Future;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use ticketbridge_core::mobile::ItemState;
use ticketbridge_store::{FeedbackStore, PageId, Trigger};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::people;
use super::process::{RunWish, Who, live, run_once};
use super::setting::{ORGANIZERS, Profile, Setting};
use super::sometimes::Tally;
use super::teeth::Guard;
use super::weather;
use super::world::Sim;
use crate::checks::Violation;
use crate::run::{Failure, on_threads, tell_first};

/// The setting comes of other dice than what happens in the world.
const SETTING_SALT: u64 = 0x5eed_0000_0000_0001;
/// Runs within which all must be done once nothing goes wrong any more.
const LAST_RUNS: usize = 150;
/// Longest run once nothing goes wrong any more.
const LONGEST_RUN: Duration = Duration::from_hours(2);

/// What to run the seeds on.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// How much goes wrong.
    pub profile: Profile,
    /// A guard that is switched off.
    pub without: Option<Guard>,
}

impl Default for Scenario {
    /// Harsh worlds, all guards on.
    fn default() -> Self {
        Self { profile: Profile::Harsh, without: None }
    }
}

/// What came of one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was broken, if anything.
    pub violation: Option<Violation>,
    /// The same for the same seed and scenario, always.
    pub fingerprint: u64,
    /// Virtual time.
    pub span: Duration,
    /// Runs that were started, refused ones included.
    pub runs: u64,
    /// Pages stored.
    pub pages: u64,
    /// Items in them.
    pub items: u64,
    /// Tickets at the end.
    pub tickets: u64,
    /// Those of them that were compared whole; of the others people had touched something.
    pub compared: u64,
    /// Requests sent.
    pub requests: u64,
    /// Changes that the box office made.
    pub effects: u64,
    /// Deaths of processes.
    pub crashes: u64,
    /// The story, if it was asked for.
    pub story: Vec<String>,
    sometimes: Tally,
}

impl Outcome {
    /// How often each of the things that must happen sometimes did.
    pub fn sometimes(&self) -> BTreeMap<&'static str, u64> {
        self.sometimes.by_name()
    }
}

/// What came of many seeds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Seeds run.
    pub seeds: u64,
    /// Seeds that failed.
    pub failed: u64,
    /// The first of them by number, at most [`MAX_FAILURES`](crate::MAX_FAILURES), with their stories.
    pub failures: Vec<Failure>,
    /// In how many seeds each of the things that must happen sometimes did.
    pub sometimes: BTreeMap<&'static str, u64>,
    /// Virtual time of all seeds.
    pub span: Duration,
    /// Runs that were started.
    pub runs: u64,
    /// Pages stored.
    pub pages: u64,
    /// Items in them.
    pub items: u64,
    /// Tickets at the end.
    pub tickets: u64,
    /// Those of them that were compared whole; of the others people had touched something.
    pub compared: u64,
    /// Requests sent.
    pub requests: u64,
    /// Changes that the box office made.
    pub effects: u64,
    /// Deaths of processes.
    pub crashes: u64,
}

/// Runs one seed; it tells its story if it fails.
pub fn run(seed: u64, profile: Profile) -> Outcome {
    let scenario = Scenario { profile, without: None };
    let outcome = run_one(seed, scenario, false);
    if outcome.violation.is_some() { run_one(seed, scenario, true) } else { outcome }
}

/// Runs one seed, with its story if `telling`. A panic is a violation like any other.
pub fn run_one(seed: u64, scenario: Scenario, telling: bool) -> Outcome {
    let mut dice = ChaCha8Rng::seed_from_u64(seed ^ SETTING_SALT);
    let setting = Setting::generated(scenario.profile, scenario.without, &mut dice);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let Ok(runtime) = runtime else { return no_runtime() };
    let sim = runtime.block_on(async { Sim::new(seed, setting, telling) });
    let played = catch_unwind(AssertUnwindSafe(|| runtime.block_on(play(Arc::clone(&sim)))));
    if let Err(panic) = played {
        sim.panicked(&*panic);
    }
    let span = Duration::from_millis(runtime.block_on(async { sim.now() }));
    drop(runtime);
    let mut world = sim.into_world();
    let (tickets, compared) = world.compared();
    let key = world.violation.as_ref().and_then(|wrong| wrong.key.clone());
    Outcome {
        fingerprint: world.trace.fingerprint(),
        span,
        runs: world.runs,
        pages: world.ledger.pages.len() as u64,
        items: world.ledger.pages.values().map(|page| page.items.len() as u64).sum(),
        tickets,
        compared,
        requests: world.requests,
        effects: world.effects,
        crashes: world.crashes,
        story: world.trace.story(key.as_deref()),
        sometimes: std::mem::take(&mut world.tally),
        violation: world.violation.take(),
    }
}

fn no_runtime() -> Outcome {
    let text = String::from("the machine gives no runtime");
    Outcome {
        violation: Some(Violation::new("panic", None, text)),
        fingerprint: 0,
        span: Duration::ZERO,
        runs: 0,
        pages: 0,
        items: 0,
        tickets: 0,
        compared: 0,
        requests: 0,
        effects: 0,
        crashes: 0,
        story: Vec::new(),
        sometimes: Tally::default(),
    }
}

/// Something that goes on beside all else; a panic in it is a violation.
pub(super) fn spawn(sim: &Arc<Sim>, work: impl Future<Output = ()> + Send + 'static) {
    let sim = Arc::clone(sim);
    drop(tokio::spawn(async move {
        if let Err(panic) = AssertUnwindSafe(work).catch_unwind().await {
            sim.panicked(&*panic);
        }
    }));
}

/// A world from beginning to end.
async fn play(sim: Arc<Sim>) {
    sim.world().begin(&sim.setting);
    let setting = &sim.setting;
    sim.world().trace.tell(0, || {
        let function = &setting.organizers[0].function;
        let text = format!(
            "{} organizers, {} processes, time-out {:?}, in doubt for {:?}, {:?}",
            setting.organizers.len(),
            setting.processes,
            function.timeout,
            setting.promise,
            setting.rates
        );
        (Vec::new(), text)
    });
    for process in 0..sim.setting.processes {
        spawn(&sim, live(Arc::clone(&sim), process));
    }
    spawn(&sim, people::live_on(Arc::clone(&sim)));
    spawn(&sim, people::act(Arc::clone(&sim)));
    spawn(&sim, people::strike(Arc::clone(&sim)));
    spawn(&sim, weather::change(Arc::clone(&sim)));
    sleep(Duration::from_millis(sim.setting.span)).await;
    sim.world().end_all();
    // Whatever was on its way has arrived by then, and every lease has run out.
    sleep(Duration::from_mins(4)).await;
    for organizer in 0..sim.setting.organizers.len() {
        finish(&sim, organizer).await;
    }
    let wrong = at_the_end(&sim).await;
    sim.world().judge(wrong);
}

/// The last runs of an organizer, until nothing is left.
async fn finish(sim: &Arc<Sim>, organizer: usize) {
    let process = sim.setting.processes;
    let life = 1_000_000 + organizer as u64;
    sim.world().processes[process].life = life;
    let who = Who { process, life, organizer };
    let (_sender, stopping) = watch::channel(false);
    for _ in 0..LAST_RUNS {
        let wish = RunWish { trigger: Trigger::Manual, file: None, preview: None, stopping: stopping.clone() };
        let report = timeout(LONGEST_RUN, run_once(sim, who, wish)).await;
        let Ok(Ok(report)) = report else {
            let text = format!("a run of {} does not end, or cannot begin: {report:?}", ORGANIZERS[organizer]);
            sim.world().judge(Some(Violation::new("liveness", None, text)));
            return;
        };
        if report.error.is_none() && report.counters.received == 0 && report.counters.pending == 0 {
            return;
        }
        sleep(Duration::from_secs(1)).await;
    }
    let text = format!("{} is not done after {LAST_RUNS} runs without faults", ORGANIZERS[organizer]);
    sim.world().judge(Some(Violation::new("liveness", None, text)));
}

/// What must hold when all is done.
async fn at_the_end(sim: &Arc<Sim>) -> Option<Violation> {
    for organizer in ORGANIZERS.iter().take(sim.setting.organizers.len()) {
        if let Ok(Some(lease)) = sim.store.lease(organizer).await {
            let text = format!("the lease of {organizer} is still held by run {}", lease.run.0);
            return Some(Violation::new("liveness", None, text));
        }
    }
    let pages: Vec<i64> = sim.world().ledger.pages.keys().copied().collect();
    for page in pages {
        let Ok(Some(stored)) = sim.store.page(PageId(page)).await else { continue };
        let open = stored.states.iter().position(|state| !matches!(state, ItemState::Done | ItemState::Failed));
        if let Some(place) = open {
            let text = format!("item {place} of page {page} is still {:?}", stored.states[place]);
            return Some(Violation::new("liveness", None, text));
        }
    }
    let world = sim.world();
    let most = world.wallet.stats().most_in_flight;
    if most > 1 {
        let text = format!("the wallet has seen {most} diff calls of one organizer at once");
        return Some(Violation::new("I9", None, text));
    }
    let duplicates = world.box_office.stats().duplicates;
    if duplicates.distributions_by_ref + duplicates.history_by_change_ref + duplicates.open_distributions_by_ticket > 0
    {
        return Some(Violation::new("rows", None, format!("something is there twice: {duplicates:?}")));
    }
    let foreign = world.box_office.distributions().iter().filter(|row| row.distribution_ref.is_none()).count();
    if foreign != world.foreign_rows {
        let text = format!("of {} rows of the box office's own {foreign} are left", world.foreign_rows);
        return Some(Violation::new("rows", None, text));
    }
    world.compare()
}

/// Runs all seeds of a range on so many threads. The summary does not depend on the number of threads.
pub fn run_all(seeds: Range<u64>, threads: usize, scenario: Scenario) -> Summary {
    let sum = Mutex::new((Summary::default(), Tally::default()));
    on_threads(seeds, threads, |seed| {
        let outcome = run_one(seed, scenario, false);
        let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
        let (summary, tally) = &mut *sum;
        tally.add(&outcome.sometimes);
        summary.add(seed, outcome);
        true
    });
    let (mut summary, tally) = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.sometimes = tally.by_name();
    tell_first(&mut summary.failures, |seed| run_one(seed, scenario, true).story);
    summary
}

impl Summary {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        self.seeds += 1;
        self.span += outcome.span;
        self.runs += outcome.runs;
        self.pages += outcome.pages;
        self.items += outcome.items;
        self.tickets += outcome.tickets;
        self.compared += outcome.compared;
        self.requests += outcome.requests;
        self.effects += outcome.effects;
        self.crashes += outcome.crashes;
        if let Some(violation) = outcome.violation {
            self.failed += 1;
            self.failures.push(Failure { seed, violation, story: Vec::new() });
        }
    }
}

impl super::world::World {
    /// The tickets that are there at the beginning.
    fn begin(&mut self, setting: &Setting) {
        for (place, organizer) in setting.organizers.iter().enumerate() {
            let steps = self.dice.random_range(0..organizer.tickets * 3);
            self.live_on(place, organizer.tickets, steps);
            let skipped: Vec<String> = organizer
                .skipped
                .iter()
                .filter_map(|number| self.lives[place].tickets.get(*number))
                .map(|(ticket, _)| format!("id:{ticket}"))
                .collect();
            for entry in &skipped {
                self.ledger.skip(place, entry, 0);
            }
            self.lives[place].skip_list = skipped.join(", ").into();
        }
    }

    /// All processes die, and nothing goes wrong any more.
    fn end_all(&mut self) {
        (self.calm, self.over) = (true, true);
        self.box_office.faults_mut().clear();
        self.wallet.faults_mut().clear();
        self.unlock();
        self.strict.iter_mut().for_each(|strict| *strict = false);
        let now = self.now;
        self.trace.tell(now, || (Vec::new(), String::from("all processes die, and nothing goes wrong any more")));
        self.processes.iter_mut().for_each(super::process::Process::kill);
    }
}
