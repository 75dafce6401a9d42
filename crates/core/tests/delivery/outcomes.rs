//! What follows each outcome: Applied, Refused, Unavailable, Unknown; halving; breaker, gates, pauses, the window.

use std::time::Duration;

use ticketbridge_core::delivery::Report;
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{State, TicketId};

use crate::remote::{Fate, Poison};
use crate::world::{World, platform};

const SECOND: u64 = 1_000;

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("SNR|{number}")).collect()
}

fn receive(world: &mut World, backend: &str, count: usize) -> i64 {
    let keys = keys(count);
    world.receive(backend, &keys.iter().map(String::as_str).collect::<Vec<_>>())
}

fn attempts(world: &World) -> u32 {
    world.store.rows.values().map(|row| row.attempts.total()).sum()
}

fn errors(world: &World) -> usize {
    world.store.rows.values().filter(|row| row.state == State::Error).count()
}

// ---- Applied, Refused -------------------------------------------------------------------------------------------------

#[test]
fn a_refused_item_uses_attempts_and_ends_in_error_after_max_retries() {
    let mut world = World::new(1);
    let id = receive(&mut world, "north", 5);
    world.remote('A').poison.insert((Operation::CreateTicket, TicketId(id)), Poison::Item);
    world.finish(120 * SECOND);
    assert_eq!(world.state(id), State::Error);
    assert_eq!(world.row(id).attempts.of(Operation::CreateTicket), 4);
    assert_eq!(world.row(id).failed, Some(Operation::CreateTicket));
    assert_eq!((errors(&world), attempts(&world)), (1, 4));
}

#[test]
fn an_item_refused_for_good_is_an_error_at_once() {
    let mut world = World::new(2);
    let id = receive(&mut world, "north", 3);
    world.remote('A').poison.insert((Operation::CreateTicket, TicketId(id)), Poison::ForGood);
    world.finish(60 * SECOND);
    assert_eq!(world.state(id), State::Error);
    assert!(world.row(id).reason.as_ref().is_some_and(|reason| reason.contains("NEVER")));
}

#[test]
fn attempts_are_counted_per_operation() {
    let mut world = World::new(3);
    let id = receive(&mut world, "north", 1);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::Refused { atomic: true }; 3]);
    world.remote('B').fates(Operation::CreateWorkOrder, &[Fate::Refused { atomic: true }; 3]);
    world.finish(120 * SECOND);
    assert_eq!(world.state(id), State::Completed);
    assert_eq!(world.row(id).attempts.of(Operation::CreateTicket), 3);
    assert_eq!(world.row(id).attempts.of(Operation::CreateWorkOrder), 3);
}

#[test]
fn an_operators_retry_begins_a_new_generation_and_looks_once_first() {
    let mut world = World::new(4);
    let id = receive(&mut world, "north", 1);
    world.remote('A').poison.insert((Operation::CreateTicket, TicketId(id)), Poison::ForGood);
    world.finish(60 * SECOND);
    world.remote('A').poison.clear();
    let (looks, began) = (world.remote('A').reads_of("tickets"), world.now);
    world.retry(id);
    world.run_until(|world| world.tickets('A') == 1);
    assert_eq!(world.remote('A').reads_of("tickets"), looks + 1);
    assert!(world.now - began < 2 * SECOND, "one look is enough");
    world.finish(60 * SECOND);
    assert_eq!(world.state(id), State::Completed);
    assert_eq!((world.row(id).generation, world.row(id).attempts.total()), (1, 0));
}

#[test]
fn a_retry_whose_key_got_a_ticket_meanwhile_adds_a_note() {
    let mut world = World::new(5);
    let id = receive(&mut world, "north", 1);
    world.remote('A').poison.insert((Operation::CreateTicket, TicketId(id)), Poison::ForGood);
    world.finish(60 * SECOND);
    let second = receive(&mut world, "south", 1);
    world.finish(60 * SECOND);
    assert!(world.row(second).created, "a row in Error releases its key");
    world.retry(id);
    world.finish(60 * SECOND);
    assert!(!world.row(id).created);
    assert_eq!(world.remote('A').notes.len(), 1);
}

