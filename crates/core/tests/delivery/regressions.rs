//! Seeds of the sweep that once failed, each named after what it showed. The worlds have changed since, so most of
//! them are kept as scenarios of their own elsewhere too; they stay because they are cheap.

use ticketbridge_core::delivery::Report;
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::State;

use crate::remote::Fate;
use crate::sweep::harsh;
use crate::world::World;

macro_rules! seeds {
    ($($name:ident: $seed:expr;)*) => {
        $(#[test]
        fn $name() {
            harsh($seed);
        })*
    };
}

seeds! {
    a_breaker_without_health_read_and_only_matching_rows_closes_again: 13;
    a_pause_with_a_lag_sample_due_wakes_once: 8;
    a_link_refused_with_its_batch_does_not_go_on_for_ever: 27;
    an_older_closed_ticket_does_not_stand_in_for_the_newest: 158;
    a_full_window_with_many_doubts_due_sleeps: 409;
    two_doubts_due_a_millisecond_apart_behind_a_full_window: 703;
    a_throttled_probe_behind_a_pause_is_woken: 3_220;
    a_canary_that_is_asked_about_is_no_canary: 453;
    audits_due_behind_a_full_window_wake_once: 10_168;
    a_candidate_with_an_old_match_behind_an_open_breaker_goes_on: 16_302;
    blind_reads_of_several_known_keys_create_nothing: 1_021;
}

#[test]
fn a_row_read_before_the_last_write_of_its_key_does_not_forget_the_ledger() {
    let mut world = World::new(1);
    world.remote('A').index_lag = (1_900, 1_900);
    let first = world.receive("north", &["SNR|1"]);
    world.run_until(|world| world.tickets('A') == 1);
    // The store reads the second row while it does not yet know of the ticket; the answer comes when the first is done.
    world.load_latency = (800, 800);
    let second = world.receive("north", &["SNR|1"]);
    world.finish(60_000);
    assert!(world.row(first).created && !world.row(second).created);
    assert_eq!(world.remote('A').count(Operation::CreateTicket), 1);
}

#[test]
fn a_witness_that_is_not_visible_yet_voids_the_negatives() {
    let mut world = World::new(2);
    // A canary that is in sight all the time.
    world.receive("north", &["SNR|4"]);
    world.finish(60_000);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::ResetBefore]);
    let id = world.receive("north", &["SNR|1"]);
    world.run_for(14_000);
    world.remote('A').index_lag = (15_000, 15_000);
    world.receive("north", &["SNR|2"]);
    world.run_for(14_000);
    assert_eq!(world.remote('A').count(Operation::CreateTicket), 3, "the create in doubt is not sent again");
    world.remote('A').index_lag = (0, 0);
    world.finish(600_000);
    assert_eq!(world.state(id), State::Completed);
}

#[test]
fn an_answer_in_parts_is_settled_in_order_though_commits_fail() {
    for seed in 0..30 {
        let mut world = World::new(seed);
        world.remote('A').fates(Operation::CreateTicket, &[Fate::Short, Fate::Half, Fate::Short]);
        let keys: Vec<String> = (0..30).map(|number| format!("SNR|{number}")).collect();
        world.receive("north", &keys.iter().map(String::as_str).collect::<Vec<_>>());
        world.trouble.commit_fails = 300;
        world.run_for(60_000);
        world.trouble.commit_fails = 0;
        world.finish(300_000);
        assert_eq!(world.remote('A').tickets.len(), 30);
    }
}

#[test]
fn halves_of_a_refused_batch_do_not_starve_behind_new_rows() {
    let mut world = World::new(3);
    world.remote('A').latency = (400, 400);
    for name in ['A', 'B'] {
        world.set_platform(name, |platform| platform.capabilities.as_mut().expect("usable").max_in_flight = 2);
    }
    world.set_backend("north", |backend| backend.max_tickets_per_request = 4);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::Refused { atomic: true }]);
    world.receive("north", &["SNR|0", "SNR|2", "SNR|4", "SNR|6"]);
    for number in 0..300 {
        world.later(number * 100, move |world| {
            world.receive("north", &[&format!("NEW|{number}"), &format!("NEWER|{number}")]);
        });
    }
    world.run_for(20_000);
    assert!((1..=4).all(|id| world.row(id).created), "{:?}", world.row(1));
    world.finish(600_000);
}

#[test]
fn creates_that_outrun_the_index_stop_nothing() {
    // So many creates that every canary is driven out before it becomes visible, while answers go missing: each look-up
    // would find its canary lost, or have none in sight at all.
    let mut world = World::new(2);
    world.set_platform('A', |platform| {
        platform.in_doubt_for = std::time::Duration::from_secs(2);
        platform.settling_time = std::time::Duration::from_millis(300);
    });
    world.remote('A').index_lag = (200, 1_500);
    world.remote('A').latency = (5, 40);
    world.remote('A').chances = vec![(Fate::ResetAfter, 60), (Fate::Short, 60)];
    let keys: Vec<String> = (0..2_000).map(|number| format!("SNR|{number}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    world.receive("north", &keys);
    world.finish(400_000);
    let stopped = world.reported(|report| matches!(report, Report::CreatingStopped { .. }));
    assert_eq!(stopped, 0, "nothing was lost");
    assert!(world.reported(|report| matches!(report, Report::Resolved { .. })) > 0, "nothing was ever in doubt");
    assert_eq!(world.tickets('A'), 2_000);
}

#[test]
fn a_look_up_that_fails_is_tried_with_fewer_rows() {
    // Whole or nothing: with a request per row, a look-up of many rows on a shaky platform would never come through.
    let mut world = World::new(3);
    let keys: Vec<String> = (0..40).map(|number| format!("SNR|{number}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    world.remote('A').fates(Operation::CreateTicket, &[Fate::ResetAfter; 8]);
    // A look-up of ten rows comes through once in a thousand times, one of a single row every second time.
    world.remote('A').row_failures = 500;
    world.receive("north", &keys);
    world.finish(1_800_000);
    assert_eq!(world.tickets('A'), 40);
}

#[test]
fn a_request_that_our_own_end_cut_off_uses_no_attempt() {
    let mut world = World::new(4);
    world.set_backend("north", |backend| backend.max_retries = 0);
    // Something else succeeds after it, so that a lone failure would be the row's own.
    for round in 0..3 {
        world.remote('A').fates(Operation::CreateTicket, &[Fate::ResetBefore]);
        let id = world.receive("north", &[&format!("SNR|{round}")]);
        world.run_until(|world| world.row(id).sent.contains(Operation::CreateTicket));
        world.crash(50);
        world.receive("south", &[&format!("SNR|beside-{round}")]);
        world.finish(200_000);
        assert_eq!((world.state(id), world.row(id).attempts.total()), (State::Completed, 0));
    }
}
