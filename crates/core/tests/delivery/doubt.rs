//! What is unclear is looked up: what a look-up shows, when its absence counts, what it is not believed.

use std::time::Duration;

use ticketbridge_core::delivery::{Event, OnUnresolved, Report};
use ticketbridge_core::effect::Operation;
use ticketbridge_core::ticket::{State, TicketId};

use crate::remote::Fate;
use crate::world::{World, platform};

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600_000;

fn unclear(seed: u64, operation: Operation, fate: Fate) -> World {
    let mut world = World::new(seed);
    let name = if operation == Operation::CreateWorkOrder { 'B' } else { 'A' };
    if operation == Operation::AddNote {
        world.remote('A').foreign(500, "SNR|1", Some("another system"));
    }
    world.remote(name).fates(operation, &[fate]);
    world.receive("north", &["SNR|1"]);
    world
}

#[test]
fn an_applied_effect_is_found_at_once_and_never_sent_again() {
    for fate in [Fate::ResetAfter, Fate::ErrorAfter, Fate::Stall] {
        for operation in [Operation::CreateTicket, Operation::CreateWorkOrder, Operation::AddNote] {
            let mut world = unclear(1, operation, fate);
            world.finish(8 * SECOND);
            let name = if operation == Operation::CreateWorkOrder { 'B' } else { 'A' };
            assert_eq!(world.remote(name).count(operation), 1, "{operation} {fate:?}");
            assert_eq!(world.reported(|report| matches!(report, Report::Resolved { applied: true, .. })), 1);
        }
    }
}

#[test]
fn an_effect_that_never_came_is_sent_again_only_after_two_negatives_that_count() {
    for operation in [Operation::CreateTicket, Operation::CreateWorkOrder, Operation::AddNote] {
        let mut world = unclear(2, operation, Fate::ResetBefore);
        world.finish(60 * SECOND);
        let name = if operation == Operation::CreateWorkOrder { 'B' } else { 'A' };
        let sent: Vec<u64> =
            world.remote(name).writes.iter().filter(|write| write.1 == operation).map(|write| write.0).collect();
        assert_eq!(sent.len(), 2, "{operation}");
        let waited = sent[1] - sent[0];
        assert!(waited >= 22 * SECOND, "{operation}: in doubt 20 s, settling 2 s, yet sent after {waited} ms");
        assert!(waited <= 30 * SECOND, "{operation}: {waited}");
    }
}

#[test]
fn an_effect_that_comes_late_is_not_doubled() {
    for late in [5_100, 9_000, 14_000, 19_900] {
        for operation in [Operation::CreateTicket, Operation::CreateWorkOrder, Operation::AddNote] {
            let mut world = unclear(3, operation, Fate::Late(late));
            for name in ['A', 'B'] {
                world.remote(name).index_lag = (1_900, 1_900);
            }
            world.finish(120 * SECOND);
            let name = if operation == Operation::CreateWorkOrder { 'B' } else { 'A' };
            assert_eq!(world.remote(name).count(operation), 1, "{operation} {late}");
        }
    }
}

#[test]
fn time_waited_in_an_earlier_life_does_not_count() {
    let mut world = unclear(4, Operation::CreateTicket, Fate::ResetBefore);
    world.run_for(19 * SECOND);
    world.crash(500);
    let again = world.now;
    world.finish(120 * SECOND);
    let second = world.remote('A').writes.iter().filter(|write| write.1 == Operation::CreateTicket).nth(1).copied();
    assert!(second.is_some_and(|write| write.0 >= again + 22 * SECOND));
}

#[test]
fn an_item_missing_from_the_answer_is_looked_up_and_the_others_go_on() {
    let mut world = World::new(5);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::Short]);
    world.receive("north", &["SNR|1", "SNR|3", "SNR|5", "SNR|7"]);
    world.finish(20 * SECOND);
    assert_eq!(world.remote('A').tickets.len(), 4);
}

#[test]
fn anothers_open_ticket_becomes_a_note() {
    let mut world = unclear(6, Operation::CreateTicket, Fate::ResetBefore);
    world.run_for(SECOND);
    let now = world.now;
    world.remote('A').foreign(now, "SNR|1", Some("another system"));
    world.finish(60 * SECOND);
    assert!(!world.row(1).created);
    assert_eq!(world.remote('A').notes.len(), 1);
}

