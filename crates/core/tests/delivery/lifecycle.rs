//! The lifecycle without faults: matching, notes, creates, work orders, links, and the order of things.

use std::time::Duration;

use ticketbridge_core::delivery::{BackendSettings, Command, Event, Report};
use ticketbridge_core::effect::{Capabilities, Operation};
use ticketbridge_core::ticket::State;

use crate::remote::{Fate, Poison};
use crate::world::{World, platform};

#[test]
fn a_new_key_gets_a_ticket_a_work_order_and_its_number() {
    let mut world = World::new(1);
    let id = world.receive("north", &["SNR|1"]);
    world.finish(10_000);
    assert_eq!(world.state(id), State::Completed);
    assert!(world.row(id).created);
    assert_eq!(world.remote('A').of_key("SNR|1").len(), 1);
    assert_eq!(world.remote('B').work_orders.len(), 1);
    assert_eq!(world.remote('A').count(Operation::AddNote), 0);
}

#[test]
fn one_platform_may_carry_both_tickets_and_work_orders() {
    let mut world = World::new(2);
    let id = world.receive("south", &["SNR|1", "SNR|2", "SNR|3", "SNR|4"]);
    world.finish(10_000);
    assert_eq!(world.state(id), State::Completed);
    assert_eq!(world.remote('A').work_orders.len(), 4);
    assert_eq!(world.remote('B').writes.len(), 0);
}

#[test]
fn an_open_ticket_of_the_key_gets_one_note() {
    let mut world = World::new(3);
    world.remote('A').foreign(500, "SNR|1", Some("another system"));
    let id = world.receive("north", &["SNR|1"]);
    world.finish(10_000);
    assert_eq!(world.state(id), State::Completed);
    assert!(!world.row(id).created);
    assert_eq!(world.remote('A').notes.len(), 1);
    assert_eq!(world.remote('A').count(Operation::CreateTicket), 0);
}

#[test]
fn a_closed_ticket_of_the_key_is_no_match() {
    let mut world = World::new(4);
    let number = world.remote('A').foreign(500, "SNR|1", Some("another system"));
    world.remote('A').change(&number, |ticket| ticket.open = false);
    let id = world.receive("north", &["SNR|1"]);
    world.finish(10_000);
    assert!(world.row(id).created);
}

#[test]
fn of_several_open_tickets_the_oldest_is_noted_and_the_others_are_told() {
    let mut world = World::new(5);
    let oldest = world.remote('A').foreign(100, "SNR|1", None);
    world.remote('A').foreign(900, "SNR|1", None);
    world.receive("north", &["SNR|1"]);
    world.finish(10_000);
    assert_eq!(world.remote('A').notes[0].ticket, oldest);
    assert_eq!(world.reported(|report| matches!(report, Report::Problem(problem) if problem.code == "TB0305")), 1);
}

#[test]
fn a_ticket_opened_before_us_is_adopted_by_its_derived_key() {
    let mut world = World::new(6);
    let number = world.remote('A').foreign(500, "SNR|1", None);
    world.remote('A').change(&number, |ticket| ticket.adopted = true);
    let id = world.receive("north", &["SNR|1"]);
    let second = world.receive("north", &["SNR|1"]);
    world.finish(20_000);
    assert_eq!((world.state(id), world.state(second)), (State::Completed, State::Completed));
    assert_eq!(world.remote('A').notes.len(), 2);
    assert!(world.store.ledger.is_empty(), "a derived key cannot be searched for");
}

#[test]
fn two_rows_of_a_key_never_run_side_by_side_and_the_second_gets_a_note_under_index_lag() {
    let mut world = World::new(7);
    world.remote('A').index_lag = (1_500, 1_500);
    let first = world.receive("north", &["SNR|1", "SNR|1"]);
    let third = world.receive("south", &["SNR|1"]);
    world.finish(60_000);
    assert!(world.row(first).created);
    assert_eq!(world.remote('A').of_key("SNR|1").len(), 1);
    assert_eq!(world.remote('A').notes.len(), 2);
    assert_eq!(world.state(third), State::Completed);
}

