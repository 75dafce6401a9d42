//! Seeds that broke something, each named after what it shows. One that still does is left out, with its reason.

use ticketbridge_simulator::{Profile, Scenario, run_one};

fn holds(seed: u64, strict: bool) {
    let outcome = run_one(seed, &Scenario { strict, ..Scenario::of(Profile::Harsh) }, true);
    assert_eq!(outcome.violation, None, "seed {seed}:\n{}", outcome.story.join("\n"));
}

#[test]
fn rows_that_wait_for_a_lease_after_a_long_stall_are_not_stuck() {
    holds(5_093, false);
    holds(8_567, false);
}

#[test]
#[ignore = "`Platform::witness` offers a ticket that is known to be missing: a witness that people deleted voids every negative of the older doubts for ever"]
fn a_witness_that_people_deleted_holds_no_doubt_for_ever() {
    holds(245, true);
    holds(258, true);
}

#[test]
#[ignore = "a row that a look at its refused ticket completes, and one whose request cannot be built, leave no line in the journal"]
fn the_journal_tells_how_a_row_ended_after_a_refusal() {
    holds(18, true);
    holds(137, true);
}