#[test]
fn an_open_ticket_with_our_key_and_no_origin_is_held_for_an_operator() {
    let mut world = unclear(7, Operation::CreateTicket, Fate::ResetBefore);
    world.run_for(SECOND);
    let now = world.now;
    let number = world.remote('A').foreign(now, "SNR|1", None);
    world.run_for(10 * HOUR);
    assert_eq!(world.state(1), State::CreatingTicket);
    assert!(world.row(1).reason.as_ref().is_some_and(|reason| reason.contains("TB0306")));
    assert!(world.remote('A').reads_of("tickets") < 40, "looked at once an hour");
    world.remote('A').change(&number, |ticket| ticket.open = false);
    world.finish(2 * HOUR);
    assert_eq!(world.state(1), State::Completed);
}

#[test]
fn two_tickets_with_our_origin_are_reported_once_and_held() {
    let mut world = unclear(8, Operation::CreateTicket, Fate::Stall);
    world.run_until(|world| world.tickets('A') == 1);
    let copy = world.remote('A').tickets[0].clone();
    world.remote('A').tickets.push(crate::remote::Ticket { number: String::from("COPY"), ours: false, ..copy });
    world.run_for(5 * HOUR);
    assert!(world.row(1).reason.as_ref().is_some_and(|reason| reason.contains("TB0304") && reason.contains("COPY")));
    assert_eq!(world.reported(|report| matches!(report, Report::Problem(problem) if problem.code == "TB0304")), 1);
    world.remote('A').change("COPY", |ticket| ticket.open = false);
    world.finish(2 * HOUR);
    assert_eq!(world.state(1), State::Completed);
    assert_eq!(world.remote('A').count(Operation::CreateTicket), 1);
}

#[test]
fn our_ticket_found_closed_completes_the_row_without_a_work_order() {
    let mut world = unclear(9, Operation::CreateTicket, Fate::Stall);
    world.run_until(|world| world.tickets('A') == 1);
    world.remote('A').tickets[0].open = false;
    world.finish(20 * SECOND);
    assert_eq!(world.state(1), State::Completed);
    assert!(world.row(1).created && world.row(1).reason.is_some());
    assert!(world.remote('B').work_orders.is_empty());
}

#[test]
fn hold_never_sends_twice() {
    let mut world = World::new(10);
    world.set_platform('A', |platform| platform.on_unresolved = OnUnresolved::Hold);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::ResetBefore]);
    let id = world.receive("north", &["SNR|1"]);
    world.run_for(24 * HOUR);
    assert_eq!(world.remote('A').count(Operation::CreateTicket), 1);
    assert!(world.row(id).reason.as_ref().is_some_and(|reason| reason.contains("TB0307")));
    // It is made by hand, with our origin id.
    let origin = world.row(id).origin.to_string();
    let now = world.now;
    world.remote('A').foreign(now, "SNR|1", Some(&origin));
    world.finish(2 * HOUR);
    assert_eq!(world.state(id), State::Completed);
}

#[test]
fn a_platform_that_finds_nothing_holds_and_one_without_notes_sends_again() {
    let mut world = World::new(11);
    world.set_platform('A', |platform| {
        let can = platform.capabilities.as_mut().expect("usable");
        can.finds_tickets = false;
        can.finds_notes = false;
    });
    world.remote('A').doubles_allowed = true;
    world.remote('A').foreign(500, "SNR|2", Some("another system"));
    world.remote('A').fates(Operation::CreateTicket, &[Fate::ResetAfter]);
    world.remote('A').fates(Operation::AddNote, &[Fate::ResetAfter]);
    let id = world.receive("north", &["SNR|1", "SNR|2"]);
    world.run_for(5 * HOUR);
    assert!(world.row(id).reason.as_ref().is_some_and(|reason| reason.contains("TB0307")));
    assert_eq!(world.remote('A').reads_of("tickets"), 0, "it is not asked what it cannot answer");
    assert_eq!(world.state(id + 1), State::Completed);
    assert_eq!(world.remote('A').notes.len(), 2, "declared at-least-once");
    world.set_platform('A', |platform| platform.capabilities.as_mut().expect("usable").finds_tickets = true);
    world.finish(2 * HOUR);
    assert_eq!(world.remote('A').tickets.len(), 2);
}

