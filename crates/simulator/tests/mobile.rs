//! Mobile tickets: a few seeds of each profile; more by `TICKETBRIDGE_SEEDS` and `TICKETBRIDGE_FIRST_SEED`.

use ticketbridge_simulator::mobile::{Profile, Scenario, Summary, run_all, run_one};

/// Seeds of an ordinary test run.
const SEEDS: u64 = 150;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn sweep(profile: Profile) -> Summary {
    let first = number("TICKETBRIDGE_FIRST_SEED").unwrap_or(0);
    let seeds = number("TICKETBRIDGE_SEEDS").unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    run_all(first..first + seeds, threads, &Scenario { profile, ..Scenario::default() })
}

fn is_sound(summary: &Summary) {
    let told = summary.failures.iter().map(|failure| {
        let story = failure.story.join("\n  ");
        format!("seed {}: {:?}\n  {story}", failure.seed, failure.violation)
    });
    let told: Vec<_> = told.collect();
    println!("{:#?}", Summary { failures: Vec::new(), ..summary.clone() });
    assert_eq!(summary.failed, 0, "of {} seeds:\n{}", summary.seeds, told.join("\n"));
}

#[test]
fn calm_seeds_end_well() {
    is_sound(&sweep(Profile::Calm));
}

#[test]
fn harsh_seeds_end_well() {
    is_sound(&sweep(Profile::Harsh));
}

#[test]
fn the_same_seed_gives_the_same_trace_on_any_number_of_threads() {
    let scenario = Scenario::default();
    for seed in [3, 17, 40] {
        let (one, two) = (run_one(seed, &scenario, false), run_one(seed, &scenario, true));
        assert_eq!(one.fingerprint, two.fingerprint, "seed {seed}");
        assert!(one.requests > 20 && one.items > 0);
    }
    assert_ne!(run_one(3, &scenario, false).fingerprint, run_one(4, &scenario, false).fingerprint);
    assert_eq!(run_all(0..8, 1, &scenario), run_all(0..8, 3, &scenario));
}