#[test]
fn a_known_ticket_that_the_retrieval_lacks_is_looked_up() {
    let mut world = World::new(8);
    world.receive("north", &["SNR|1"]);
    world.finish(10_000);
    let number = world.remote('A').tickets[0].number.clone();
    let visible = world.now + 3_000;
    world.remote('A').change(&number, |ticket| ticket.visible_at = visible);
    let id = world.receive("north", &["SNR|1"]);
    world.finish(60_000);
    assert!(!world.row(id).created);
    assert!(world.remote('A').reads_of("tickets") > 0);
    assert_eq!(world.remote('A').count(Operation::CreateTicket), 1);
}

#[test]
fn a_known_ticket_that_was_closed_makes_room_for_a_new_one() {
    let mut world = World::new(9);
    let first = world.receive("north", &["SNR|1"]);
    world.finish(10_000);
    let number = world.remote('A').tickets[0].number.clone();
    world.remote('A').change(&number, |ticket| ticket.open = false);
    let second = world.receive("north", &["SNR|1"]);
    world.finish(60_000);
    assert!(world.row(first).created && world.row(second).created);
    assert_eq!(world.remote('A').of_key("SNR|1").len(), 2);
}

#[test]
fn the_work_order_of_an_earlier_closed_ticket_of_the_key_is_not_taken() {
    let mut world = World::new(10);
    let first = world.receive("north", &["SNR|1"]);
    world.finish(10_000);
    let number = world.remote('A').tickets[0].number.clone();
    world.remote('A').change(&number, |ticket| ticket.open = false);
    world.remote('B').fates(Operation::CreateWorkOrder, &[Fate::ResetBefore]);
    let second = world.receive("north", &["SNR|1"]);
    world.finish(120_000);
    assert_eq!(world.remote('B').work_orders.len(), 2);
    assert_ne!(world.row(first).work_order, world.row(second).work_order);
}

#[test]
fn a_row_that_created_never_creates_again() {
    let mut world = World::new(11);
    let id = world.receive("north", &["SNR|1"]);
    let gone = Poison::ForGood;
    world.remote('B').poison.insert((Operation::CreateWorkOrder, ticketbridge_core::ticket::TicketId(id)), gone);
    world.finish(10_000);
    assert_eq!(world.state(id), State::Error);
    // The row is brought back as if its create had failed: its ticket is gone.
    world.remote('A').tickets[0].gone = true;
    world.store.rows.get_mut(&ticketbridge_core::ticket::TicketId(id)).expect("a row").failed =
        Some(Operation::CreateTicket);
    world.retry(id);
    world.finish(120_000);
    assert_eq!(world.state(id), State::Error);
    assert_eq!(world.remote('A').count(Operation::CreateTicket), 1);
}

#[test]
fn a_ticket_closed_before_its_work_order_completes_the_row_with_the_reason() {
    let mut world = World::new(12);
    let id = world.receive("south", &["SNR|1"]);
    world.remote('A').fates(Operation::CreateWorkOrder, &[Fate::NotSent]);
    world.run_until(|world| world.tickets('A') == 1);
    world.remote('A').tickets[0].open = false;
    world.finish(60_000);
    assert_eq!(world.state(id), State::Completed);
    assert!(world.row(id).reason.as_ref().is_some_and(|reason| reason.contains("closed")), "{:?}", world.row(id));
    assert!(world.remote('A').work_orders.is_empty());
}

#[test]
fn a_ticket_gone_before_its_work_order_is_an_error() {
    let mut world = World::new(13);
    let id = world.receive("south", &["SNR|1"]);
    world.remote('A').fates(Operation::CreateWorkOrder, &[Fate::NotSent]);
    world.run_until(|world| world.tickets('A') == 1);
    world.remote('A').tickets[0].gone = true;
    world.finish(60_000);
    assert_eq!(world.state(id), State::Error);
    assert!(world.row(id).reason.as_ref().is_some_and(|reason| reason.contains("TB0308")), "{:?}", world.row(id));
}