#[test]
fn a_retry_that_overtakes_the_receipt_of_the_error_is_not_lost() {
    let mut world = World::new(6);
    let id = receive(&mut world, "north", 1);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::Fine]);
    world.remote('A').poison.insert((Operation::CreateTicket, TicketId(id)), Poison::ForGood);
    // The operator acts between the commit of the Error and the receipt that tells us of it.
    world.run_until(|world| world.state(1) == State::Error);
    world.remote('A').poison.clear();
    assert!(world.store.retry(TicketId(id)));
    world.changed_now(id);
    world.finish(60 * SECOND);
    assert_eq!(world.state(id), State::Completed);
}

// ---- halving ----------------------------------------------------------------------------------------------------------

#[test]
fn a_poison_refused_with_its_whole_batch_stands_alone_and_its_neighbours_lose_no_attempt() {
    for atomic in [true, false] {
        let mut world = World::new(7);
        let id = receive(&mut world, "north", 40) + 13;
        world.remote('A').poison.insert((Operation::CreateTicket, TicketId(id)), Poison::Batch { atomic });
        world.finish(1_200 * SECOND);
        assert_eq!(world.state(id), State::Error, "{atomic}");
        assert_eq!((errors(&world), attempts(&world)), (1, 4), "{atomic}");
        assert!(world.reported(|report| matches!(report, Report::Halved { .. })) >= 3);
    }
}

#[test]
fn a_poison_that_kills_the_server_is_found_while_others_succeed() {
    let mut world = World::new(8);
    world.set_backend("north", |backend| backend.max_retries = 1);
    let id = receive(&mut world, "north", 12) + 5;
    world.remote('A').poison.insert((Operation::CreateTicket, TicketId(id)), Poison::Kills);
    for minute in 1..60 {
        world.later(minute * 20 * SECOND, move |world| {
            world.receive("south", &[&format!("OTHER|{minute}")]);
        });
    }
    world.run_for(1_500 * SECOND);
    world.finish(1_200 * SECOND);
    assert_eq!(world.state(id), State::Error);
    assert_eq!(errors(&world), 1);
    assert_eq!(attempts(&world), 2, "its neighbours lost none");
}

#[test]
fn a_refused_link_is_a_refusal_whatever_the_platform_says_of_its_batches() {
    let mut world = World::new(9);
    let id = receive(&mut world, "north", 1);
    world.remote('A').poison.insert((Operation::LinkWorkOrder, TicketId(id)), Poison::Batch { atomic: false });
    world.finish(120 * SECOND);
    assert_eq!(world.state(id), State::Error);
    assert_eq!(world.row(id).attempts.of(Operation::LinkWorkOrder), 4);
}

// ---- the destination's fault ------------------------------------------------------------------------------------------

#[test]
fn the_same_refusal_for_many_tickets_is_the_destinations_fault_and_gives_attempts_back() {
    let mut world = World::new(10);
    world.set_backend("north", |backend| backend.max_tickets_per_request = 2);
    receive(&mut world, "north", 40);
    for id in 1..=40 {
        world.remote('A').poison.insert((Operation::CreateTicket, TicketId(id)), Poison::Item);
    }
    world.run_for(600 * SECOND);
    assert_eq!(errors(&world), 0);
    assert!(world.reported(|report| matches!(report, Report::OperationHeld { .. })) > 0);
    let sent = world.remote('A').writes.iter().filter(|write| write.0 > 120 * SECOND).map(|write| write.2).max();
    assert_eq!(sent, Some(1), "a single ticket finds out");
    world.remote('A').poison.clear();
    world.finish(120 * SECOND);
    assert_eq!((errors(&world), attempts(&world)), (0, 0));
}

#[test]
fn denied_login_holds_the_operation_and_uses_no_attempt() {
    let mut world = World::new(11);
    receive(&mut world, "north", 30);
    world.remote('A').down = Some((300 * SECOND, Fate::Denied));
    world.run_for(300 * SECOND);
    assert_eq!((errors(&world), attempts(&world)), (0, 0));
    assert!(world.remote('A').writes.len() < 10);
    world.finish(120 * SECOND);
    assert_eq!(errors(&world), 0);
}

fn outage(minutes: u64, count: usize, fate: Fate, health_read: bool) -> World {
    let mut world = World::new(12);
    for name in ['A', 'B'] {
        world.set_platform(name, |platform| {
            platform.capabilities.as_mut().expect("usable").has_health_read = health_read;
        });
    }
    receive(&mut world, "north", count);
    let until = world.now + minutes * 60 * SECOND + 30;
    world.later(30, move |world| world.remote('A').down = Some((until, fate)));
    world.run_for(minutes * 60 * SECOND);
    assert_eq!(errors(&world), 0);
    world.finish(900 * SECOND);
    assert_eq!(errors(&world), 0);
    assert!(world.store.rows.values().all(|row| row.state == State::Completed));
    world
}