#[test]
fn a_link_is_sent_again_without_a_look_up() {
    let mut world = unclear(12, Operation::LinkWorkOrder, Fate::ResetAfter);
    world.finish(10 * SECOND);
    assert_eq!(world.remote('A').count(Operation::LinkWorkOrder), 2);
    assert_eq!(world.remote('B').reads_of("work orders"), 0);
}

#[test]
fn a_link_under_way_at_a_crash_is_sent_again() {
    let mut world = unclear(13, Operation::LinkWorkOrder, Fate::Stall);
    world.run_until(|world| world.state(1) == State::LinkingWorkOrder);
    world.run_for(50);
    world.crash(100);
    world.finish(10 * SECOND);
    assert_eq!(world.remote('A').count(Operation::LinkWorkOrder), 2);
}

#[test]
fn a_canary_out_of_sight_voids_the_negatives() {
    let mut world = World::new(14);
    world.receive("north", &["SNR|3", "SNR|5", "SNR|7", "SNR|9"]);
    world.finish(10 * SECOND);
    world.run_for(20 * SECOND);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::ResetAfter]);
    let id = world.receive("north", &["SNR|1"]);
    world.run_until(|world| world.tickets('A') == 5);
    world.remote('A').blind = true;
    world.run_for(HOUR);
    assert_eq!(world.remote('A').count(Operation::CreateTicket), 2, "the blind search is not believed");
    assert_eq!(world.state(id), State::CreatingTicket);
    assert_eq!(world.reported(|report| matches!(report, Report::CreatingStopped { .. })), 1);
    world.remote('A').blind = false;
    world.tell(Event::LossAccepted { platform: platform('A') });
    world.finish(HOUR);
    assert_eq!(world.remote('A').tickets.len(), 5);
}

#[test]
fn a_random_key_that_is_found_stops_creating() {
    let mut world = World::new(15);
    world.receive("north", &["SNR|3"]);
    world.finish(10 * SECOND);
    world.remote('A').matches_anything = true;
    world.remote('A').fates(Operation::CreateTicket, &[Fate::ResetBefore]);
    let id = world.receive("north", &["SNR|1", "SNR|2"]);
    world.run_for(HOUR);
    let stopped = |report: &Report| matches!(report, Report::CreatingStopped { stop, .. } if stop.code == "TB0302");
    assert_eq!(world.reported(stopped), 1);
    assert!(world.state(id).is_open());
    let creates = world.remote('A').count(Operation::CreateTicket);
    world.receive("north", &["SNR|5"]);
    world.run_for(HOUR);
    assert_eq!(world.remote('A').count(Operation::CreateTicket), creates);
    world.remote('A').matches_anything = false;
    world.tell(Event::LossAccepted { platform: platform('A') });
    world.finish(2 * HOUR);
}

#[test]
fn a_server_that_ignores_the_filter_does_no_harm() {
    let mut world = World::new(16);
    world.remote('A').ignores_filter = true;
    world.remote('A').fates(Operation::CreateTicket, &[Fate::ResetBefore, Fate::ResetAfter]);
    world.receive("north", &["SNR|1", "SNR|2", "SNR|3", "SNR|4"]);
    world.finish(120 * SECOND);
    assert_eq!(world.remote('A').tickets.len(), 4);
}

#[test]
fn known_tickets_missing_stop_creating_and_accepting_the_loss_resumes() {
    let mut world = World::new(17);
    let known = ["SNR|1", "SNR|3", "SNR|5", "SNR|7", "SNR|9"];
    world.receive("north", &known);
    world.finish(10 * SECOND);
    world.run_for(60 * SECOND);
    for ticket in &mut world.remote('A').tickets {
        ticket.gone = true;
    }
    world.receive("north", &known);
    world.run_for(600 * SECOND);
    let stopped = |report: &Report| matches!(report, Report::CreatingStopped { stop, .. } if stop.code == "TB0301");
    assert_eq!(world.reported(stopped), 1);
    assert!(world.remote('A').of_key("SNR|9").is_empty(), "nothing more is created");
    let open = world.open_rows();
    assert!(open > 0);
    world.tell(Event::LossAccepted { platform: platform('A') });
    world.run_for(60 * SECOND);
    assert!(world.open_rows() < open, "goes on at once, not in an hour");
}

