//! Many seeds on many threads, and what came of them. Nothing is printed: data goes out.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::checks::Violation;
use crate::faults::{self, Profile};
use crate::site::Site;
use crate::sometimes::Tally;
use crate::teeth::Saboteur;
use crate::world::World;

/// Most failures that a summary tells in full.
pub const MAX_FAILURES: usize = 20;
/// Site and plan come of other dice than what happens in the world.
const PLAN_SALT: u64 = 0x5eed_0000_0000_0000;

/// What to run the seeds on.
#[derive(Clone)]
pub struct Scenario {
    /// How much goes wrong.
    pub profile: Profile,
    /// The site; `None`: each seed makes one of its own.
    pub site: Option<Site>,
    /// A guard that is switched off.
    pub saboteur: Option<Arc<dyn Saboteur>>,
}

impl Scenario {
    /// Generated sites, all guards on.
    pub fn of(profile: Profile) -> Self {
        Self { profile, site: None, saboteur: None }
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
    /// Steps of the world.
    pub steps: u64,
    /// Tickets received.
    pub tickets: u64,
    /// Requests that reached a platform.
    pub requests: u64,
    /// Changes that platforms made.
    pub effects: u64,
    /// Deaths of processes.
    pub crashes: u64,
    /// Doubles, beyond the promise.
    pub doubles: u64,
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

/// A seed that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What was broken.
    pub violation: Violation,
    /// What touched the broken key, in order.
    pub story: Vec<String>,
}

/// What came of many seeds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Seeds run.
    pub seeds: u64,
    /// Seeds that failed.
    pub failed: u64,
    /// The first of them by number, at most [`MAX_FAILURES`], with their stories.
    pub failures: Vec<Failure>,
    /// In how many seeds each of the things that must happen sometimes did.
    pub sometimes: BTreeMap<&'static str, u64>,
    /// Virtual time of all seeds.
    pub span: Duration,
    /// Steps of all worlds.
    pub steps: u64,
    /// Tickets received.
    pub tickets: u64,
    /// Requests that reached a platform.
    pub requests: u64,
    /// Changes that platforms made.
    pub effects: u64,
    /// Deaths of processes.
    pub crashes: u64,
    /// Doubles, beyond the promise.
    pub doubles: u64,
}

/// Runs one seed, with its story if `telling`.
pub fn run_one(seed: u64, scenario: &Scenario, telling: bool) -> Outcome {
    let mut dice = ChaCha8Rng::seed_from_u64(seed ^ PLAN_SALT);
    let site = scenario.site.clone().unwrap_or_else(|| Site::generated(&mut dice));
    let neglect = scenario.saboteur.as_ref().map(|saboteur| saboteur.neglect()).unwrap_or_default();
    let plan = faults::plan(scenario.profile, &site, neglect, &mut dice);
    let mut world = World::new(seed, scenario.profile, site, plan, telling);
    if let Some(saboteur) = &scenario.saboteur {
        world.sabotage(saboteur);
    }
    finish(world)
}

/// Runs a world to its end; a panic is a violation like any other.
pub(crate) fn finish(mut world: World) -> Outcome {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| world.run())) {
        world.violation = Some(Violation::of_panic(&*panic));
    }
    let key = world.violation.as_ref().and_then(|wrong| wrong.key.clone());
    Outcome {
        fingerprint: world.trace.fingerprint(),
        span: Duration::from_millis(world.now),
        steps: world.steps,
        tickets: world.store.rows.len() as u64,
        requests: world.requests,
        effects: world.effects,
        crashes: world.crashes,
        doubles: world.doubles.len() as u64,
        story: world.trace.story(key.as_deref()),
        sometimes: world.tally,
        violation: world.violation,
    }
}

/// Calls `each` for all seeds of a range on so many threads, until it says that it is enough.
pub(crate) fn on_threads(seeds: Range<u64>, threads: usize, each: impl Fn(u64) -> bool + Sync) {
    let next = AtomicU64::new(seeds.start);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || !each(seed) {
                        break;
                    }
                }
            });
        }
    });
}

/// Runs all seeds of a range on so many threads. The summary does not depend on the number of threads.
pub fn run(seeds: Range<u64>, threads: usize, scenario: &Scenario) -> Summary {
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

/// Keeps the first failures by number, at most [`MAX_FAILURES`], and gives them their stories.
pub(crate) fn tell_first(failures: &mut Vec<Failure>, story: impl Fn(u64) -> Vec<String>) {
    failures.sort_by_key(|failure| failure.seed);
    failures.truncate(MAX_FAILURES);
    for failure in failures {
        failure.story = story(failure.seed);
    }
}

/// The first seed in which this invariant breaks, whatever breaks in others.
pub(crate) fn first_violation(
    seeds: Range<u64>,
    threads: usize,
    invariant: &str,
    violation_in: impl Fn(u64) -> Option<Violation> + Sync,
) -> Option<(u64, Violation)> {
    let best: Mutex<Option<(u64, Violation)>> = Mutex::new(None);
    let found = || best.lock().unwrap_or_else(PoisonError::into_inner);
    on_threads(seeds, threads, |seed| {
        if found().as_ref().is_some_and(|(best, _)| *best < seed) {
            return false;
        }
        if let Some(violation) = violation_in(seed).filter(|violation| violation.invariant == invariant) {
            let mut best = found();
            if best.as_ref().is_none_or(|(best, _)| seed < *best) {
                *best = Some((seed, violation));
            }
        }
        true
    });
    best.into_inner().unwrap_or_else(PoisonError::into_inner)
}

impl Summary {
    fn add(&mut self, seed: u64, outcome: Outcome) {
        self.seeds += 1;
        self.span += outcome.span;
        self.steps += outcome.steps;
        self.tickets += outcome.tickets;
        self.requests += outcome.requests;
        self.effects += outcome.effects;
        self.crashes += outcome.crashes;
        self.doubles += outcome.doubles;
        if let Some(violation) = outcome.violation {
            self.failed += 1;
            self.failures.push(Failure { seed, violation, story: Vec::new() });
        }
    }

    /// Adds what came of other seeds.
    pub fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.failed += other.failed;
        self.failures.extend(other.failures);
        self.span += other.span;
        self.steps += other.steps;
        self.tickets += other.tickets;
        self.requests += other.requests;
        self.effects += other.effects;
        self.crashes += other.crashes;
        self.doubles += other.doubles;
        for (what, seeds) in other.sometimes {
            *self.sometimes.entry(what).or_default() += seeds;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_at_any_step_of_a_ticket_breaks_nothing() {
        let world = |dies_at_step| {
            let site = Site::plain();
            let plan = faults::calm(&site, 1);
            let mut world = World::new(1, Profile::Harsh, site, plan, true);
            world.dies_at_step = dies_at_step;
            finish(world)
        };
        let steps = world(None).steps;
        assert!(steps > 30, "a ticket takes {steps} steps");
        let mut deaths = 0;
        for step in 1..=steps {
            let outcome = world(Some(step));
            assert_eq!(outcome.violation, None, "died at step {step}:\n{}", outcome.story.join("\n"));
            // Ticket, work order and link; only the link may be sent twice.
            assert!((3..=4).contains(&outcome.effects), "died at step {step}: {} effects", outcome.effects);
            deaths += outcome.crashes;
        }
        // It does not live yet at the first steps.
        assert!(deaths + 3 >= steps, "{deaths} deaths in {steps} steps");
    }
}
