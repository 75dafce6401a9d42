//! Mobile tickets: a few seeds of each profile; more by `TICKETBRIDGE_SEEDS` and `TICKETBRIDGE_FIRST_SEED`.

use ticketbridge_simulator::mobile::{
    MOST_SEEDS, Profile, Scenario, Summary, TEETH, Tooth, bite, run, run_all, run_one,
};

/// Harsh seeds of an ordinary test run.
const SEEDS: u64 = 150;
/// Calm ones.
const CALM_SEEDS: u64 = 15;
/// Seeds of an ordinary test run within which most teeth must bite.
const TEETH_SEEDS: u64 = 40;
/// Those that take more.
const SLOW_TEETH: [&str; 3] = ["lease-look", "by-key", "order"];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn sweep(profile: Profile, usual: u64) -> Summary {
    let first = number("TICKETBRIDGE_FIRST_SEED").unwrap_or(0);
    let seeds = number("TICKETBRIDGE_SEEDS").unwrap_or(usual);
    run_all(first..first + seeds, threads(), Scenario { profile, ..Scenario::default() })
}

fn is_sound(summary: &Summary) {
    let told = summary.failures.iter().map(|failure| {
        let story = failure.story.join("\n  ");
        format!("seed {}: {:?}\n  {story}", failure.seed, failure.violation)
    });
    let told: Vec<_> = told.collect();
    assert_eq!(summary.failed, 0, "of {} seeds:\n{}", summary.seeds, told.join("\n"));
}

/// The seed broke something once; the name of the test says what.
fn holds(seed: u64) {
    let outcome = run(seed, Profile::Harsh);
    assert_eq!(outcome.violation, None, "seed {seed}:\n{}", outcome.story.join("\n"));
}

#[test]
fn calm_seeds_end_well() {
    is_sound(&sweep(Profile::Calm, CALM_SEEDS));
}

#[test]
fn harsh_seeds_end_well_and_meet_everything_that_must_happen_sometimes() {
    let summary = sweep(Profile::Harsh, SEEDS);
    is_sound(&summary);
    let never: Vec<_> = summary.sometimes.iter().filter(|(_, seeds)| **seeds == 0).map(|(what, _)| *what).collect();
    assert!(never.is_empty() || summary.seeds < SEEDS, "never in {} seeds: {never:?}", summary.seeds);
}

#[test]
fn the_same_seed_gives_the_same_trace_on_any_number_of_threads() {
    let scenario = Scenario::default();
    for seed in [3, 17, 40] {
        let (one, two) = (run_one(seed, scenario, false), run_one(seed, scenario, true));
        assert_eq!(one.fingerprint, two.fingerprint, "seed {seed}");
        assert!(one.requests > 20 && one.items > 0);
    }
    assert_ne!(run_one(3, scenario, false).fingerprint, run_one(4, scenario, false).fingerprint);
    assert_eq!(run_all(0..8, 1, scenario), run_all(0..8, 3, scenario));
}

fn all_bite(teeth: impl Iterator<Item = &'static Tooth>, seeds: u64) {
    let blunt: Vec<_> =
        teeth.filter(|tooth| bite(tooth, 0..seeds, threads()).is_none()).map(|tooth| tooth.name).collect();
    assert!(blunt.is_empty(), "not found within {seeds} seeds: {blunt:?}");
}

#[test]
fn guards_that_are_switched_off_are_found_soon() {
    all_bite(TEETH.iter().filter(|tooth| !SLOW_TEETH.contains(&tooth.name)), TEETH_SEEDS);
}

#[test]
#[ignore = "a minute or more without optimization: `./test.sh` tries the teeth in release, by `sweep --mobile --teeth`"]
fn every_guard_that_is_switched_off_is_found() {
    all_bite(TEETH.iter(), MOST_SEEDS);
}

#[test]
fn names_of_teeth_are_their_own() {
    let mut names: Vec<_> = TEETH.iter().map(|tooth| tooth.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), TEETH.len());
}

#[test]
fn a_contact_that_people_corrected_is_found_by_its_reference_when_its_item_is_applied_again() {
    holds(14);
    holds(64);
}

#[test]
fn a_run_gives_its_lease_back_although_the_store_refused_it_something() {
    holds(0);
    holds(3);
    holds(4);
    holds(9);
}

#[test]
fn a_claim_that_comes_from_another_organizer_is_in_doubt_from_then_on() {
    holds(19_113);
}