#[test]
fn one_deleted_ticket_among_many_stops_nothing() {
    let mut world = World::new(18);
    world.receive("north", &["SNR|1", "SNR|2", "SNR|3", "SNR|4", "SNR|5"]);
    world.finish(10 * SECOND);
    world.run_for(60 * SECOND);
    world.remote('A').tickets[0].gone = true;
    let key = world.remote('A').tickets[0].key.clone();
    let id = world.receive("north", &[&key]);
    world.finish(120 * SECOND);
    assert!(world.row(id).created);
    assert_eq!(world.reported(|report| matches!(report, Report::CreatingStopped { .. })), 0);
}

#[test]
fn an_origin_that_does_not_survive_stops_creating() {
    let mut world = World::new(19);
    world.remote('A').origin_length = 20;
    world.receive("north", &["SNR|1"]);
    world.finish(20 * SECOND);
    let stopped = |report: &Report| matches!(report, Report::CreatingStopped { stop, .. } if stop.code == "TB0303");
    assert_eq!(world.reported(stopped), 1);
    world.receive("north", &["SNR|2"]);
    world.run_for(HOUR);
    assert_eq!(world.remote('A').tickets.len(), 1);
}

#[test]
fn the_index_lag_is_learned_from_our_own_creates() {
    let mut world = World::new(20);
    world.remote('A').index_lag = (3_000, 3_000);
    world.receive("north", &["SNR|1"]);
    world.finish(20 * SECOND);
    world.run_for(20 * SECOND);
    let lag = world.status().platforms[&platform('A')].lag.expect("learned");
    assert!(lag >= Duration::from_secs(3) && lag < Duration::from_secs(6), "{lag:?}");
}

#[test]
fn a_suspect_store_starts_with_look_ups_for_every_operation() {
    let mut world = World::new(21);
    world.remote('A').foreign(500, "SNR|1", Some("another system"));
    world.receive("north", &["SNR|1", "SNR|2", "SNR|3"]);
    let backup: Vec<_> = world.store.rows.values().cloned().collect();
    let ledger = world.store.ledger.clone();
    world.finish(20 * SECOND);
    // The backup knows nothing of the note and the tickets.
    for row in backup {
        world.store.rows.insert(row.id, row);
    }
    world.store.ledger = ledger;
    world.store.batches.clear();
    for lane in world.store.lanes.values_mut() {
        lane.next_sequence += 1_000;
    }
    world.suspect = true;
    world.crash(100);
    world.finish(300 * SECOND);
    assert_eq!(world.remote('A').tickets.len(), 3);
    assert_eq!(world.remote('A').notes.len(), 1);
    assert_eq!(world.remote('B').work_orders.len(), 2);
    world.run_for(10 * SECOND);
    let over = world.reports.iter().filter(|(_, report)| matches!(report, Report::SuspicionOver)).count();
    assert_eq!(over, 1, "the suspicion ends once, when all is looked up");
    // What is received from then on was never forgotten: it waits for no doubt.
    let received = world.now;
    world.receive("north", &["SNR|4"]);
    world.finish(20 * SECOND);
    assert!(world.now - received < 20 * SECOND);
    assert_eq!(world.remote('A').tickets.len(), 4);
}

#[test]
fn a_restored_store_that_forgot_a_work_order_makes_no_second_one() {
    let mut world = World::new(21);
    world.receive("north", &["SNR|1"]);
    world.run_until(|world| world.row(1).sent.contains(Operation::CreateTicket));
    let (backup, batches) = (world.row(1).clone(), world.store.batches.clone());
    // The work order is made, and its number is not yet on the ticket.
    world.run_until(|world| world.state(1) == State::LinkingWorkOrder);
    world.crash(100);
    world.remote('A').tickets[0].work_order = None;
    world.store.rows.insert(backup.id, backup);
    world.store.batches = batches;
    world.store.ledger.clear();
    for lane in world.store.lanes.values_mut() {
        lane.next_sequence += 1_000;
    }
    world.suspect = true;
    world.run_for(100);
    world.finish(300 * SECOND);
    assert_eq!((world.tickets('A'), world.remote('B').work_orders.len()), (1, 1));
    assert_eq!(world.state(1), State::Completed);
}