#[test]
fn during_an_outage_only_the_health_is_probed_and_everything_completes_afterwards() {
    let mut world = outage(2, 500, Fate::NotSent, true);
    let during = |at: u64| (5 * SECOND..119 * SECOND).contains(&at);
    assert!(!world.remote('A').writes.iter().any(|write| during(write.0)), "no write while the breaker is open");
    assert!(world.remote('A').reads.iter().filter(|read| during(read.0)).all(|read| read.1 == "health"));
    assert!(world.remote('A').reads.iter().filter(|read| during(read.0)).count() >= 10);
    assert_eq!(attempts(&world), 0);
    assert_eq!(world.reported(|report| matches!(report, Report::BreakerOpened { .. })), 1);
    assert_eq!(world.reported(|report| matches!(report, Report::BreakerClosed { .. })), 1);
}

#[test]
fn an_outage_of_answers_only_makes_no_double() {
    let mut world = outage(2, 100, Fate::ErrorAfter, true);
    assert_eq!(world.remote('A').tickets.len(), 100);
}

#[test]
fn an_outage_without_a_health_read_ends_too() {
    outage(2, 100, Fate::ErrorBefore, false);
    outage(2, 100, Fate::NotSent, false);
}

#[test]
fn a_six_hour_outage_ends_without_an_error() {
    let mut world = outage(360, 200, Fate::ErrorBefore, true);
    assert_eq!(attempts(&world), 0);
    assert!(world.remote('A').reads_of("health") < 6 * 3600, "probed at the slowest pace");
}

#[test]
fn charge_outages_counts_literally() {
    let mut world = World::new(13);
    world.set(|settings| settings.charge_outages = true);
    let id = receive(&mut world, "north", 1);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::NotSent; 10]);
    world.finish(600 * SECOND);
    assert_eq!(world.state(id), State::Error);
    assert_eq!(world.row(id).attempts.of(Operation::CreateTicket), 4);
}

#[test]
fn retry_after_pauses_every_new_request_to_that_platform() {
    let mut world = World::new(14);
    world.set_backend("north", |backend| backend.max_tickets_per_request = 1);
    receive(&mut world, "north", 30);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::Throttled(Some(30))]);
    world.run_until(|world| world.reported(|report| matches!(report, Report::Paused { .. })) > 0);
    let from = world.now;
    world.finish(120 * SECOND);
    let quiet = |at: u64| at > from && at < from + 30 * SECOND;
    assert!(!world.remote('A').writes.iter().any(|write| quiet(write.0)));
    assert!(!world.remote('A').reads.iter().any(|read| quiet(read.0)));
    assert_eq!(attempts(&world), 0);
}

#[test]
fn the_window_halves_when_the_platform_wants_less_and_grows_again() {
    let mut world = World::new(15);
    world.set_backend("north", |backend| backend.max_tickets_per_request = 1);
    receive(&mut world, "north", 20);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::Throttled(Some(1))]);
    let window = |world: &World| world.status().platforms[&platform('A')].in_flight.1;
    world.run_until(|world| world.reported(|report| matches!(report, Report::Moved { .. })) > 0);
    let mut before = 0;
    while world.reported(|report| matches!(report, Report::Paused { .. })) == 0 {
        before = window(&world);
        world.step();
    }
    assert!(before >= 8 && window(&world) == before / 2, "{before}, then {}", window(&world));
    world.finish(120 * SECOND);
    receive(&mut world, "north", 200);
    world.finish(120 * SECOND);
    assert!(window(&world) > before / 2);
}

#[test]
fn the_window_opens_with_each_answer_while_all_is_well() {
    let mut world = World::new(15);
    world.set_backend("north", |backend| backend.max_tickets_per_request = 1);
    world.set_platform('A', |platform| platform.capabilities.as_mut().expect("usable").max_in_flight = 32);
    receive(&mut world, "north", 40);
    world.finish(120 * SECOND);
    assert_eq!(world.status().platforms[&platform('A')].in_flight.1, 32);
}

