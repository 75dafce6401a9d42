//! Seeds that broke something, each named after what it shows.

use ticketbridge_simulator::{Profile, Scenario, run_one};

fn holds(seed: u64) {
    let outcome = run_one(seed, &Scenario::of(Profile::Harsh), true);
    assert_eq!(outcome.violation, None, "seed {seed}:\n{}", outcome.story.join("\n"));
}

#[test]
fn rows_that_wait_for_a_lease_after_a_long_stall_are_not_stuck() {
    holds(5_093);
    holds(8_567);
}

#[test]
fn a_witness_that_people_deleted_holds_no_doubt_for_ever() {
    holds(245);
    holds(258);
}

#[test]
fn the_journal_tells_how_a_row_ended_after_a_refusal() {
    holds(18);
    holds(137);
}