#[test]
fn a_refused_work_order_asks_whether_its_ticket_is_still_open() {
    let mut world = World::new(14);
    let id = world.receive("north", &["SNR|1"]);
    let ticket = ticketbridge_core::ticket::TicketId(id);
    world.remote('B').poison.insert((Operation::CreateWorkOrder, ticket), Poison::Item);
    world.later(40, |world| world.remote('A').tickets.iter_mut().for_each(|ticket| ticket.open = false));
    world.finish(60_000);
    assert_eq!(world.state(id), State::Completed);
    assert_eq!(world.remote('B').count(Operation::CreateWorkOrder), 1, "no second try on a closed ticket");
}

#[test]
fn a_note_on_a_ticket_closed_meanwhile_matches_again_and_uses_no_attempt() {
    let mut world = World::new(15);
    world.set_backend("north", |backend| backend.max_retries = 0);
    let number = world.remote('A').foreign(500, "SNR|1", Some("another system"));
    world.remote('A').fates(Operation::AddNote, &[Fate::NotSent]);
    let id = world.receive("north", &["SNR|1"]);
    world.later(35, move |world| world.remote('A').change(&number, |ticket| ticket.open = false));
    world.finish(60_000);
    assert_eq!(world.state(id), State::Completed);
    assert!(world.row(id).created);
    assert_eq!(world.row(id).attempts.total(), 0);
}

#[test]
fn batches_keep_to_the_tickets_per_request_of_backend_and_platform() {
    let mut world = World::new(16);
    world.set_platform('B', |platform| {
        platform.capabilities.as_mut().expect("usable").max_batch = Capabilities::same_batch(2);
    });
    let keys: Vec<String> = (0..40).map(|number| format!("SNR|{number}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    world.receive("north", &keys[..20]);
    world.receive("south", &keys[20..]);
    world.finish(60_000);
    let largest = |world: &mut World, name: char, operation| {
        world.remote(name).writes.iter().filter(|write| write.1 == operation).map(|write| write.2).max()
    };
    assert_eq!(largest(&mut world, 'A', Operation::CreateTicket), Some(10));
    assert_eq!(largest(&mut world, 'B', Operation::CreateWorkOrder), Some(2));
    assert_eq!(largest(&mut world, 'A', Operation::CreateWorkOrder), Some(3));
}

#[test]
fn steps_nearer_completion_go_first() {
    let mut world = World::new(17);
    world.set_platform('A', |platform| platform.capabilities.as_mut().expect("usable").max_in_flight = 1);
    world.set_backend("south", |backend: &mut BackendSettings| backend.max_tickets_per_request = 1);
    let keys: Vec<String> = (0..6).map(|number| format!("SNR|{}", number * 2)).collect();
    world.receive("south", &keys.iter().map(String::as_str).collect::<Vec<_>>());
    world.finish(60_000);
    let order: Vec<Operation> = world.remote('A').writes.iter().map(|write| write.1).collect();
    let last_create = order.iter().rposition(|operation| *operation == Operation::CreateTicket).expect("creates");
    let links = order[..last_create].iter().filter(|operation| **operation == Operation::LinkWorkOrder).count();
    assert!(links >= 3, "links wait for all creates: {order:?}");
}

#[test]
fn a_match_older_than_its_time_to_live_is_made_again() {
    let mut world = World::new(18);
    world.commit_latency = (1, 1);
    world.set(|settings| settings.match_ttl = Duration::from_secs(2));
    world.set_platform('A', |platform| platform.capabilities.as_mut().expect("usable").max_in_flight = 1);
    world.set_backend("north", |backend| backend.max_tickets_per_request = 1);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::Slow(3_000)]);
    let second = world.receive("north", &["SNR|2", "SNR|4"]) + 1;
    world.later(1_000, |world| {
        world.remote('A').foreign(2_000, "SNR|4", Some("another system"));
    });
    world.finish(60_000);
    assert!(!world.row(second).created, "the ticket made meanwhile was seen");
    assert_eq!(world.remote('A').notes.len(), 1);
}

#[test]
fn an_intent_whose_commit_took_longer_than_the_match_lives_is_recalled() {
    let mut world = World::new(19);
    world.set(|settings| settings.match_ttl = Duration::from_secs(2));
    let id = world.receive("north", &["SNR|1"]);
    world.run_for(22);
    world.fail_commits = 4;
    world.later(2_000, |world| {
        world.remote('A').foreign(2_000, "SNR|1", Some("another system"));
    });
    world.finish(60_000);
    assert!(!world.row(id).created);
    assert_eq!(world.remote('A').count(Operation::CreateTicket), 0);
}

