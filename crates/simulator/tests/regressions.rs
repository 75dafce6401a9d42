//! Seeds that broke something, each named after what it shows.

use ticketbridge_simulator::{Profile, Scenario, run_one};

fn holds(seed: u64) {
    holds_in(Profile::Harsh, seed);
}

fn holds_in(profile: Profile, seed: u64) {
    let outcome = run_one(seed, &Scenario::of(profile), true);
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

#[test]
fn a_look_up_of_an_earlier_doubt_says_nothing_of_a_later_one() {
    holds(8_183);
}

#[test]
fn an_answer_that_is_read_after_a_long_stall_is_no_fresh_match() {
    holds(18_756);
    holds(305_308);
}

/// One result left out and another one doubled: what is left is not in the order of the request, which no Cherwell does.
#[test]
fn results_of_a_cherwell_keep_their_order() {
    holds(19_259);
    holds(30_676);
}

#[test]
fn a_double_that_people_took_away_before_the_audit_looked_is_nobodys_fault() {
    holds_in(Profile::Outside, 1_029);
    holds_in(Profile::Outside, 2_038);
}

#[test]
fn an_audit_goes_on_after_a_look_that_failed() {
    holds_in(Profile::Outside, 2_161);
}

#[test]
fn a_commit_that_is_tried_again_carries_the_batch_that_was_formed_before_the_limit_was_lowered() {
    holds(150_684);
    holds(155_441);
}