#[test]
fn a_probe_that_is_throttled_is_repeated() {
    for health_read in [true, false] {
        let mut world = World::new(16);
        world.set_platform('A', |platform| {
            platform.capabilities.as_mut().expect("usable").has_health_read = health_read;
        });
        receive(&mut world, "north", 20);
        world.remote('A').down = Some((20 * SECOND, Fate::NotSent));
        world.later(19 * SECOND, |world| world.remote('A').down = Some((60 * SECOND, Fate::Throttled(Some(2)))));
        world.finish(200 * SECOND);
        assert_eq!(errors(&world), 0);
    }
}

#[test]
fn a_platform_that_cannot_be_used_sends_nothing_and_goes_on_when_it_can() {
    let mut world = World::new(17);
    let can = world.settings.platforms[&platform('A')].capabilities.clone();
    world.set_platform('A', |platform| {
        platform.capabilities = None;
        platform.unusable = Some(String::from("not configured"));
    });
    receive(&mut world, "north", 5);
    world.run_for(60 * SECOND);
    assert!(world.remote('A').reads.is_empty());
    world.set_platform('A', move |platform| {
        platform.capabilities.clone_from(&can);
        platform.unusable = None;
    });
    world.finish(60 * SECOND);
}

// ---- the store --------------------------------------------------------------------------------------------------------

#[test]
fn a_failed_commit_is_tried_again_and_nothing_leaves_meanwhile() {
    let mut world = World::new(18);
    receive(&mut world, "north", 20);
    world.fail_commits = 5;
    world.finish(60 * SECOND);
    assert_eq!(world.reported(|report| matches!(report, Report::CommitFailed { .. })), 5);
    assert_eq!(world.remote('A').tickets.len(), 20);
}

#[test]
fn a_lost_fence_drops_everything_of_the_lane() {
    let mut world = World::new(19);
    receive(&mut world, "north", 20);
    world.run_for(30);
    // Another process takes both lanes, finishes its work, and gives them back.
    for lane in world.store.lanes.values_mut() {
        lane.fence.0 += 1;
    }
    world.run_for(60 * SECOND);
    let status = world.status();
    assert!(status.waiting.is_empty(), "{status:?}");
    assert!(status.platforms.values().all(|platform| platform.in_flight.0 == 0), "{status:?}");
    let sent = world.remote('A').writes.len();
    world.run_for(60 * SECOND);
    assert_eq!(world.remote('A').writes.len(), sent);
    world.crash(1);
    world.finish(120 * SECOND);
    assert_eq!(world.remote('A').tickets.len(), 20);
}

#[test]
fn rows_dismissed_meanwhile_leave_the_rest_of_their_batch_unharmed() {
    let mut world = World::new(20);
    world.commit_latency = (10, 10);
    let id = receive(&mut world, "north", 20);
    world.run_until(|world| world.remote_reads('A') > 0);
    assert!(world.store.dismiss(TicketId(id)) && world.store.dismiss(TicketId(id + 5)));
    world.finish(60 * SECOND);
    assert_eq!(world.remote('A').tickets.len(), 18);
    assert_eq!(world.state(id), State::Dismissed);
}

#[test]
fn an_item_that_cannot_be_encoded_is_an_error_and_its_neighbours_go() {
    let mut world = World::new(21);
    let id = receive(&mut world, "north", 20) + 3;
    world.unencodable.insert(TicketId(id));
    world.finish(60 * SECOND);
    assert_eq!(world.state(id), State::Error);
    assert_eq!(world.remote('A').tickets.len(), 19);
    world.unencodable.clear();
    world.set(|settings| settings.match_ttl = Duration::from_secs(30));
    world.retry(id);
    world.finish(60 * SECOND);
    assert_eq!(world.state(id), State::Completed);
}

#[test]
fn a_request_that_cannot_be_built_at_all_makes_its_rows_wait() {
    let mut world = World::new(22);
    let id = receive(&mut world, "north", 20);
    world.encodes_nothing = true;
    world.run_for(30 * SECOND);
    let row = world.row(id);
    assert!(row.state.is_open() && row.due_at.is_some(), "{row:?}");
    assert_eq!(row.reason.as_deref(), Some("its request can't be built: a field is too long"));
    assert_eq!(world.reported(|report| matches!(report, Report::CommitFailed { .. })), 0);
    world.encodes_nothing = false;
    world.finish(300 * SECOND);
    assert_eq!(world.remote('A').tickets.len(), 20);
}