#[test]
fn processing_off_starts_nothing_and_on_again_goes_on() {
    let mut world = World::new(20);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::ResetBefore]);
    world.receive("north", &["SNR|1", "SNR|2", "SNR|3"]);
    world.run_for(100);
    for name in ["north", "south"] {
        world.set_backend(name, |backend| backend.processing = false);
    }
    world.run_for(50);
    let before = (world.remote('A').writes.len(), world.remote('A').reads.len());
    world.receive("north", &["SNR|4"]);
    world.run_for(600_000);
    assert_eq!((world.remote('A').writes.len(), world.remote('A').reads.len()), before, "nothing starts");
    world.set_backend("north", |backend| backend.processing = true);
    world.finish(120_000);
}

#[test]
fn an_intent_that_becomes_durable_after_processing_went_off_is_recalled() {
    let mut world = World::new(23);
    world.commit_latency = (50, 50);
    world.receive("north", &["SNR|1", "SNR|2"]);
    world.run_until(|world| world.is_alive() && world.status().waiting.contains_key("in flight"));
    world.set_backend("north", |backend| backend.processing = false);
    world.run_for(60_000);
    assert!(world.remote('A').writes.is_empty());
    assert!(world.store.batches.values().all(|batch| batch.unresolved.is_none()));
    world.set_backend("north", |backend| backend.processing = true);
    world.finish(60_000);
    assert_eq!(world.remote('A').tickets.len(), 2);
}

#[test]
fn drain_lets_what_is_under_way_end_and_starts_nothing() {
    let mut world = World::new(21);
    world.remote('A').latency = (50, 50);
    let keys: Vec<String> = (0..30).map(|number| format!("SNR|{number}")).collect();
    world.receive("north", &keys.iter().map(String::as_str).collect::<Vec<_>>());
    world.run_for(80);
    world.drain();
    let before = (world.remote('A').writes.len(), world.remote('A').reads.len());
    world.run_for(10_000);
    assert_eq!((world.remote('A').writes.len(), world.remote('A').reads.len()), before);
    assert!(world.open_rows() > 0);
    world.crash(100);
    world.finish(120_000);
}

#[test]
fn settings_changed_in_the_middle_hold_from_then_on() {
    let mut world = World::new(22);
    let keys: Vec<String> = (0..60).map(|number| format!("SNR|{number}")).collect();
    world.receive("north", &keys.iter().map(String::as_str).collect::<Vec<_>>());
    world.run_for(30);
    world.set_backend("north", |backend| {
        backend.max_tickets_per_request = 1;
        backend.work_orders = platform('A');
    });
    world.run_for(10);
    let now = world.now;
    world.finish(60_000);
    assert!(world.remote('A').writes.iter().filter(|write| write.0 > now).all(|write| write.2 == 1));
    assert!(!world.remote('A').work_orders.is_empty());
}

#[test]
fn an_idle_machine_asks_for_nothing() {
    let mut delivery = ticketbridge_core::delivery::Delivery::new(World::new(1).settings, 1);
    let mut out: Vec<Command> = Vec::new();
    let now =
        ticketbridge_core::time::Now { mono: ticketbridge_core::time::Mono(5), wall: ticketbridge_core::time::Wall(5) };
    delivery.handle(now, Event::Wake, &mut out);
    assert!(out.is_empty(), "{out:?}");
}

#[test]
fn an_answer_that_lay_about_while_the_process_stood_still_is_matched_again() {
    let mut world = World::new(31);
    world.answers_wait = 300_000;
    world.receive("north", &["SNR|1"]);
    world.run_until(|world| world.remote_reads('A') == 1);
    // People open a ticket of the key after the platform has answered, and before anybody reads the answer.
    world.run_for(1_000);
    world.answers_wait = 0;
    let now = world.now;
    world.remote('A').foreign(now, "SNR|1", Some("another system"));
    world.finish(400_000);
    assert_eq!((world.tickets('A'), world.remote('A').notes.len()), (1, 1));
}
