//! Each guard, switched off, is found.

use std::sync::Arc;

use ticketbridge_simulator::teeth::{MOST_SEEDS, Saboteur, bite, teeth};
use ticketbridge_simulator::{Profile, Scenario, run_one};

struct Idle;

impl Saboteur for Idle {}

#[test]
fn a_saboteur_that_spoils_nothing_changes_nothing() {
    let sound = Scenario::of(Profile::Harsh);
    let idle = Scenario { saboteur: Some(Arc::new(Idle)), ..sound.clone() };
    for seed in 0..40 {
        assert_eq!(run_one(seed, &idle, false), run_one(seed, &sound, false), "seed {seed}");
    }
}

#[test]
#[ignore = "a minute or more without optimization: `./test.sh` tries the teeth in release, by `sweep --teeth`"]
fn every_guard_that_is_switched_off_is_found() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let blunt: Vec<_> =
        teeth().iter().filter(|tooth| bite(tooth, 0..MOST_SEEDS, threads).is_none()).map(|tooth| tooth.name).collect();
    assert!(blunt.is_empty(), "not found within {MOST_SEEDS} seeds: {blunt:?}");
}

#[test]
fn names_of_teeth_are_their_own() {
    let mut names: Vec<_> = teeth().iter().map(|tooth| tooth.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), teeth().len());
}