#[test]
fn the_audit_after_a_resend_finds_a_double() {
    let mut world = World::new(22);
    // The effect comes later than the platform promised: outside the promise a double is possible.
    world.remote('A').doubles_allowed = true;
    world.remote('A').fates(Operation::CreateTicket, &[Fate::Late(40_000)]);
    world.receive("north", &["SNR|1"]);
    world.finish(120 * SECOND);
    world.run_for(120 * SECOND);
    assert_eq!(world.remote('A').tickets.len(), 2);
    let doubles: Vec<_> = world.store.problems.iter().filter(|problem| problem.code == "TB0304").collect();
    assert_eq!(doubles.len(), 1);
    assert!(doubles[0].text.contains("AT"), "{doubles:?}");
}

#[test]
fn an_audit_without_a_double_ends_after_a_day() {
    let mut world = unclear(23, Operation::CreateTicket, Fate::ResetBefore);
    world.finish(120 * SECOND);
    assert_eq!(world.store.audits.len(), 1);
    world.run_for(25 * HOUR);
    assert!(world.store.audits.is_empty());
    assert!(world.store.problems.is_empty());
}

#[test]
fn crashes_at_every_instant_of_a_ticket_make_no_double() {
    for at in 1..80 {
        for down_for in [1, 30] {
            let mut world = World::new(24);
            world.remote('A').foreign(500, "SNR|9", Some("another system"));
            let id = world.receive("north", &["SNR|1", "SNR|9"]);
            world.run_for(at);
            world.crash(down_for);
            world.finish(200 * SECOND);
            assert_eq!(world.state(id), State::Completed, "crash after {at}");
            assert_eq!(world.remote('A').tickets.len(), 2, "crash after {at}");
            assert!(world.store.rows.contains_key(&TicketId(id)));
        }
    }
}

#[test]
fn a_look_up_of_an_earlier_doubt_says_nothing_of_a_later_one() {
    let mut world = World::new(6);
    world.remote('A').latency = (100, 100);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::ResetAfter]);
    let id = world.receive("north", &["SNR|1"]);
    world.run_until(|world| world.remote_reads('A') == 2);
    world.run_for(20);
    // The create is looked up a second time while the first answer is still out, and so is everything that may follow.
    world.suspect = true;
    world.take_lanes_again();
    world.finish(300 * SECOND);
    assert_eq!(world.state(id), State::Completed);
    assert_eq!((world.tickets('A'), world.remote('B').work_orders.len()), (1, 1), "{:?}", world.row(id));
}

#[test]
fn notes_that_go_out_of_sight_for_hours_are_not_doubled() {
    let mut world = World::new(5);
    for key in ["SNR|1", "SNR|2"] {
        world.remote('A').foreign(500, key, Some("another system"));
    }
    world.receive("north", &["SNR|1"]);
    world.finish(60 * SECOND);
    world.remote('A').fates(Operation::AddNote, &[Fate::ResetAfter]);
    let id = world.receive("north", &["SNR|2"]);
    world.run_until(|world| world.row(id).sent.contains(Operation::AddNote));
    world.remote('A').blind = true;
    world.run_for(30 * HOUR);
    assert!(world.row(id).reason.as_ref().is_some_and(|reason| reason.starts_with("TB0311")), "{:?}", world.row(id));
    world.remote('A').blind = false;
    world.finish(2 * HOUR);
    assert_eq!((world.state(id), world.remote('A').notes.len()), (State::Completed, 2));
}

#[test]
fn work_orders_that_go_out_of_sight_for_hours_are_not_doubled() {
    let mut world = World::new(5);
    // More than one canary, each of which is asked for in its turn.
    world.receive("north", &["SNR|1", "SNR|2", "SNR|3"]);
    world.finish(60 * SECOND);
    world.remote('B').fates(Operation::CreateWorkOrder, &[Fate::ResetAfter]);
    let id = world.receive("north", &["SNR|4"]);
    world.run_until(|world| world.row(id).sent.contains(Operation::CreateWorkOrder));
    world.remote('B').blind = true;
    world.run_for(30 * HOUR);
    assert!(world.row(id).reason.as_ref().is_some_and(|reason| reason.starts_with("TB0311")), "{:?}", world.row(id));
    world.remote('B').blind = false;
    world.finish(2 * HOUR);
    assert_eq!((world.state(id), world.remote('B').work_orders.len()), (State::Completed, 4));
}

