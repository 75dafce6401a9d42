//! A few seeds of each profile; more by `TICKETBRIDGE_SEEDS` and `TICKETBRIDGE_FIRST_SEED`.

use ticketbridge_simulator::site::Site;
use ticketbridge_simulator::{Profile, Scenario, Summary, run, run_one};

/// Seeds of an ordinary test run.
const SEEDS: u64 = 50;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn sweep(profile: Profile) -> Summary {
    let first = number("TICKETBRIDGE_FIRST_SEED").unwrap_or(0);
    let seeds = number("TICKETBRIDGE_SEEDS").unwrap_or(SEEDS);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    run(first..first + seeds, threads, &Scenario::of(profile))
}

fn is_sound(summary: &Summary) {
    let told = summary.failures.iter().map(|failure| {
        let story = failure.story.join("\n  ");
        format!("seed {}: {:?}\n  {story}", failure.seed, failure.violation)
    });
    let told: Vec<_> = told.collect();
    assert_eq!(summary.failed, 0, "of {} seeds:\n{}", summary.seeds, told.join("\n"));
}

#[test]
fn twenty_tickets_are_completed_where_nothing_goes_wrong() {
    let scenario = Scenario { site: Some(Site::plain()), ..Scenario::of(Profile::Calm) };
    let outcome = run_one(1, &scenario, true);
    assert_eq!(outcome.violation, None, "{:#?}", outcome.story);
    assert_eq!(outcome.tickets, 20);
    assert_eq!(outcome.sometimes()["a ticket was completed by creation"], 20);
    assert_eq!(outcome.sometimes()["a ticket ended in Error"], 0);
}

#[test]
fn harsh_seeds_end_well() {
    is_sound(&sweep(Profile::Harsh));
}

#[test]
fn beyond_the_promise_doubles_are_reported() {
    is_sound(&sweep(Profile::Outside));
}

#[test]
fn the_same_seed_gives_the_same_trace_on_any_number_of_threads() {
    let scenario = Scenario::of(Profile::Harsh);
    for seed in [3, 17, 40] {
        let (one, two) = (run_one(seed, &scenario, false), run_one(seed, &scenario, true));
        assert_eq!(one.fingerprint, two.fingerprint, "seed {seed}");
        assert!(one.steps > 50 && one.tickets > 0);
    }
    assert_ne!(run_one(3, &scenario, false).fingerprint, run_one(4, &scenario, false).fingerprint);
    assert_eq!(run(0..12, 1, &scenario), run(0..12, 3, &scenario));
}
