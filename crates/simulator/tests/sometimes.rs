//! A bounded sweep meets everything that must happen sometimes.

use ticketbridge_simulator::{Profile, Scenario, run};

/// Seeds of the sweep.
const SEEDS: u64 = 600;

#[test]
fn a_sweep_meets_everything_that_must_happen_sometimes() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let summary = run(0..SEEDS, threads, &Scenario::of(Profile::Harsh));
    let never: Vec<_> = summary.sometimes.iter().filter(|(_, seeds)| **seeds == 0).map(|(what, _)| *what).collect();
    assert!(never.is_empty(), "never in {SEEDS} seeds: {never:?}");
    for failure in &summary.failures {
        println!("seed {}: {:?}\n{}", failure.seed, failure.violation, failure.story.join("\n"));
    }
    assert_eq!(summary.failed, 0);
}