#[test]
fn a_known_note_that_people_deleted_holds_a_doubt_until_another_note_is_seen() {
    let mut world = World::new(5);
    for key in ["SNR|1", "SNR|2", "SNR|3"] {
        world.remote('A').foreign(500, key, Some("another system"));
    }
    let known = world.receive("north", &["SNR|1"]);
    world.finish(60 * SECOND);
    assert_eq!(world.state(known), State::Completed);
    world.remote('A').notes.clear();
    world.remote('A').fates(Operation::AddNote, &[Fate::ResetBefore]);
    let id = world.receive("north", &["SNR|2"]);
    world.run_for(HOUR / 2);
    let looks = world.remote('A').reads_of("notes");
    assert_eq!(world.status().waiting.get("in doubt"), Some(&1), "a known note is missing: nothing is believed yet");
    world.run_for(10 * HOUR);
    assert_eq!(world.status().waiting.get("held for an operator"), Some(&1), "{:?}", world.row(id));
    assert!(world.remote('A').reads_of("notes") - looks < 150, "looked at once an hour");
    let next = world.receive("north", &["SNR|3"]);
    world.finish(2 * HOUR);
    assert_eq!(
        (world.state(id), world.state(next), world.remote('A').notes.len()),
        (State::Completed, State::Completed, 2)
    );
}

/// Platforms without a read that touches nothing.
fn without_health_read(seed: u64) -> World {
    let mut world = World::new(seed);
    for name in ['A', 'B'] {
        world.set_platform(name, |platform| platform.capabilities.as_mut().expect("usable").has_health_read = false);
    }
    world
}

#[test]
fn an_audits_look_is_the_probe_of_a_breaker_when_nothing_else_is_left_to_ask() {
    for fate in [Fate::Denied, Fate::Throttled(None), Fate::NotSent] {
        let mut world = without_health_read(25);
        world.remote('A').doubles_allowed = true;
        world.remote('A').fates(Operation::CreateTicket, &[Fate::Late(40_000)]);
        world.receive("north", &["SNR|1"]);
        world.finish(120 * SECOND);
        world.run_until(|world| world.tickets('A') == 2);
        assert!(world.store.problems.is_empty(), "the audit has not looked yet");
        // Its first looks fail, and no row is left that wants anything of the platform.
        let end = world.now + 5 * 60 * SECOND;
        world.remote('A').down = Some((end, fate));
        let looks = world.remote_reads('A');
        world.run_for(5 * 60 * SECOND);
        let failed = world.remote_reads('A') - looks;
        assert!((2..=6).contains(&failed), "{fate:?}: {failed} looks in five minutes");
        world.run_for(3 * 60 * SECOND);
        let codes: Vec<&str> = world.store.problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, ["TB0304"], "{fate:?}: the double is reported");
    }
}

#[test]
fn a_look_at_our_own_create_is_the_probe_of_a_breaker_when_nothing_else_is_left_to_ask() {
    let mut world = without_health_read(26);
    world.remote('A').index_lag = (40 * SECOND, 40 * SECOND);
    world.receive("north", &["SNR|1"]);
    world.finish(10 * SECOND);
    world.remote('A').down = Some((world.now + 15 * SECOND, Fate::Denied));
    world.run_for(60 * SECOND);
    let closed = world.reported(|report| matches!(report, Report::BreakerClosed { .. }));
    assert_eq!(closed, 1, "{:?}", world.status());
}

#[test]
fn nothing_is_asked_for_an_audit_while_processing_is_off() {
    let mut world = without_health_read(27);
    world.remote('A').fates(Operation::CreateTicket, &[Fate::ResetBefore]);
    world.receive("north", &["SNR|1"]);
    world.finish(120 * SECOND);
    for backend in ["north", "south"] {
        world.set_backend(backend, |backend| backend.processing = false);
    }
    world.run_for(60 * SECOND);
    let (looks, steps) = (world.remote_reads('A'), world.steps);
    world.run_for(600 * SECOND);
    assert_eq!(world.remote_reads('A'), looks);
    assert!(world.steps - steps < 40, "only the leases are renewed: {} steps", world.steps - steps);
    for backend in ["north", "south"] {
        world.set_backend(backend, |backend| backend.processing = true);
    }
    world.run_for(25 * HOUR);
    assert!(world.store.audits.is_empty());
}
